import {
  type BatchHeader,
  type BatchKind,
  BATCH_HEADER_BYTES,
  LIMITS,
  QuorateError,
  batchPayload,
  checkName,
  clusterId,
  crc32c,
  encodeBatch,
  formatAddress,
  fromUtf8,
  groupId,
  incarnation,
  nodeId,
  parseAddress,
  tryDecodeBatchHeader,
  utf8,
  verifyBatch,
  writeU32,
} from '@quorate/base';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, hex16, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';

interface Batch {
  readonly header: Omit<BatchHeader, 'payloadBytes' | 'payloadChecksum'>;
  readonly payload: Uint8Array;
}

const u53 = fc.oneof(fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const batch: fc.Arbitrary<Batch> = record({
  header: record({
    kind: fc.constantFrom<BatchKind>('noop', 'configuration', 'commands'),
    group: fc.nat(0xffff_ffff).map(groupId),
    term: u53,
    baseIndex: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - LIMITS.batchRecordsMax }),
    count: fc.integer({ min: 1, max: LIMITS.batchRecordsMax }),
    loggedTimeMs: u53,
  }),
  payload: fc.uint8Array({ maxLength: 60 }),
});

function encoded({ header, payload }: Batch): Uint8Array {
  return encodeBatch({ ...header, payloadChecksum: crc32c(payload) }, payload, crc32c);
}

function decoded(bytes: Uint8Array): Batch {
  const tried = tryDecodeBatchHeader(bytes, crc32c);
  const { payloadBytes: _bytes, payloadChecksum: _checksum, ...header } = verifyBatch(bytes, crc32c);
  if (typeof tried === 'string') throw new Error('the header of a sound batch is sound');
  return { header, payload: batchPayload(bytes) };
}

function sealed(bytes: Uint8Array): Uint8Array {
  if (bytes.length < BATCH_HEADER_BYTES) return bytes;
  const copy = bytes.slice();
  writeU32(copy, 36, copy.length - BATCH_HEADER_BYTES);
  writeU32(copy, 40, crc32c(batchPayload(copy)));
  writeU32(copy, 0, crc32c(copy.subarray(4, BATCH_HEADER_BYTES)));
  return copy;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const host = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.constant('127.0.0.1'));

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'batch',
    covers: ['tryDecodeBatchHeader', 'verifyBatch'],
    values: batch,
    encode: encoded,
    decode: decoded,
    codes: ['malformedFrame'],
    borders: [LIMITS.batchRecordsMax, LIMITS.batchRecordsMax + 1, LIMITS.batchPayloadBytesMax, LIMITS.batchPayloadBytesMax + 1],
    isCanonical: true,
    seal: sealed,
  }),
  fuzzed({
    name: 'text',
    covers: ['fromUtf8'],
    values: fc.string({ unit: 'binary', maxLength: 30 }).filter((value) => !/\p{Surrogate}/u.test(value)),
    encode: utf8,
    decode: fromUtf8,
    codes: ['malformedFrame'],
    isCanonical: true,
  }),
  fuzzed({
    name: 'address',
    covers: ['parseAddress'],
    values: record({ host, port: fc.integer({ min: 1, max: 65_535 }) }).filter(({ host: of }) => !of.includes('%')),
    encode: (address) => utf8(formatAddress(address)),
    decode: (bytes) => parseAddress(text(bytes)),
    codes: ['addressInvalid'],
  }),
  fuzzed({
    name: 'name',
    covers: ['checkName'],
    values: fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
    encode: utf8,
    decode: (bytes) => {
      const name = text(bytes);
      checkName('stream', name);
      checkName('resource', name);
      return name;
    },
    codes: ['nameInvalid'],
  }),
  fuzzed({
    name: 'ids',
    covers: ['clusterId', 'incarnation', 'nodeId', 'groupId'],
    values: hex16,
    encode: utf8,
    decode: (bytes) => {
      const digits = text(bytes);
      const number = digits === '' ? Number.NaN : Number(digits);
      for (const check of [nodeId, groupId]) {
        try {
          if (!Number.isSafeInteger(check(number))) throw new Error(`${digits} is no id`);
        } catch (thrown) {
          if (!(thrown instanceof QuorateError && thrown.code === 'invalidArgument')) throw thrown;
        }
      }
      if (incarnation(digits) !== (clusterId(digits) as string)) throw new Error('two ids of one text');
      return digits;
    },
    codes: ['invalidArgument'],
    isCanonical: true,
  }),
];
