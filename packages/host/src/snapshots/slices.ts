import { type Clock, type QuorateError, type Timers, asQuorateError } from '@quorate/base';
import type { Pace } from './pace.js';

/** Longest that a slice of long work holds up everything else, in ms; one step more at the most. */
export const SLICE_MS = 3;
/** Most steps in a slice, where the clock does not tell. */
const SLICE_STEPS_MAX = 256;

/** What long work is cut with. */
export interface SlicePorts {
  readonly clock: Clock;
  readonly timers: Timers;
}

/** What a step of long work says: there is `more`, it `waits` until it is told to go on, or it is `over`. */
export type SliceStep = 'more' | 'waits' | 'over';

/** Long work, what it is cut with, and who is told once when it ended by itself. */
export interface SlicedWorkInit {
  readonly ports: SlicePorts;
  /** What it throws ends the work. */
  readonly step: () => SliceStep;
  readonly done: (error: QuorateError | null) => void;
  /** Rests after each slice, so that other processes have their turn, too. Null: none. */
  readonly pace: Pace | null;
}

/** Long work in slices, between which sockets and the disk get their turn. Begins by itself; no step and no `done` comes within a call. */
export class SlicedWork {
  readonly #init: SlicedWorkInit;
  #isWaiting = false;
  #isResting = false;
  #isOver = false;

  constructor(init: SlicedWorkInit) {
    this.#init = init;
    init.ports.timers.defer(() => this.#slice());
  }

  /** What it waited for is there; never within a step. */
  goOn(): void {
    if (!this.#isWaiting) return;
    this.#isWaiting = false;
    if (!this.#isResting) this.#later();
  }

  /** Ends it without `done`. */
  cancel(): void {
    this.#isOver = true;
    this.#init.pace?.cancel();
  }

  #slice(): void {
    if (this.#isOver) return;
    const { ports, step, done, pace } = this.#init;
    const sinceMs = ports.clock.nowMs();
    let error: QuorateError | null = null;
    let said: SliceStep = 'more';
    try {
      for (let steps = 0; said === 'more' && steps < SLICE_STEPS_MAX && ports.clock.nowMs() < sinceMs + SLICE_MS; steps++) {
        said = step();
        if (this.#isOver) return;
      }
    } catch (thrown) {
      said = 'over';
      error = asQuorateError(thrown);
    }
    if (this.#isOver) return;
    this.#isWaiting = said === 'waits';
    if (said === 'over') {
      this.#isOver = true;
      done(error);
    } else if (pace !== null) {
      this.#isResting = true;
      pace.rest(ports.clock.nowMs() - sinceMs, () => this.#rested());
    } else if (!this.#isWaiting) this.#later();
  }

  #rested(): void {
    this.#isResting = false;
    if (!this.#isWaiting) this.#later();
  }

  #later(): void {
    this.#init.ports.timers.defer(() => this.#slice());
  }
}
