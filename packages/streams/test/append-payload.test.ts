import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, QuorateError, type ErrorCode, utf8, writeU16, writeU32, writeU64 } from '@quorate/base';
import { APPEND_HEADER_BYTES, checkAppendPayload, encodeAppendPayload, markResent, moveAppend, splitIntoAppends } from '@quorate/streams';
import fc from 'fast-check';

const PRODUCER = '0123456789abcdef';
const at = (firstNumber: number, epoch = 3): { producer: string; epoch: number; firstNumber: number } => ({
  producer: PRODUCER,
  epoch,
  firstNumber,
});

function code(expected: ErrorCode): (error: unknown) => boolean {
  return (error) => error instanceof QuorateError && error.code === expected;
}

test('append payload: encoded → its header and structure check out', () => {
  const payload = encodeAppendPayload({ ...at(7), records: [utf8('a'), new Uint8Array(0), utf8('ccc')] });
  assert.deepEqual(checkAppendPayload(payload), { producer: PRODUCER, epoch: 3, firstNumber: 7, count: 3, isResent: false, fence: null });
  assert.equal(payload.length, APPEND_HEADER_BYTES + 4 + 1 + 4 + 4 + 3);
});

test('append payload: a record of exactly the limit → legal; one byte more → recordTooLarge with index and size', () => {
  const largest = new Uint8Array(LIMITS.recordBytesMax);
  assert.equal(checkAppendPayload(encodeAppendPayload({ ...at(0), records: [largest] })).count, 1);
  assert.throws(
    () => encodeAppendPayload({ ...at(0), records: [utf8('x'), new Uint8Array(LIMITS.recordBytesMax + 1)] }),
    (error) =>
      error instanceof QuorateError &&
      error.code === 'recordTooLarge' &&
      error.details['index'] === 1 &&
      error.details['bytes'] === LIMITS.recordBytesMax + 1,
  );
});

test('append payload: T16: as many records or bytes as a batch holds → one payload; one more → invalidArgument', () => {
  const records = Array.from({ length: LIMITS.batchRecordsMax }, () => utf8('r'));
  assert.equal(checkAppendPayload(encodeAppendPayload({ ...at(0), records })).count, LIMITS.batchRecordsMax);
  assert.throws(() => encodeAppendPayload({ ...at(0), records: [...records, utf8('r')] }), code('invalidArgument'));
  const half = LIMITS.recordBytesMax;
  const rest = LIMITS.batchPayloadBytesMax - APPEND_HEADER_BYTES - 8 - half;
  assert.equal(
    encodeAppendPayload({ ...at(0), records: [new Uint8Array(half), new Uint8Array(rest)] }).length,
    LIMITS.batchPayloadBytesMax,
  );
  assert.throws(
    () => encodeAppendPayload({ ...at(0), records: [new Uint8Array(half), new Uint8Array(rest + 1)] }),
    code('invalidArgument'),
  );
  assert.throws(() => encodeAppendPayload({ ...at(0), records: [] }), code('invalidArgument'));
});

test('append payload: bad producer, epoch or number → invalidArgument', () => {
  for (const bad of [
    { producer: 'xyz' },
    { producer: PRODUCER.toUpperCase() },
    { epoch: -1 },
    { epoch: 2 ** 32 },
    { firstNumber: -1 },
    { firstNumber: 2 ** 53 },
    { firstNumber: 0.5 },
  ]) {
    assert.throws(() => encodeAppendPayload({ ...at(0), records: [utf8('a')], ...bad }), code('invalidArgument'), JSON.stringify(bad));
  }
});

test('append payload: marked as resent and moved → only flag and position change', () => {
  const payload = encodeAppendPayload({ ...at(7), records: [utf8('abc')] });
  const resent = markResent(payload);
  assert.deepEqual(checkAppendPayload(resent), { ...at(7), count: 1, isResent: true, fence: null });
  const moved = moveAppend(resent, { producer: 'ffffffffffffffff', epoch: 4, firstNumber: 0 });
  assert.deepEqual(checkAppendPayload(moved), {
    producer: 'ffffffffffffffff',
    epoch: 4,
    firstNumber: 0,
    count: 1,
    isResent: false,
    fence: null,
  });
  assert.deepEqual(moved.subarray(APPEND_HEADER_BYTES), payload.subarray(APPEND_HEADER_BYTES));
  assert.equal(checkAppendPayload(payload).isResent, false);
});

test('append payload: T80: every single field made hostile → malformedFrame, never a crash', () => {
  const good = encodeAppendPayload({ ...at(7), records: [utf8('abc'), utf8('de')] });
  const hostile: [string, (bytes: Uint8Array) => void][] = [
    [
      'version of a newer build',
      (b) => {
        b[0] = 3;
      },
    ],
    [
      'a fence announced that is not there',
      (b) => {
        b[0] = 2;
      },
    ],
    [
      'flags',
      (b) => {
        b[1] = 2;
      },
    ],
    ['count 0', (b) => writeU16(b, 2, 0)],
    ['count too high', (b) => writeU16(b, 2, 3)],
    ['count too low', (b) => writeU16(b, 2, 1)],
    ['count over the limit', (b) => writeU16(b, 2, LIMITS.batchRecordsMax + 1)],
    [
      'number beyond 2^53',
      (b) => {
        writeU64(b, 16, 0);
        writeU32(b, 20, 0xffff_ffff);
      },
    ],
    ['length huge', (b) => writeU32(b, 24, 0xffff_ffff)],
    ['length over the record limit', (b) => writeU32(b, 24, LIMITS.recordBytesMax + 1)],
    ['length one too many', (b) => writeU32(b, 24, 4)],
  ];
  for (const [what, change] of hostile) {
    const bytes = good.slice();
    change(bytes);
    assert.throws(() => checkAppendPayload(bytes), code('malformedFrame'), what);
  }
  for (let length = 0; length < good.length; length++)
    assert.throws(() => checkAppendPayload(good.slice(0, length)), code('malformedFrame'), `cut at ${length}`);
});

test('append payload: T80: random bytes → sound or malformedFrame', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(5), fc.integer({ min: 1, max: 2 }), (bytes, count, version) => {
      if (bytes.length > 4) {
        bytes[0] = version;
        bytes[1] = 0;
        writeU16(bytes, 2, count);
      }
      try {
        const header = checkAppendPayload(bytes);
        assert.equal(header.count, count);
      } catch (error) {
        assert.ok(code('malformedFrame')(error), String(error));
      }
    }),
    { numRuns: 500 },
  );
});

test('splitting: lists of any sizes → dense ranges, each of which encodes, and no two neighbours would fit one payload', () => {
  const sizes = fc.array(fc.oneof(fc.nat(50), fc.integer({ min: 500_000, max: LIMITS.recordBytesMax })), { minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(sizes, fc.boolean(), (lengths, many) => {
      const records = [
        ...lengths.map((length) => new Uint8Array(length)),
        ...(many ? Array.from({ length: 9000 }, () => new Uint8Array(1)) : []),
      ];
      let start = 0;
      const ranges = splitIntoAppends(records);
      for (const range of ranges) {
        assert.equal(range.start, start);
        assert.equal(encodeAppendPayload({ ...at(0), records: records.slice(range.start, range.end) }).length, range.payloadBytes);
        start = range.end;
      }
      assert.equal(start, records.length);
      for (let i = 1; i < ranges.length; i++) {
        const before = ranges[i - 1];
        const here = ranges[i];
        assert.ok(before && here);
        const next = 4 + (records[here.start]?.length ?? 0);
        assert.ok(before.payloadBytes + next > LIMITS.batchPayloadBytesMax || before.end - before.start === LIMITS.batchRecordsMax);
      }
    }),
    { numRuns: 30 },
  );
});
