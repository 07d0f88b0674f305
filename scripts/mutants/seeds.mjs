// `node scripts/mutants/seeds.mjs FIRST COUNT SECONDS`: runs seeds of the general simulation, as it is compiled in this tree, until one fails. A
// line for each: `held SEED` or `failed SEED WHY`; `end` when all of them held, or the time is over.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [first, count, seconds] = process.argv.slice(2).map(Number);
const path = join(process.cwd(), 'packages', 'testkit', 'dist', 'index.js');
const { runSimulation } = await import(pathToFileURL(path).href);
const endMs = performance.now() + seconds * 1000;
let isHeld = true;
for (let seed = first; isHeld && seed < first + count && performance.now() < endMs; seed++) {
  try {
    runSimulation(seed);
    process.stdout.write(`held ${seed}\n`);
  } catch (thrown) {
    isHeld = false;
    const text = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    process.stdout.write(`failed ${seed} ${lines.slice(0, 2).join(' ').slice(0, 300)}\n`);
  }
}
if (isHeld) process.stdout.write('end\n');
