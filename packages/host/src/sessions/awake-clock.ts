import type { Clock } from '@quorate/base';

/** A node ticks at least every 50 ms; of a longer time between two ticks no more than this counts. */
const STEP_MAX_MS = 60;

/**
 * Time in ms in which this process was awake. What passes while it is stopped or its event loop stalls (T75) does not count: its ears were shut,
 * so nobody may be taken for silent because of it. Never goes back, and never runs faster than the monotonic clock.
 */
export class AwakeClock {
  readonly #clock: Clock;
  #tickedMs: number;
  #baseMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#tickedMs = clock.nowMs();
  }

  nowMs(): number {
    return this.#baseMs + Math.min(this.#clock.nowMs() - this.#tickedMs, STEP_MAX_MS);
  }

  /** To be called at least every 50 ms. */
  tick(nowMs: number): void {
    this.#baseMs += Math.max(0, Math.min(nowMs - this.#tickedMs, STEP_MAX_MS));
    this.#tickedMs = Math.max(this.#tickedMs, nowMs);
  }
}
