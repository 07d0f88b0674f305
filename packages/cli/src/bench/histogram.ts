/** Bounds of a bucket differ by this factor: percentiles are right to half a per cent. */
const GROWTH = Math.log(1.01);
const BUCKETS = 2400;

/** Counts durations from 1 µs to hours in constant memory. */
export class Histogram {
  readonly #buckets = new Uint32Array(BUCKETS);
  #count = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }
  get maxMs(): number {
    return this.#maxMs;
  }

  add(ms: number): void {
    const index = Math.min(BUCKETS - 1, Math.max(0, Math.round(Math.log(ms * 1000) / GROWTH)));
    this.#buckets[index] = (this.#buckets[index] as number) + 1;
    this.#count++;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  /** The duration in ms that `part` (0 to 1) of all stay within; 0 if there is none. */
  percentile(part: number): number {
    const wanted = Math.max(1, Math.ceil(part * this.#count));
    let seen = 0;
    for (let index = 0; index < BUCKETS; index++) {
      seen += this.#buckets[index] as number;
      if (seen >= wanted && this.#count > 0) return Math.exp(index * GROWTH) / 1000;
    }
    return 0;
  }
}
