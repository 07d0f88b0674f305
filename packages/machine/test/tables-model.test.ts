import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createTables } from '@quorate/machine';
import type { ReadableTable, ScanRange, TablesView, ViewCursor } from '@quorate/machine';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytes = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'hex'));

type Content = Map<number, Map<string, string>>;
const copyOf = (content: Content): Content => new Map([...content].map(([number, table]) => [number, new Map(table)]));
const sorted = (table: Map<string, string> | undefined): [string, string][] => [...(table ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));

function scanAll(table: ReadableTable, range: ScanRange = {}): [string, string][] {
  const seen: [string, string][] = [];
  table.scan(range, (key, value) => seen.push([hex(key), hex(value)]) > 0);
  return seen;
}

function checkTable(table: ReadableTable, model: Map<string, string> | undefined, bounds: readonly [string, string]): void {
  const all = sorted(model);
  assert.equal(table.size, all.length);
  assert.deepEqual(scanAll(table), all);
  assert.deepEqual(scanAll(table, { isReverse: true }), [...all].reverse());
  const [from, to] = bounds;
  const within = all.filter(([key]) => key >= from && key < to);
  assert.deepEqual(scanAll(table, { from: bytes(from), to: bytes(to) }), within);
  assert.deepEqual(scanAll(table, { from: bytes(from), to: bytes(to), isReverse: true }), [...within].reverse());
  assert.deepEqual(
    scanAll(table, { from: bytes(from) }),
    all.filter(([key]) => key >= from),
  );
  assert.deepEqual(scanAll(table, { to: bytes(to), isReverse: true }), all.filter(([key]) => key < to).reverse());
  for (const [key, value] of within) assert.equal(hex(table.get(bytes(key)) as Uint8Array), value);
  assert.equal(table.has(bytes(from)), model?.has(from) ?? false);
}

/** Keys of few shapes, so that they meet, share prefixes, and are prefixes of each other. */
const keyArbitrary = fc.oneof(
  fc.integer({ min: 0, max: 400 }).map((n) => n.toString(16).padStart(4, '0')),
  fc.integer({ min: 0, max: 300 }).map((n) => `00000000000000000007${n.toString(16).padStart(8, '0')}`),
  fc.uint8Array({ minLength: 1, maxLength: 5 }).map(hex),
  fc.integer({ min: 1, max: 40 }).map((n) => '00'.repeat(n)),
  fc.integer({ min: 1, max: 40 }).map((n) => 'ff'.repeat(n)),
);
const valueArbitrary = fc.oneof(
  fc.constant(''),
  fc.uint8Array({ maxLength: 12 }).map(hex),
  fc
    .tuple(fc.integer({ min: 0, max: 255 }), fc.integer({ min: 13, max: 3000 }))
    .map(([byte, length]) => hex(new Uint8Array(length).fill(byte))),
);
const tableArbitrary = fc.constantFrom(1, 2, 65_535);
const stepArbitrary = fc.oneof(
  {
    weight: 30,
    arbitrary: fc.record({ type: fc.constant('set' as const), table: tableArbitrary, key: keyArbitrary, value: valueArbitrary }),
  },
  { weight: 14, arbitrary: fc.record({ type: fc.constant('delete' as const), table: tableArbitrary, key: keyArbitrary }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('run' as const),
      table: tableArbitrary,
      from: fc.integer({ min: 0, max: 300 }),
      count: fc.integer({ min: 1, max: 300 }),
      isDescending: fc.boolean(),
      isDelete: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('view' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('release' as const), which: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('begin' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('rollback' as const) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('commit' as const) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('resume' as const), which: fc.nat(), count: fc.integer({ min: 1, max: 60 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('check' as const), table: tableArbitrary, from: keyArbitrary, to: keyArbitrary }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('clear' as const) }) },
);

interface OpenView {
  readonly view: TablesView;
  readonly content: Content;
  readonly hash: string;
  cursor: ViewCursor | null;
  isAtEnd: boolean;
  readonly seen: [number, string, string][];
}

/** The tables beside plain maps. */
class Pair {
  readonly tables = createTables();
  content: Content = new Map();
  before: Content | null = null;
  beforeHash = '';
  views: OpenView[] = [];

  set(number: number, key: string, value: string): void {
    let table = this.content.get(number);
    if (table === undefined) this.content.set(number, (table = new Map()));
    const isNew = !table.has(key);
    table.set(key, value);
    assert.equal(this.tables.table(number).set(bytes(key), bytes(value)), isNew);
  }

  delete(number: number, key: string): void {
    assert.equal(this.tables.table(number).delete(bytes(key)), this.content.get(number)?.delete(key) ?? false);
  }

  end(isUndone: boolean): void {
    if (this.before === null) return;
    if (isUndone) {
      this.tables.rollback();
      this.content = this.before;
      assert.equal(this.tables.hash, this.beforeHash);
    } else this.tables.commit();
    this.before = null;
  }

  openView(): void {
    if (this.before !== null || this.views.length >= 4) return;
    const content = copyOf(this.content);
    const view = this.tables.view();
    assert.deepEqual(
      view.tables,
      [...content]
        .filter(([, table]) => table.size > 0)
        .map(([number]) => number)
        .sort((a, b) => a - b),
    );
    assert.equal(view.hash, this.tables.hash);
    this.views.push({ view, content, hash: view.hash, cursor: null, isAtEnd: false, seen: [] });
  }

  resume(open: OpenView, count: number): void {
    if (open.isAtEnd) return;
    let left = count;
    open.cursor = open.view.resume(open.cursor, (table, key, value) => {
      open.seen.push([table, hex(key), hex(value)]);
      return --left > 0;
    });
    open.isAtEnd = open.cursor === null;
  }

  close(open: OpenView): void {
    for (const number of open.view.tables) checkTable(open.view.table(number), open.content.get(number), ['0010', '0080']);
    while (!open.isAtEnd) this.resume(open, 100);
    const expected = open.view.tables.flatMap((number) => sorted(open.content.get(number)).map(([key, value]) => [number, key, value]));
    assert.deepEqual(open.seen, expected);
    assert.equal(open.view.size, expected.length);
    assert.equal(open.view.hash, open.hash);
    open.view.release();
    this.views = this.views.filter((each) => each !== open);
  }

  check(): void {
    let live = 0;
    for (const [number, table] of this.content) {
      checkTable(this.tables.table(number), table, ['0010', '0080']);
      for (const [key, value] of table) live += (key.length + value.length) / 2;
    }
    assert.equal(this.tables.liveBytes, live);
    const fresh = createTables();
    for (const [number, table] of this.content) for (const [key, value] of table) fresh.table(number).set(bytes(key), bytes(value));
    assert.equal(fresh.hash, this.tables.hash);
  }
}

function play(pair: Pair, step: typeof stepArbitrary extends fc.Arbitrary<infer T> ? T : never): void {
  switch (step.type) {
    case 'set':
      return pair.set(step.table, step.key, step.value);
    case 'delete':
      return pair.delete(step.table, step.key);
    case 'run':
      for (let i = 0; i < step.count; i++) {
        const key = (step.from + (step.isDescending ? step.count - i : i)).toString(16).padStart(4, '0');
        if (step.isDelete) pair.delete(step.table, key);
        else pair.set(step.table, key, key);
      }
      return;
    case 'view':
      return pair.openView();
    case 'release': {
      const open = pair.views[step.which % Math.max(1, pair.views.length)];
      return open === undefined ? undefined : pair.close(open);
    }
    case 'begin':
      if (pair.before !== null) return;
      pair.before = copyOf(pair.content);
      pair.beforeHash = pair.tables.hash;
      return pair.tables.begin();
    case 'rollback':
      return pair.end(true);
    case 'commit':
      return pair.end(false);
    case 'resume': {
      const open = pair.views[step.which % Math.max(1, pair.views.length)];
      return open === undefined ? undefined : pair.resume(open, step.count);
    }
    case 'check':
      return checkTable(pair.tables.table(step.table), pair.content.get(step.table), [step.from, step.to]);
    case 'clear':
      if (pair.before !== null) return;
      pair.tables.clear();
      pair.content.clear();
  }
}

test('tables: any changes, scans, views, rollbacks → the same as a sorted map, and hash and bytes as if written afresh', () => {
  fc.assert(
    fc.property(fc.array(stepArbitrary, { minLength: 1, maxLength: 400, size: 'max' }), (steps) => {
      const pair = new Pair();
      for (const step of steps) play(pair, step);
      pair.end(true);
      pair.check();
      while (pair.views[0] !== undefined) pair.close(pair.views[0]);
      pair.check();
    }),
    { numRuns: 40 },
  );
});
