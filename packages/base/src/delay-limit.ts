/** One cut takes this much at most: a single answer may be late for its own reasons. */
const CUT_MOST = 4;
/** An answer that takes so many times what the quickest one took has waited behind others. */
const SLOW_TIMES = 3;

/** When answers are late, and how much may be on its way at first, as a part of the most, and at the least. */
export interface DelayBounds {
  /** What takes no longer than this is not late. */
  readonly slowMs: number;
  /** What takes longer is, however long the quickest answer took: if all have waited, that does not count as the way's own length for ever. */
  readonly slowMsMax: number;
  readonly firstPart: number;
  readonly leastPart: number;
}

/**
 * How much may be on its way to somebody who answers: as much as is answered soon. Congestion control by delay, as in LEDBAT (RFC 6817): what may be on its way grows by
 * what is answered soon while the limit is in use (slow start, RFC 5681, 3.1; RFC 7661), stays while answers take their time, and is cut in proportion, once for each round trip,
 * when they take too long.
 */
export class DelayLimit {
  readonly #bounds: DelayBounds;
  #part: number;
  #quickestMs = Number.POSITIVE_INFINITY;
  #answerMs = 0;
  /** Answers to what went out before the last cut say nothing of what came of it. */
  #cutMs = Number.NEGATIVE_INFINITY;

  constructor(bounds: DelayBounds) {
    this.#bounds = bounds;
    this.#part = bounds.firstPart;
  }

  /** So much of the most may be on its way: above 0, at most 1. */
  get part(): number {
    return this.#part;
  }
  /** What the last answer took, in ms, as far as the next will take as long; 0 before the first. */
  get answerMs(): number {
    return Math.min(this.#answerMs, this.#bounds.slowMsMax);
  }

  /** Something was answered that went out at `sentMs`. Of the most it is `part`, and `underWay` was on its way with it. */
  answered({ sentMs, nowMs, part, underWay }: { sentMs: number; nowMs: number; part: number; underWay: number }): void {
    const { slowMs: least, slowMsMax } = this.#bounds;
    this.#answerMs = nowMs - sentMs;
    this.#quickestMs = Math.min(this.#quickestMs, this.#answerMs);
    const slowMs = Math.max(least, Math.min(slowMsMax, SLOW_TIMES * this.#quickestMs));
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
    this.#part = Math.max(this.#bounds.leastPart, this.#part / Math.min(CUT_MOST, by));
  }
}
