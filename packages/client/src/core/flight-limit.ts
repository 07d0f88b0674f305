import { STALL_MAX_MS } from './stall.js';

/** An answer that takes longer than this, and than so many times the quickest one, has waited behind others. */
const SLOW_MS = 500;
const SLOW_TIMES = 3;
/** However long the quickest one took: long before an answer is looked for elsewhere. If all have waited, that does not count as the way's own length for ever. */
const SLOW_MAX_MS = STALL_MAX_MS / 2;
/** So much of the most at first, until it is known how soon answers come; and at the least. */
const FIRST_PART = 1 / 32;
const LEAST_PART = 1 / 1024;
/** One cut takes this much at most: a single answer may be late for its own reasons. */
const CUT_MOST = 4;
/** Less is no waiting: what was called in this very turn is sent, whatever was seen before. */
const WAITED_MS = 10;

/**
 * How much one user of a node may have on its way there: as much as is answered soon. Congestion control by delay, as in LEDBAT (RFC 6817): what is on its way grows by
 * what is answered soon while the limit is in use (slow start, RFC 5681, 3.1; RFC 7661), stays while answers take their time, and is cut in proportion, once for each round trip,
 * when they take too long.
 *
 * What waits here can still be taken back when its caller gives it up; what waits in the network or at a node cannot, and is worked off before anything newer,
 * although nobody waits for it any more: so a cluster that was asked for too much for some seconds would give nothing of use for as long again (T74).
 */
export class FlightLimit {
  #part = FIRST_PART;
  #quickestMs = Number.POSITIVE_INFINITY;
  #answerMs = 0;
  /** Answers to what went out before the last cut say nothing of what came of it. */
  #cutMs = Number.NEGATIVE_INFINITY;

  /** So much of the most may be on its way: above 0, at most 1. */
  get part(): number {
    return this.#part;
  }
  /** What the last answer took, in ms, as far as the next will take as long; 0 before the first. */
  get answerMs(): number {
    return Math.min(this.#answerMs, SLOW_MAX_MS);
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

  /** Something was answered that went out at `sentMs`. Of the most it is `part`, and `underWay` was on its way with it. */
  answered({ sentMs, nowMs, part, underWay }: { sentMs: number; nowMs: number; part: number; underWay: number }): void {
    this.#answerMs = nowMs - sentMs;
    this.#quickestMs = Math.min(this.#quickestMs, this.#answerMs);
    const slowMs = Math.max(SLOW_MS, Math.min(SLOW_MAX_MS, SLOW_TIMES * this.#quickestMs));
    const isUsed = 2 * underWay >= this.#part;
    if (this.#answerMs > slowMs) {
      if (sentMs >= this.#cutMs) this.#cut(this.#answerMs / slowMs, nowMs);
    } else if (isUsed && this.#answerMs <= slowMs / 2) {
      this.#part = Math.min(1, this.#part + part);
    }
  }

  /** No answer came for so long that it is looked for elsewhere: another node, another way. */
  lost(nowMs: number): void {
    this.#quickestMs = Number.POSITIVE_INFINITY;
    this.#cut(CUT_MOST, nowMs);
  }

  #cut(by: number, nowMs: number): void {
    this.#cutMs = nowMs;
    this.#part = Math.max(LEAST_PART, this.#part / Math.min(CUT_MOST, by));
  }
}
