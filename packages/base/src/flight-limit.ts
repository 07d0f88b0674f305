/** How a limit judges answers. */
export interface FlightLimitOptions {
  /** An answer that takes longer than this, in ms, and than three times the quickest one, has waited behind others. */
  readonly slowMs: number;
  /** So much of the most may always be on its way. */
  readonly leastPart: number;
  /** True if nothing else waits where this waits: then what takes as long with less on its way has not waited, and is as quick as it can be. */
  readonly isAlone: boolean;
}

const SLOW_TIMES = 3;
/** What the quickest answer took is believed to be so many times as much after a cut that could not cut. */
const QUICKEST_GROWS = 1.1;
/** However slow the quickest is, an answer that takes longer than so many times `slowMs` has waited. */
const SLOW_MOST = 4;
/** So much of the most at first, until it is known how soon answers come. */
const FIRST_PART = 1 / 32;
/** What the limit grows by, of the most, while as much as it allows is answered once. */
const STEP = 1 / 1024;
/** What one cut divides by: a single answer may be late for its own reasons. */
const CUT_LEAST = 1.5;
const CUT_MOST = 4;
/** A cut that has helped has brought the time of answers down to at most this part. */
const HELPED = 0.8;

/**
 * How much may be on its way to where it is worked off in order: as much as is answered soon. Congestion control by delay: slow start while answers come in half of the time that is
 * slow, then additive increase; multiplicative decrease where they are slow or refused, so that users who share a node come to share it evenly; and
 * no increase where the limit is not used (RFC 5681, section 3.1; RFC 7661).
 *
 * What waits before it can still be taken back when its caller gives it up; what is on its way cannot, and is worked off before anything newer, although nobody
 * waits for it any more: so a cluster that was asked for too much for some seconds would give nothing of use for as long again.
 */
export class FlightLimit {
  readonly #options: FlightLimitOptions;
  #part = FIRST_PART;
  #answerMs = 0;
  #quickestMs = Number.POSITIVE_INFINITY;
  /** What became of what went out before the last cut says nothing of what came of that. */
  #cutMs = Number.NEGATIVE_INFINITY;
  /** The longest that a slow answer took to what went out before the last cut; 0 once answers are not slow any more. */
  #slowestMs = 0;

  constructor(options: FlightLimitOptions) {
    this.#options = options;
  }

  /** So much of the most may be on its way: above 0, at most 1. */
  get part(): number {
    return this.#part;
  }
  /** What the last answer took, in ms; 0 before the first. */
  get answerMs(): number {
    return this.#answerMs;
  }

  /** Something was answered that went out at `sentMs`. Of the most it is `part`, and `underWay` was on its way, with it. */
  answered({ sentMs, nowMs, part, underWay }: { sentMs: number; nowMs: number; part: number; underWay: number }): void {
    const tookMs = nowMs - sentMs;
    this.#answerMs = tookMs;
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    const { slowMs: leastMs } = this.#options;
    const slowMs = Math.min(SLOW_MOST * leastMs, Math.max(leastMs, SLOW_TIMES * this.#quickestMs));
    if (tookMs > slowMs) {
      if (sentMs <= this.#cutMs) this.#slowestMs = Math.max(this.#slowestMs, tookMs);
      else if (this.#options.isAlone && this.#slowestMs > 0 && tookMs > HELPED * this.#slowestMs) this.#isQuickest(tookMs);
      else this.#cut({ from: Math.min(this.#part, underWay), by: tookMs / slowMs, nowMs, slowestMs: tookMs });
      return;
    }
    this.#slowestMs = 0;
    if (2 * underWay < this.#part) return;
    const more = tookMs <= slowMs / 2 ? part : (STEP * part) / this.#part;
    this.#part = Math.min(1, this.#part + more);
  }

  /** Something that went out at `sentMs` was refused, since too much waits there. */
  refused(sentMs: number, nowMs: number): void {
    if (sentMs > this.#cutMs) this.#cut({ from: this.#part, by: CUT_LEAST, nowMs, slowestMs: 0 });
  }

  /** No answer came for so long that it is looked for elsewhere: another node, another way. */
  lost(nowMs: number): void {
    this.#cut({ from: this.#part, by: CUT_MOST, nowMs, slowestMs: 0 });
  }

  #isQuickest(tookMs: number): void {
    this.#quickestMs = tookMs;
    this.#slowestMs = 0;
  }

  #cut({ from, by, nowMs, slowestMs }: { from: number; by: number; nowMs: number; slowestMs: number }): void {
    // As little as may be, and slow still: others are in the way, or it has become longer. What is believed of it grows slowly, but does not stay wrong for ever.
    if (this.#part <= this.#options.leastPart) this.#quickestMs = QUICKEST_GROWS * Math.max(1, this.#quickestMs);
    this.#cutMs = nowMs;
    this.#slowestMs = slowestMs;
    this.#part = Math.max(this.#options.leastPart, from / Math.max(CUT_LEAST, Math.min(CUT_MOST, by)));
  }
}
