import { Call } from '../history/call.js';
import type { HistoryFields, HistoryValue } from '../history/event.js';

/**
 * A sequential object, or the part of one that a partition holds: what each call does if calls happen one after the other. States are never
 * changed, new ones are made.
 */
export interface Model<S> {
  readonly name: string;
  readonly initial: S;
  /**
   * The state after the call, or undefined if it cannot happen in this state with the outcome that it had. A call with the outcome `info` may
   * have any result; undefined if it would change nothing then.
   */
  step(this: void, state: S, call: Call): S | undefined;
  /** Equal for equal states. */
  key(this: void, state: S): string | number;
  /** For people. */
  describe(this: void, state: S): string;
  /** Part of the object that the call belongs to: parts are independent, so each is judged alone. Undefined: the call is not judged. */
  partition(this: void, call: Call): string | undefined;
  /** True if a failed call says something of the state (`versionMismatch`); other failed calls are as if they had never been made. */
  isTelling(this: void, call: Call): boolean;
  /** True if the call, with the outcome that it had, never changes any state. */
  isPure(this: void, call: Call): boolean;
  /**
   * The place of an answered call among those that have one, if its result says so: calls take effect in this order. NaN: it does not say.
   * The model refuses the wrong order; this only saves trying it.
   */
  order(this: void, call: Call): number;
  /**
   * `before`: an unknown call has to be considered only directly before a call that cannot happen otherwise. That is so if an answered call
   * that happens leaves one state, whatever the one before it was, or leaves the state as it is. `anywhere`: it has to be tried everywhere.
   */
  readonly unknowns: 'before' | 'anywhere';
  /** Unknown calls that this call brings with it: an entry with a time to live may expire, a holder may lose its session. */
  implied?(this: void, call: Call): readonly Call[];
  /** Whether the unknown call, somewhere before `call`, can help it to happen. Saves trying it. */
  helps?(this: void, unknown: Call, call: Call): boolean;
  /**
   * If given, unknown calls are not counted as used, as other rules see to that; so a past does not multiply with the ways in which it can be
   * explained. Gives the state after a call that unknown ones helped, without telling which it were.
   */
  unnamed?(this: void, state: S, call: Call): S;
  /** True if no unknown calls can make the call possible any more. */
  isTooLate?(this: void, state: S, call: Call): boolean;
  /** A call of this part was made: nothing that it does is judged before. */
  called?(this: void, call: Call): void;
  /** An answer of this part was told; it will be judged later. */
  learn?(this: void, call: Call): void;
  /** Somebody was told that a version of this part is this value. */
  saw?(this: void, version: number, value: HistoryValue | undefined, isUnique: boolean): void;
  /** True if the unknown call can never change anything again, once this state was reached: it is forgotten. */
  isOver?(this: void, unknown: Call, state: S): boolean;
}

/** A call that nobody made and that may happen at any time after another began: an entry expires, a holder loses its session. */
export class ImpliedCall extends Call {
  readonly origin: Call;

  constructor(origin: Call, op: string, args: HistoryFields) {
    const { object, process, client, invokedAt, invokedMs } = origin;
    super({ object, process, client, invokedAt, invokedMs, op, args: { ...args, by: invokedAt } });
    this.origin = origin;
    this.outcome = 'info';
    this.error = 'implied';
  }
}
