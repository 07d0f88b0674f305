import type { QuorateError, Timers } from '@quorate/base';
import type { AppendCall } from './append-call.js';

/** What an append ends with, stored perhaps or certainly not. */
export type AppendEnd = (mayHaveHappened: boolean) => QuorateError;

/**
 * Appends of one producer that end without an outcome: their deadlines have come, or they were given up. All of one turn are looked at together: each by
 * itself would copy the window anew. Told as "not done" only if that stays true: what waits in the window without a copy on its way is taken out of it.
 */
export class EndingAppends {
  readonly #timers: Timers;
  readonly #revoke: (calls: Set<AppendCall>) => void;
  readonly #calls = new Map<AppendCall, AppendEnd>();

  /** `revoke` takes calls out of the window, and out of the set those that it cannot take out. */
  constructor(timers: Timers, revoke: (calls: Set<AppendCall>) => void) {
    this.#timers = timers;
    this.#revoke = revoke;
  }

  /** Ends a call with this turn. */
  add(call: AppendCall, end: AppendEnd): void {
    if (this.#calls.size === 0) this.#timers.defer(() => this.#endAll());
    this.#calls.set(call, end);
  }

  #endAll(): void {
    const ending = [...this.#calls].filter(([call]) => !call.isSettled);
    this.#calls.clear();
    const revoked = new Set(ending.flatMap(([call]) => (call.mayHaveHappened ? [] : [call])));
    if (revoked.size > 0) this.#revoke(revoked);
    for (const [call, end] of ending) call.fail(end(!revoked.has(call)));
  }
}
