import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuorateError } from '@quorate/base';
import { type StandardSchema, type ValueCodec, bytes, json, text, validated } from '@quorate/resources';
import { FakeCluster, codeOf } from './faces-cluster.js';

function faultOf(run: () => unknown): QuorateError {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError, String(thrown));
    return thrown;
  }
  assert.fail('nothing was thrown');
}

test('json: any value that JSON holds → comes back equal', () => {
  const codec = json();
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
      // JSON knows no negative zero.
      assert.deepEqual(codec.decode(codec.encode(value)), JSON.parse(JSON.stringify(value)));
    }),
  );
});

test('json: what JSON would lose → valueInvalid that says where', () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  const deep: unknown[] = [];
  let at = deep;
  for (let i = 0; i < 10_000; i++) {
    const next: unknown[] = [];
    at.push(next);
    at = next;
  }
  const cases: [unknown, string | undefined][] = [
    [undefined, 'value'],
    [() => 1, 'value'],
    [Symbol('s'), 'value'],
    [Number.NaN, 'value'],
    [Number.POSITIVE_INFINITY, 'value'],
    [10n, 'value'],
    [{ a: [1, { b: Number.NaN }] }, 'value.a[1].b'],
    [[undefined], 'value[0]'],
    [{ f: () => 1 }, 'value.f'],
    [new Map([[1, 2]]), 'value'],
    [{ s: new Set() }, 'value.s'],
    [new Uint8Array(3), 'value'],
    [new Date(Number.NaN), 'value'],
    [{ toJSON: () => ({ n: Number.NaN }) }, 'value.n'],
    [circle, undefined],
    [deep, undefined],
  ];
  const codec: ValueCodec<unknown> = json();
  for (const [value, path] of cases) {
    const { code, details } = faultOf(() => codec.encode(value));
    assert.equal(code, 'valueInvalid');
    if (path !== undefined) assert.equal(details['path'], path);
  }
  assert.deepEqual(codec.decode(codec.encode({ a: undefined, d: new Date(0) })), { d: '1970-01-01T00:00:00.000Z' });
});

test('bytes and text: values of other kinds, half a surrogate pair → valueInvalid; others come back equal', () => {
  for (const value of ['x', null, 7, [1]]) assert.equal(faultOf(() => bytes().encode(value as never)).code, 'valueInvalid');
  for (const value of [new Uint8Array(1), null, 7, 'a\ud800'])
    assert.equal(faultOf(() => text().encode(value as never)).code, 'valueInvalid');
  assert.equal(text().decode(text().encode('aé日😀')), 'aé日😀');
  const given = Uint8Array.of(1, 2, 3);
  const read = bytes().decode(given);
  given.fill(0);
  assert.deepEqual([...read], [1, 2, 3]);
});

/** A validator of positive numbers that rounds. */
const POSITIVE: StandardSchema<{ n: number }> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const n = (value as { n?: unknown } | null)?.n;
      if (typeof n === 'number' && n > 0) return { value: { n: Math.round(n) } };
      return { issues: [{ message: 'must be positive', path: ['n', { key: 0 }] }, { message: 'another' }] };
    },
  },
};

test('validated: accepted → stored as the validator gives it; refused both ways → valueInvalid with path and issues', () => {
  const codec = validated(json<{ n: number }>(), POSITIVE);
  assert.deepEqual(codec.decode(codec.encode({ n: 1.2 })), { n: 1 });
  const refused = faultOf(() => codec.encode({ n: -1 }));
  assert.equal(refused.code, 'valueInvalid');
  assert.deepEqual(refused.details, { path: 'n.0', issues: 2 });
  assert.match(refused.message, /n\.0: must be positive \(and 1 more\)/);
  assert.equal((refused.cause as unknown[]).length, 2);
  assert.equal(faultOf(() => codec.decode(json().encode({ n: 'x' }))).code, 'valueInvalid');
});

test('validated: asynchronous or no validator → valueInvalid, no unhandled rejection', async () => {
  const slow: StandardSchema<number> = {
    '~standard': { version: 1, vendor: 'slow', validate: () => Promise.reject(new Error('later')) },
  };
  assert.match(faultOf(() => validated(json<number>(), slow).encode(1)).message, /asynchronous/);
  await new Promise((resolve) => setImmediate(resolve));
  for (const schema of [null, {}, { '~standard': { version: 2, validate: () => ({}) } }]) {
    assert.equal(faultOf(() => validated(json(), schema as never)).code, 'valueInvalid');
  }
});

test('a codec that throws or gives no bytes → valueInvalid with its cause, and nothing is sent', async () => {
  const cluster = new FakeCluster();
  const { time } = cluster;
  const { resources, commands } = cluster.resources();
  const mine = new TypeError('mine');
  const broken: ValueCodec<unknown> = {
    encode: () => {
      throw mine;
    },
    decode: () => {
      throw mine;
    },
  };
  const error = await time.until(
    resources
      .map('m', { codec: broken })
      .set('a', 1)
      .then(
        () => null,
        (thrown: unknown) => thrown,
      ),
  );
  assert.ok(error instanceof QuorateError);
  assert.deepEqual([error.code, error.cause], ['valueInvalid', mine]);
  const none: ValueCodec<unknown> = { encode: () => 'text' as never, decode: () => 1 };
  assert.equal(await time.until(codeOf(resources.map('m', { codec: none }).set('a', 1))), 'valueInvalid');
  assert.equal(await time.until(codeOf(resources.election('e', { codec: broken }).campaign(1))), 'valueInvalid');
  assert.deepEqual(commands.submitted, []);
  await time.until(resources.map('m').set('a', 1));
  const reading = resources.map('m', { codec: broken });
  assert.equal(await time.until(codeOf(reading.get('a'))), 'valueInvalid');
  assert.equal(await time.until(codeOf(reading.entries().next())), 'valueInvalid');
  const watch = reading.watch();
  await time.until(resources.map('m').set('a', 2));
  assert.equal(await time.until(codeOf(watch.next())), 'valueInvalid');
  assert.deepEqual(await time.until(watch.next()), { done: true, value: undefined });
});
