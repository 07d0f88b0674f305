import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTables } from '@quorate/machine';
import type { Tables } from '@quorate/machine';
import { createRandom } from './tables-random.js';

const SLAB = 4_194_304;
const keys = Array.from({ length: 100_000 }, (_, i) => Uint8Array.from(Buffer.from(`resource-7/${String(i).padStart(8, '0')}`)));
const key = (i: number): Uint8Array => keys[i] as Uint8Array;
const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const slabs = (tables: Tables): number => tables.allocatedBytes / SLAB;

/** Every entry is what it was last set to; entries are `undefined` where there is none. */
function checkContent(tables: Tables, lengths: readonly (number | undefined)[]): void {
  const table = tables.table(1);
  for (const [i, length] of lengths.entries()) {
    const value = table.get(key(i));
    if (value?.length !== length) assert.fail(`entry ${i}: ${value?.length} bytes, not ${length}`);
    if (value === undefined || length === undefined || length === 0) continue;
    if (value[0] !== (i & 0xff) || value[length - 1] !== (i & 0xff)) assert.fail(`entry ${i} is damaged`);
  }
}

test('tables: 100,000 entries overwritten 20 times with values of the same size → at most twice the live bytes are held', () => {
  const tables = createTables();
  const table = tables.table(1);
  const value = filled(200, 1);
  for (let round = 0; round < 20; round++) {
    value.fill(round);
    for (let i = 0; i < 100_000; i++) table.set(key(i), value);
  }
  assert.equal(tables.liveBytes, 100_000 * 219);
  assert.ok(tables.allocatedBytes <= 2 * tables.liveBytes + 4 * SLAB, `${slabs(tables)} slabs`);
});

test('tables: 10,000 entries overwritten 10 times with values of any size → at most twice the live bytes are held', () => {
  const random = createRandom(7);
  const tables = createTables();
  const table = tables.table(1);
  const lengths: number[] = [];
  for (let round = 0; round < 10; round++) {
    for (let n = 0; n < 10_000; n++) {
      const i = random(10_000);
      const length = random(round % 2 === 0 ? 2000 : 300);
      table.set(key(i), filled(length, i));
      lengths[i] = length;
    }
  }
  checkContent(tables, [...lengths]);
  assert.ok(tables.allocatedBytes <= 2 * tables.liveBytes + 5 * SLAB, `${slabs(tables)} slabs, live ${tables.liveBytes}`);
});

test('tables: 95 of 100 entries deleted all over the memory → it is given back, what stays is intact', () => {
  const random = createRandom(3);
  const tables = createTables();
  const table = tables.table(1);
  const lengths: (number | undefined)[] = [];
  for (let i = 0; i < 40_000; i++) table.set(key(i), filled((lengths[i] = 900 + random(300)), i));
  const full = slabs(tables);
  for (let i = 0; i < 40_000; i++) {
    if (random(100) < 5) continue;
    table.delete(key(i));
    lengths[i] = undefined;
  }
  checkContent(tables, lengths);
  assert.ok(full > 9, `${full} slabs when full`);
  assert.ok(tables.allocatedBytes <= 2 * tables.liveBytes + 5 * SLAB, `${slabs(tables)} slabs, live ${tables.liveBytes}`);
  const hash = tables.hash;
  const fresh = createTables();
  table.scan({}, (k, v) => fresh.table(1).set(k, v));
  assert.equal(fresh.hash, hash);
  for (let i = 0; i < 40_000; i++) table.delete(key(i));
  assert.equal(tables.hash, '0000000000000000');
  assert.equal(tables.liveBytes, 0);
  assert.ok(tables.allocatedBytes <= 2 * SLAB, `${slabs(tables)} slabs when empty`);
});

test('tables: large values of any size come and go → memory is given back, they are intact', () => {
  const random = createRandom(11);
  const tables = createTables();
  const table = tables.table(1);
  const lengths: (number | undefined)[] = Array.from({ length: 150 });
  for (let n = 0; n < 1500; n++) {
    const i = random(150);
    const length = 1 << (8 + random(13));
    if (random(3) === 0) {
      table.delete(key(i));
      lengths[i] = undefined;
    } else table.set(key(i), filled((lengths[i] = length + random(length)), i));
  }
  checkContent(tables, lengths);
  assert.ok(tables.allocatedBytes <= 1.5 * tables.liveBytes + 5 * SLAB, `${slabs(tables)} slabs, live ${tables.liveBytes}`);
  for (let i = 0; i < 150; i++) if (i !== 77) table.delete(key(i));
  for (let n = 0; n < 2000; n++) table.set(key(77), filled((lengths[77] = 10 + (n % 40)), 77));
  assert.equal(table.get(key(77))?.length, lengths[77]);
  assert.ok(tables.allocatedBytes <= 6 * SLAB, `${slabs(tables)} slabs at the end`);
});

test('tables: views held over changes and released in any order → what only they saw is freed', () => {
  const random = createRandom(5);
  const tables = createTables();
  const table = tables.table(1);
  for (let i = 0; i < 20_000; i++) table.set(key(i), filled(500, i));
  const before = tables.allocatedBytes;
  const views = [];
  for (let round = 0; round < 4; round++) {
    views.push({ view: tables.view(), round });
    for (let i = 0; i < 20_000; i++) table.set(key(i), filled(500, i + round + 1));
  }
  assert.ok(tables.allocatedBytes > 4 * before, 'views keep what they show');
  while (views.length > 0) {
    const [{ view, round }] = views.splice(random(views.length), 1) as [(typeof views)[number]];
    for (let i = 0; i < 20_000; i += 97) assert.equal(view.table(1).get(key(i))?.[0], (i + round) & 0xff);
    view.release();
    for (let i = 0; i < 3000; i++) table.set(key(i), filled(500, i + 4));
  }
  for (let i = 0; i < 20_000; i++) table.set(key(i), filled(500, i + 5));
  assert.ok(tables.allocatedBytes <= 1.4 * before + 5 * SLAB, `${slabs(tables)} slabs, ${before / SLAB} before`);
  for (let i = 0; i < 20_000; i += 7) assert.equal(table.get(key(i))?.[499], (i + 5) & 0xff);
});

test('tables: cleared while a view lives → the view still shows everything, and its memory goes with it', () => {
  const tables = createTables();
  for (let i = 0; i < 20_000; i++) tables.table(1).set(key(i), filled(500, i));
  const hash = tables.hash;
  const view = tables.view();
  tables.clear();
  assert.equal(tables.hash, '0000000000000000');
  assert.equal(tables.table(1).size, 0);
  assert.equal(tables.table(1).get(key(5)), undefined);
  tables.table(1).set(key(5), filled(3, 9));
  assert.ok(slabs(tables) > 2);
  let seen = 0;
  assert.equal(
    view.resume(null, (_table, _key, value) => value[0] === (seen++ & 0xff)),
    null,
  );
  assert.equal(seen, 20_000);
  assert.equal(view.hash, hash);
  view.release();
  assert.equal(slabs(tables), 1);
  assert.deepEqual([...(tables.table(1).get(key(5)) as Uint8Array)], [9, 9, 9]);
});

test('tables: 100,000 changes in begin and commit or rollback → nothing is left behind', () => {
  const tables = createTables();
  const table = tables.table(1);
  for (let i = 0; i < 1000; i++) table.set(key(i), filled(100, i));
  const { hash, allocatedBytes } = tables;
  for (let n = 0; n < 100_000; n++) {
    tables.begin();
    table.set(key(n % 1500), filled(n % 400, 1));
    table.delete(key((n * 7) % 1500));
    tables.rollback();
  }
  assert.equal(tables.hash, hash);
  assert.ok(tables.allocatedBytes <= allocatedBytes + SLAB);
  for (let n = 0; n < 100_000; n++) {
    tables.begin();
    table.set(key(n % 1000), filled(100, n % 1000));
    tables.commit();
  }
  assert.equal(tables.hash, hash);
  assert.ok(tables.allocatedBytes <= allocatedBytes + SLAB);
});
