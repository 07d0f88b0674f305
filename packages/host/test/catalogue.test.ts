import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_STREAM_GROUP, LIMITS, QuorateError, incarnation, nodeId } from '@quorate/base';
import { Catalogue, type CatalogueCommand, decodeCommand, encodeCommand } from '@quorate/host';
import fc from 'fast-check';

function create(catalogue: Catalogue, name: string): { group: number; wasCreated: boolean } {
  const outcome = catalogue.apply({ type: 'createStream', name });
  assert.equal(outcome.type, 'streamCreated');
  return outcome.type === 'streamCreated'
    ? { group: outcome.stream.group, wasCreated: outcome.wasCreated }
    : { group: -1, wasCreated: false };
}

test('catalogue: a name created twice → the same group, created once', () => {
  const catalogue = new Catalogue();
  assert.deepEqual(create(catalogue, 'orders'), { group: FIRST_STREAM_GROUP, wasCreated: true });
  assert.deepEqual(create(catalogue, 'orders'), { group: FIRST_STREAM_GROUP, wasCreated: false });
  assert.deepEqual(create(catalogue, 'payments'), { group: FIRST_STREAM_GROUP + 1, wasCreated: true });
  assert.equal(catalogue.find('orders')?.group, FIRST_STREAM_GROUP);
  assert.equal(catalogue.find('nothing'), undefined);
});

test('catalogue: a listing in pages → every name once, in order, whatever the page size', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), { maxLength: 40, size: 'max' }),
      fc.integer({ min: 1, max: 7 }),
      (names, limit) => {
        const catalogue = new Catalogue();
        for (const name of names) create(catalogue, name);
        const listed: string[] = [];
        for (let after = '', hasMore = true; hasMore; ) {
          const page = catalogue.list('', after, limit);
          assert.ok(page.streams.length <= limit);
          listed.push(...page.streams.map((stream) => stream.name));
          after = listed.at(-1) ?? '';
          hasMore = page.hasMore;
        }
        assert.deepEqual(
          listed,
          [...names].sort((a, b) => (a < b ? -1 : 1)),
        );
      },
    ),
  );
});

test('catalogue: a prefix → only names that start with it', () => {
  const catalogue = new Catalogue();
  for (const name of ['a', 'ab', 'abc', 'b', 'ac']) create(catalogue, name);
  assert.deepEqual(
    catalogue.list('ab', '', 10).streams.map((stream) => stream.name),
    ['ab', 'abc'],
  );
});

test('catalogue: names created between listings, with any prefix and start → each listing is what a plain filter gives', () => {
  const name = fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f600}', 'é'), minLength: 1, maxLength: 4 });
  const part = fc.string({ unit: fc.constantFrom('a', 'b', '\u{1f600}', 'é'), maxLength: 2 });
  fc.assert(
    fc.property(
      fc.array(fc.oneof(name, fc.record({ prefix: part, after: part, limit: fc.integer({ min: 1, max: 5 }) })), {
        maxLength: 60,
        size: 'max',
      }),
      (steps) => {
        const catalogue = new Catalogue();
        const names = new Set<string>();
        for (const step of steps) {
          if (typeof step === 'string') {
            create(catalogue, step);
            names.add(step);
            continue;
          }
          const all = [...names].filter((each) => each > step.after && each.startsWith(step.prefix)).sort((a, b) => (a < b ? -1 : 1));
          const page = catalogue.list(step.prefix, step.after, step.limit);
          assert.deepEqual(
            page.streams.map((stream) => stream.name),
            all.slice(0, step.limit),
          );
          assert.equal(page.hasMore, all.length > step.limit);
        }
      },
    ),
  );
});

test('catalogue: full → a new name is refused as overloaded, those that are there are found, and their groups stay', () => {
  const catalogue = new Catalogue();
  for (let i = 0; i < LIMITS.catalogueEntriesMax; i++) create(catalogue, `s${i}`);
  const refused = catalogue.apply({ type: 'createStream', name: 'one more' });
  assert.equal(refused.type === 'refused' ? refused.error.code : refused.type, 'overloaded');
  assert.equal(catalogue.find('one more'), undefined);
  assert.deepEqual(create(catalogue, 's77'), { group: FIRST_STREAM_GROUP + 77, wasCreated: false });
  assert.equal(catalogue.list('s9999', '', 20).streams.length, 11);
});

test('catalogue: a node registered again → its new incarnation counts', () => {
  const catalogue = new Catalogue();
  const node = { nodeId: nodeId(2), address: '127.0.0.1:7401' };
  catalogue.apply({ type: 'registerNodes', nodes: [{ ...node, incarnation: incarnation('00000000000000aa') }] });
  catalogue.apply({ type: 'registerNodes', nodes: [{ ...node, incarnation: incarnation('00000000000000bb') }] });
  assert.equal(catalogue.nodes.get(nodeId(2))?.incarnation, '00000000000000bb');
});

test('catalogue commands: encoded and decoded → equal; cut, longer or unknown → refused, never read as something else', () => {
  const commands: CatalogueCommand[] = [
    { type: 'createStream', name: 'grüße' },
    { type: 'registerNodes', nodes: [{ nodeId: nodeId(1), incarnation: incarnation('0123456789abcdef'), address: '[::1]:7400' }] },
  ];
  for (const command of commands) {
    const bytes = encodeCommand(command);
    assert.deepEqual(decodeCommand(bytes), command);
    for (let length = 0; length < bytes.length; length++) assert.throws(() => decodeCommand(bytes.slice(0, length)), QuorateError);
    assert.throws(() => decodeCommand(new Uint8Array([...bytes, 0])), QuorateError);
  }
  for (const head of [
    [2, 1],
    [1, 99],
  ]) {
    assert.throws(
      () => decodeCommand(new Uint8Array(head)),
      (error) => error instanceof QuorateError && error.code === 'formatUnsupported',
    );
  }
});
