import { type GroupId, LIMITS, readU32 } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import {
  type AppendPosition,
  RECORD_OVERHEAD_BYTES,
  appendPayloadFault,
  appendRecordsAt,
  checkAppendPayload,
  decodeFence,
  encodeAppendPayload,
  encodeFence,
  markResent,
} from '@quorate/streams';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, hex16, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';

const u32 = fc.oneof(fc.constantFrom(1, 0xffff_ffff), fc.integer({ min: 1, max: 0xffff_ffff }));
const number = fc.oneof(fc.constantFrom(1, Number.MAX_SAFE_INTEGER), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }));
const fence: fc.Arbitrary<Fence> = record({
  group: u32.map((group) => group as GroupId),
  resource: number,
  token: record({ epoch: u32, index: number }),
});

interface Append extends AppendPosition {
  readonly isResent: boolean;
  readonly fence: Fence | null;
  readonly records: readonly Uint8Array[];
}

const append: fc.Arbitrary<Append> = record({
  producer: hex16,
  epoch: fc.oneof(fc.constant(0), u32),
  firstNumber: fc.nat(Number.MAX_SAFE_INTEGER - LIMITS.batchRecordsMax),
  isResent: fc.boolean(),
  fence: fc.option(fence, { nil: null }),
  records: fc.array(fc.uint8Array({ maxLength: 30 }), { minLength: 1, maxLength: 5 }),
});

function encoded({ isResent, ...value }: Append): Uint8Array {
  const payload = encodeAppendPayload(value);
  return isResent ? markResent(payload) : payload;
}

function decoded(payload: Uint8Array): Append | null {
  const fault = appendPayloadFault(payload);
  const { count, producer, epoch, firstNumber, isResent, fence: of } = checkAppendPayload(payload);
  if (fault !== null) throw new Error('the two checks disagree');
  // What a producer can write ends before the highest number, so that the batch after it still has one.
  if (firstNumber > Number.MAX_SAFE_INTEGER - LIMITS.batchRecordsMax) return null;
  const records: Uint8Array[] = [];
  let at = appendRecordsAt(payload);
  for (let i = 0; i < count; i++) {
    const length = readU32(payload, at);
    records.push(payload.subarray(at + RECORD_OVERHEAD_BYTES, at + RECORD_OVERHEAD_BYTES + length));
    at += RECORD_OVERHEAD_BYTES + length;
  }
  return { producer, epoch, firstNumber, isResent, fence: of, records };
}

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'append payload',
    covers: ['checkAppendPayload', 'appendPayloadFault'],
    values: append,
    encode: encoded,
    decode: decoded,
    codes: ['malformedFrame'],
    borders: [LIMITS.batchRecordsMax, LIMITS.batchRecordsMax + 1, LIMITS.recordBytesMax, LIMITS.recordBytesMax + 1],
    isCanonical: true,
  }),
  fuzzed({ name: 'fence', covers: ['decodeFence'], values: fence, encode: encodeFence, decode: decodeFence, codes: [], isCanonical: true }),
];
