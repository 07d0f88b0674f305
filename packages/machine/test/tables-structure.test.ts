import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keyOf, tableOf } from '../dist/tables/entry.js';
import { LiveTable } from '../dist/tables/live-table.js';
import { childAt, countOf, keyAt, levelOf, search } from '../dist/tables/node.js';
import { StableView } from '../dist/tables/stable-view.js';
import { Store } from '../dist/tables/store.js';
import { createRandom } from './tables-random.js';

/** Checks the tree below a node and gives the bytes of all its objects. Keys are from `low` (included) to `high`. */
function checkNode(store: Store, table: LiveTable, node: number, low: Uint8Array | null, high: Uint8Array | null): number {
  const { heap } = store;
  const count = countOf(heap, node);
  const isInner = levelOf(heap, node) > 0;
  assert.ok(count >= 1 && count <= 64);
  let bytes = heap.capacityOf(node);
  let previous = low;
  for (let i = 0; i < count; i++) {
    const address = keyAt(heap, node, i);
    let from = low;
    if (!isInner || i > 0) {
      bytes += heap.capacityOf(address);
      const key = keyOf(heap, address);
      assert.equal(tableOf(heap, address), table.number);
      assert.equal(search(heap, node, key), (i << 1) | 1, 'each key is found in its node');
      if (previous !== null) assert.ok(Buffer.compare(previous, key) < (isInner || (i === 0 && previous === low) ? 1 : 0), 'keys ascend');
      if (high !== null) assert.ok(Buffer.compare(key, high) < 0, 'keys are within the borders of the node');
      previous = key;
      from = key;
    } else assert.equal(address, 0);
    if (!isInner) continue;
    assert.equal(levelOf(heap, childAt(heap, node, i)), levelOf(heap, node) - 1, 'all leaves are on one level');
    const to = i + 1 < count ? keyOf(heap, keyAt(heap, node, i + 1)) : high;
    bytes += checkNode(store, table, childAt(heap, node, i), from, to);
  }
  return bytes;
}

function checkAll(store: Store, tables: readonly LiveTable[]): number {
  let bytes = 0;
  for (const table of tables) if (table.root !== 0) bytes += checkNode(store, table, table.root, null, null);
  return bytes;
}

function keyFor(shape: number, n: number): Uint8Array {
  const number = String(n).padStart(7, '0');
  if (shape === 0) return Buffer.from(number);
  if (shape === 1) return Buffer.from(`${'a-long-prefix-that-all-keys-share/'.repeat(4)}${number}`);
  if (shape === 2) return Buffer.from(number.split('').reverse().join(''));
  return Buffer.from('z'.repeat(1 + (n % 300)) + (n % 7));
}

for (const shape of [0, 1, 2, 3])
  test(`tables: 60,000 random changes to deep trees, keys of shape ${shape} → trees stay in order, and what is in use is what they refer to`, () => {
    const random = createRandom(100 + shape);
    const store = new Store();
    const tables = [new LiveTable(1, store), new LiveTable(40_000, store)];
    const drain = (): void => {
      while (store.reclaim(1000));
    };
    let view: StableView | null = null;
    for (let round = 0; round < 12; round++) {
      const isGrowing = round % 4 < 2;
      for (let n = 0; n < 5000; n++) {
        const table = tables[random(5) === 0 ? 1 : 0] as LiveTable;
        // Runs of neighbours empty whole nodes.
        const key = keyFor(shape, round % 3 === 0 ? n : random(12_000));
        if (random(10) < (isGrowing ? 8 : 2)) table.set(key, new Uint8Array(random(60)));
        else table.delete(key);
      }
      if (view === null) {
        drain();
        assert.equal(checkAll(store, tables), store.heap.usedBytes, 'nothing leaked, nothing freed too early');
        const states = tables.filter((table) => table.size > 0).map(({ number, root, size }) => ({ number, root, size }));
        view = new StableView(store, states, '', () => undefined);
      } else {
        checkAll(store, tables);
        view.release();
        view = null;
      }
    }
    view?.release();
    for (const table of tables) {
      const keys: Uint8Array[] = [];
      table.scan({ isReverse: shape % 2 === 0 }, (key) => keys.push(Uint8Array.from(key)) > 0);
      assert.equal(keys.length, table.size);
      for (const key of keys) assert.equal(table.delete(key), true);
      assert.equal(table.root, 0);
    }
    drain();
    assert.equal(store.heap.usedBytes, 0);
    assert.equal(store.liveBytes, 0);
    assert.equal(store.hashA + store.hashB, 0);
  });

test('tables: slabs are emptied while views come and go, entries of all sizes → what is in use is what the trees refer to', () => {
  const random = createRandom(77);
  const store = new Store();
  const table = new LiveTable(1, store);
  const key = (n: number): Uint8Array => Buffer.from(String(n).padStart(5, '0'));
  let moves = 0;
  for (let round = 0; round < 2; round++) {
    for (let n = 0; n < 15_000; n++) table.set(key(n), new Uint8Array(random(50) === 0 ? 1 + random(40_000) : 1000 + random(800)).fill(n));
    for (let n = 0; n < 15_000; n++) {
      if (random(100) > 7) table.delete(key(n));
      if (random(900) === 0) new StableView(store, [{ number: 1, root: table.root, size: table.size }], '', () => undefined).release();
      if (store.heap.closedSlab !== 0) moves++;
    }
    while (store.reclaim(1000));
    assert.equal(checkNode(store, table, table.root, null, null), store.heap.usedBytes);
    table.scan({}, (k, value) => {
      const byte = Number(Buffer.from(k).toString()) & 0xff;
      return (value[0] === byte && value[value.length - 1] === byte) || assert.fail('damaged');
    });
  }
  assert.ok(moves > 100, `slabs were emptied over ${moves} changes`);
});

for (const isReverse of [false, true])
  test(`tables: full nodes are drained from the ${isReverse ? 'back' : 'front'} → empty nodes go, and their separators with them`, () => {
    const store = new Store();
    const table = new LiveTable(1, store);
    for (let n = 0; n < 12_000; n++) table.set(keyFor(0, n), new Uint8Array(0));
    for (let n = 0; n < 12_000; n++) {
      table.delete(keyFor(0, isReverse ? 11_999 - n : n));
      if (n % 61 === 0) assert.equal(checkAll(store, [table]), store.heap.usedBytes);
    }
    assert.equal(store.heap.usedBytes, 0);
  });
