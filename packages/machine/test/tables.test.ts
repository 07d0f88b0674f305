import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { TABLE_KEY_BYTES_MAX, TABLE_VALUE_BYTES_MAX, createTables } from '@quorate/machine';
import type { ReadableTable, ScanRange, Tables, ViewCursor } from '@quorate/machine';
import { createRandom } from './tables-random.js';

const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text));
const text = (array: Uint8Array | undefined): string | undefined => (array === undefined ? undefined : Buffer.from(array).toString());
const isCode =
  (code: string) =>
  (error: unknown): boolean =>
    error instanceof QuorateError && error.code === code;

function keysOf(table: ReadableTable, range: ScanRange = {}): string[] {
  const keys: string[] = [];
  table.scan(range, (key) => keys.push(text(key) as string) > 0);
  return keys;
}

function filled(entries: Readonly<Record<string, string>>, number = 1): Tables {
  const tables = createTables();
  for (const [key, value] of Object.entries(entries)) tables.table(number).set(bytes(key), bytes(value));
  return tables;
}

test('tables: set, overwrite, delete → true only for what is new, or was there', () => {
  const table = createTables().table(1);
  assert.equal(table.set(bytes('a'), bytes('1')), true);
  assert.equal(table.set(bytes('a'), bytes('2')), false);
  assert.equal(text(table.get(bytes('a'))), '2');
  assert.equal(table.set(bytes('b'), new Uint8Array(0)), true);
  assert.equal(table.get(bytes('b'))?.length, 0);
  assert.equal(table.has(bytes('b')), true);
  assert.equal(table.delete(bytes('a')), true);
  assert.equal(table.delete(bytes('a')), false);
  assert.equal(table.get(bytes('a')), undefined);
  assert.equal(table.size, 1);
});

test('tables: keys, values and table numbers at and over their bounds → accepted, or invalidArgument and nothing changed', () => {
  const tables = createTables();
  const table = tables.table(65_535);
  const key = new Uint8Array(TABLE_KEY_BYTES_MAX).fill(255);
  const value = new Uint8Array(TABLE_VALUE_BYTES_MAX).fill(3);
  assert.equal(table.set(key, value), true);
  assert.equal(table.set(key.subarray(1), value), true);
  assert.deepEqual(table.get(key), value);
  assert.equal(tables.liveBytes, 2 * TABLE_VALUE_BYTES_MAX + 2 * TABLE_KEY_BYTES_MAX - 1);
  const { hash } = tables;
  assert.throws(() => table.set(new Uint8Array(0), value), isCode('invalidArgument'));
  assert.throws(() => table.set(new Uint8Array(TABLE_KEY_BYTES_MAX + 1), value), isCode('invalidArgument'));
  assert.throws(() => table.set(key, new Uint8Array(TABLE_VALUE_BYTES_MAX + 1)), isCode('invalidArgument'));
  for (const number of [0, -1, 1.5, 65_536, Number.NaN]) assert.throws(() => tables.table(number), isCode('invalidArgument'));
  assert.equal(table.has(new Uint8Array(0)), false);
  assert.equal(table.delete(new Uint8Array(TABLE_KEY_BYTES_MAX + 1)), false);
  assert.equal(tables.hash, hash);
  assert.equal(table.size, 2);
});

test('tables: what was handed in is changed afterwards → the tables are not', () => {
  const table = createTables().table(1);
  const key = bytes('key');
  const value = bytes('value');
  table.set(key, value);
  key.fill(0);
  value.fill(0);
  assert.equal(text(table.get(bytes('key'))), 'value');
});

test('tables: a value of the tables is set, whole or in part, under its own or another key → copied right', () => {
  for (const length of [10, 39, 60, 500, 20_000]) {
    const table = createTables().table(1);
    const value = Uint8Array.from({ length }, (_, i) => i);
    table.set(bytes('a'), value);
    table.set(bytes('a'), (table.get(bytes('a')) as Uint8Array).subarray(3));
    assert.deepEqual(Uint8Array.from(table.get(bytes('a')) as Uint8Array), value.subarray(3));
    table.set(bytes('b'), table.get(bytes('a')) as Uint8Array);
    table.set(bytes('b'), (table.get(bytes('a')) as Uint8Array).subarray(2, 8));
    assert.deepEqual(Uint8Array.from(table.get(bytes('b')) as Uint8Array), value.subarray(5, 11));
    assert.deepEqual(Uint8Array.from(table.get(bytes('a')) as Uint8Array), value.subarray(3));
  }
});

test('tables: keys that are prefixes of each other, or differ in zero bytes → ordered as bytes, each found', () => {
  const table = createTables().table(1);
  const keys: Uint8Array[] = [];
  for (let n = 1; n <= 200; n++) keys.push(new Uint8Array(n), new Uint8Array(n).fill(255), Uint8Array.from([...new Uint8Array(n), 1]));
  const random = createRandom(1);
  for (const key of keys.slice().sort(() => random(3) - 1)) table.set(key, key);
  const seen: Uint8Array[] = [];
  table.scan({}, (key) => seen.push(Uint8Array.from(key)) > 0);
  assert.deepEqual(
    seen,
    keys.map((key) => Uint8Array.from(key)).sort((a, b) => Buffer.compare(a, b)),
  );
  for (const key of keys) assert.deepEqual(Uint8Array.from(table.get(key) as Uint8Array), key);
});

test('tables: keys of 8 KiB that differ in their last byte or their length only → each found, also after deletes', () => {
  const table = createTables().table(1);
  const keyOf = (i: number): Uint8Array => {
    const key = new Uint8Array(TABLE_KEY_BYTES_MAX - (i >>> 8)).fill(9);
    key[key.length - 1] = i;
    return key;
  };
  for (let i = 0; i < 600; i++) assert.equal(table.set(keyOf(i * 7), Uint8Array.of(i, i >>> 8)), true);
  for (let i = 0; i < 600; i += 2) assert.equal(table.delete(keyOf(i * 7)), true);
  for (let i = 0; i < 600; i++) assert.deepEqual(table.get(keyOf(i * 7))?.[0], i % 2 === 0 ? undefined : i & 0xff);
});

for (const order of ['ascending', 'descending'] as const)
  test(`tables: 50,000 keys in ${order} order → nodes are filled: no more than 30 bytes of index per entry`, () => {
    const tables = createTables();
    const value = new Uint8Array(0);
    for (let i = 0; i < 50_000; i++) {
      const key = Buffer.from(String(order === 'ascending' ? i : 50_000 - i).padStart(8, '0'));
      assert.equal(tables.table(1).set(key, value), true);
    }
    // An entry of 8 bytes takes a slot of 32.
    assert.ok(tables.allocatedBytes <= 50_000 * (32 + 14) + 4_194_304, `${tables.allocatedBytes}`);
    const all = keysOf(tables.table(1));
    assert.equal(all.length, 50_000);
    assert.deepEqual(all, all.slice().sort());
  });

test('scan: borders between, on and outside keys, forward and in reverse → what lies within', () => {
  const table = filled({ b: '', d: '', f: '', ff: '' }).table(1);
  const scan = (from?: string, to?: string, isReverse = false): string =>
    keysOf(table, { ...(from !== undefined && { from: bytes(from) }), ...(to !== undefined && { to: bytes(to) }), isReverse }).join(' ');
  assert.equal(scan(), 'b d f ff');
  assert.equal(scan('b', 'f'), 'b d');
  assert.equal(scan('c', 'ff'), 'd f');
  assert.equal(scan('a', 'z'), 'b d f ff');
  assert.equal(scan('f', 'b'), '');
  assert.equal(scan('d', 'd'), '');
  assert.equal(scan('', ''), '');
  assert.equal(scan('g'), '');
  assert.equal(scan(undefined, 'b'), '');
  assert.equal(scan(undefined, undefined, true), 'ff f d b');
  assert.equal(scan('c', 'ff', true), 'f d');
  assert.equal(scan('f', 'b', true), '');
  assert.equal(scan('b', undefined, true), 'ff f d b');
});

test('scan: visit says false → it ends there', () => {
  const table = filled({ a: '', b: '', c: '' }).table(1);
  const seen: (string | undefined)[] = [];
  table.scan({}, (key) => seen.push(text(key)) < 2);
  table.scan({ isReverse: true }, (key) => seen.push(text(key)) < 3);
  assert.deepEqual(seen, ['a', 'b', 'c']);
});

test('scan: within a scan others read, then one changes tables → reads are served, the change is found out', () => {
  const tables = filled({ a: '1', b: '2' });
  const table = tables.table(1);
  let inner = 0;
  table.scan({}, () => {
    table.scan({}, () => ++inner > 0);
    return text(table.get(bytes('a'))) === '1';
  });
  assert.equal(inner, 4);
  for (const change of [
    (): unknown => table.set(bytes('a'), bytes('3')),
    (): unknown => tables.table(2).set(bytes('x'), bytes('y')),
    (): unknown => table.delete(bytes('b')),
    (): unknown => tables.clear(),
  ])
    assert.throws(() => table.scan({}, () => change() !== null), isCode('invariantBroken'));
});

test('begin: changes, then rollback → content, size and hash as before; commit → as changed', () => {
  const tables = filled({ a: '1', b: '2', c: '3' });
  const table = tables.table(1);
  const { hash, liveBytes } = tables;
  const change = (): void => {
    table.set(bytes('a'), bytes('long enough to need another slot than before, in any case'));
    table.set(bytes('a'), bytes('x'));
    table.delete(bytes('a'));
    table.set(bytes('a'), bytes('y'));
    table.delete(bytes('b'));
    table.set(bytes('d'), bytes('4'));
    table.delete(bytes('d'));
    table.set(bytes('e'), bytes('5'));
    tables.table(9).set(bytes('z'), bytes('z'));
  };
  tables.begin();
  change();
  tables.rollback();
  assert.equal(tables.hash, hash);
  assert.equal(tables.liveBytes, liveBytes);
  assert.deepEqual(keysOf(table), ['a', 'b', 'c']);
  assert.equal(text(table.get(bytes('a'))), '1');
  assert.equal(tables.table(9).size, 0);
  const view = tables.view();
  tables.begin();
  change();
  tables.commit();
  assert.deepEqual(keysOf(table), ['a', 'c', 'e']);
  assert.notEqual(tables.hash, hash);
  assert.deepEqual(view.tables, [1]);
  assert.deepEqual(keysOf(view.table(1)), ['a', 'b', 'c']);
  view.release();
});

test('begin, rollback, commit, view, clear: out of order → invariantBroken', () => {
  const tables = createTables();
  assert.throws(() => tables.commit(), isCode('invariantBroken'));
  assert.throws(() => tables.rollback(), isCode('invariantBroken'));
  tables.begin();
  assert.throws(() => tables.begin(), isCode('invariantBroken'));
  assert.throws(() => tables.view(), isCode('invariantBroken'), 'T40: nothing uncommitted gets into a view');
  assert.throws(() => tables.clear(), isCode('invariantBroken'));
  tables.commit();
  tables.begin();
  tables.rollback();
});

test('view: used after release, or with the cursor of another → invariantBroken; released twice → nothing', () => {
  const tables = filled({ a: '1', b: '2' });
  const one = tables.view();
  const other = tables.view();
  const table = one.table(1);
  const cursor = one.resume(null, () => false);
  assert.notEqual(cursor, null);
  assert.throws(() => other.resume(cursor, () => true), isCode('invariantBroken'));
  assert.throws(() => other.resume({}, () => true), isCode('invariantBroken'));
  one.release();
  one.release();
  for (const use of [
    (): unknown => one.table(1),
    (): unknown => one.resume(null, () => true),
    (): unknown => table.get(bytes('a')),
    (): unknown => table.has(bytes('a')),
  ])
    assert.throws(use, isCode('invariantBroken'));
  assert.throws(() => table.scan({}, () => true), isCode('invariantBroken'));
  assert.equal(text(other.table(1).get(bytes('a'))), '1');
  assert.equal(other.table(7).size, 0);
  assert.equal(other.table(7).get(bytes('a')), undefined);
  const last = other.resume(null, () => false);
  assert.notEqual(last, null);
  assert.equal(
    other.resume(last, () => false),
    null,
    'nothing comes after the last entry',
  );
  other.release();
});

test('resume: piece by piece while the tables change → the view as it was, each entry once; a cursor used again gives the same again', () => {
  const random = createRandom(21);
  const tables = createTables();
  const expected: string[] = [];
  for (const number of [3, 7, 500])
    for (let i = 0; i < 5000; i++) {
      const key = String(i).padStart(6, '0');
      tables.table(number).set(bytes(key), bytes(`${number}:${i}`));
      expected.push(`${number} ${key} ${number}:${i}`);
    }
  tables.table(9).set(bytes('gone'), bytes('before'));
  tables.table(9).delete(bytes('gone'));
  const view = tables.view();
  assert.deepEqual(view.tables, [3, 7, 500]);
  assert.equal(view.size, 15_000);
  const piece = (cursor: ViewCursor | null, count: number): { seen: string[]; next: ViewCursor | null } => {
    const seen: string[] = [];
    return { seen, next: view.resume(cursor, (table, key, value) => seen.push(`${table} ${text(key)} ${text(value)}`) < count) };
  };
  const all: string[] = [];
  let cursor: ViewCursor | null = null;
  do {
    const count = 1 + random(300);
    const { seen, next } = piece(cursor, count);
    for (let n = 0; n < 200; n++) {
      const table = tables.table([3, 7, 9, 500][random(4)] as number);
      const key = bytes(String(random(6000)).padStart(6, '0'));
      if (random(2) === 0) table.delete(key);
      else table.set(key, bytes('changed'));
    }
    if (random(4) === 0) assert.deepEqual(piece(cursor, count).seen, seen);
    all.push(...seen);
    cursor = next;
  } while (cursor !== null);
  assert.deepEqual(all, expected);
  view.release();
});

test('view: of empty tables → nothing, and no cursor', () => {
  const view = createTables().view();
  assert.deepEqual([view.tables, view.size, view.hash], [[], 0, '0000000000000000']);
  assert.equal(
    view.resume(null, () => assert.fail('there is nothing')),
    null,
  );
  view.release();
});

test('hash: the same content by other ways → the same; each difference in table, key or value → another', () => {
  const hash = filled({ a: '1', b: '2', c: '3' }).hash;
  assert.match(hash, /^[0-9a-f]{16}$/);
  assert.equal(filled({ c: '3', a: '1', b: '2' }).hash, hash);
  const other = filled({ a: 'x', d: '4', b: '2' });
  other.table(1).set(bytes('c'), bytes('3'));
  other.table(1).delete(bytes('d'));
  other.table(1).set(bytes('a'), bytes('1'));
  assert.equal(other.hash, hash);
  const different = [
    filled({ a: '2', b: '1', c: '3' }),
    filled({ a: '3', b: '2', c: '1' }),
    filled({ a: '1', b: '2' }),
    filled({ a: '1', b: '2', c: '3', d: '' }),
    filled({ a: '1', b: '2', c: '3' }, 2),
    filled({ a: '1', b: '2', c3: '' }),
    filled({ a: '1', b: '2', c: '3\0' }),
    filled({ a: '1', b: '2', 'c\0': '3' }),
    filled({ a: '1', b: '2', c: '\x003' }),
  ].map((tables) => tables.hash);
  assert.equal(new Set([hash, ...different]).size, different.length + 1);
});

test('hash: a known content → the known hash, on every platform and in every version', () => {
  const tables = filled({ a: '1', 'a longer key': 'a value that is longer than a few words' });
  tables.table(65_535).set(new Uint8Array(300).fill(7), new Uint8Array(5000).fill(200));
  assert.equal(tables.hash, '1eb4cea5a53c2e10');
});

test('hash: one bit of an entry differs → half of the bits of the hash do; 50,000 small entries → no two hashes alike', () => {
  const lone = createTables();
  const hashOf = (key: Uint8Array, value: Uint8Array): bigint => {
    lone.table(1).set(key, value);
    const hash = BigInt(`0x${lone.hash}`);
    lone.table(1).delete(key);
    return hash;
  };
  const random = createRandom(31);
  let flips = 0;
  const perBit = new Array<number>(64).fill(0);
  for (let n = 0; n < 300; n++) {
    const key = Uint8Array.from({ length: 1 + random(24) }, () => random(256));
    const value = Uint8Array.from({ length: 1 + random(40) }, () => random(256));
    const before = hashOf(key, value);
    const target = random(2) === 0 ? key : value;
    const at = random(target.length);
    target[at] = (target[at] as number) ^ (1 << random(8));
    const difference = before ^ hashOf(key, value);
    for (let bit = 0; bit < 64; bit++)
      if (((difference >> BigInt(bit)) & 1n) === 1n) flips += (perBit[bit] = (perBit[bit] as number) + 1) > 0 ? 1 : 0;
  }
  assert.ok(flips > 300 * 30 && flips < 300 * 34, `${flips / 300} of 64 bits`);
  for (const [bit, count] of perBit.entries()) assert.ok(count > 100 && count < 200, `bit ${bit} flips in ${count} of 300`);
  // With one table the hash before and after each new entry gives that of the entry.
  const tables = createTables();
  const lanes = [new Set<number>(), new Set<number>()];
  let previous = [0, 0];
  for (let i = 0; i < 50_000; i++) {
    tables.table(1).set(Uint8Array.of(i, i >>> 8, i >>> 16), new Uint8Array(0));
    const now = [Number.parseInt(tables.hash.slice(0, 8), 16), Number.parseInt(tables.hash.slice(8), 16)];
    for (const lane of [0, 1]) lanes[lane]?.add(((now[lane] as number) - (previous[lane] as number)) >>> 0);
    previous = now;
  }
  // Each lane of 32 bits alone: about 0.3 collisions are expected.
  for (const lane of lanes) assert.ok(lane.size > 50_000 - 5, `${lane.size}`);
});
