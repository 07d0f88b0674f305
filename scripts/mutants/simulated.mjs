// What the general simulation found when it was last asked, kept in simulated.json: `npm run mutants -- --sim SEEDS --record` writes it, the
// table of every run shows it. A result counts for the mutant as it was then: one whose edit changed has none.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const PATH = fileURLToPath(new URL('simulated.json', import.meta.url));

/** The results as they stand in the file, by id. */
export function readSimulated(path = PATH) {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
}

/** The recorded result of a mutant as it is now; null if there is none. */
export function simulatedOf(mutant, all) {
  const result = all[mutant.id];
  return result !== undefined && result.edit === editOf(mutant) ? result : null;
}

/** Adds results to the file. */
export function record(results, path = PATH) {
  const all = readSimulated(path);
  for (const { mutant, sim } of results) {
    const { found, median, tried, said } = sim;
    all[mutant.id] = { edit: editOf(mutant), median, found, tried, said: said === null ? null : said.replace(/ +/gu, ' ') };
  }
  const sorted = Object.fromEntries(Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)));
  // Lists in one line, as the formatter has them.
  const text = JSON.stringify(sorted, null, 2).replace(/\[\n[^\]]*\n +\]/gu, (list) =>
    list.replace(/\s+/gu, ' ').replace('[ ', '[').replace(' ]', ']'),
  );
  writeFileSync(path, `${text}\n`);
}

/** `found by simulation: median 2 seeds`, or in how many it was not. */
export function inWords({ median, found, tried }) {
  if (median !== null) return `found by simulation: median ${median} seed${median === 1 ? '' : 's'}`;
  const hits = found.filter((count) => count !== null).length;
  if (hits > 0) return `found by simulation in ${hits} of ${found.length} ranges of ${tried} seeds`;
  return `not in ${tried * found.length} seeds of the simulation`;
}

function editOf({ file, old, new: changed }) {
  return createHash('sha256')
    .update(JSON.stringify([file, old, changed]))
    .digest('hex')
    .slice(0, 12);
}
