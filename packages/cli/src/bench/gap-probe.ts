import type { Driver } from './driver.js';

/** Operations under way at most: while nobody answers, more would not tell more. */
const OPEN_MAX = 2000;

/**
 * Begins an operation every few ms, whatever becomes of those before, and tells for how long none was acknowledged: the gap that a change of leader
 * makes for a client. Attempts that fail or hang do not keep the next ones from being made, so the gap is that of the servers, not of a retry.
 */
export class GapProbe {
  readonly #driver: Pick<Driver, 'call'>;
  readonly #timer: NodeJS.Timeout;
  #turn = 0;
  #open = 0;
  #lastAckMs: number = performance.now();
  #longestMs = 0;
  readonly #waiting = new Set<{ readonly sinceMs: number; readonly resolve: (ackMs: number) => void }>();

  constructor(driver: Pick<Driver, 'call'>, everyMs: number) {
    this.#driver = driver;
    this.#timer = setInterval(() => this.#begin(), everyMs);
  }

  /** Forgets earlier gaps; one that is going on counts from its begin. */
  reset(): void {
    this.#longestMs = 0;
  }

  /** Longest time between two acknowledgements since `reset`, in ms. */
  get longestMs(): number {
    return this.#longestMs;
  }

  /** When the first operation that begins from `sinceMs` on is acknowledged (`performance.now()`). Null: none was within `withinMs`. */
  acknowledged(sinceMs: number, withinMs: number): Promise<number | null> {
    return new Promise((resolve) => {
      const waiter = {
        sinceMs,
        resolve: (ackMs: number): void => {
          clearTimeout(timer);
          resolve(ackMs);
        },
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(waiter);
        resolve(null);
      }, withinMs);
      this.#waiting.add(waiter);
    });
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #begin(): void {
    if (this.#open >= OPEN_MAX) return;
    const begunMs = performance.now();
    this.#open++;
    this.#driver.call(this.#turn++, (errorCode) => {
      this.#open--;
      if (errorCode === null) this.#acknowledged(begunMs, performance.now());
    });
  }

  #acknowledged(begunMs: number, nowMs: number): void {
    this.#longestMs = Math.max(this.#longestMs, nowMs - this.#lastAckMs);
    this.#lastAckMs = nowMs;
    for (const waiter of this.#waiting) {
      if (begunMs < waiter.sinceMs) continue;
      this.#waiting.delete(waiter);
      waiter.resolve(nowMs);
    }
  }
}
