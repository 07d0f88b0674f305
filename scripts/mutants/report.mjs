// How results of mutants are shown.
import { whyNotAsked } from './simulate.mjs';
import { inWords, readSimulated, simulatedOf } from './simulated.mjs';

/** One result in a line. */
export function rowOf({ id, outcome, detail, seconds, sim }) {
  const how = outcome === 'caught' ? '' : `: ${detail}`;
  return `${outcome} ${id} (${seconds.toFixed(1)} s)${simText(sim)}${how}`;
}

/** The table of all, then the sum. What was not asked of the simulation now is what it said when it was asked last, if it was. */
export function printReport(results) {
  const known = readSimulated();
  const simOf = (result) => result.sim ?? simulatedOf(result.mutant, known);
  const width = Math.max(...results.map(({ id }) => id.length));
  process.stdout.write('\n');
  for (const result of results) {
    const { id, shows, outcome, bug } = result;
    const indent = ' '.repeat(10);
    process.stdout.write(`${outcome.padEnd(8)}  ${id.padEnd(width)}  ${shows.join(', ')}\n${indent}${bug}\n`);
    const sim = simOf(result);
    const why = whyNotAsked(result.mutant);
    if (sim !== null) process.stdout.write(`${indent}${inWords(sim)}\n`);
    else if (why !== null) process.stdout.write(`${indent}not for the simulation to show: ${why}\n`);
  }
  const count = (wanted) => results.filter(({ outcome }) => outcome === wanted).length;
  process.stdout.write(`\n${results.length} mutants: ${count('caught')} caught, ${count('survived')} survived, ${count('error')} no good`);
  const asked = results.map(simOf).filter((sim) => sim !== null);
  if (asked.length > 0) {
    const found = asked.filter((sim) => sim.found.some((seeds) => seeds !== null));
    process.stdout.write(`; ${found.length} of the ${asked.length} of which the simulation was asked were found by it`);
  }
  process.stdout.write('\n');
}

function simText(sim) {
  return sim === null || sim === undefined ? '' : `, ${inWords(sim)} [${sim.found.map((seeds) => seeds ?? '–').join(' ')}]`;
}
