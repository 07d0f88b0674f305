// `npm run fuzz -- [--seconds N] [--seed N] [--only TEXT]`: first every kept input, then every fuzz case of every package over and over, each
// time with another seed. There are two kinds:
//
// - a decoder: an entry of `DECODERS` of a test module named `fuzz-decoders.ts` (packages/testkit/test/fuzz/decoder-fuzz.ts); an input that
//   breaks a rule is shrunk and kept in `test/corpus` of its package;
// - anything else: an exported function `fuzz…(seed, cases)` of a test module named `…fuzz-cases.ts`; it throws when it finds something.
import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { fuzzModules } from './fuzz-decoders.mjs';
import { ROOT, build, ensureInstalled, main, parseFlags, say, wholeNumber } from './workspace.mjs';

const CASES_PER_CALL = 1000;

const load = (path) => import(pathToFileURL(path).href);

/** Everything that can be run: its title, and a run of some cases of a seed. */
async function loadTargets(kit) {
  const targets = [];
  for (const { name, path, corpus } of fuzzModules()) {
    const module = await load(path);
    for (const decoder of module.DECODERS ?? []) targets.push(decoderTarget(kit, name, corpus, decoder));
    for (const [title, body] of Object.entries(module)) {
      if (!title.startsWith('fuzz') || typeof body !== 'function') continue;
      const cases = module.CASES_PER_CALL?.[title] ?? CASES_PER_CALL;
      targets.push({ title: `${name}: ${title}`, run: async (seed) => (await body(seed, cases)).cases, replay: () => 0 });
    }
  }
  return targets;
}

function decoderTarget({ readCorpus, keepInput, fuzzDecoder, tryInput, FuzzFinding }, name, corpus, decoder) {
  const title = `${name}: ${decoder.name}`;
  return {
    title,
    replay: () => {
      const kept = readCorpus(corpus).filter((each) => each.decoder === decoder.name);
      for (const { file, what, bytes } of kept) {
        try {
          tryInput(decoder, bytes);
        } catch (cause) {
          throw new Error(`${title}: kept input ${file} (${what})`, { cause });
        }
      }
      return kept.length;
    },
    run: (seed) => {
      try {
        return fuzzDecoder(decoder, seed, CASES_PER_CALL).cases;
      } catch (error) {
        if (error instanceof FuzzFinding) {
          const path = keepInput(corpus, decoder.name, error.message.split('\n')[0], error.input);
          say(`fuzz: the input is kept in ${relative(ROOT, path)}; \`npm test -- ${name}\` fails with it until it is mended`);
        }
        throw error;
      }
    },
  };
}

/** The parts of the kit, with the time of each input measured too. */
async function loadKit() {
  const folder = join(ROOT, 'packages', 'testkit', 'dist-test', 'fuzz');
  if (!existsSync(folder)) throw new Error('the kit was not built');
  const kit = { ...(await load(join(folder, 'decoder-fuzz.js'))), ...(await load(join(folder, 'corpus.js'))) };
  kit.timing.isOn = true;
  return kit;
}

async function runOnce(target, seed) {
  try {
    target.cases = (target.cases ?? 0) + (await target.run(seed));
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
    const repeat = `npm run fuzz -- --seed ${seed} --seconds 1 --only "${target.title}"`;
    throw new Error(`${target.title} failed with seed ${seed}; repeat it with: ${repeat}`, { cause: error });
  }
}

await main(async () => {
  const flags = parseFlags(process.argv.slice(2), ['seconds', 'seed', 'only']);
  const seconds = wholeNumber(flags, 'seconds', { min: 1, max: 1_000_000, fallback: 60 });
  const firstSeed = wholeNumber(flags, 'seed', { min: 0, max: 0xffff_ffff, fallback: 1 });
  await ensureInstalled();
  await build();
  const targets = (await loadTargets(await loadKit())).filter(({ title }) => title.includes(flags.only ?? ''));
  if (targets.length === 0) throw new Error('no fuzz case was found');
  let kept = 0;
  for (const target of targets) kept += target.replay();
  say(`fuzz: ${kept} kept inputs of ${targets.length} fuzz cases: nothing found`);
  const deadline = performance.now() + seconds * 1000;
  let seed = firstSeed;
  do {
    for (const target of targets) await runOnce(target, seed);
    seed = (seed + 1) >>> 0;
  } while (performance.now() < deadline);
  for (const target of targets) say(`fuzz: ${target.title}: ${target.cases} cases, nothing found`);
});
