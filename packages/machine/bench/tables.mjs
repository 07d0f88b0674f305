// How fast tables are, how long one call takes at worst, and what a million entries cost the garbage collector.
// Usage: node --expose-gc packages/machine/bench/tables.mjs [ENTRIES] [VALUE_BYTES]
import { createTables } from '@quorate/machine';

const entries = Number(process.argv[2] ?? 1_000_000);
const valueBytes = Number(process.argv[3] ?? 1024);
const say = (text) => process.stdout.write(`${text}\n`);
const ms = (value) => `${value.toFixed(3)} ms`;

// Deterministic, cheap, visits each number below `entries` once: a full-period walk.
let step = Math.floor(entries * 0.618) | 1;
const gcd = (a, b) => (b === 0 ? a : gcd(b, a % b));
while (gcd(step, entries) !== 1) step += 2;

const key = new Uint8Array(20);
key.fill(7, 0, 8);
const value = new Uint8Array(valueBytes);
function keyOf(number) {
  let rest = number;
  for (let i = 19; i >= 8; i--, rest = Math.floor(rest / 10)) key[i] = 48 + (rest % 10);
  return key;
}
function valueOf(number) {
  value[0] = number;
  value[1] = number >>> 8;
  if (valueBytes > 3) value[valueBytes - 1] = number >>> 16;
  return value;
}

/** Runs `call` for each entry: calls per second without a clock in between, then worst times with one around each call. */
const samples = new Float64Array(entries);
function run(title, call, isTimed) {
  let at = 1;
  const start = performance.now();
  if (!isTimed) {
    for (let i = 0; i < entries; i++, at = (at + step) % entries) call(at);
    const seconds = (performance.now() - start) / 1000;
    say(`${title}: ${Math.round(entries / seconds / 1000)} k/s`);
    return;
  }
  let before = start;
  for (let i = 0; i < entries; i++, at = (at + step) % entries) {
    call(at);
    const now = performance.now();
    samples[i] = now - before;
    before = now;
  }
  const sorted = samples.slice().sort();
  const over = sorted.length - sorted.findIndex((each) => each > 5);
  say(
    `${title}: p99.9 ${ms(sorted[Math.floor(entries * 0.999)])}, p99.99 ${ms(sorted[Math.floor(entries * 0.9999)])}, max ${ms(sorted[entries - 1])}, over 5 ms: ${over > entries ? 0 : over}`,
  );
}
function fullGc(title) {
  if (globalThis.gc === undefined) return;
  globalThis.gc();
  const start = performance.now();
  globalThis.gc();
  say(`${title}: full GC ${ms(performance.now() - start)}`);
}
function memory(title, tables) {
  const { rss, heapUsed } = process.memoryUsage();
  const mb = (bytes) => `${(bytes / 1_048_576).toFixed(0)} MiB`;
  say(`${title}: RSS ${mb(rss)}, JS heap ${mb(heapUsed)}, slabs ${mb(tables.allocatedBytes)}, live ${mb(tables.liveBytes)}`);
}

say(`${entries} entries, keys of 20 bytes, values of ${valueBytes} bytes`);
fullGc('empty');
for (const isTimed of [false, true]) {
  const tables = createTables();
  const table = tables.table(1);
  run('insert', (i) => table.set(keyOf(i), valueOf(i)), isTimed);
  run('get', (i) => table.get(keyOf(i)), isTimed);
  run('overwrite', (i) => table.set(keyOf(i), valueOf(i + 1)), isTimed);
  run(
    'overwrite in begin/commit',
    (i) => {
      tables.begin();
      table.set(keyOf(i), valueOf(i + 2));
      tables.commit();
    },
    isTimed,
  );
  memory('full', tables);
  fullGc('full');
  let start = performance.now();
  const view = tables.view();
  say(`view(): ${ms(performance.now() - start)}`);
  run('overwrite, a view lives', (i) => table.set(keyOf(i), valueOf(i + 3)), isTimed);
  memory('all changed under a view', tables);
  start = performance.now();
  let seen = 0;
  view.resume(null, () => ++seen > 0);
  say(`view read: ${Math.round(seen / (performance.now() - start))} k/s`);
  start = performance.now();
  view.release();
  say(`release(): ${ms(performance.now() - start)}`);
  run('overwrite after release', (i) => table.set(keyOf(i), valueOf(i + 4)), isTimed);
  memory('afterwards', tables);
  run('delete', (i) => table.delete(keyOf(i)), isTimed);
  memory('all deleted', tables);
}
