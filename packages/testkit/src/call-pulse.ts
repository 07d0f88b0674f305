import type { TimerHandle, Timers } from '@quorate/base';

interface Waiting {
  readonly dueMs: number;
  readonly act: () => void;
}

/**
 * The bursts of one client: what its lanes do next they do together, at multiples of `everyMs` of virtual time, in one event. So their calls
 * leave in one turn, as those of a program do that has much to do at once, and between two bursts nothing happens.
 */
export class CallPulse {
  readonly everyMs: number;
  readonly #process: { readonly timers: Timers; readonly nowMs: number };
  #waiting: Waiting[] = [];
  #handle: TimerHandle | null = null;
  #ringsAtMs = Number.POSITIVE_INFINITY;

  constructor(process: { readonly timers: Timers; readonly nowMs: number }, everyMs: number) {
    this.#process = process;
    this.everyMs = everyMs;
  }

  /** Runs `act` with the first burst at or after that moment. */
  after(ms: number, act: () => void): void {
    this.at(Math.ceil(ms / this.everyMs) * this.everyMs, act);
  }

  /** Runs `act` at that moment, together with all others of it. */
  at(dueMs: number, act: () => void): void {
    this.#waiting.push({ dueMs, act });
    if (dueMs < this.#ringsAtMs) this.#set(dueMs);
  }

  #set(dueMs: number): void {
    if (this.#handle !== null) this.#process.timers.clear(this.#handle);
    this.#ringsAtMs = dueMs;
    this.#handle = this.#process.timers.set(Math.max(0, dueMs - this.#process.nowMs), () => this.#ring());
  }

  #ring(): void {
    this.#handle = null;
    this.#ringsAtMs = Number.POSITIVE_INFINITY;
    const { nowMs } = this.#process;
    const due: Waiting[] = [];
    const later: Waiting[] = [];
    let nextMs = Number.POSITIVE_INFINITY;
    for (const each of this.#waiting) {
      if (each.dueMs <= nowMs) due.push(each);
      else {
        later.push(each);
        nextMs = Math.min(nextMs, each.dueMs);
      }
    }
    this.#waiting = later;
    if (nextMs < Number.POSITIVE_INFINITY) this.#set(nextMs);
    for (const { act } of due) act();
  }
}
