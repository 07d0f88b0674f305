import { type Clock, QuorateError, type TimerHandle, type Timers } from '@quorate/base';
import type { CallTime, Commands, PendingCall, ResourceDeclaration, ResourceId } from '@quorate/machine';
import { CLIENT_LIMITS } from './client-limits.js';

/** A resource by name, and its number once it is known. Numbers stay valid for ever, also in later sessions. */
export interface Opening {
  readonly declaration: ResourceDeclaration;
  readonly name: string;
  /** 0: not opened yet. */
  resource: ResourceId;
  attempt: OpenAttempt | null;
  /** The cluster will not open it: the name is not allowed, or of another kind. */
  isRefused: boolean;
  /** Calls that wait in the gate for this resource. */
  waiting: number;
  /** It has a number from now on; no call was sent yet. */
  opened(): void;
}

interface OpenAttempt {
  readonly dueMs: number;
  call: PendingCall | null;
}

/** A call that may have to wait until its resource, or one before it, is open. */
export interface GateCall {
  /** Bytes that it keeps while it waits. */
  readonly bytes: number;
  /** How long it may wait. */
  readonly waitMs: number;
  /** Sends it. `spentMs`: how long it waited. */
  start(resource: ResourceId, spentMs: number): PendingCall;
  /** It will not be sent. */
  fail(error: QuorateError): void;
}

/** A call that has passed the gate, or waits there. */
export class GatedCall implements PendingCall {
  readonly call: GateCall;
  readonly opening: Opening;
  readonly enteredMs: number;
  timer: TimerHandle | null = null;
  sent: PendingCall | null = null;
  readonly #gate: CommandGate;

  constructor(gate: CommandGate, opening: Opening, call: GateCall, enteredMs: number) {
    this.#gate = gate;
    this.opening = opening;
    this.call = call;
    this.enteredMs = enteredMs;
  }

  get dueMs(): number {
    return this.enteredMs + this.call.waitMs;
  }
  /** True once it was handed on. */
  get isSent(): boolean {
    return this.sent !== null;
  }
  /** False as long as nothing of it has left this process. */
  get wasSent(): boolean {
    return this.sent !== null && (this.sent.wasSent ?? true);
  }

  cancel(): void {
    if (this.sent !== null) this.sent.cancel();
    else this.#gate.cancel(this);
  }
}

/**
 * Keeps the order of calls across resources although the number of a resource takes a round trip: while one is being opened that a call waits
 * for, all later calls of this client wait behind it (rule 23). Several are opened at the same time.
 */
export class CommandGate {
  readonly #commands: Commands;
  readonly #clock: Clock;
  readonly #timers: Timers;
  /** In the order of calls. */
  readonly #waiting = new Set<GatedCall>();
  #bytes = 0;

  constructor(commands: Commands, environment: { readonly clock: Clock; readonly timers: Timers }) {
    this.#commands = commands;
    this.#clock = environment.clock;
    this.#timers = environment.timers;
  }

  /** True if a call whose resource has its number has nothing to wait for. */
  get isOpen(): boolean {
    return this.#waiting.size === 0;
  }

  /** Sends a call that has something to wait for when it is its turn. Throws `overloaded`. */
  wait(opening: Opening, call: GateCall): GatedCall {
    const gated = new GatedCall(this, opening, call, this.#clock.nowMs());
    const { gatedCallsMax, gatedBytesMax } = CLIENT_LIMITS;
    if (this.#waiting.size >= gatedCallsMax || (this.#bytes > 0 && this.#bytes + call.bytes > gatedBytesMax)) {
      throw new QuorateError('overloaded', `${this.#waiting.size} calls wait for their resources to be opened`, {
        calls: this.#waiting.size,
        bytes: this.#bytes,
      });
    }
    this.#waiting.add(gated);
    this.#bytes += call.bytes;
    opening.waiting++;
    const timerMs = call.waitMs + CLIENT_LIMITS.gateSlackMs;
    if (timerMs <= CLIENT_LIMITS.timerMsMax) gated.timer = this.#timers.set(timerMs, () => this.#expired(gated));
    this.#open(opening, gated.dueMs);
    return gated;
  }

  cancel(gated: GatedCall): void {
    if (!this.#leave(gated)) return;
    this.#giveUpOpening(gated.opening);
    gated.call.fail(new QuorateError('cancelled', 'aborted while its resource was being opened; it was not sent'));
    this.#drain();
  }

  #expired(gated: GatedCall): void {
    if (!this.#leave(gated)) return;
    this.#giveUpOpening(gated.opening);
    const { name } = gated.opening;
    gated.call.fail(new QuorateError('unavailable', `"${name}" was not opened within ${gated.call.waitMs} ms; nothing was sent`, { name }));
    this.#drain();
  }

  #open(opening: Opening, dueMs: number): void {
    if (opening.resource !== 0 || opening.attempt !== null) return;
    const { type, version } = opening.declaration;
    const attempt: OpenAttempt = { dueMs, call: null };
    opening.attempt = attempt;
    const time: CallTime = { deadlineMs: Math.max(1, dueMs - this.#clock.nowMs()) };
    attempt.call = this.#commands.openResource(type, version, opening.name, time, (error, resource) => {
      if (opening.attempt !== attempt) return;
      opening.attempt = null;
      if (error === null && resource !== null) {
        opening.resource = resource;
        opening.isRefused = false;
        opening.opened();
      } else {
        this.#failed(opening, attempt, error as QuorateError);
      }
      this.#drain();
    });
  }

  /** Who had all the time of the attempt fails with it; who has more of it tries again. So does everybody if only a session was lost. */
  #failed(opening: Opening, attempt: OpenAttempt, error: QuorateError): void {
    const isTimeUp = error.code === 'unavailable' || error.code === 'deadlineExceeded';
    opening.isRefused = error.retry === 'never' && error.code !== 'closed';
    let againMs = 0;
    for (const gated of this.#waiting) {
      if (gated.opening !== opening) continue;
      if (error.code === 'sessionExpired' || (isTimeUp && gated.dueMs > attempt.dueMs)) {
        againMs = Math.max(againMs, gated.dueMs);
      } else if (this.#leave(gated)) {
        gated.call.fail(notSent(error));
      }
    }
    if (againMs > 0) this.#open(opening, againMs);
  }

  /** Sends all whose turn it is. */
  #drain(): void {
    for (const gated of this.#waiting) {
      const { opening, call, enteredMs } = gated;
      if (opening.resource === 0) return;
      this.#leave(gated);
      gated.sent = call.start(opening.resource, Math.max(0, this.#clock.nowMs() - enteredMs));
    }
  }

  #leave(gated: GatedCall): boolean {
    if (!this.#waiting.delete(gated)) return false;
    this.#bytes -= gated.call.bytes;
    gated.opening.waiting--;
    if (gated.timer !== null) this.#timers.clear(gated.timer);
    gated.timer = null;
    return true;
  }

  #giveUpOpening(opening: Opening): void {
    if (opening.waiting > 0 || opening.attempt === null) return;
    const { call } = opening.attempt;
    opening.attempt = null;
    call?.cancel();
  }
}

/** The resource may have been created, but the call itself did not happen. */
function notSent(error: QuorateError): QuorateError {
  if (error.retry !== 'unknown') return error;
  // The client is over.
  if (error.code === 'aborted' && error.cause instanceof QuorateError) return error.cause;
  return new QuorateError('unavailable', `its resource could not be opened, so it was not sent: ${error.message}`, error.details, {
    cause: error,
  });
}
