import { type BatchHeader, type Clock, trustedBatchHeader } from '@quorate/base';

/**
 * The time that a leader writes into its batches: the last logged time plus the monotonic time since this node saw it.
 * The wall clock never moves it, and it never goes back within a log.
 */
export class LoggedClock {
  readonly #clock: Clock;
  #loggedMs = 0;
  #seenAtMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#seenAtMs = clock.nowMs();
  }

  nowMs(): number {
    return this.#loggedMs + Math.max(0, Math.floor(this.#clock.nowMs() - this.#seenAtMs));
  }

  /** A batch entered the log. */
  saw(batch: Uint8Array): void {
    const header: BatchHeader = trustedBatchHeader(batch);
    if (header.loggedTimeMs < this.#loggedMs) return;
    this.#loggedMs = header.loggedTimeMs;
    this.#seenAtMs = this.#clock.nowMs();
  }
}
