import { DelayLimit } from '@quorate/base';
import { STALL_MAX_MS } from './stall.js';

/** An answer that takes no longer has not waited for long; one that takes half of what is waited for at most, always has. */
const SLOW_MS = 500;
const SLOW_MS_MAX = STALL_MAX_MS / 2;
/** So much of the most at first, until it is known how soon answers come; and at the least. */
const FIRST_PART = 1 / 32;
const LEAST_PART = 1 / 1024;
/** Less is no waiting: what was called in this very turn is sent, whatever was seen before. */
const WAITED_MS = 10;

/**
 * How much one user of a node may have on its way there.
 *
 * What waits here can still be taken back when its caller gives it up; what waits in the network or at a node cannot, and is worked off before anything newer,
 * although nobody waits for it any more: so a cluster that was asked for too much for some seconds would give nothing of use for as long again (T74).
 */
export class FlightLimit extends DelayLimit {
  constructor() {
    super({ slowMs: SLOW_MS, slowMsMax: SLOW_MS_MAX, firstPart: FIRST_PART, leastPart: LEAST_PART });
  }

  /**
   * True if a call that has waited for its turn would not be answered in time: to be asked only while something is on its way. Whoever sends it nevertheless asks for work of which
   * nobody sees the result; where more is asked for than can be done, and calls go in order, that would be all that is done.
   */
  isTooLate({ dueMs, deadlineMs }: { readonly dueMs: number; readonly deadlineMs: number }, nowMs: number): boolean {
    // What may take for ever has no due time.
    if (deadlineMs === Number.POSITIVE_INFINITY) return false;
    const leftMs = dueMs - nowMs;
    return leftMs < this.answerMs && deadlineMs - leftMs > WAITED_MS;
  }
}
