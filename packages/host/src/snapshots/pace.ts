import type { TimerHandle } from '@quorate/base';
import type { SlicePorts } from './slices.js';

/** Of the time of the event loop, long work takes at most one part in so many while nothing else is late. */
const PARTS = 4;
/** Longest rest after a step in ms: a snapshot of 1 GiB, in pieces of 64 KiB, rests for 82 s at most. */
const REST_MAX_MS = 5;

/**
 * How fast long work goes on beside service, step by step: after each step it rests for some times as long as the step took, and longer
 * while the event loop is late, which a rest that ends late tells. Rests have an end, and there are none while the work is behind, so the work
 * always comes to its own.
 */
export class Pace {
  readonly #ports: SlicePorts;
  readonly #isBehind: () => boolean;
  /** How late the last rest ended. */
  #lateMs = 0;
  #timer: TimerHandle | null = null;

  /** `isBehind`: the work must hurry. */
  constructor(ports: SlicePorts, isBehind: () => boolean = () => false) {
    this.#ports = ports;
    this.#isBehind = isBehind;
  }

  /** Calls `next` after the rest that a step of `workMs` is due; now, if that is none. */
  rest(workMs: number, next: () => void): void {
    const restMs = Math.min(REST_MAX_MS, Math.max((PARTS - 1) * workMs, this.#lateMs));
    if (restMs <= 0 || this.#isBehind()) {
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
