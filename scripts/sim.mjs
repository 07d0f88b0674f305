// `npm run sim -- [--seed N] [--count N]`: runs whole clusters in the simulator, one per seed; stops at the first that breaks a promise.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ROOT, build, ensureInstalled, main, parseFlags, say, wholeNumber } from './workspace.mjs';

await main(async () => {
  const flags = parseFlags(process.argv.slice(2), ['seed', 'count']);
  const seed = wholeNumber(flags, 'seed', { min: 0, max: 0xffff_ffff, fallback: 1 });
  const count = wholeNumber(flags, 'count', { min: 1, max: 1_000_000, fallback: flags.seed === undefined ? 20 : 1 });
  await ensureInstalled();
  await build(['packages/testkit']);
  const { runSimulation } = await import(pathToFileURL(join(ROOT, 'packages', 'testkit', 'dist', 'index.js')).href);
  for (let at = seed; at < seed + count; at++) {
    const started = performance.now();
    try {
      const result = await runSimulation(at);
      say(`sim: seed ${at} ok in ${Math.round(performance.now() - started)} ms ${JSON.stringify(result)}`);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
      throw new Error(`seed ${at} failed; repeat it with: npm run sim -- --seed ${at}`, { cause: error });
    }
  }
  say(`sim: ${count} seeds from ${seed}, all promises held`);
});
