import {
  BATCH_HEADER_BYTES,
  type GroupId,
  type Incarnation,
  type LogIndex,
  type NodeId,
  type Term,
  readU16,
  readU32,
  readU64,
  writeU16,
  writeU32,
  writeU64,
} from '@quorate/base';
import { bytesToHex, hexToBytes } from './hex.js';

/*
 * The body of a frame is a row of records, each a u8 type and its fields (little-endian):
 *
 *   1  append          u32 length, then a batch (it names its group, index and term)
 *   2  truncateSuffix  u32 group, u64 index: every batch after it is gone
 *   3  truncatePrefix  u32 group, u64 index, u64 term of that index: every batch up to it is gone
 *   4  hardState       u32 group, u64 term, u16 voted for (0: nobody), u8 learner
 *   5  createGroup     u32 group, u8 learner: an empty log
 *   6  resetGroup      u32 group: an empty log of a learner; what came before is void
 *   7  peerSequence    u16 node, 8 bytes incarnation, u64 sequence
 *   8  snapshot        u32 group, u64 index, u64 term: its file is in place; older ones are void
 *   9  restart         u32 group, u8 kept, u64 index, u64 term: a snapshot received from a leader is in force, the log starts after it;
 *                      1: batches after `index` stay, 0: all are gone
 */
const APPEND = 1;
const TRUNCATE_SUFFIX = 2;
const TRUNCATE_PREFIX = 3;
const HARD_STATE = 4;
const CREATE_GROUP = 5;
const RESET_GROUP = 6;
const PEER_SEQUENCE = 7;
const SNAPSHOT = 8;
const RESTART = 9;

/** Bytes of an append record before its batch. */
export const APPEND_OVERHEAD = 5;

/** A record to be written. */
export type JournalRecord =
  | { readonly type: 'append'; readonly batch: Uint8Array }
  | { readonly type: 'truncateSuffix'; readonly group: GroupId; readonly index: LogIndex }
  | { readonly type: 'truncatePrefix'; readonly group: GroupId; readonly index: LogIndex; readonly term: Term }
  | { readonly type: 'snapshot'; readonly group: GroupId; readonly index: LogIndex; readonly term: Term }
  | { readonly type: 'restart'; readonly group: GroupId; readonly isSuffixKept: boolean; readonly index: LogIndex; readonly term: Term }
  | { readonly type: 'hardState'; readonly group: GroupId; readonly term: Term; readonly votedFor: NodeId | 0; readonly isLearner: boolean }
  | { readonly type: 'createGroup'; readonly group: GroupId; readonly isLearner: boolean }
  | { readonly type: 'resetGroup'; readonly group: GroupId }
  | { readonly type: 'peerSequence'; readonly peer: NodeId; readonly incarnation: Incarnation; readonly sequence: number };

/** Bytes a record takes in a body. */
export function recordBytes(record: JournalRecord): number {
  switch (record.type) {
    case 'append':
      return APPEND_OVERHEAD + record.batch.length;
    case 'truncateSuffix':
      return 13;
    case 'truncatePrefix':
    case 'snapshot':
      return 21;
    case 'restart':
      return 22;
    case 'hardState':
      return 16;
    case 'createGroup':
      return 6;
    case 'resetGroup':
      return 5;
    case 'peerSequence':
      return 19;
  }
}

/** Last index of a batch that is appended. */
export function appendedLastIndex(batch: Uint8Array): LogIndex {
  return readU64(batch, 20) + readU16(batch, 6) - 1;
}

/** Writes what an append record has before its batch. */
export function writeAppendHead(body: Uint8Array, at: number, batchBytes: number): void {
  body[at] = APPEND;
  writeU32(body, at + 1, batchBytes);
}

/** Writes a record at a position of a body. */
export function writeRecord(body: Uint8Array, at: number, record: JournalRecord): void {
  switch (record.type) {
    case 'append':
      writeAppendHead(body, at, record.batch.length);
      body.set(record.batch, at + APPEND_OVERHEAD);
      return;
    case 'truncateSuffix':
      body[at] = TRUNCATE_SUFFIX;
      writeU32(body, at + 1, record.group);
      writeU64(body, at + 5, record.index);
      return;
    case 'truncatePrefix':
      body[at] = TRUNCATE_PREFIX;
      writeU32(body, at + 1, record.group);
      writeU64(body, at + 5, record.index);
      writeU64(body, at + 13, record.term);
      return;
    case 'snapshot':
      body[at] = SNAPSHOT;
      writeU32(body, at + 1, record.group);
      writeU64(body, at + 5, record.index);
      writeU64(body, at + 13, record.term);
      return;
    case 'restart':
      body[at] = RESTART;
      writeU32(body, at + 1, record.group);
      body[at + 5] = record.isSuffixKept ? 1 : 0;
      writeU64(body, at + 6, record.index);
      writeU64(body, at + 14, record.term);
      return;
    case 'hardState':
      body[at] = HARD_STATE;
      writeU32(body, at + 1, record.group);
      writeU64(body, at + 5, record.term);
      writeU16(body, at + 13, record.votedFor);
      body[at + 15] = record.isLearner ? 1 : 0;
      return;
    case 'createGroup':
      body[at] = CREATE_GROUP;
      writeU32(body, at + 1, record.group);
      body[at + 5] = record.isLearner ? 1 : 0;
      return;
    case 'resetGroup':
      body[at] = RESET_GROUP;
      writeU32(body, at + 1, record.group);
      return;
    case 'peerSequence':
      body[at] = PEER_SEQUENCE;
      writeU16(body, at + 1, record.peer);
      body.set(hexToBytes(record.incarnation), at + 3);
      writeU64(body, at + 11, record.sequence);
      return;
  }
}

/** Receives the records of a body one by one, without an object for each. */
export interface RecordVisitor {
  /** A batch stands at `at` of the body with `length` bytes, at least a batch header. */
  append(body: Uint8Array, at: number, length: number): void;
  truncateSuffix(group: GroupId, index: LogIndex): void;
  truncatePrefix(group: GroupId, index: LogIndex, term: Term): void;
  snapshot(group: GroupId, index: LogIndex, term: Term): void;
  restart(group: GroupId, isSuffixKept: boolean, index: LogIndex, term: Term): void;
  hardState(group: GroupId, term: Term, votedFor: NodeId | 0, isLearner: boolean): void;
  createGroup(group: GroupId, isLearner: boolean): void;
  resetGroup(group: GroupId): void;
  peerSequence(peer: NodeId, incarnation: Incarnation, sequence: number): void;
}

/** Walks a body that verified; false if it is not exactly `count` records. */
export function readRecords(body: Uint8Array, count: number, visitor: RecordVisitor): boolean {
  let at = 0;
  for (let left = count; left > 0; left--) {
    const bytes = at < body.length ? readRecord(body, at, visitor) : 0;
    if (bytes === 0) return false;
    at += bytes;
  }
  return at === body.length;
}

/** Bytes of the record at `at`; 0 if there is no sound one. */
function readRecord(body: Uint8Array, at: number, visitor: RecordVisitor): number {
  const room = body.length - at;
  const type = body[at];
  if (room < 5) return 0;
  if (type === APPEND) {
    const length = readU32(body, at + 1);
    if (length < BATCH_HEADER_BYTES || length > room - APPEND_OVERHEAD) return 0;
    visitor.append(body, at + APPEND_OVERHEAD, length);
    return APPEND_OVERHEAD + length;
  }
  if (type === PEER_SEQUENCE) {
    if (room < 19) return 0;
    visitor.peerSequence(
      readU16(body, at + 1) as NodeId,
      bytesToHex(body.subarray(at + 3, at + 11)) as Incarnation,
      readU64(body, at + 11),
    );
    return 19;
  }
  const group = readU32(body, at + 1) as GroupId;
  switch (type) {
    case TRUNCATE_SUFFIX:
      if (room < 13) return 0;
      visitor.truncateSuffix(group, readU64(body, at + 5));
      return 13;
    case TRUNCATE_PREFIX:
      if (room < 21) return 0;
      visitor.truncatePrefix(group, readU64(body, at + 5), readU64(body, at + 13));
      return 21;
    case SNAPSHOT:
      if (room < 21) return 0;
      visitor.snapshot(group, readU64(body, at + 5), readU64(body, at + 13));
      return 21;
    case RESTART:
      if (room < 22) return 0;
      visitor.restart(group, body[at + 5] === 1, readU64(body, at + 6), readU64(body, at + 14));
      return 22;
    case HARD_STATE:
      if (room < 16) return 0;
      visitor.hardState(group, readU64(body, at + 5), readU16(body, at + 13) as NodeId | 0, body[at + 15] === 1);
      return 16;
    case CREATE_GROUP:
      if (room < 6) return 0;
      visitor.createGroup(group, body[at + 5] === 1);
      return 6;
    case RESET_GROUP:
      visitor.resetGroup(group);
      return 5;
    default:
      return 0;
  }
}
