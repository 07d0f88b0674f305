import { LIMITS, QuorateError, concatBytes } from '@quorate/base';
import {
  type EncodedFrame,
  FRAME_TYPES,
  FrameDecoder,
  OutgoingFrames,
  decodeGoodbye,
  decodeHello,
  decodeHelloReply,
  decodePeerFrame,
  decodePush,
  decodeRequest,
  decodeResponse,
  encodeGoodbye,
  encodeHello,
  encodeHelloReply,
  encodePeerFrame,
  encodePreface,
  encodePush,
  encodeRequest,
  encodeResponse,
  joinRecords,
  splitRecords,
} from '@quorate/wire';
import fc from 'fast-check';
import { type FuzzedDecoder, fuzzed, record } from '../../testkit/dist-test/fuzz/decoder-fuzz.js';
import { hello, helloReply, peerFrame, push, records, request, requestId, response, wireError } from './arbitraries.js';

const CODES = ['malformedFrame'] as const;
const BORDERS = [LIMITS.frameBytesMax, LIMITS.frameBytesMax + 1, 1024, 1025, 32, 33, 8192, 8193, 32_768, 16_384, 4096, 4097];

/** The body of a frame with its type before it: what a decoder of several types is given. */
function typed({ type, parts }: EncodedFrame): Uint8Array {
  return concatBytes([Uint8Array.of(type), ...parts]).slice();
}

function withId<T>(of: fc.Arbitrary<T>): fc.Arbitrary<T & { readonly id: number }> {
  return fc.tuple(requestId, of).map(([id, body]) => ({ id, ...body }));
}

/** A code that the other side does not know has no encoding here. */
function isForeign(message: unknown): boolean {
  return JSON.stringify(message).includes('unknownCode');
}

/** Of a message that could be told again; null of one with an error of an unknown code. */
function ours<T>(message: T): T | null {
  return isForeign(message) ? null : message;
}

const DECODERS_OF_FRAMES: readonly FuzzedDecoder[] = [
  fuzzed({
    name: 'hello',
    covers: ['decodeHello', 'readNodeId', 'readIncarnation', 'readClusterIdOrNull', 'readIncarnationOrNull', 'readMembers', 'readMember'],
    values: hello,
    encode: (value) => concatBytes(encodeHello(value).parts).slice(),
    decode: decodeHello,
    codes: CODES,
    borders: BORDERS,
    isCanonical: true,
  }),
  fuzzed({
    name: 'hello reply',
    covers: ['decodeHelloReply', 'readError', 'readKey'],
    values: helloReply,
    encode: (value) => concatBytes(encodeHelloReply(value).parts).slice(),
    decode: (bytes) => ours(decodeHelloReply(bytes)),
    codes: CODES,
    borders: BORDERS,
  }),
  fuzzed({
    name: 'goodbye',
    covers: ['decodeGoodbye', 'fromWireError'],
    values: wireError,
    encode: (value) => concatBytes(encodeGoodbye(value).parts).slice(),
    decode: (bytes) => ours(decodeGoodbye(bytes)),
    codes: CODES,
    borders: BORDERS,
  }),
  fuzzed({
    name: 'peer frame',
    covers: ['decodePeerFrame', 'readGroupId', 'readClusterId'],
    values: peerFrame,
    encode: (value) => typed(encodePeerFrame(value)),
    decode: (bytes) => decodePeerFrame(bytes[0] ?? 0, bytes.subarray(1)),
    codes: CODES,
    borders: BORDERS,
    isCanonical: true,
  }),
  fuzzed({
    name: 'request',
    covers: ['decodeRequest', 'readSessionRequest', 'readNodeIdOrNone', 'readChoice'],
    values: withId(request),
    encode: (value) => typed(encodeRequest(value.id, value)),
    decode: (bytes) => decodeRequest(bytes[0] ?? 0, bytes.subarray(1)),
    codes: CODES,
    borders: BORDERS,
    isCanonical: true,
  }),
  fuzzed({
    name: 'response',
    covers: ['decodeResponse', 'readSessionResponse', 'readStatus', 'readFlag', 'readCount'],
    values: withId(response),
    encode: (value) => typed(encodeResponse(value.id, value)),
    decode: (bytes) => ours(decodeResponse(bytes[0] ?? 0, bytes.subarray(1))),
    codes: CODES,
    borders: BORDERS,
  }),
  fuzzed({
    name: 'push',
    covers: ['decodePush'],
    values: push,
    encode: (value) => typed(encodePush(value)),
    decode: (bytes) => decodePush(bytes[0] ?? 0, bytes.subarray(1)),
    codes: CODES,
    borders: BORDERS,
    isCanonical: true,
  }),
];

/** What a connection carried: frames with their bodies, whole in every way of cutting the bytes into pieces. */
interface Stream {
  readonly frames: readonly { readonly type: number; readonly body: Uint8Array }[];
}

function streamOf({ frames }: Stream): Uint8Array {
  const outgoing = new OutgoingFrames(LIMITS.frameBytesMax);
  outgoing.addRaw(encodePreface());
  for (const { type, body } of frames) outgoing.add(type, [body]);
  return concatBytes(outgoing.takeChunks()).slice();
}

/** The frames of a stream that comes in pieces of so many bytes; an error after some of them is told with them. */
function received(bytes: Uint8Array, pieceBytes: number): Stream & { readonly error: QuorateError | null } {
  const decoder = new FrameDecoder({ frameBytesMax: LIMITS.frameBytesMax, expectPreface: true });
  const frames: { type: number; body: Uint8Array }[] = [];
  try {
    for (let at = 0; at < bytes.length; at += pieceBytes)
      decoder.push(bytes.subarray(at, at + pieceBytes), (type, body) => frames.push({ type, body: body.slice() }));
    return { frames, error: null };
  } catch (thrown) {
    if (!(thrown instanceof QuorateError)) throw thrown;
    return { frames, error: thrown };
  }
}

function decodeStream(bytes: Uint8Array): Stream {
  const whole = received(bytes, Math.max(1, bytes.length));
  for (const pieceBytes of [1, 3, 7, 64]) {
    const pieces = received(bytes, pieceBytes);
    if (JSON.stringify(pieces.frames) !== JSON.stringify(whole.frames) || pieces.error?.code !== whole.error?.code)
      throw new Error(`in pieces of ${pieceBytes} bytes something else came`);
  }
  if (whole.error !== null) throw whole.error;
  // What has not come wholly is not in the value, so it need not be encoded again.
  return { frames: whole.frames };
}

const frame = record({
  type: fc.constantFrom(...Object.values(FRAME_TYPES)),
  body: fc.uint8Array({ maxLength: 30 }),
});

/** The fuzzed decoders of this package. */
export const DECODERS: readonly FuzzedDecoder[] = [
  ...DECODERS_OF_FRAMES,
  fuzzed({
    name: 'frames',
    covers: ['FrameDecoder', 'PrefaceReader'],
    values: record({ frames: fc.array(frame, { maxLength: 4 }) }),
    encode: streamOf,
    decode: decodeStream,
    codes: ['malformedFrame', 'frameTooLarge', 'protocolMismatch', 'versionUnsupported'],
    borders: BORDERS,
    // The stream is read five times, each time with a buffer of 1 KiB and more.
    memory: { perByte: 64, besides: 65_536 },
  }),
  fuzzed({
    name: 'records',
    covers: ['splitRecords'],
    values: records,
    encode: (values) => concatBytes([Uint8Array.of(values.length), joinRecords(values)]).slice(),
    decode: (bytes) =>
      bytes.length === 0
        ? null
        : splitRecords({ fromOffset: 5, count: bytes[0] ?? 0, records: bytes.subarray(1) }).map(({ value }) => value),
    codes: CODES,
    isCanonical: true,
  }),
];
