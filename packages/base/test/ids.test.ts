import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, SeededRandom, clusterId, groupId, incarnation, nodeId, randomHex16 } from '@quorate/base';

const isInvalid = (error: unknown): boolean => error instanceof QuorateError && error.code === 'invalidArgument';

test('nodeId: 1 to 65535 → accepted; anything else → invalidArgument', () => {
  for (const value of [1, 2, 65_535]) assert.equal(nodeId(value), value);
  for (const value of [0, -1, 65_536, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) assert.throws(() => nodeId(value), isInvalid);
});

test('groupId: 0 to 2^32 - 1 → accepted; anything else → invalidArgument', () => {
  for (const value of [0, 16, 0xffff_ffff]) assert.equal(groupId(value), value);
  for (const value of [-1, 0x1_0000_0000, 0.5, Number.NaN]) assert.throws(() => groupId(value), isInvalid);
});

test('clusterId and incarnation: 16 lower-case hexadecimal digits → accepted; anything else → invalidArgument', () => {
  for (const make of [clusterId, incarnation]) {
    assert.equal(make('0123456789abcdef'), '0123456789abcdef');
    for (const value of [
      '',
      '0123456789abcde',
      '0123456789abcdef0',
      '0123456789ABCDEF',
      '0123456789abcdeg',
      ' 123456789abcdef',
      '0123456789abcdef\n',
    ]) {
      assert.throws(() => make(value), isInvalid, JSON.stringify(value));
    }
  }
});

test('randomHex16: any draws, also small ones → always a valid id', () => {
  assert.equal(
    randomHex16(() => 0),
    '0000000000000000',
  );
  assert.equal(
    randomHex16(() => -1),
    'ffffffffffffffff',
  );
  const random = new SeededRandom(5);
  const drawn = new Set(Array.from({ length: 1000 }, () => clusterId(randomHex16(() => random.nextUint32()))));
  assert.equal(drawn.size, 1000);
});
