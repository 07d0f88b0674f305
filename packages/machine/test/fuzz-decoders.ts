import { ByteReader, ByteWriter, ERROR_CODES, type ErrorCode, type GroupId, SeededRandom, concatBytes } from '@quorate/base';
import {
  type CommandRequest,
  type CommandsRequest,
  type Reply,
  SESSION_KEY_BYTES,
  bytes as bytesField,
  checkCommandsPayload,
  choice,
  decodeAcknowledge,
  decodeExpireSessions,
  decodeFields,
  decodeOpenResource,
  decodeOpenSession,
  decodeOpenedResource,
  decodeValue,
  encodeAcknowledge,
  encodeCommands,
  encodeExpireSessions,
  encodeFields,
  encodeOpenResource,
  encodeOpenSession,
  encodeValue,
  fence,
  flag,
  i53,
  list,
  nothing,
  optional,
  record as recordField,
  sampleFields,
  text,
  token,
  u16,
  u32 as u32Field,
  u53 as u53Field,
} from '@quorate/machine';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, hex16, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { RepliesWriter, decodeReplies } from '../dist/reply-codec.js';
import { decodeResource } from '../dist/resources.js';
import { decodeHeader, decodeTrailer, encodeHeader, encodeTrailer } from '../dist/snapshot-codec.js';

const MALFORMED = ['malformedFrame'] as const;
const BORDERS = [8192, 8193, 65_535];
const u53 = fc.oneof(fc.constantFrom(0, 1, 0xffff_ffff, Number.MAX_SAFE_INTEGER), fc.maxSafeNat());
const one53 = fc.oneof(fc.constantFrom(1, Number.MAX_SAFE_INTEGER - 8192), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER - 8192 }));
const u32 = fc.nat(0xffff_ffff);
const some = fc.uint8Array({ maxLength: 30 });
const word = fc.string({ unit: 'grapheme', maxLength: 12 });

const command: fc.Arbitrary<CommandRequest> = record({ resource: u53, operation: fc.nat(0xffff), args: some });
const commands: fc.Arbitrary<CommandsRequest> = record({
  session: one53,
  firstNumber: one53,
  acknowledgedReplies: u53,
  acknowledgedEvents: u53,
  commands: fc.array(command, { minLength: 1, maxLength: 5 }),
});

/** A payload that was checked, read as its layout says. */
function decodeCommands(payload: Uint8Array): CommandsRequest {
  const { session, firstNumber, count } = checkCommandsPayload(payload);
  const reader = new ByteReader(payload.subarray(20));
  const acknowledgedReplies = reader.u64();
  const acknowledgedEvents = reader.u64();
  const read: CommandRequest[] = [];
  for (let i = 0; i < count; i++) read.push({ resource: reader.u64(), operation: reader.u16(), args: reader.bytes(0xffff_ffff) });
  reader.end();
  return { session, firstNumber, acknowledgedReplies, acknowledgedEvents, commands: read };
}

/** A decoder of a whole payload expects the type that its caller looked at. */
function ofType<T>(type: number, decode: (bytes: Uint8Array) => T): (bytes: Uint8Array) => T | null {
  return (bytes) => (bytes.length > 0 && bytes[0] !== type ? null : decode(bytes));
}

/** Every kind of field. */
const FIELDS = {
  a: bytesField({ max: 20 }),
  b: text({ min: 1, max: 30 }),
  c: u16({ min: 3 }),
  d: u32Field(),
  e: u53Field({ max: 2 ** 52 }),
  f: i53(),
  g: flag(),
  h: choice(['x', 'y', 'z']),
  i: optional(list(recordField({ key: text({ max: 9 }), at: optional(u16()) }), { max: 6 })),
  j: token(),
  k: fence(),
  l: nothing(),
} as const;
const ONE = list(optional(recordField({ n: i53(), t: text({ max: 9 }) })), { max: 50 });

const seeds = fc.integer();
const reply: fc.Arbitrary<Omit<Reply, 'index'>> = fc.oneof(
  record({ isOk: fc.constant(true as const), result: some }),
  record({
    isOk: fc.constant(false as const),
    code: fc.constantFrom(...(Object.keys(ERROR_CODES) as ErrorCode[])),
    message: word,
    details: fc.dictionary(fc.constantFrom('a', 'bytes', 'constructor'), fc.oneof(fc.boolean(), word, fc.maxSafeInteger()), {
      noNullPrototype: true,
    }),
  }),
) as fc.Arbitrary<Omit<Reply, 'index'>>;
const replies = fc
  .tuple(fc.nat(Number.MAX_SAFE_INTEGER - 10), fc.array(reply, { minLength: 1, maxLength: 5 }))
  .map(([first, all]) => all.map((each, i) => ({ index: first + i, ...each }) as Reply));

function encodeReplies(all: readonly Reply[]): Uint8Array {
  if (all.length === 0) return new ByteWriter().u32(0).u64(0).take();
  const writer = new RepliesWriter();
  all.forEach((each, i) => {
    if (!each.isOk) {
      writer.refuse(i + 1, each);
      return;
    }
    writer.begin(i + 1, each.index).raw(each.result);
    writer.end();
  });
  return concatBytes([...writer.entries()].map(({ bytes }) => bytes));
}

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'commands payload',
    covers: ['checkCommandsPayload'],
    values: commands,
    encode: encodeCommands,
    decode: decodeCommands,
    codes: ['malformedFrame', 'formatUnsupported'],
    borders: BORDERS,
    isCanonical: true,
  }),
  fuzzed({
    name: 'openSession payload',
    covers: ['decodeOpenSession'],
    values: record({
      key: fc.uint8Array({ minLength: SESSION_KEY_BYTES, maxLength: SESSION_KEY_BYTES }),
      ttlMs: fc.integer({ min: 1, max: 0xffff_ffff }),
      graceMs: u32,
    }),
    encode: encodeOpenSession,
    decode: ofType(2, decodeOpenSession),
    codes: MALFORMED,
    isCanonical: true,
  }),
  fuzzed({
    name: 'expireSessions payload',
    covers: ['decodeExpireSessions'],
    values: fc.array(u53, { minLength: 1, maxLength: 6 }),
    encode: encodeExpireSessions,
    decode: ofType(3, decodeExpireSessions),
    codes: MALFORMED,
    borders: BORDERS,
    isCanonical: true,
  }),
  fuzzed({
    name: 'acknowledge payload',
    covers: ['decodeAcknowledge'],
    values: fc.array(record({ session: u53, acknowledgedReplies: u53, acknowledgedEvents: u53 }), { minLength: 1, maxLength: 6 }),
    encode: encodeAcknowledge,
    decode: ofType(5, decodeAcknowledge),
    codes: MALFORMED,
    borders: BORDERS,
    isCanonical: true,
  }),
  fuzzed({
    name: 'openResource arguments',
    covers: ['decodeOpenResource'],
    values: record({ type: word, version: fc.nat(0xffff), name: word }),
    encode: ({ type, version, name }) => encodeOpenResource(type, version, name),
    decode: decodeOpenResource,
    codes: MALFORMED,
    isCanonical: true,
  }),
  fuzzed({
    name: 'openResource result',
    covers: ['decodeOpenedResource'],
    values: u53,
    encode: (resource) => new ByteWriter(8).u64(resource).take(),
    decode: decodeOpenedResource,
    codes: MALFORMED,
    isCanonical: true,
  }),
  fuzzed({
    name: 'fields',
    covers: ['decodeFields', 'readFlag'],
    values: seeds.map((seed) => sampleFields(FIELDS, new SeededRandom(seed))),
    encode: (values) => encodeFields(FIELDS, values, 'args'),
    decode: (bytes) => decodeFields(FIELDS, bytes),
    codes: MALFORMED,
    borders: [6, 7, 20, 21, 30, 31],
    isCanonical: true,
  }),
  fuzzed({
    name: 'value',
    covers: ['decodeValue'],
    values: fc.array(fc.option(record({ n: fc.maxSafeInteger(), t: fc.string({ maxLength: 9, unit: 'grapheme-ascii' }) }), { nil: null }), {
      maxLength: 20,
    }),
    encode: (value) => encodeValue(ONE, value, 'value'),
    decode: (bytes) => decodeValue(ONE, bytes) as { n: number; t: string }[],
    codes: MALFORMED,
    borders: [50, 51],
    isCanonical: true,
  }),
  fuzzed({
    name: 'snapshot header',
    covers: ['decodeHeader'],
    values: record({
      group: u32.map((id) => id as GroupId),
      position: record({ index: u53, term: u53, timeMs: u53, epoch: u32 }),
      hash: hex16,
    }),
    encode: encodeHeader,
    decode: decodeHeader,
    codes: ['malformedFrame', 'formatUnsupported'],
    isCanonical: true,
  }),
  fuzzed({
    name: 'snapshot trailer',
    covers: ['decodeTrailer'],
    values: record({ entries: u53, hash: hex16 }),
    encode: encodeTrailer,
    decode: decodeTrailer,
    codes: MALFORMED,
    isCanonical: true,
  }),
  fuzzed({
    name: 'kept replies',
    covers: ['decodeReplies'],
    values: replies,
    encode: encodeReplies,
    decode: (bytes) => {
      const all = decodeReplies(bytes);
      // None, and numbers at the end of what is counted, are in no entry that a machine wrote.
      return all.length === 0 || !Number.isSafeInteger(all.at(-1)?.index) ? null : all;
    },
    codes: ['malformedFrame', 'formatUnsupported'],
  }),
  fuzzed({
    name: 'resource',
    covers: ['decodeResource'],
    values: record({ type: word, version: fc.nat(0xffff), name: word }).map((info) => ({ resource: 7, ...info })),
    encode: ({ type, version, name }) => new ByteWriter(64).u16(version).text(type).text(name).take(),
    decode: (bytes) => decodeResource(7, bytes),
    codes: MALFORMED,
    isCanonical: true,
  }),
];
