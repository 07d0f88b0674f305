import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { QuorateError, type StandardSchema, validated } from 'quorate';
import { messagePack } from 'quorate/message-pack';
import { messagePackValues } from './fuzz-decoders.js';

const codec = messagePack();

function faultOf(run: () => unknown): QuorateError {
  try {
    run();
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError, String(thrown));
    return thrown;
  }
  assert.fail('nothing was thrown');
}

/** One of `inner` within so many arrays. */
function nested(depth: number, inner: unknown): unknown {
  let value = inner;
  for (let i = 0; i < depth; i++) value = [value];
  return value;
}

test('MessagePack: any value that it holds → comes back equal, numbers as numbers and bigints as bigints', () => {
  fc.assert(fc.property(messagePackValues, (value) => assert.deepEqual(codec.decode(codec.encode(value)), value)));
});

test('MessagePack: numbers and 64-bit integers at the borders → come back of the same kind, in the form of other programs too', () => {
  for (const number of [
    0,
    127,
    128,
    255,
    256,
    65_535,
    65_536,
    2 ** 32 - 1,
    2 ** 32,
    2 ** 53,
    -1,
    -32,
    -33,
    -128,
    -129,
    -(2 ** 31),
    -(2 ** 31) - 1,
  ]) {
    assert.equal(codec.decode(codec.encode(number)), number);
  }
  for (const special of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e308, 5e-324, 0.1]) {
    assert.equal(codec.decode(codec.encode(special)), special);
  }
  for (const bigint of [0n, 1n, -1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n, -(2n ** 63n)]) {
    assert.equal(codec.encode(bigint).length, 9);
    assert.equal(codec.decode(codec.encode(bigint)), bigint);
  }
  assert.equal(codec.decode(codec.encode(-0)), 0);
  // uint64 5 and float32 1.5 of another program.
  assert.equal(codec.decode(Uint8Array.of(0xcf, 0, 0, 0, 0, 0, 0, 0, 5)), 5n);
  assert.equal(codec.decode(Uint8Array.of(0xca, 0x3f, 0xc0, 0, 0)), 1.5);
});

test('MessagePack: what would come back as something else → valueInvalid that says where', () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  class Point {
    readonly x = 1;
  }
  const cases: [unknown, string | undefined][] = [
    [undefined, 'value'],
    [() => 1, 'value'],
    [Symbol('s'), 'value'],
    [2n ** 64n, 'value'],
    [-(2n ** 63n) - 1n, 'value'],
    ['a\ud800', 'value'],
    [{ a: [1, { b: 'x\udc00' }] }, 'value.a[1].b'],
    [{ ['\ud800']: 1 }, 'value'],
    [[undefined], 'value[0]'],
    // oxlint-disable-next-line no-sparse-arrays -- a hole is what is meant
    [[1, , 2], 'value[1]'],
    [{ f: () => 1 }, 'value.f'],
    [new Map([[1, 2]]), 'value'],
    [{ s: new Set() }, 'value.s'],
    [new Uint16Array(3), 'value'],
    [new ArrayBuffer(3), 'value'],
    [new Date(Number.NaN), 'value'],
    [new Point(), 'value'],
    [JSON.parse('{"a":{"__proto__":{"isAdmin":true}}}'), 'value.a'],
    [circle, undefined],
    [nested(100_000, 1), undefined],
  ];
  for (const [value, path] of cases) {
    const { code, details } = faultOf(() => codec.encode(value));
    assert.equal(code, 'valueInvalid');
    if (path !== undefined) assert.equal(details['path'], path);
  }
  assert.deepEqual(codec.decode(codec.encode({ a: undefined, b: Buffer.from('b') })), { b: Uint8Array.of(98) });
});

test('MessagePack: 500 deep → stored and read; one deeper → valueInvalid both ways', () => {
  const deepest = nested(500, 1);
  assert.deepEqual(codec.decode(codec.encode(deepest)), deepest);
  assert.equal(faultOf(() => codec.encode(nested(501, 1))).code, 'valueInvalid');
  for (const opening of [[0x91], [0x81, 0xa1, 0x61]]) {
    const encode = (depth: number): Uint8Array => Uint8Array.from([...Array.from({ length: depth }, () => opening).flat(), 0x01]);
    codec.decode(encode(500));
    assert.match(faultOf(() => codec.decode(encode(501))).message, /500 deep/);
    assert.equal(faultOf(() => codec.decode(encode(300_000))).code, 'valueInvalid');
  }
});

test('MessagePack: bytes that are no value, or one that is not read here → valueInvalid that says where', () => {
  const cases: [readonly number[], RegExp][] = [
    [[], /1 bytes are missing at byte 0/],
    [[0x01, 0x02], /1 bytes follow the value/],
    [[0xc1], /without a meaning/],
    [[0x92, 0x01], /missing/],
    [[0xcd, 0x01], /2 bytes are missing/],
    [[0xdb, 0xff, 0xff, 0xff, 0xff], /4294967295 bytes are missing/],
    [[0xa2, 0xc3, 0x28], /UTF-8/],
    [[0xd9, 60, ...Array.from({ length: 60 }, () => 0xff)], /UTF-8/],
    [[0x81, 0x01, 0x01], /a key that is no text/],
    [[0x81, 0xa9, ...Buffer.from('__proto__'), 0x01], /__proto__/],
    [[0x81, 0xd9, 9, ...Buffer.from('__proto__'), 0x01], /__proto__/],
    [[0xd4, 0x05, 0x00], /extension/],
    [[0xd6, 0x05, 0, 0, 0, 0], /extension/],
    [[0xc7, 0x03, 0xff, 0, 0, 0], /extension/],
    [[0xd7, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], /moment/],
    [[0xc7, 12, 0xff, 0, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0], /moment/],
  ];
  for (const [encoded, message] of cases) {
    const fault = faultOf(() => codec.decode(Uint8Array.from(encoded)));
    assert.equal(fault.code, 'valueInvalid', String(message));
    assert.match(fault.message, message);
  }
  assert.equal(({} as { isAdmin?: unknown }).isAdmin, undefined);
});

test('MessagePack: few bytes that promise very many items → refused before any room is taken for them', () => {
  const promises = Uint8Array.from(Array.from({ length: 400 }, () => [0xdd, 0x01, 0xff, 0xff, 0xff]).flat());
  const before = process.memoryUsage();
  assert.equal(faultOf(() => codec.decode(promises)).code, 'valueInvalid');
  const after = process.memoryUsage();
  assert.ok(after.rss - before.rss < 64 * 1024 * 1024, `${after.rss - before.rss} bytes more`);
});

test('MessagePack: bytes in a value → not those that it was decoded from', () => {
  const encoded = codec.encode({ raw: Uint8Array.of(1, 2, 3) });
  const { raw } = codec.decode(encoded) as { raw: Uint8Array };
  encoded.fill(0);
  assert.deepEqual(raw, Uint8Array.of(1, 2, 3));
});

test('MessagePack: with a validator → what it refuses is valueInvalid', () => {
  const schema: StandardSchema<bigint> = {
    '~standard': { version: 1, vendor: 'test', validate: (value) => (value === 2n ? { value } : { issues: [{ message: 'must be two' }] }) },
  };
  const two = validated(messagePack<bigint>(), schema);
  assert.equal(two.decode(two.encode(2n)), 2n);
  assert.match(faultOf(() => two.encode(3n)).message, /must be two/);
});
