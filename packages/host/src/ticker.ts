import type { Clock, TimerHandle, Timers } from '@quorate/base';

/** What a ticker is made of; times in ms of `clock`. */
export interface TickerInit {
  readonly clock: Clock;
  readonly timers: Timers;
  /** Least time between two ticks, whatever is due. */
  readonly everyMinMs: number;
  /** Most time between two ticks, though nothing is due. */
  readonly everyMaxMs: number;
  /** Does what is due. */
  readonly tick: (nowMs: number) => void;
  /** When something is due next; `Infinity`: nothing. */
  readonly dueMs: () => number;
}

/** The one timer of a node: it rings when the earliest of all deadlines has come, so that an idle node sleeps. */
export class Ticker {
  readonly #init: TickerInit;
  #handle: TimerHandle | null = null;
  #tickedMs = Number.NEGATIVE_INFINITY;
  #nextMs = Number.POSITIVE_INFINITY;

  constructor(init: TickerInit) {
    this.#init = init;
  }

  /** The first tick is at once. */
  start(): void {
    this.#ring();
  }

  stop(): void {
    if (this.#handle !== null) this.#init.timers.clear(this.#handle);
    this.#handle = null;
    this.#nextMs = Number.NEGATIVE_INFINITY;
  }

  /** Something is due at that time, perhaps earlier than all that was known. */
  note(dueMs: number): void {
    const atMs = Math.max(dueMs, this.#tickedMs + this.#init.everyMinMs);
    if (this.#handle === null || atMs >= this.#nextMs) return;
    this.#init.timers.clear(this.#handle);
    this.#set(atMs, this.#init.clock.nowMs());
  }

  #ring(): void {
    const { clock, tick, dueMs, everyMinMs, everyMaxMs } = this.#init;
    const nowMs = clock.nowMs();
    this.#tickedMs = nowMs;
    this.#handle = null;
    this.#nextMs = Number.POSITIVE_INFINITY;
    tick(nowMs);
    if (this.#nextMs === Number.NEGATIVE_INFINITY) return;
    this.#set(Math.min(Math.max(dueMs(), nowMs + everyMinMs), nowMs + everyMaxMs), nowMs);
  }

  #set(atMs: number, nowMs: number): void {
    this.#nextMs = atMs;
    this.#handle = this.#init.timers.set(Math.max(0, atMs - nowMs), () => this.#ring());
  }
}
