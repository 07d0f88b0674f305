import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Tables, createTables } from '@quorate/machine';
import { LiveTable } from '../dist/tables/live-table.js';
import { childAt, countOf, keyAt, levelOf } from '../dist/tables/node.js';
import { Store } from '../dist/tables/store.js';

// A tree remembers its last ways down. These are changes that make a remembered way wrong.
const key = (i: number): Uint8Array => Uint8Array.of(1, i >>> 8, i & 0xff);
const value = (i: number): Uint8Array => Uint8Array.of(i);

function content(tables: Tables): string[] {
  const found: string[] = [];
  tables.table(1).scan({}, (at, stored) => found.push(`${((at[1] as number) << 8) | (at[2] as number)}=${stored[0] ?? ''}`) > 0);
  return found;
}

/** Even keys below `count`, each with value 0. */
function filled(count: number): { tables: Tables; expected: Map<number, number> } {
  const tables = createTables();
  const expected = new Map<number, number>();
  for (let i = 0; i < count; i += 2) {
    tables.table(1).set(key(i), value(0));
    expected.set(i, 0);
  }
  return { tables, expected };
}

function check(tables: Tables, expected: ReadonlyMap<number, number>): void {
  assert.deepEqual(
    content(tables),
    [...expected].sort(([a], [b]) => a - b).map(([i, stored]) => `${i}=${stored}`),
  );
  for (const [i, stored] of expected) assert.equal(tables.table(1).get(key(i))?.[0], stored);
}

for (const other of [1, 63, 129]) {
  for (const count of [128, 256]) {
    test(`tables: an entry is read, key ${other} of ${count} comes in or goes, the entry is written → the entry itself is written`, () => {
      for (const isUndone of [false, true]) {
        for (let i = 0; i < count; i += 2) {
          const { tables, expected } = filled(count);
          if (isUndone) tables.begin();
          assert.equal(tables.table(1).get(key(i))?.[0], 0);
          tables.table(1).set(key(other), value(1));
          tables.table(1).set(key(i), value(2));
          assert.equal(tables.table(1).delete(key(other)), true);
          tables.table(1).set(key(i), value(3));
          if (isUndone) tables.rollback();
          else expected.set(i, 3);
          check(tables, expected);
        }
      }
    });
  }
}

test('tables: two entries are read, a view is made, both are written → both are, and the view shows what was', () => {
  const { tables, expected } = filled(400);
  for (let i = 0; i + 2 < 400; i += 2) {
    const before = content(tables);
    tables.table(1).get(key(i));
    tables.table(1).get(key(i + 2));
    const view = tables.view();
    for (const at of [i, i + 2, i]) {
      tables.table(1).set(key(at), value((i & 0x7f) + 1));
      expected.set(at, (i & 0x7f) + 1);
    }
    check(tables, expected);
    const shown: string[] = [];
    view.table(1).scan({}, (at, stored) => shown.push(`${((at[1] as number) << 8) | (at[2] as number)}=${stored[0] ?? ''}`) > 0);
    assert.deepEqual(shown, before);
    view.release();
  }
});

test('tables: an entry is read, it or a node above it is moved in memory, the entry is written → the entry itself is written', () => {
  const store = new Store();
  const table = new LiveTable(1, store);
  for (let i = 0; i < 400; i++) table.set(key(i), value(0));
  const { heap } = store;
  assert.ok(levelOf(heap, table.root) === 1 && countOf(heap, table.root) > 2, 'a root over leaves');
  const leafOf = (place: number): number => childAt(heap, table.root, place);
  const moves = {
    entry: () => keyAt(heap, leafOf(1), 3),
    leaf: () => leafOf(1),
    root: () => table.root,
    separator: () => keyAt(heap, table.root, 1),
  };
  let round = 0;
  for (const [what, address] of Object.entries(moves)) {
    round++;
    const read = keyAt(heap, leafOf(1), 3);
    const at = heap.bytes[read >>> 18]?.slice(((read & 0x3_ffff) << 4) + 24, ((read & 0x3_ffff) << 4) + 27) as Uint8Array;
    assert.equal(table.get(at)?.length, 1);
    store.relocate(address());
    table.set(at, value(round));
    // What was freed is used again.
    for (let i = 1000; i < 1004; i++) table.set(key(i), value(9));
    let seen = -1;
    table.scan({ from: at }, (_, stored) => {
      seen = stored[0] as number;
      return false;
    });
    assert.equal(seen, round, what);
    for (let i = 1000; i < 1004; i++) assert.ok(table.delete(key(i)));
  }
});

test('T19: tables: keys that differ only in bytes that all others share → each is found where it belongs, and only if it is there', () => {
  const textOf = (prefix: string, i: number): string => `${prefix}${String(i).padStart(5, '0')}`;
  const keyOf = (prefix: string, i: number): Uint8Array => new TextEncoder().encode(textOf(prefix, i));
  const tables = createTables();
  const table = tables.table(1);
  // So many that inner nodes have been split too.
  const all = Array.from({ length: 5000 }, (_, i) => i);
  for (const i of all) table.set(keyOf('shared', i), value(1));
  const texts = all.map((i) => textOf('shared', i));
  for (const prefix of ['sharec', 'sharee', 'share', 'sharedd', 'a', 'z']) {
    for (const i of [0, 1, 50, 2501, 4998, 4999]) {
      const other = keyOf(prefix, i);
      tables.begin();
      assert.equal(table.get(keyOf('shared', i))?.[0], 1);
      assert.equal(table.has(other), false);
      assert.equal(table.delete(other), false);
      assert.equal(table.set(other, value(2)), true);
      assert.equal(table.get(keyOf('shared', i))?.[0], 1);
      assert.equal(table.get(other)?.[0], 2);
      const found: string[] = [];
      table.scan({}, (at) => found.push(new TextDecoder().decode(at)) > 0);
      assert.deepEqual(found, [...texts, textOf(prefix, i)].sort());
      tables.rollback();
    }
  }
});
