import type { TimerHandle } from '@quorate/base';
import type { SlicePorts } from './slices.js';

/** How fast long work goes on. */
export interface PaceOptions {
  /** Of the time of the event loop, it takes at most one part in so many while nothing else is late. Default 4. */
  readonly parts?: number;
  /** Longest rest after a step. */
  readonly restMaxMs: number;
  /** The work must hurry: no rests. */
  readonly isBehind?: () => boolean;
}

/**
 * How fast long work goes on beside service, step by step: after each step it rests for some times as long as the step took, and longer
 * while the event loop is late, which a rest that ends late tells. Rests have an end, and there are none while the work is behind, so the work
 * always comes to its own.
 */
export class Pace {
  readonly #ports: SlicePorts;
  readonly #options: PaceOptions;
  /** How late the last rest ended. */
  #lateMs = 0;
  #timer: TimerHandle | null = null;

  constructor(ports: SlicePorts, options: PaceOptions) {
    this.#ports = ports;
    this.#options = options;
  }

  /** Calls `next` after the rest that a step of `workMs` is due; now, if that is none. */
  rest(workMs: number, next: () => void): void {
    const { parts = 4, restMaxMs, isBehind } = this.#options;
    const restMs = Math.min(restMaxMs, Math.max((parts - 1) * workMs, this.#lateMs));
    if (restMs <= 0 || isBehind?.() === true) {
      this.#lateMs = 0;
      next();
      return;
    }
    const { clock, timers } = this.#ports;
    const dueMs = clock.nowMs() + Math.ceil(restMs);
    this.#timer = timers.set(Math.ceil(restMs), () => {
      this.#timer = null;
      this.#lateMs = Math.max(0, clock.nowMs() - dueMs);
      next();
    });
  }

  /** Ends the present rest without `next`; false: there is none. */
  cancel(): boolean {
    if (this.#timer === null) return false;
    this.#ports.timers.clear(this.#timer);
    this.#timer = null;
    return true;
  }
}
