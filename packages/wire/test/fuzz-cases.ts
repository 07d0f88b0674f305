import assert from 'node:assert/strict';
import { LIMITS, QuorateError, type Random, SeededRandom, concatBytes, randomBetween, randomChance, writeU32 } from '@quorate/base';
import {
  type EncodedFrame,
  FRAME_TYPES,
  FrameDecoder,
  OutgoingFrames,
  PREFACE_BYTES,
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
import { somePush, someSessionRequest, someSessionResponse } from './session-samples.js';
import { mutateBytes } from '@quorate/testkit';
import { pick, someBytes, someError, someHello, someHelloReply, somePeerFrame, someRequest, someResponse } from './samples.js';

/** Decodes any frame by its type, into something that can be compared; and encodes it back. */
interface Codec {
  decode(type: number, body: Uint8Array): unknown;
  encode(message: never): EncodedFrame;
}

interface Identified {
  readonly id: number;
}

const HANDSHAKE: Readonly<Record<number, Codec>> = {
  [FRAME_TYPES.hello]: { decode: (_, body) => decodeHello(body), encode: encodeHello },
  [FRAME_TYPES.helloReply]: { decode: (_, body) => decodeHelloReply(body), encode: encodeHelloReply },
  [FRAME_TYPES.goodbye]: { decode: (_, body) => decodeGoodbye(body), encode: encodeGoodbye },
};
const PEER: Codec = { decode: decodePeerFrame, encode: encodePeerFrame };
const REQUEST: Codec = { decode: decodeRequest, encode: (message: Identified) => encodeRequest(message.id, message as never) };
const RESPONSE: Codec = { decode: decodeResponse, encode: (message: Identified) => encodeResponse(message.id, message as never) };
const PUSH: Codec = { decode: decodePush, encode: encodePush };

export function codecOf(type: number): Codec {
  return HANDSHAKE[type] ?? (type < 32 ? PEER : type < 64 ? REQUEST : type < 96 ? RESPONSE : PUSH);
}

/** A valid frame and the message that it must decode to. */
function someFrame(random: Random): { frame: EncodedFrame; message: unknown } {
  const id = random.nextUint32();
  const make: readonly (() => { frame: EncodedFrame; message: unknown })[] = [
    () => same(someHello(random), encodeHello),
    () => same(someHelloReply(random), encodeHelloReply),
    () => same(someError(random), encodeGoodbye),
    () => same(somePeerFrame(random), encodePeerFrame),
    () => same({ id, ...someRequest(random) }, (message) => encodeRequest(id, message)),
    () => same({ id, ...someResponse(random) }, (message) => encodeResponse(id, message)),
    () => same({ id, ...someSessionRequest(random) }, (message) => encodeRequest(id, message)),
    () => same({ id, ...someSessionResponse(random) }, (message) => encodeResponse(id, message)),
    () => same(somePush(random), encodePush),
  ];
  return pick(random, make)();
}

function same<T>(message: T, encode: (message: T) => EncodedFrame): { frame: EncodedFrame; message: T } {
  return { frame: encode(message), message };
}

function bytesOf(frames: readonly EncodedFrame[], isPrefaced: boolean): Uint8Array {
  const outgoing = new OutgoingFrames(LIMITS.frameBytesMax);
  if (isPrefaced) outgoing.addRaw(encodePreface());
  for (const frame of frames) outgoing.add(frame.type, frame.parts);
  return concatBytes(outgoing.takeChunks()).slice();
}

interface Received {
  readonly type: number;
  readonly body: Uint8Array;
}

/** Feeds bytes in the given pieces and checks what holds for any input: no other error than ours, memory within the limit. */
function feed(
  bytes: Uint8Array,
  cuts: readonly number[],
  frameBytesMax: number,
  isPrefaced: boolean,
): { frames: Received[]; error: QuorateError | null } {
  const decoder = new FrameDecoder({ frameBytesMax, expectPreface: isPrefaced });
  const frames: Received[] = [];
  let from = 0;
  try {
    for (const to of [...cuts, bytes.length]) {
      decoder.push(bytes.subarray(from, to), (type, body) => {
        assert.ok(body.length < frameBytesMax, 'a body over the limit was handed out');
        frames.push({ type, body: body.slice() });
      });
      assert.ok(decoder.bufferedBytes <= frameBytesMax + 4, `${decoder.bufferedBytes} bytes reserved under a limit of ${frameBytesMax}`);
      from = to;
    }
  } catch (thrown) {
    if (!(thrown instanceof QuorateError) || thrown.code === 'invariantBroken') throw thrown;
    return { frames, error: thrown };
  }
  return { frames, error: null };
}

function someCuts(random: Random, length: number): number[] {
  return Array.from({ length: randomBetween(random, 0, 6) }, () => randomBetween(random, 0, length)).sort((a, b) => a - b);
}

/** Decodes what may be anything: a message, which then survives another round trip, or a `QuorateError`. */
function decodeAnything(type: number, body: Uint8Array): void {
  const codec = codecOf(type);
  let message: unknown;
  try {
    message = codec.decode(type, body);
  } catch (thrown) {
    if (thrown instanceof QuorateError && thrown.code === 'malformedFrame') return;
    throw thrown;
  }
  assert.equal(Object.getPrototypeOf(message), Object.prototype, 'a message is a plain object');
  if (JSON.stringify(message).includes('unknownCode')) return;
  const again = codec.encode(message as never);
  assert.equal(again.type, type);
  assert.deepEqual(codec.decode(type, concatBytes(again.parts)), message, 'what was decoded is encoded to the same');
}

function roundTrip(random: Random): void {
  const sent = Array.from({ length: randomBetween(random, 1, 4) }, () => someFrame(random));
  const bytes = bytesOf(
    sent.map(({ frame }) => frame),
    true,
  );
  const { frames, error } = feed(bytes, someCuts(random, bytes.length), LIMITS.frameBytesMax, true);
  assert.equal(error, null);
  assert.deepEqual(
    frames.map(({ type, body }) => codecOf(type).decode(type, body)),
    sent.map(({ message }) => message),
  );
}

/** Every boundary: the stream in two pieces at each byte, and byte by byte. */
function everyBoundary(random: Random): void {
  const sent = [someFrame(random), someFrame(random)];
  const bytes = bytesOf(
    sent.map(({ frame }) => frame),
    true,
  );
  if (bytes.length > 400) return;
  const whole = feed(bytes, [], LIMITS.frameBytesMax, true).frames;
  assert.equal(whole.length, 2);
  for (let at = 0; at <= bytes.length; at++)
    assert.deepEqual(feed(bytes, [at], LIMITS.frameBytesMax, true), { frames: whole, error: null });
  const each = Array.from({ length: bytes.length }, (_, i) => i);
  assert.deepEqual(feed(bytes, each, LIMITS.frameBytesMax, true), { frames: whole, error: null });
}

const EVIL_LENGTHS = [
  0,
  1,
  2,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_ffff,
  0xffff_fffe,
  LIMITS.frameBytesMax,
  LIMITS.frameBytesMax + 1,
  0x5054_5448,
];

const mutate = (random: Random, original: Uint8Array): Uint8Array => mutateBytes(random, original, EVIL_LENGTHS);

function mutatedBody(random: Random): void {
  const { frame } = someFrame(random);
  decodeAnything(randomChance(random, 0.1) ? random.nextUint32() & 0xff : frame.type, mutate(random, concatBytes(frame.parts)));
}

function mutatedStream(random: Random): void {
  const frames = Array.from({ length: randomBetween(random, 1, 4) }, () => someFrame(random).frame);
  const bytes = mutate(random, bytesOf(frames, true));
  const { frames: received } = feed(
    bytes,
    someCuts(random, bytes.length),
    pick(random, [256, LIMITS.helloFrameBytesMax, LIMITS.frameBytesMax]),
    true,
  );
  for (const { type, body } of received) decodeAnything(type, body);
}

function randomStream(random: Random): void {
  const noise = someBytes(random, 300);
  const isPrefaced = randomChance(random, 0.5);
  const bytes = isPrefaced && randomChance(random, 0.7) ? concatBytes([encodePreface(), noise]) : noise;
  const { frames } = feed(bytes, someCuts(random, bytes.length), LIMITS.frameBytesMax, isPrefaced);
  for (const { type, body } of frames) decodeAnything(type, body);
}

/** A length that lies, then a trickle: nothing is reserved for bytes that did not come. */
function evilLength(random: Random): void {
  const length = pick(random, EVIL_LENGTHS);
  const bytes = new Uint8Array(PREFACE_BYTES + 5 + randomBetween(random, 0, 50));
  bytes.set(encodePreface());
  writeU32(bytes, PREFACE_BYTES, length);
  const decoder = new FrameDecoder({ frameBytesMax: LIMITS.frameBytesMax, expectPreface: true });
  try {
    for (let at = 0; at < bytes.length; at++) decoder.push(bytes.subarray(at, at + 1), () => {});
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError && (thrown.code === 'frameTooLarge' || thrown.code === 'malformedFrame'), String(thrown));
    assert.ok(length < 3 || length > LIMITS.frameBytesMax, `length ${length} was refused`);
  }
  assert.ok(decoder.bufferedBytes <= 2048, `${decoder.bufferedBytes} bytes reserved for ${bytes.length} that came`);
}

/** A truncated stream gives the whole frames and waits for the rest. */
function truncated(random: Random): void {
  const sent = [someFrame(random), someFrame(random), someFrame(random)];
  const bytes = bytesOf(
    sent.map(({ frame }) => frame),
    false,
  );
  const { frames, error } = feed(bytes.subarray(0, randomBetween(random, 0, bytes.length - 1)), [], LIMITS.frameBytesMax, false);
  assert.equal(error, null);
  assert.ok(frames.length < 3);
  frames.forEach(({ type, body }, i) => assert.deepEqual(codecOf(type).decode(type, body), sent[i]?.message));
}

/** The records of an answer with a count or a length that lies: exactly those that are there, or `malformedFrame`. */
function records(random: Random): void {
  const sound = joinRecords(Array.from({ length: randomBetween(random, 0, 5) }, () => someBytes(random, 30)));
  const bytes = randomChance(random, 0.7) ? mutate(random, sound) : sound;
  const count = randomChance(random, 0.7) ? randomBetween(random, 0, 6) : pick(random, EVIL_LENGTHS);
  try {
    const split = splitRecords({ fromOffset: 7, count, records: bytes });
    assert.deepEqual(
      split.map(({ offset }) => offset),
      Array.from({ length: count }, (_, i) => 7 + i),
    );
    assert.deepEqual(joinRecords(split.map(({ value }) => value)), bytes, 'no byte is left out or told twice');
  } catch (thrown) {
    if (!(thrown instanceof QuorateError && thrown.code === 'malformedFrame')) throw thrown;
  }
}

const KINDS = [
  records,
  roundTrip,
  mutatedBody,
  mutatedBody,
  mutatedBody,
  mutatedStream,
  mutatedStream,
  randomStream,
  evilLength,
  truncated,
] as const;

/**
 * Runs that many cases from a seed; the same seed gives the same cases. Throws with seed and case number at the first that breaks a rule:
 * another error than a `QuorateError`, memory over the limit, a round trip that changes something.
 */
export function fuzzWire(seed: number, cases: number): { cases: number } {
  for (let i = 0; i < cases; i++) {
    const random = new SeededRandom(Math.imul(seed, 0x9e37_79b1) + i);
    const kind = i % 64 === 0 ? everyBoundary : pick(random, KINDS);
    try {
      kind(random);
    } catch (cause) {
      throw new Error(`fuzzWire: seed ${seed}, case ${i} (${kind.name}): ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });
    }
  }
  return { cases };
}
