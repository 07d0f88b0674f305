import {
  BATCH_HEADER_BYTES,
  ByteReader,
  ByteWriter,
  type Checksum,
  LIMITS,
  type LogIndex,
  QuorateError,
  type Term,
  batchLastIndex,
  batchPayload,
  unreachable,
  verifyBatch,
} from '@quorate/base';
import { CONFIGURATION_BYTES_MAX, decodeConfiguration, encodeConfiguration } from './configuration.js';
import type { AppendRequest, RaftMessage, SnapshotHead } from './messages.js';

/*
 * A message, little-endian: u8 format (1), u8 type, then by type, all indexes, terms and rounds u64:
 *
 *   1 voteRequest       u8 flags (1 pre-vote, 2 transfer), term, lastIndex, lastTerm
 *   2 voteResponse      u8 flags (1 pre-vote, 2 granted), term
 *   3 appendRequest     u8 flags (0), term, prevIndex, prevTerm, commitIndex, probe, admitAt, u32 n, n x u32 length, then n batches
 *   4 appendResponse    u8 flags (1 accepted, 2 learner), term, matchIndex, receivedIndex, hintTerm, probe
 *   5 snapshotRequest   u8 flags (1 last, 2 head), term, snapshotIndex, snapshotTerm, offset, u32 length, bytes; with a head: u64 content
 *                       length, u64 logged time in ms, u32 length, configuration
 *   6 snapshotResponse  u8 flags (1 installed), term, snapshotIndex, receivedBytes
 *   7 timeoutNow        u8 flags (0), term
 *   8 leaderGone        u8 flags (0), term
 *
 * Batches follow as they are, so that a sender writes them from where they lie and a receiver keeps views. The batches of an append are
 * verified by both checksums, are dense after prevIndex, and their terms never decrease and never exceed the message's.
 */
const FORMAT = 1;
const TYPES = {
  voteRequest: 1,
  voteResponse: 2,
  appendRequest: 3,
  appendResponse: 4,
  snapshotRequest: 5,
  snapshotResponse: 6,
  timeoutNow: 7,
  leaderGone: 8,
} as const satisfies Record<RaftMessage['type'], number>;

/** Hard. Highest term that is accepted: far beyond any real one, and far enough below 2^53 that counting on stays exact. */
export const TERM_MAX: number = 2 ** 52;

/** The bytes of a message as parts to be written one after the other; batches are passed through uncopied. */
export function encodeMessage(message: RaftMessage): Uint8Array[] {
  const writer = new ByteWriter(message.type === 'appendRequest' ? 55 + 4 * message.batches.length : 64).u8(FORMAT).u8(TYPES[message.type]);
  switch (message.type) {
    case 'voteRequest':
      writer
        .u8((message.isPreVote ? 1 : 0) | (message.isTransfer ? 2 : 0))
        .u64(message.term)
        .u64(message.lastIndex)
        .u64(message.lastTerm);
      return [writer.take()];
    case 'voteResponse':
      writer.u8((message.isPreVote ? 1 : 0) | (message.isGranted ? 2 : 0)).u64(message.term);
      return [writer.take()];
    case 'appendRequest':
      writer
        .u8(0)
        .u64(message.term)
        .u64(message.prevIndex)
        .u64(message.prevTerm)
        .u64(message.commitIndex)
        .u64(message.probe)
        .u64(message.admitAt);
      writer.u32(message.batches.length);
      for (const batch of message.batches) writer.u32(batch.length);
      return [writer.take(), ...message.batches];
    case 'appendResponse':
      writer
        .u8((message.isAccepted ? 1 : 0) | (message.isLearner ? 2 : 0))
        .u64(message.term)
        .u64(message.matchIndex)
        .u64(message.receivedIndex);
      writer.u64(message.hintTerm).u64(message.probe);
      return [writer.take()];
    case 'snapshotRequest':
      writer
        .u8((message.isLast ? 1 : 0) | (message.head === undefined ? 0 : 2))
        .u64(message.term)
        .u64(message.snapshotIndex)
        .u64(message.snapshotTerm)
        .u64(message.offset);
      writer.u32(message.bytes.length);
      return message.head === undefined ? [writer.take(), message.bytes] : [writer.take(), message.bytes, encodeHead(message.head)];
    case 'snapshotResponse':
      writer
        .u8(message.isInstalled ? 1 : 0)
        .u64(message.term)
        .u64(message.snapshotIndex)
        .u64(message.receivedBytes);
      return [writer.take()];
    case 'timeoutNow':
    case 'leaderGone':
      return [writer.u8(0).u64(message.term).take()];
    default:
      return unreachable(message, 'message');
  }
}

/**
 * The message in `bytes`, with every batch verified. Batches and snapshot pieces share memory with `bytes`, which must not change afterwards.
 * Throws `malformedFrame` for anything that `encodeMessage` of a correct peer does not produce.
 */
export function decodeMessage(bytes: Uint8Array, checksum: Checksum): RaftMessage {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format !== FORMAT) throw new QuorateError('malformedFrame', `message format ${format} is unknown`, { format });
  const message = decodeBody(reader, checksum);
  reader.end();
  return message;
}

function decodeBody(reader: ByteReader, checksum: Checksum): RaftMessage {
  const type = reader.u8();
  switch (type) {
    case TYPES.voteRequest: {
      const bits = flags(reader, 3);
      const term = readTerm(reader, 1);
      return {
        type: 'voteRequest',
        term,
        isPreVote: (bits & 1) !== 0,
        isTransfer: (bits & 2) !== 0,
        lastIndex: reader.u64(),
        lastTerm: readTerm(reader, 0),
      };
    }
    case TYPES.voteResponse: {
      const bits = flags(reader, 3);
      return { type: 'voteResponse', isPreVote: (bits & 1) !== 0, isGranted: (bits & 2) !== 0, term: readTerm(reader, 0) };
    }
    case TYPES.appendRequest:
      flags(reader, 0);
      return decodeAppend(reader, checksum);
    case TYPES.appendResponse: {
      const bits = flags(reader, 3);
      return {
        type: 'appendResponse',
        isAccepted: (bits & 1) !== 0,
        isLearner: (bits & 2) !== 0,
        term: readTerm(reader, 0),
        matchIndex: reader.u64(),
        receivedIndex: reader.u64(),
        hintTerm: readTerm(reader, 0),
        probe: reader.u64(),
      };
    }
    case TYPES.snapshotRequest: {
      const bits = flags(reader, 3);
      const piece = {
        type: 'snapshotRequest' as const,
        isLast: (bits & 1) !== 0,
        term: readTerm(reader, 1),
        snapshotIndex: reader.u64(),
        snapshotTerm: readTerm(reader, 0),
        offset: reader.u64(),
        bytes: reader.bytes(LIMITS.appendMessageBytes),
      };
      return (bits & 2) === 0 ? piece : { ...piece, head: decodeHead(reader) };
    }
    case TYPES.snapshotResponse: {
      const isInstalled = flags(reader, 1) !== 0;
      return { type: 'snapshotResponse', isInstalled, term: readTerm(reader, 0), snapshotIndex: reader.u64(), receivedBytes: reader.u64() };
    }
    case TYPES.timeoutNow:
      flags(reader, 0);
      return { type: 'timeoutNow', term: readTerm(reader, 1) };
    case TYPES.leaderGone:
      flags(reader, 0);
      return { type: 'leaderGone', term: readTerm(reader, 1) };
    default:
      throw new QuorateError('malformedFrame', `message type ${type} is unknown`, { type });
  }
}

function encodeHead(head: SnapshotHead): Uint8Array {
  return new ByteWriter(64).u64(head.length).u64(head.loggedTimeMs).bytes(encodeConfiguration(head.configuration)).take();
}

function decodeHead(reader: ByteReader): SnapshotHead {
  return { length: reader.u64(), loggedTimeMs: reader.u64(), configuration: decodeConfiguration(reader.bytes(CONFIGURATION_BYTES_MAX)) };
}

function decodeAppend(reader: ByteReader, checksum: Checksum): AppendRequest {
  const term = readTerm(reader, 1);
  const prevIndex = reader.u64();
  const prevTerm = readTerm(reader, 0);
  const commitIndex = reader.u64();
  const probe = reader.u64();
  const admitAt = reader.u64();
  const count = reader.u32();
  // Each batch takes its length field and a header, so the input itself bounds the count before anything is allocated.
  if (count > reader.remaining / (4 + BATCH_HEADER_BYTES))
    throw new QuorateError('malformedFrame', `${count} batches do not fit`, { count });
  const lengths: number[] = [];
  for (let i = 0; i < count; i++) lengths.push(reader.u32());
  const batches: Uint8Array[] = [];
  let index: LogIndex = prevIndex;
  let lastTerm: Term = prevTerm;
  for (const length of lengths) {
    const batch = reader.raw(length);
    const header = verifyBatch(batch, checksum);
    if (header.baseIndex !== index + 1 || header.term < lastTerm || header.term > term) {
      throw new QuorateError(
        'malformedFrame',
        `batch ${header.baseIndex} of term ${header.term} does not follow ${index} of term ${lastTerm}`,
      );
    }
    if (header.kind === 'configuration') decodeConfiguration(batchPayload(batch));
    index = batchLastIndex(header);
    lastTerm = header.term;
    batches.push(batch);
  }
  return { type: 'appendRequest', term, prevIndex, prevTerm, commitIndex, probe, admitAt, batches };
}

function flags(reader: ByteReader, known: number): number {
  const bits = reader.u8();
  if ((bits & ~known) !== 0) throw new QuorateError('malformedFrame', `unknown flags ${bits}`, { bits });
  return bits;
}

function readTerm(reader: ByteReader, min: number): Term {
  const term = reader.u64();
  if (term < min || term > TERM_MAX) throw new QuorateError('malformedFrame', `term ${term} is out of range`, { term });
  return term;
}
