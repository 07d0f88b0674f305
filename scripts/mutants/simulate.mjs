// Whether the general simulation, which knows nothing of the traps, finds a mutant, and how many seeds that takes.
import { join } from 'node:path';
import { runChild } from './child.mjs';

/** First seeds of the ranges; the result is the median over them. */
const RANGES = [1, 1_000_001, 2_000_001];
/** Seconds in which a range may begin seeds, and what one may take: many times what any takes without a mutant. */
const RANGE_SECONDS_MAX = 600;
const SEED_SECONDS_MAX = 90;

/** Packages that the general simulation does not run, or that it is made of: a bug in them it cannot show. */
const OUTSIDE = new Map([
  ['checkers', 'it judges the simulation'],
  ['testkit', 'it is the simulation'],
  ['platform-node', 'the simulation has its own platform'],
]);

/** Why the simulation is not asked of a mutant; null: it is. */
export function whyNotAsked({ file }) {
  return OUTSIDE.get(file.split('/')[1]) ?? null;
}

/** A seed that fails in the unchanged tree `root`, and what it says; null if all hold that mutants are tried with. */
export async function failureWithoutMutant(root, seeds) {
  for (const first of RANGES) {
    const { failed, said } = await seedsUntilFailure(root, first, seeds, RANGE_SECONDS_MAX);
    if (failed !== null) return `seed ${first + failed - 1}: ${said}`;
  }
  return null;
}

/**
 * Seeds until the first failure in each range (null: none), their median (null: not found in most), the fewest seeds that a range tried
 * without finding it, and what the first failure said. Once two ranges agree that it is not found the third is not asked.
 */
export async function simulate(mutant, scratch, seeds, secondsMax = RANGE_SECONDS_MAX) {
  const reason = await scratch.apply(mutant);
  try {
    if (reason !== null) return { error: reason, found: [], median: null, tried: 0, said: null };
    const found = [];
    let tried = seeds;
    let said = null;
    for (const first of RANGES) {
      const range = await seedsUntilFailure(scratch.path, first, seeds, secondsMax);
      found.push(range.failed);
      if (range.failed === null) tried = Math.min(tried, range.tried);
      said ??= range.said;
      if (found.filter((count) => count === null).length * 2 > RANGES.length) break;
    }
    return { found, median: medianOf(found), tried, said };
  } finally {
    scratch.restore();
  }
}

function medianOf(found) {
  if (found.filter((count) => count !== null).length * 2 <= RANGES.length) return null;
  const sorted = found.map((count) => count ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

async function seedsUntilFailure(root, first, count, secondsMax) {
  const args = [join('scripts', 'mutants', 'seeds.mjs'), String(first), String(count), String(secondsMax)];
  const { output } = await runChild(args, { cwd: root, secondsMax: secondsMax + SEED_SECONDS_MAX, silentSecondsMax: SEED_SECONDS_MAX });
  const lines = output.split('\n');
  const held = lines.filter((line) => line.startsWith('held ')).length;
  if (lines.includes('end')) return { failed: null, tried: held, said: null };
  // `failed`, or the process itself broke, or hung with that seed.
  const failed = lines.find((line) => line.startsWith('failed '));
  return { failed: held + 1, tried: held + 1, said: failed?.replace(/^failed [0-9]+ /u, '') ?? 'the process broke or did not end' };
}
