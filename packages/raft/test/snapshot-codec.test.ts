import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, concatBytes, crc32c, nodeId } from '@quorate/base';
import { type SnapshotRequest, configurationOf, decodeMessage, encodeMessage } from '@quorate/raft';
import fc from 'fast-check';

const heads = fc.record({
  length: fc.maxSafeNat(),
  loggedTimeMs: fc.maxSafeNat(),
  configuration: fc
    .uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: 31 })
    .map((ids) => configurationOf(ids.map(nodeId))),
});
const requests = fc
  .record({
    term: fc.integer({ min: 1, max: 1_000_000 }),
    snapshotIndex: fc.maxSafeNat(),
    snapshotTerm: fc.nat(),
    offset: fc.maxSafeNat(),
    isLast: fc.boolean(),
    bytes: fc.uint8Array({ maxLength: 100 }),
    head: fc.option(heads, { nil: undefined }),
  })
  .map(
    ({ head, ...rest }): SnapshotRequest => ({ type: 'snapshotRequest', ...rest, ...(head === undefined ? {} : { head: { ...head } }) }),
  );

test('codec: piece of a snapshot with and without its head → the same message', () => {
  fc.assert(
    fc.property(requests, (message) => {
      assert.deepEqual(decodeMessage(concatBytes(encodeMessage(message)), crc32c), message);
    }),
  );
});

test('codec: piece of a snapshot cut anywhere, or with a byte too many → malformedFrame', () => {
  fc.assert(
    fc.property(requests, fc.nat(), (message, at) => {
      const bytes = concatBytes(encodeMessage(message));
      for (const wrong of [bytes.subarray(0, at % bytes.length), concatBytes([bytes, Uint8Array.of(0)])]) {
        assert.throws(
          () => decodeMessage(wrong, crc32c),
          (error) => error instanceof QuorateError && error.code === 'malformedFrame',
        );
      }
    }),
  );
});
