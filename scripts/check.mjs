// `npm run check`: types, layers, lint, format, tidy. Runs all of them and tells at the end which failed.
import { join } from 'node:path';
import { ROOT, build, ensureInstalled, main, runNode, say } from './workspace.mjs';

const program = (...parts) => join(ROOT, 'node_modules', ...parts);
const runs = (args) => async () => (await runNode(args)) === 0;

const STAGES = {
  types: async () => {
    await build();
    return true;
  },
  layers: runs([join(ROOT, 'scripts', 'check-layers.mjs')]),
  lint: runs([
    program('oxlint', 'bin', 'oxlint'),
    '--type-aware',
    '--deny-warnings',
    '--report-unused-disable-directives',
    'packages',
    'examples',
    'scripts',
  ]),
  format: runs([program('@biomejs', 'biome', 'bin', 'biome'), 'format', '--max-diagnostics=50', '.']),
  tidy: runs([join(ROOT, 'scripts', 'tidy.mjs')]),
};

await main(async () => {
  await ensureInstalled();
  const wanted = process.argv.slice(2);
  for (const name of wanted)
    if (STAGES[name] === undefined) throw new Error(`there is no stage "${name}"; stages: ${Object.keys(STAGES).join(', ')}`);
  const failed = [];
  for (const [name, stage] of Object.entries(STAGES)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    say(`check: ${name}`);
    const isGood = await stage().catch((error) => {
      process.stderr.write(`[quorate] ${error instanceof Error ? error.message : String(error)}\n`);
      return false;
    });
    if (!isGood) failed.push(name);
  }
  if (failed.length > 0) throw new Error(`check: failed: ${failed.join(', ')}; repeat one with: npm run check -- ${failed[0]}`);
  say('check: all good');
});
