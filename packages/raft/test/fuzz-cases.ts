import assert from 'node:assert/strict';
import {
  BATCH_HEADER_BYTES,
  type BatchKind,
  type GroupId,
  LIMITS,
  QuorateError,
  type Random,
  concatBytes,
  crc32c,
  encodeBatch,
  nodeId,
  randomBetween,
  randomChance,
  writeU32,
} from '@quorate/base';
import {
  type RaftMessage,
  TERM_MAX,
  VOTERS_MAX,
  configurationOf,
  decodeConfiguration,
  decodeMessage,
  encodeConfiguration,
  encodeMessage,
} from '@quorate/raft';
import { drawBytes, drawOne, mutateBytes, runFuzz } from '@quorate/testkit';

const GROUP = 7 as GroupId;

function bytesOf(message: RaftMessage): Uint8Array {
  return concatBytes(encodeMessage(message)).slice();
}

function someNumber(random: Random): number {
  return drawOne(random, [0, 1, randomBetween(random, 0, 1000), random.nextUint32(), Number.MAX_SAFE_INTEGER]);
}

function someTerm(random: Random, min: number): number {
  return drawOne(random, [Math.max(min, 1), randomBetween(random, min, 9), TERM_MAX]);
}

function someVoters(random: Random): Uint8Array {
  const ids = new Set(Array.from({ length: randomBetween(random, 1, VOTERS_MAX) }, () => randomBetween(random, 1, 0xffff)));
  return encodeConfiguration(configurationOf([...ids].map(nodeId)));
}

function someBatches(random: Random, after: number, term: number): Uint8Array[] {
  const batches: Uint8Array[] = [];
  let baseIndex = after + 1;
  for (let left = randomBetween(random, 0, 4); left > 0; left--) {
    const kind = drawOne<BatchKind>(random, ['noop', 'configuration', 'commands', 'commands']);
    const payload = kind === 'configuration' ? someVoters(random) : kind === 'noop' ? new Uint8Array(0) : drawBytes(random, 60);
    const count = randomBetween(random, 1, 3);
    const header = {
      kind,
      group: GROUP,
      term,
      baseIndex,
      count,
      loggedTimeMs: randomBetween(random, 0, 9),
      payloadChecksum: crc32c(payload),
    };
    batches.push(encodeBatch(header, payload, crc32c));
    baseIndex += count;
  }
  return batches;
}

/** Any message that a correct peer may send. */
function someMessage(random: Random): RaftMessage {
  const term = someTerm(random, 1);
  const is = (): boolean => randomChance(random, 0.5);
  const number = (): number => someNumber(random);
  const make: readonly (() => RaftMessage)[] = [
    () => ({ type: 'voteRequest', term, isPreVote: is(), isTransfer: is(), lastIndex: number(), lastTerm: someTerm(random, 0) }),
    () => ({ type: 'voteResponse', term, isPreVote: is(), isGranted: is() }),
    () => {
      const prevIndex = randomBetween(random, 0, 1000);
      const prevTerm = randomBetween(random, 0, 1);
      const batches = someBatches(random, prevIndex, term);
      return { type: 'appendRequest', term, prevIndex, prevTerm, commitIndex: number(), probe: number(), admitAt: number(), batches };
    },
    () => ({
      type: 'appendResponse',
      term,
      isAccepted: is(),
      isLearner: is(),
      matchIndex: number(),
      receivedIndex: number(),
      hintTerm: someTerm(random, 0),
      probe: number(),
    }),
    () => ({
      type: 'snapshotRequest',
      term,
      isLast: is(),
      snapshotIndex: number(),
      snapshotTerm: someTerm(random, 0),
      offset: number(),
      bytes: drawBytes(random, 60),
    }),
    () => ({ type: 'snapshotResponse', term, isInstalled: is(), snapshotIndex: number(), receivedBytes: number() }),
    () => ({ type: 'timeoutNow', term }),
    () => ({ type: 'leaderGone', term }),
  ];
  return drawOne(random, make)();
}

/** Bytes held by a message beside its fixed fields: they must be views of the input, never more than it. */
function bytesHeld(message: RaftMessage): number {
  if (message.type === 'snapshotRequest') return message.bytes.length;
  if (message.type !== 'appendRequest') return 0;
  return message.batches.reduce((sum, batch) => sum + batch.length, 0);
}

/** Whatever the bytes are: `malformedFrame`, or a message that encodes to exactly these bytes. */
function decodeAnything(bytes: Uint8Array): void {
  let message: RaftMessage;
  try {
    message = decodeMessage(bytes, crc32c);
  } catch (thrown) {
    if (thrown instanceof QuorateError && thrown.code === 'malformedFrame') return;
    throw thrown;
  }
  assert.deepEqual(bytesOf(message), bytes, 'a message has one encoding');
  assert.ok(bytesHeld(message) <= bytes.length);
  if (message.type === 'appendRequest') {
    assert.ok(message.batches.length <= bytes.length / BATCH_HEADER_BYTES);
    for (const batch of message.batches) assert.equal(batch.buffer, bytes.buffer, 'a batch is a view');
  }
}

function roundTrip(random: Random): void {
  const message = someMessage(random);
  const bytes = bytesOf(message);
  assert.deepEqual(decodeMessage(bytes, crc32c), message);
}

function truncated(random: Random): void {
  const bytes = bytesOf(someMessage(random));
  const cut = bytes.slice(0, randomBetween(random, 0, bytes.length - 1));
  assert.throws(
    () => decodeMessage(cut, crc32c),
    (thrown: unknown) => thrown instanceof QuorateError && thrown.code === 'malformedFrame',
  );
}

function mutated(random: Random): void {
  decodeAnything(mutateBytes(random, bytesOf(someMessage(random))));
}

/** A batch in the message is changed and its checksums made right again: the fields behind them must be checked by themselves. */
function resealedBatch(random: Random): void {
  const batches = someBatches(random, 5, 3);
  const batch = batches[0];
  if (batch === undefined) return;
  const message: RaftMessage = { type: 'appendRequest', term: 3, prevIndex: 5, prevTerm: 1, commitIndex: 9, probe: 1, admitAt: 0, batches };
  const at = randomBetween(random, 4, batch.length - 1);
  batch[at] = random.nextUint32();
  writeU32(batch, 40, crc32c(batch.subarray(BATCH_HEADER_BYTES)));
  writeU32(batch, 0, crc32c(batch.subarray(4, BATCH_HEADER_BYTES)));
  decodeAnything(bytesOf(message));
}

function noise(random: Random): void {
  const bytes = drawBytes(random, 200);
  if (bytes.length > 2 && randomChance(random, 0.8)) {
    bytes[0] = 1;
    bytes[1] = randomBetween(random, 0, 9);
    bytes[2] = randomBetween(random, 0, 3);
  }
  decodeAnything(bytes);
}

/** A count or length that lies, in front of little: refused before anything is reserved for it. */
function evilCount(random: Random): void {
  const isSnapshot = randomChance(random, 0.5);
  const empty: RaftMessage = isSnapshot
    ? { type: 'snapshotRequest', term: 3, isLast: true, snapshotIndex: 1, snapshotTerm: 1, offset: 0, bytes: new Uint8Array(0) }
    : { type: 'appendRequest', term: 3, prevIndex: 0, prevTerm: 0, commitIndex: 0, probe: 0, admitAt: 0, batches: [] };
  const bytes = concatBytes([bytesOf(empty), drawBytes(random, 100)]).slice();
  const lie = drawOne(random, [0x7fff_ffff, 0xffff_ffff, LIMITS.appendMessageBytes + 1, LIMITS.frameBytesMax, 101]);
  writeU32(bytes, bytesOf(empty).length - 4, lie);
  assert.throws(
    () => decodeMessage(bytes, crc32c),
    (thrown: unknown) => thrown instanceof QuorateError && thrown.code === 'malformedFrame',
  );
}

function configuration(random: Random): void {
  const sound = someVoters(random);
  const bytes = randomChance(random, 0.2) ? sound : randomChance(random, 0.2) ? drawBytes(random, 80) : mutateBytes(random, sound);
  try {
    const decoded = decodeConfiguration(bytes);
    assert.ok(decoded.voters.length >= 1 && decoded.voters.length <= VOTERS_MAX);
    assert.deepEqual(encodeConfiguration(decoded), bytes, 'a configuration has one encoding');
  } catch (thrown) {
    if (!(thrown instanceof QuorateError && thrown.code === 'malformedFrame')) throw thrown;
    assert.notEqual(bytes, sound);
  }
}

const KINDS = [roundTrip, truncated, mutated, mutated, mutated, resealedBatch, noise, evilCount, configuration] as const;

/**
 * Messages between replicas, snapshot pieces and configurations. Anything but a sound message is `malformedFrame`; what decodes has exactly
 * one encoding, and shares the memory of its input.
 */
export function fuzzRaft(seed: number, cases: number): { cases: number } {
  return runFuzz('fuzzRaft', KINDS, seed, cases);
}
