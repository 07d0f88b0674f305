import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  BATCH_HEADER_BYTES,
  BATCH_KINDS,
  type BatchHeader,
  type BatchKind,
  LIMITS,
  QuorateError,
  batchLastIndex,
  batchPayload,
  bytesEqual,
  crc32c,
  encodeBatch,
  groupId,
  trustedBatchHeader,
  tryDecodeBatchHeader,
  utf8,
  verifyBatch,
  writeU16,
  writeU32,
  writeU64,
} from '@quorate/base';
import fc from 'fast-check';
import { check } from './property.js';

type Fields = Omit<BatchHeader, 'payloadBytes'>;

const isMalformed = (error: unknown): boolean => error instanceof QuorateError && error.code === 'malformedFrame';
const isBroken = (error: unknown): boolean => error instanceof QuorateError && error.code === 'invariantBroken';

function fieldsFor(payload: Uint8Array, more: Partial<Fields> = {}): Fields {
  return {
    kind: 'commands',
    group: groupId(16),
    term: 3,
    baseIndex: 7,
    count: 2,
    loggedTimeMs: 1234,
    payloadChecksum: crc32c(payload),
    ...more,
  };
}

const anyFields = fc.record({
  kind: fc.constantFrom(...(Object.keys(BATCH_KINDS) as BatchKind[])),
  group: fc.integer({ min: 0, max: 0xffff_ffff }).map(groupId),
  term: fc.maxSafeNat(),
  baseIndex: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - LIMITS.batchRecordsMax }),
  count: fc.integer({ min: 1, max: LIMITS.batchRecordsMax }),
  loggedTimeMs: fc.maxSafeNat(),
});

/** Changes a header and makes its checksum right again: what a writer with a bug would leave. */
function forged(batch: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = batch.slice();
  change(bytes);
  writeU32(bytes, 0, crc32c(bytes.subarray(4, BATCH_HEADER_BYTES)));
  return bytes;
}

test('batch: any header and payload → decoded the same by all three readers', () => {
  check(
    fc.property(anyFields, fc.uint8Array({ maxLength: 200 }), (fields, payload) => {
      const header = { ...fields, payloadChecksum: crc32c(payload) };
      const batch = encodeBatch(header, payload, crc32c);
      const expected = { ...header, payloadBytes: payload.length };
      assert.deepEqual(verifyBatch(batch, crc32c), expected);
      assert.deepEqual(tryDecodeBatchHeader(batch, crc32c), expected);
      assert.deepEqual(trustedBatchHeader(batch), expected);
      assert.equal(batchLastIndex(expected), fields.baseIndex + fields.count - 1);
      assert.ok(bytesEqual(batchPayload(batch), payload));
    }),
  );
});

test('batch: the layout on disk → these bytes, for ever', () => {
  const payload = utf8('hello');
  const batch = encodeBatch(fieldsFor(payload, { term: 0x01_0000_0002, loggedTimeMs: 0 }), payload, crc32c);
  assert.equal(
    Buffer.from(batch).toString('hex'),
    'c2ba72e7 01 02 0200 10000000 0200000001000000 0700000000000000 0000000000000000 05000000 4cbb719a 0000000000000000 68656c6c6f'.replaceAll(
      ' ',
      '',
    ),
  );
});

test('batch: one flipped bit anywhere → refused, never another batch', () => {
  const payload = utf8('some payload');
  const batch = encodeBatch(fieldsFor(payload), payload, crc32c);
  for (let bit = 0; bit < batch.length * 8; bit++) {
    const damaged = batch.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    assert.throws(() => verifyBatch(damaged, crc32c), isMalformed, `bit ${bit}`);
  }
});

test('batch: cut or extended at any length → refused', () => {
  const payload = utf8('some payload');
  const batch = encodeBatch(fieldsFor(payload), payload, crc32c);
  for (let length = 0; length < batch.length; length++) assert.throws(() => verifyBatch(batch.subarray(0, length), crc32c), isMalformed);
  assert.throws(() => verifyBatch(Uint8Array.of(...batch, 0), crc32c), isMalformed);
});

test('T80: batch header: sound checksum over impossible fields → "fields" or "format"', () => {
  const payload = utf8('x');
  const batch = encodeBatch(fieldsFor(payload), payload, crc32c);
  const faults: [string, string, (bytes: Uint8Array) => void][] = [
    ['format 2', 'format', (b) => (b[4] = 2)],
    ['kind 3', 'fields', (b) => (b[5] = 3)],
    ['count 0', 'fields', (b) => writeU16(b, 6, 0)],
    ['count over the limit', 'fields', (b) => writeU16(b, 6, LIMITS.batchRecordsMax + 1)],
    ['base index 0', 'fields', (b) => writeU64(b, 20, 0)],
    ['base index near 2^53', 'fields', (b) => writeU64(b, 20, Number.MAX_SAFE_INTEGER)],
    ['term over 2^53', 'fields', (b) => writeU32(b, 16, 0xffff_ffff)],
    ['time over 2^53', 'fields', (b) => writeU32(b, 32, 0xffff_ffff)],
    ['payload over the limit', 'fields', (b) => writeU32(b, 36, LIMITS.batchPayloadBytesMax + 1)],
  ];
  for (const [title, fault, change] of faults) assert.equal(tryDecodeBatchHeader(forged(batch, change), crc32c), fault, title);
  assert.equal(tryDecodeBatchHeader(batch.subarray(0, BATCH_HEADER_BYTES - 1), crc32c), 'tooShort');
  assert.equal(tryDecodeBatchHeader(new Uint8Array(BATCH_HEADER_BYTES), crc32c), 'headerChecksum');
});

test('T80: batch header: random bytes → a fault by name, no exception', () => {
  check(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      assert.equal(typeof tryDecodeBatchHeader(bytes, crc32c), 'string');
      assert.throws(() => verifyBatch(bytes, crc32c), isMalformed);
    }),
  );
});

test('T16: batch: payload of the limit − 1, the limit, the limit + 1 → two sound batches and a refusal', () => {
  for (const length of [LIMITS.batchPayloadBytesMax - 1, LIMITS.batchPayloadBytesMax]) {
    const payload = new Uint8Array(length).fill(7);
    assert.equal(verifyBatch(encodeBatch(fieldsFor(payload), payload, crc32c), crc32c).payloadBytes, length);
  }
  const payload = new Uint8Array(LIMITS.batchPayloadBytesMax + 1);
  assert.throws(() => encodeBatch(fieldsFor(payload), payload, crc32c), isBroken);
});

test('T16: limits: one record of the largest size with its envelope → fits batch, append message and frame', () => {
  assert.ok(LIMITS.recordBytesMax + 4096 <= LIMITS.batchPayloadBytesMax);
  assert.ok(LIMITS.batchPayloadBytesMax + BATCH_HEADER_BYTES <= LIMITS.appendMessageBytes);
  assert.ok(LIMITS.appendMessageBytes + 4096 <= LIMITS.frameBytesMax);
  assert.ok(LIMITS.batchPayloadBytesMax + BATCH_HEADER_BYTES <= LIMITS.replicationWindowBytes);
  assert.ok(LIMITS.frameBytesMax <= LIMITS.connectionQueueBytesMax);
  assert.ok(LIMITS.batchRecordsMax <= 0xffff);
});

test('batch: count outside 1 to the limit → an invariant, not a batch', () => {
  const payload = utf8('x');
  for (const count of [0, -1, LIMITS.batchRecordsMax + 1]) {
    assert.throws(() => encodeBatch(fieldsFor(payload, { count }), payload, crc32c), isBroken);
  }
});
