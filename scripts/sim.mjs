// `npm run sim -- [--seed N] [--count N] [--failures N] [--log FILE]`: runs whole clusters in the simulator, one per seed; stops at the first
// that breaks a promise, or at the N-th with `--failures N`. With `--log` the log lines of all nodes go to a file.
import { closeSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, build, ensureInstalled, main, parseFlags, say, wholeNumber } from './workspace.mjs';

/** One line for a run that kept all promises. */
function summary({ virtualMs, operations, acknowledged, records, faults, traceHash }) {
  const injected = Object.entries(faults)
    .filter(([, count]) => count > 0)
    .map(([name, count]) => `${name} ${count}`);
  const calls = `${acknowledged} of ${operations} calls acknowledged, ${records} records`;
  return `${(virtualMs / 1000).toFixed(1)} virtual s, ${calls}, faults: ${injected.join(', ') || 'none'}, trace ${traceHash}`;
}

await main(async () => {
  const flags = parseFlags(process.argv.slice(2), ['seed', 'count', 'failures', 'log']);
  const seed = wholeNumber(flags, 'seed', { min: 0, max: 0xffff_ffff, fallback: 1 });
  const count = wholeNumber(flags, 'count', { min: 1, max: 1_000_000, fallback: flags.seed === undefined ? 20 : 1 });
  const failuresMax = wholeNumber(flags, 'failures', { min: 1, max: 1_000_000, fallback: 1 });
  await ensureInstalled();
  await build(['packages/testkit']);
  const { runSimulation } = await import(pathToFileURL(join(ROOT, 'packages', 'testkit', 'dist', 'index.js')).href);
  const file = flags.log === undefined ? null : openSync(flags.log, 'w');
  const options = file === null ? {} : { log: (line) => writeSync(file, `${line}\n`) };
  const failed = [];
  for (let at = seed; at < seed + count && failed.length < failuresMax; at++) {
    const started = performance.now();
    try {
      const result = runSimulation(at, options);
      say(`sim: seed ${at}: ${Math.round(performance.now() - started)} ms, ${summary(result)}`);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      failed.push(at);
    }
  }
  if (file !== null) closeSync(file);
  if (failed.length > 0) throw new Error(`seeds that failed: ${failed.join(', ')}; repeat one with: npm run sim -- --seed ${failed[0]}`);
  say(`sim: seeds ${seed} to ${seed + count - 1}: all promises held`);
});
