// What a proof prints last: a short table, one JSON line, and the verdict as exit code.

/** Says what happens, with the time since the start. */
export function say(text) {
  process.stderr.write(`${(performance.now() / 1000).toFixed(1).padStart(7)} s  ${text}\n`);
}

/**
 * `measured`: name → value. `demands`: [what, holds] pairs; each that does not hold fails the proof.
 * Gives the exit code.
 */
export function report(name, measured, demands, problems = []) {
  const failed = demands.filter(([, holds]) => !holds).map(([what]) => what);
  const width = Math.max(...Object.keys(measured).map((key) => key.length));
  for (const problem of problems) console.log(`problem: ${problem}`);
  console.log('');
  for (const [key, value] of Object.entries(measured))
    console.log(`  ${key.padEnd(width)}  ${typeof value === 'object' ? JSON.stringify(value) : value}`);
  for (const what of failed) console.log(`  FAILED: ${what}`);
  console.log(`  ${name}: ${failed.length === 0 ? 'proved' : 'NOT PROVED'}`);
  console.log(JSON.stringify({ proof: name, proved: failed.length === 0, failed, ...measured }));
  return failed.length === 0 ? 0 : 1;
}

/** Percentile of numbers, 0 to 1. */
export function percentile(values, part) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
