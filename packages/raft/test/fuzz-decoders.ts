import {
  BATCH_HEADER_BYTES,
  type BatchKind,
  type GroupId,
  LIMITS,
  concatBytes,
  crc32c,
  encodeBatch,
  nodeId,
  readU32,
  writeU32,
} from '@quorate/base';
import {
  CONFIGURATION_BYTES_MAX,
  type RaftMessage,
  TERM_MAX,
  VOTERS_MAX,
  configurationOf,
  decodeConfiguration,
  decodeMessage,
  encodeConfiguration,
  encodeMessage,
} from '@quorate/raft';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';

const u53 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const term = (min: number): fc.Arbitrary<number> => fc.oneof(fc.constantFrom(Math.max(min, 1), TERM_MAX), fc.integer({ min, max: 99 }));
const is = fc.boolean();
const type = <const T extends string>(of: T): fc.Arbitrary<T> => fc.constant(of);
const configuration = fc
  .uniqueArray(fc.integer({ min: 1, max: 0xffff }), { minLength: 1, maxLength: VOTERS_MAX })
  .map((ids) => configurationOf(ids.map(nodeId)));

interface SomeBatch {
  readonly kind: BatchKind;
  readonly count: number;
  readonly payload: Uint8Array;
}

const batch: fc.Arbitrary<SomeBatch> = fc.oneof(
  record({ kind: type('noop'), count: fc.constant(1), payload: fc.constant(new Uint8Array(0)) }),
  record({ kind: type('commands'), count: fc.integer({ min: 1, max: 8192 }), payload: fc.uint8Array({ maxLength: 40 }) }),
  record({ kind: type('configuration'), count: fc.constant(1), payload: configuration.map(encodeConfiguration) }),
);

const append: fc.Arbitrary<RaftMessage> = fc
  .record({ prevIndex: fc.nat(1000), commitIndex: u53, probe: u53, admitAt: u53, some: fc.array(batch, { maxLength: 4 }) })
  .map(({ some, ...fields }) => {
    let baseIndex = fields.prevIndex + 1;
    const batches = some.map(({ kind, count, payload }) => {
      const header = { kind, group: 7 as GroupId, term: 5, baseIndex, count, loggedTimeMs: 9, payloadChecksum: crc32c(payload) };
      baseIndex += count;
      return encodeBatch(header, payload, crc32c);
    });
    return { type: 'appendRequest', term: 5, prevTerm: 3, ...fields, batches };
  });

const piece = {
  term: term(1),
  snapshotIndex: u53,
  snapshotTerm: term(0),
  offset: u53,
  bytes: fc.uint8Array({ maxLength: 40 }),
  isLast: is,
};
const message: fc.Arbitrary<RaftMessage> = fc.oneof(
  record({ type: type('voteRequest'), term: term(1), isPreVote: is, isTransfer: is, lastIndex: u53, lastTerm: term(0) }),
  record({ type: type('voteResponse'), term: term(0), isPreVote: is, isGranted: is }),
  append,
  append,
  record({
    type: type('appendResponse'),
    term: term(0),
    isAccepted: is,
    isLearner: is,
    matchIndex: u53,
    receivedIndex: u53,
    hintTerm: term(0),
    probe: u53,
  }),
  record({ type: type('snapshotRequest'), ...piece }),
  record({ type: type('snapshotRequest'), ...piece, head: record({ length: u53, loggedTimeMs: u53, configuration }) }),
  record({ type: type('snapshotResponse'), term: term(0), isInstalled: is, snapshotIndex: u53, receivedBytes: u53 }),
  record({ type: fc.constantFrom('timeoutNow' as const, 'leaderGone' as const), term: term(1) }),
);

/** Right checksums in the batches of an append, as far as they can be found. */
function sealed(bytes: Uint8Array): Uint8Array {
  if (bytes[1] !== 3 || bytes.length < 55) return bytes;
  const copy = bytes.slice();
  const count = Math.min(readU32(copy, 51), 8);
  let at = 55 + 4 * count;
  for (let i = 0; i < count && 55 + 4 * i + 4 <= copy.length; i++) {
    const length = readU32(copy, 55 + 4 * i);
    if (length < BATCH_HEADER_BYTES || at + length > copy.length) break;
    const one = copy.subarray(at, at + length);
    writeU32(one, 36, length - BATCH_HEADER_BYTES);
    writeU32(one, 40, crc32c(one.subarray(BATCH_HEADER_BYTES)));
    writeU32(one, 0, crc32c(one.subarray(4, BATCH_HEADER_BYTES)));
    at += length;
  }
  return copy;
}

const BORDERS = [VOTERS_MAX, VOTERS_MAX + 1, LIMITS.appendMessageBytes, LIMITS.appendMessageBytes + 1, CONFIGURATION_BYTES_MAX, 8192, 8193];

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'message',
    covers: ['decodeMessage'],
    values: message,
    encode: (value) => concatBytes(encodeMessage(value)).slice(),
    decode: (bytes) => decodeMessage(bytes, crc32c),
    codes: ['malformedFrame'],
    borders: BORDERS,
    isCanonical: true,
    seal: sealed,
  }),
  fuzzed({
    name: 'configuration',
    covers: ['decodeConfiguration'],
    values: configuration,
    encode: encodeConfiguration,
    decode: decodeConfiguration,
    codes: ['malformedFrame'],
    borders: BORDERS,
    isCanonical: true,
  }),
];
