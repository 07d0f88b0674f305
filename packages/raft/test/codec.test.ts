import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type BatchKind, LIMITS, QuorateError, concatBytes, crc32c, encodeBatch, nodeId } from '@quorate/base';
import {
  type RaftMessage,
  VOTERS_MAX,
  configurationOf,
  decodeConfiguration,
  decodeMessage,
  encodeConfiguration,
  encodeMessage,
} from '@quorate/raft';
import fc from 'fast-check';
import { GROUP } from './harness/cluster.js';
import { appendRequests, messages } from './harness/arbitrary-messages.js';

function plain(value: RaftMessage): unknown {
  return JSON.parse(JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? [...part] : part)));
}
const encoded = (value: RaftMessage): Uint8Array => concatBytes(encodeMessage(value)).slice();

function isMalformed(error: unknown): boolean {
  return error instanceof QuorateError && error.code === 'malformedFrame';
}

test('codec: any message → encoded and decoded it is the same', () => {
  fc.assert(
    fc.property(messages, (value) => assert.deepEqual(plain(decodeMessage(encoded(value), crc32c)), plain(value))),
    { numRuns: 500 },
  );
});

test('T80: message cut short, prolonged or with a changed byte → malformedFrame or another valid message, never anything else', () => {
  fc.assert(
    fc.property(messages, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, where, flip) => {
      const bytes = encoded(value);
      const changed = bytes.slice();
      changed[where % bytes.length] = (changed[where % bytes.length] as number) ^ flip;
      for (const input of [bytes.subarray(0, where % bytes.length), concatBytes([bytes, new Uint8Array(1)]), changed]) {
        try {
          const decoded = decodeMessage(input, crc32c);
          assert.equal(input, changed, 'a wrong length is always noticed');
          assert.deepEqual(encoded(decoded), changed);
        } catch (error) {
          if (!isMalformed(error)) throw error;
        }
      }
    }),
    { numRuns: 800 },
  );
});

test('T80: byte of a batch changed anywhere → the checksums notice', () => {
  fc.assert(
    fc.property(appendRequests, fc.nat(), fc.integer({ min: 1, max: 255 }), (value, where, flip) => {
      const parts = encodeMessage(value);
      const head = (parts[0] as Uint8Array).length;
      const bytes = concatBytes(parts).slice();
      if (bytes.length === head) return;
      const at = head + (where % (bytes.length - head));
      // The reserved field of the header is under its checksum too.
      bytes[at] = (bytes[at] as number) ^ flip;
      assert.throws(() => decodeMessage(bytes, crc32c), isMalformed);
    }),
    { numRuns: 300 },
  );
});

test('T80: random bytes and huge counts and lengths → malformedFrame, at once', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      try {
        decodeMessage(bytes, crc32c);
      } catch (error) {
        if (!isMalformed(error)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
  const head = encoded({ type: 'appendRequest', term: 3, prevIndex: 0, prevTerm: 0, commitIndex: 0, probe: 0, admitAt: 0, batches: [] });
  head.fill(0xff, head.length - 4);
  assert.throws(() => decodeMessage(head, crc32c), isMalformed);
  const piece = encoded({
    type: 'snapshotRequest',
    term: 3,
    snapshotIndex: 1,
    snapshotTerm: 1,
    offset: 0,
    isLast: true,
    bytes: new Uint8Array(0),
  });
  piece.fill(0x7f, piece.length - 4);
  assert.throws(() => decodeMessage(piece, crc32c), isMalformed);
  assert.ok(LIMITS.appendMessageBytes < LIMITS.frameBytesMax);
});

test('codec: gap between batches, decreasing term, term above the message, bad configuration → malformedFrame', () => {
  const make = (baseIndex: number, batchTerm: number, kind: BatchKind = 'noop', payload = new Uint8Array(0)): Uint8Array =>
    encodeBatch(
      { kind, group: GROUP, term: batchTerm, baseIndex, count: 1, loggedTimeMs: 0, payloadChecksum: crc32c(payload) },
      payload,
      crc32c,
    );
  const wrong = [
    [make(2, 3)],
    [make(1, 3), make(3, 3)],
    [make(1, 3), make(2, 2)],
    [make(1, 1)],
    [make(1, 9)],
    [make(1, 3, 'configuration', new Uint8Array([9]))],
  ];
  for (const batches of wrong) {
    const bytes = encoded({ type: 'appendRequest', term: 5, prevIndex: 0, prevTerm: 2, commitIndex: 0, probe: 0, admitAt: 0, batches });
    assert.throws(() => decodeMessage(bytes, crc32c), isMalformed);
  }
});

test('configuration: any voters → encoded and decoded they are the same, other bytes are malformedFrame', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.integer({ min: 1, max: 65_535 }), { minLength: 1, maxLength: VOTERS_MAX }), (ids) => {
      const configuration = configurationOf(ids.map(nodeId));
      assert.deepEqual(decodeConfiguration(encodeConfiguration(configuration)), configuration);
    }),
  );
  for (const bytes of [
    [],
    [1, 0, 0],
    [1, 1, 0],
    [1, 2, 0, 5, 0, 5, 0],
    [1, 2, 0, 5, 0, 4, 0],
    [1, 1, 0, 0, 0],
    [2, 1, 0, 5, 0],
    [1, 1, 0, 5, 0, 0],
    [1, 99, 0],
  ]) {
    assert.throws(() => decodeConfiguration(new Uint8Array(bytes)), isMalformed);
  }
  assert.throws(
    () => configurationOf([nodeId(1), nodeId(1)]),
    (error: QuorateError) => error.code === 'invalidArgument',
  );
});
