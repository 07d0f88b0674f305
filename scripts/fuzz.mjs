// `npm run fuzz -- [--seconds N] [--seed N]`: runs every fuzz case of every package over and over, each time with another seed.
// A fuzz case is an exported function `fuzz…(seed, cases)` of a test module named `…fuzz-cases.ts`; it throws when it finds something.
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build, ensureInstalled, listFiles, listPackages, main, parseFlags, say, wholeNumber } from './workspace.mjs';

const CASES_PER_CALL = 1000;

async function loadCases() {
  const cases = [];
  for (const { name, path } of listPackages()) {
    const folder = join(path, 'dist-test');
    for (const file of listFiles(folder, { accept: (candidate) => basename(candidate).endsWith('fuzz-cases.js') })) {
      const module = await import(pathToFileURL(join(folder, file)).href);
      for (const [title, body] of Object.entries(module)) {
        if (title.startsWith('fuzz') && typeof body === 'function') cases.push({ title: `${name}: ${title}`, body, seeds: 0 });
      }
    }
  }
  return cases;
}

await main(async () => {
  const flags = parseFlags(process.argv.slice(2), ['seconds', 'seed']);
  const seconds = wholeNumber(flags, 'seconds', { min: 1, max: 1_000_000, fallback: 60 });
  const firstSeed = wholeNumber(flags, 'seed', { min: 0, max: 0xffff_ffff, fallback: 1 });
  await ensureInstalled();
  await build();
  const cases = await loadCases();
  if (cases.length === 0) throw new Error('no fuzz case was found');
  const deadline = performance.now() + seconds * 1000;
  let seed = firstSeed;
  do {
    for (const target of cases) {
      try {
        await target.body(seed, CASES_PER_CALL);
      } catch (error) {
        process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
        throw new Error(`${target.title} failed with seed ${seed}; repeat it with: npm run fuzz -- --seed ${seed} --seconds 1`, {
          cause: error,
        });
      }
      target.seeds++;
    }
    seed = (seed + 1) >>> 0;
  } while (performance.now() < deadline);
  for (const target of cases) say(`fuzz: ${target.title}: ${target.seeds} seeds of ${CASES_PER_CALL} cases, nothing found`);
});
