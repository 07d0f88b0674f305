/**
 * Durations as counts in log-linear buckets, in memory that does not grow. A value is kept in whole tenths of a µs: values below 256 of them exactly,
 * others in one of 128 equal parts of their power of two, so that a percentile is at most 1/128 above the true one and never below it.
 */
const TENTHS_PER_MS = 10_000;
const PARTS_BITS = 7;
const PARTS = 1 << PARTS_BITS;
const EXACT = PARTS * 2;
/** Powers of two above the exact values: up to 2^48 tenths of a µs, some 300 days. What is longer counts as that. */
const POWERS = 40;
const BUCKETS = EXACT + POWERS * PARTS;

/** What of a histogram goes from process to process: counts by bucket, those that are not 0. */
export interface HistogramCounts {
  readonly counts: readonly (readonly [bucket: number, count: number])[];
  readonly maxMs: number;
  readonly sumMs: number;
}

/** Counts durations in ms; its memory does not grow. Percentiles are at most 0.8 % above the true ones, never below. */
export class Histogram {
  readonly #buckets = new Float64Array(BUCKETS);
  #count = 0;
  #maxMs = 0;
  #sumMs = 0;

  get count(): number {
    return this.#count;
  }
  /** Exact. 0 if there is none. */
  get maxMs(): number {
    return this.#maxMs;
  }
  /** Exact. 0 if there is none. */
  get meanMs(): number {
    return this.#count === 0 ? 0 : this.#sumMs / this.#count;
  }

  /** Counts a duration, `times` times. Below 0 counts as 0: clocks of the caller do not go back. */
  add(ms: number, times: number = 1): void {
    const bucket = bucketOf(ms);
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + times;
    this.#count += times;
    this.#sumMs += ms * times;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** Counts all that another has counted. */
  merge(other: HistogramCounts): void {
    for (const [bucket, count] of other.counts) {
      this.#buckets[bucket] = (this.#buckets[bucket] as number) + count;
      this.#count += count;
    }
    this.#sumMs += other.sumMs;
    this.#maxMs = Math.max(this.#maxMs, other.maxMs);
  }

  /** For `merge` in another process. */
  get counts(): HistogramCounts {
    const counts: [number, number][] = [];
    this.#buckets.forEach((count, bucket) => {
      if (count > 0) counts.push([bucket, count]);
    });
    return { counts, maxMs: this.#maxMs, sumMs: this.#sumMs };
  }

  /** The duration in ms that `part` (above 0, up to 1) of all stay within; 0 if there is none. */
  percentile(part: number): number {
    if (this.#count === 0) return 0;
    const wanted = Math.max(1, Math.ceil(part * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#buckets[bucket] as number;
      if (seen >= wanted) return Math.min(upperMs(bucket), this.#maxMs);
    }
    return this.#maxMs;
  }

  /** How many there are in each row of a picture, rows by powers of two: `[upToMs, count]`, without the empty ones before the first and after the last. */
  rows(): readonly (readonly [upToMs: number, count: number])[] {
    const rows = new Map<number, number>();
    this.#buckets.forEach((count, bucket) => {
      if (count === 0) return;
      const power = Math.max(0, Math.ceil(Math.log2(upperMs(bucket) * TENTHS_PER_MS)));
      rows.set(power, (rows.get(power) ?? 0) + count);
    });
    if (rows.size === 0) return [];
    const powers = [...rows.keys()];
    const first = Math.min(...powers);
    return Array.from({ length: Math.max(...powers) - first + 1 }, (_, index) => {
      return [2 ** (first + index) / TENTHS_PER_MS, rows.get(first + index) ?? 0] as const;
    });
  }
}

function bucketOf(ms: number): number {
  // Up, so that nothing is told to be quicker than it was.
  const value = Math.max(0, Math.ceil(ms * TENTHS_PER_MS));
  if (value < EXACT) return value;
  const power = Math.floor(Math.log2(value)) - PARTS_BITS;
  // The logarithm of a value just below a power of two may be rounded up to it.
  const exponent = value < 2 ** (power + PARTS_BITS) ? power - 1 : power;
  if (exponent > POWERS) return BUCKETS - 1;
  return EXACT + (exponent - 1) * PARTS + (Math.floor(value / 2 ** exponent) - PARTS);
}

/** Largest value of a bucket. */
function upperMs(bucket: number): number {
  if (bucket < EXACT) return bucket / TENTHS_PER_MS;
  const exponent = Math.floor((bucket - EXACT) / PARTS) + 1;
  const part = ((bucket - EXACT) % PARTS) + PARTS;
  return ((part + 1) * 2 ** exponent - 1) / TENTHS_PER_MS;
}

/** Longest bar in characters. */
const BAR = 40;

/** A histogram as lines of text: upper bound, bar, count. */
export function histogramText(rows: readonly (readonly [number, number])[]): readonly string[] {
  const most = Math.max(...rows.map(([, count]) => count));
  return rows.map(([upToMs, count]) => {
    const bar = '#'.repeat(count === 0 ? 0 : Math.max(1, Math.round((count / most) * BAR)));
    return `  up to ${durationText(upToMs).padStart(9)} ${bar.padEnd(BAR)} ${count}`;
  });
}

function durationText(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(1)} µs`;
  return ms < 10_000 ? `${ms.toFixed(ms < 10 ? 2 : 1)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
