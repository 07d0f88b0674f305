/** However slow answers are: a node that is silent for longer is left for another one. */
export const STALL_MAX_MS = 3200;
/** An answer may take so many times what the last one took. */
const TIMES = 2;

/**
 * How long to wait for an answer before it is looked for elsewhere, after one that took `tookMs`: at least `leastMs`. Whoever went back to the least at once,
 * where answers take longer, would send the same again and again, and what it sends would be what the next answers wait behind.
 */
export function stallAfter(tookMs: number, leastMs: number): number {
  return Math.max(leastMs, Math.min(STALL_MAX_MS, TIMES * tookMs));
}
