import { readU16, readU32, readU64, writeU16, writeU32, writeU64 } from './bytes.js';
import type { Checksum } from './checksum.js';
import { QuorateError, invariant } from './errors.js';
import { type GroupId, type LogIndex, type Term, groupId } from './ids.js';
import { LIMITS } from './limits.js';

/*
 * A batch is what a leader makes and every replica stores byte for byte. Little-endian:
 *
 *   0  u32  header checksum: CRC-32C of bytes 4..52
 *   4  u8   format, 1
 *   5  u8   kind: 0 no-op, 1 configuration, 2 commands
 *   6  u16  count: log indexes it takes, at least 1
 *   8  u32  group
 *  12  u64  term
 *  20  u64  base index: index of its first entry; it covers base .. base + count - 1
 *  28  u64  logged time in ms (never decreases within a group)
 *  36  u32  payload length
 *  40  u32  payload checksum: CRC-32C of the payload, made by whoever made the payload
 *  44  u64  reserved, zero
 *  52       payload
 *
 * A batch is atomic: never split, merged or cut. Two batches of a group with the same base index and term are the same bytes.
 */
/** Length of a batch header in bytes; the payload follows. */
export const BATCH_HEADER_BYTES = 52;
const FORMAT = 1;

/** What a batch holds, with its number in the header: nothing, a group's configuration, or commands of its machine. */
export const BATCH_KINDS = { noop: 0, configuration: 1, commands: 2 } as const;
/** Name of a batch kind. */
export type BatchKind = keyof typeof BATCH_KINDS;
const KIND_NAMES: readonly BatchKind[] = ['noop', 'configuration', 'commands'];

/** The decoded header of a batch. */
export interface BatchHeader {
  readonly kind: BatchKind;
  readonly group: GroupId;
  readonly term: Term;
  readonly baseIndex: LogIndex;
  /** Log indexes it takes: 1 to `LIMITS.batchRecordsMax`. */
  readonly count: number;
  readonly loggedTimeMs: number;
  readonly payloadBytes: number;
  readonly payloadChecksum: number;
}

/** Index of the last entry of a batch. */
export function batchLastIndex(header: BatchHeader): LogIndex {
  return header.baseIndex + header.count - 1;
}

/** Header and payload in one new array: the only copy of the payload that a leader makes. */
export function encodeBatch(header: Omit<BatchHeader, 'payloadBytes'>, payload: Uint8Array, checksum: Checksum): Uint8Array {
  invariant(header.count >= 1 && header.count <= LIMITS.batchRecordsMax, '1 <= count <= batchRecordsMax', { count: header.count });
  invariant(payload.length <= LIMITS.batchPayloadBytesMax, 'payload <= batchPayloadBytesMax', { bytes: payload.length });
  const batch = new Uint8Array(BATCH_HEADER_BYTES + payload.length);
  batch[4] = FORMAT;
  batch[5] = BATCH_KINDS[header.kind];
  writeU16(batch, 6, header.count);
  writeU32(batch, 8, header.group);
  writeU64(batch, 12, header.term);
  writeU64(batch, 20, header.baseIndex);
  writeU64(batch, 28, header.loggedTimeMs);
  writeU32(batch, 36, payload.length);
  writeU32(batch, 40, header.payloadChecksum);
  writeU32(batch, 0, checksum(batch.subarray(4, BATCH_HEADER_BYTES)));
  batch.set(payload, BATCH_HEADER_BYTES);
  return batch;
}

/** Why bytes are not a batch. */
export type BatchFault = 'tooShort' | 'headerChecksum' | 'format' | 'fields' | 'payloadChecksum';

/** Decodes and verifies the header at the start of `bytes`; returns the fault as a value, for scans over damaged data. */
export function tryDecodeBatchHeader(bytes: Uint8Array, checksum: Checksum): BatchHeader | BatchFault {
  if (bytes.length < BATCH_HEADER_BYTES) return 'tooShort';
  if (checksum(bytes.subarray(4, BATCH_HEADER_BYTES)) !== readU32(bytes, 0)) return 'headerChecksum';
  if (bytes[4] !== FORMAT) return 'format';
  const kind = KIND_NAMES[bytes[5] as number];
  const count = readU16(bytes, 6);
  const term = readU64(bytes, 12);
  const baseIndex = readU64(bytes, 20);
  const loggedTimeMs = readU64(bytes, 28);
  const payloadBytes = readU32(bytes, 36);
  if (
    kind === undefined ||
    count < 1 ||
    count > LIMITS.batchRecordsMax ||
    payloadBytes > LIMITS.batchPayloadBytesMax ||
    baseIndex < 1 ||
    !Number.isSafeInteger(term) ||
    !Number.isSafeInteger(baseIndex + count) ||
    !Number.isSafeInteger(loggedTimeMs) ||
    // A later version may give these bytes a meaning; a batch that has one must not be taken for one without.
    readU32(bytes, 44) !== 0 ||
    readU32(bytes, 48) !== 0
  ) {
    return 'fields';
  }
  return {
    kind,
    group: groupId(readU32(bytes, 8)),
    term,
    baseIndex,
    count,
    loggedTimeMs,
    payloadBytes,
    payloadChecksum: readU32(bytes, 40),
  };
}

/** The header of bytes that are one whole batch with a sound payload; otherwise `malformedFrame`. */
export function verifyBatch(batch: Uint8Array, checksum: Checksum): BatchHeader {
  const header = tryDecodeBatchHeader(batch, checksum);
  if (typeof header === 'string') throw new QuorateError('malformedFrame', `batch header: ${header}`, { fault: header });
  if (batch.length !== BATCH_HEADER_BYTES + header.payloadBytes) {
    throw new QuorateError('malformedFrame', `batch is ${batch.length} bytes, its header says ${BATCH_HEADER_BYTES + header.payloadBytes}`);
  }
  if (checksum(batchPayload(batch)) !== header.payloadChecksum) {
    throw new QuorateError('malformedFrame', 'batch payload checksum does not match', {
      fault: 'payloadChecksum',
      index: header.baseIndex,
    });
  }
  return header;
}

/** The payload of a batch, sharing its memory. */
export function batchPayload(batch: Uint8Array): Uint8Array {
  return batch.subarray(BATCH_HEADER_BYTES);
}

/** Header of a batch that was verified before (from storage or memory). */
export function trustedBatchHeader(batch: Uint8Array): BatchHeader {
  const kind = KIND_NAMES[batch[5] as number];
  invariant(kind !== undefined, 'a stored batch has a known kind');
  return {
    kind,
    group: readU32(batch, 8) as GroupId,
    term: readU64(batch, 12),
    baseIndex: readU64(batch, 20),
    count: readU16(batch, 6),
    loggedTimeMs: readU64(batch, 28),
    payloadBytes: readU32(batch, 36),
    payloadChecksum: readU32(batch, 40),
  };
}
