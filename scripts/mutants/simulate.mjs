// Whether the general simulation, which knows nothing of the traps, finds a mutant, and how many seeds that takes.
import { join } from 'node:path';
import { runChild } from './child.mjs';

/** First seeds of the ranges; the result is the median over them. */
const RANGES = [1, 1_000_001, 2_000_001];
/** Seconds for one seed, and for a start. */
const SEED_SECONDS_MAX = 60;

/** Seeds until the first failure in each range (null: none), and their median (null: not found in most). */
export async function simulate(mutant, scratch, seeds) {
  const reason = await scratch.apply(mutant);
  try {
    if (reason !== null) return { error: reason, found: [], median: null };
    const found = [];
    for (const first of RANGES) found.push(await seedsUntilFailure(scratch.path, first, seeds));
    const sorted = found.map((count) => count ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
    const median = sorted[sorted.length >> 1];
    return { found, median: Number.isFinite(median) ? median : null };
  } finally {
    scratch.restore();
  }
}

async function seedsUntilFailure(root, first, count) {
  const args = [join('scripts', 'sim.mjs'), '--seed', String(first), '--count', String(count)];
  const { code, output } = await runChild(args, { cwd: root, secondsMax: 60 + SEED_SECONDS_MAX * count });
  if (code === 0) return null;
  const failed = /seeds that failed: ([0-9]+)/u.exec(output);
  if (failed !== null) return Number(failed[1]) - first + 1;
  // The process itself broke, or did not end: the seed after the last that was reported.
  return output.split('\n').filter((line) => /sim: seed [0-9]+:/u.test(line)).length + 1;
}
