// How fast tables are, how long one call takes at worst, and what a million entries cost the garbage collector.
// Usage: node --expose-gc packages/machine/bench/tables.mjs [ENTRIES] [VALUE_BYTES] [TIMED_ROUNDS]
import { createTables } from '@quorate/machine';

const entries = Number(process.argv[2] ?? 1_000_000);
const valueBytes = Number(process.argv[3] ?? 1024);
const timedRounds = Number(process.argv[4] ?? 3);
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

/**
 * Runs `call` for each entry. Plain rounds: calls per second, by the clock and by the processor time of the process. Timed rounds: time of
 * each call. As the same calls do the same work in each round, the least time of each over all rounds is what it takes by itself, without
 * what other processes and the collector took from it.
 */
const least = new Map();
function run(title, call, isTimed) {
  let at = 1;
  const start = performance.now();
  const cpu = process.cpuUsage();
  if (!isTimed) {
    for (let i = 0; i < entries; i++, at = (at + step) % entries) call(at);
    const seconds = (performance.now() - start) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    say(
      `${title}: ${Math.round(entries / seconds / 1000)} k/s, ${Math.round((entries / (user + system)) * 1000)} k per second of processor time`,
    );
    return;
  }
  let times = least.get(title);
  if (times === undefined) least.set(title, (times = new Float32Array(entries).fill(Infinity)));
  let before = start;
  for (let i = 0; i < entries; i++, at = (at + step) % entries) {
    call(at);
    const now = performance.now();
    if (now - before < times[i]) times[i] = now - before;
    before = now;
  }
}
function sayTimes() {
  for (const [title, times] of least) {
    times.sort();
    const part = (share) => ms(times[Math.min(entries - 1, Math.floor(entries * share))]);
    const over = times.reduce((count, each) => (each > 5 ? count + 1 : count), 0);
    say(`${title}: p99.9 ${part(0.999)}, p99.99 ${part(0.9999)}, max ${part(1)}, over 5 ms: ${over}`);
  }
}

/** Median time of view() and release() when one entry changes in between. */
function views(tables, table) {
  const times = [[], []];
  for (let i = 0; i < 1001; i++) {
    let start = performance.now();
    const view = tables.view();
    times[0].push(performance.now() - start);
    table.set(keyOf(i), valueOf(i));
    start = performance.now();
    view.release();
    times[1].push(performance.now() - start);
  }
  const median = (list) => list.sort((a, b) => a - b)[500];
  say(
    `view(): median ${ms(median(times[0]))}, p99 ${ms(times[0][990])}, max ${ms(times[0][1000])}; release(): median ${ms(median(times[1]))}`,
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
for (let round = 0; round <= timedRounds; round++) {
  const isTimed = round > 0;
  const tables = createTables();
  const table = tables.table(1);
  // What the machine itself does to a loop: other processes, the clock.
  run('nothing', (i) => keyOf(i) && valueOf(i), isTimed);
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
  views(tables, table);
  const view = tables.view();
  run('overwrite, a view lives', (i) => table.set(keyOf(i), valueOf(i + 3)), isTimed);
  memory('all changed under a view', tables);
  let start = performance.now();
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
sayTimes();
