// How results of mutants are shown.

/** One result in a line. */
export function rowOf({ id, outcome, detail, seconds, sim }) {
  const how = outcome === 'caught' ? '' : `: ${detail}`;
  return `${outcome} ${id} (${seconds.toFixed(1)} s)${simText(sim)}${how}`;
}

/** The table of all, then the sum. */
export function printReport(results) {
  const width = Math.max(...results.map(({ id }) => id.length));
  process.stdout.write('\n');
  for (const { id, shows, outcome, bug, sim } of results) {
    process.stdout.write(`${outcome.padEnd(8)}  ${id.padEnd(width)}  ${shows.join(', ')}${simText(sim)}\n${' '.repeat(10)}${bug}\n`);
  }
  const count = (wanted) => results.filter(({ outcome }) => outcome === wanted).length;
  process.stdout.write(`\n${results.length} mutants: ${count('caught')} caught, ${count('survived')} survived, ${count('error')} no good`);
  const asked = results.filter(({ sim }) => sim !== null);
  if (asked.length > 0) {
    const found = asked.filter(({ sim }) => sim.median !== null);
    process.stdout.write(`; ${found.length} of ${asked.length} found by the simulation`);
  }
  process.stdout.write('\n');
}

function simText(sim) {
  if (sim === null || sim === undefined) return '';
  return `, simulation: ${sim.median === null ? 'not found' : `${sim.median} seeds`} [${sim.found.map((seeds) => seeds ?? '–').join(' ')}]`;
}
