import { LIMITS, QuorateError, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import { FENCE_BYTES, decodeFence, encodeFence } from './append-fence.js';

/*
 * The payload of one append, made by the client and stored as it is in one batch. Little-endian:
 *
 *   0  u8   version: 1, or 2 for a fenced append
 *   1  u8   flags: bit 0 "resent": a copy of this append was sent before and may have been applied; the other bits are zero
 *   2  u16  count of records, 1 to batchRecordsMax
 *   4  u32  producer epoch
 *   8  8 B  producer id
 *  16  u64  number of the first record: numbers count records, per producer and epoch, from 0
 *  24  24 B version 2 only: the fence (u32 group, u64 resource, u32 epoch, u64 index), none of it 0
 *           count times: u32 length (0 to recordBytesMax), then the bytes
 *
 * Nothing follows the last record. Prose with the reasons: docs/formats/stream-append.md.
 */
export const APPEND_HEADER_BYTES = 24;
/** Where the records of a fenced append begin. */
export const FENCED_HEADER_BYTES: number = APPEND_HEADER_BYTES + FENCE_BYTES;
/** Bytes that each record takes beside its own. */
export const RECORD_OVERHEAD_BYTES = 4;
const VERSION = 1;
const VERSION_FENCED = 2;
const FLAG_RESENT = 1;
const PRODUCER = /^[0-9a-f]{16}$/;

/** Who appends, and where in its own sequence. */
export interface AppendPosition {
  /** Producer id: 16 lower-case hexadecimal digits. */
  readonly producer: string;
  /** u32; a higher epoch of the same producer fences the lower ones. */
  readonly epoch: number;
  /** Number of the first record; numbers count records, per producer and epoch, from 0. */
  readonly firstNumber: number;
}

/** The verified header of an append payload. */
export interface AppendHeader extends AppendPosition {
  /** Records in it: 1 to `LIMITS.batchRecordsMax`. */
  readonly count: number;
  /** A copy was sent before, so a stream that no longer knows the producer must not take it for a first one. */
  readonly isResent: boolean;
  /** The lock or leadership that it is written under; null: none. */
  readonly fence: Fence | null;
}

/** A run of a list of records that fits one payload: `records[start]` to `records[end - 1]`. */
export interface AppendRange {
  readonly start: number;
  readonly end: number;
  /** Length of its payload. */
  readonly payloadBytes: number;
}

/**
 * One payload of all `records`, under a fence if one is given (`invalidArgument` if it is none). Empty records are legal, an empty list is not (`invalidArgument`). A record over
 * `LIMITS.recordBytesMax` is `recordTooLarge` (details: index, bytes, max); more records or bytes than one batch holds is
 * `invalidArgument`: use `splitIntoAppends` first.
 */
export function encodeAppendPayload(
  append: AppendPosition & { readonly records: readonly Uint8Array[]; readonly fence?: Fence | null },
): Uint8Array {
  const { records, fence = null } = append;
  const headerBytes = headerBytesOf(fence);
  const ranges = splitIntoAppends(records, headerBytes);
  const range = ranges[0];
  if (range === undefined || ranges.length > 1) {
    throw new QuorateError('invalidArgument', `${records.length} records do not fit one append`, {
      records: records.length,
      recordsMax: LIMITS.batchRecordsMax,
      bytesMax: LIMITS.batchPayloadBytesMax,
    });
  }
  const payload = new Uint8Array(range.payloadBytes);
  payload[0] = fence === null ? VERSION : VERSION_FENCED;
  writeU16(payload, 2, records.length);
  writePosition(payload, append);
  if (fence !== null) payload.set(encodeFence(fence), APPEND_HEADER_BYTES);
  let at = headerBytes;
  for (const record of records) {
    writeU32(payload, at, record.length);
    payload.set(record, at + RECORD_OVERHEAD_BYTES);
    at += RECORD_OVERHEAD_BYTES + record.length;
  }
  return payload;
}

/**
 * The runs of `records`, in order, that each fit one payload with a header of `headerBytes`: as few as possible, most lists give one.
 * Empty list: `invalidArgument`. A record over the limit: `recordTooLarge` (details: index, bytes, max).
 */
export function splitIntoAppends(records: readonly Uint8Array[], headerBytes: number = APPEND_HEADER_BYTES): readonly AppendRange[] {
  if (records.length === 0) throw new QuorateError('invalidArgument', 'an append needs at least one record');
  const ranges: AppendRange[] = [];
  let start = 0;
  let payloadBytes = headerBytes;
  for (let index = 0; index < records.length; index++) {
    const bytes = (records[index] as Uint8Array).length;
    if (bytes > LIMITS.recordBytesMax) {
      throw new QuorateError('recordTooLarge', `record ${index} has ${bytes} bytes, the limit is ${LIMITS.recordBytesMax}`, {
        index,
        bytes,
        max: LIMITS.recordBytesMax,
      });
    }
    const needed = RECORD_OVERHEAD_BYTES + bytes;
    if (index - start === LIMITS.batchRecordsMax || payloadBytes + needed > LIMITS.batchPayloadBytesMax) {
      ranges.push({ start, end: index, payloadBytes });
      start = index;
      payloadBytes = headerBytes;
    }
    payloadBytes += needed;
  }
  ranges.push({ start, end: records.length, payloadBytes });
  return ranges;
}

/** Bytes before the records of a payload under that fence. */
export function headerBytesOf(fence: Fence | null): number {
  return fence === null ? APPEND_HEADER_BYTES : FENCED_HEADER_BYTES;
}

/** A copy of `payload` that says a copy of it was sent before. */
export function markResent(payload: Uint8Array): Uint8Array {
  const copy = payload.slice();
  copy[1] = (copy[1] as number) | FLAG_RESENT;
  return copy;
}

/** A copy of `payload` at another position, as a first send. Only for an append that is known not to have been applied. */
export function moveAppend(payload: Uint8Array, to: AppendPosition): Uint8Array {
  const copy = payload.slice();
  copy[1] = (copy[1] as number) & ~FLAG_RESENT;
  writePosition(copy, to);
  return copy;
}

/**
 * Verifies the whole structure of bytes that claim to be an append payload and gives their header; a leader calls it before it
 * proposes. Anything unsound is `malformedFrame` (details: at, what).
 */
export function checkAppendPayload(payload: Uint8Array): AppendHeader {
  const fault = appendPayloadFault(payload);
  if (fault !== null) throw new QuorateError('malformedFrame', `append payload: ${fault.what} at byte ${fault.at}`, { ...fault });
  return {
    producer: producerHex(payload),
    epoch: appendEpoch(payload),
    firstNumber: appendFirstNumber(payload),
    count: appendCount(payload),
    isResent: isAppendResent(payload),
    fence: appendFence(payload),
  };
}

/** Why and where bytes are no append payload; null: they are one. */
export function appendPayloadFault(payload: Uint8Array): { readonly at: number; readonly what: string } | null {
  if (payload.length < APPEND_HEADER_BYTES) return { at: payload.length, what: 'shorter than its header' };
  if (payload.length > LIMITS.batchPayloadBytesMax) return { at: LIMITS.batchPayloadBytesMax, what: 'longer than a batch may be' };
  if (payload[0] !== VERSION && payload[0] !== VERSION_FENCED) return { at: 0, what: `version ${payload[0]}` };
  if (((payload[1] as number) & ~FLAG_RESENT) !== 0) return { at: 1, what: `unknown flags ${payload[1]}` };
  const count = readU16(payload, 2);
  if (count < 1 || count > LIMITS.batchRecordsMax) return { at: 2, what: `${count} records` };
  if (!Number.isSafeInteger(readU64(payload, 16) + count)) return { at: 16, what: 'record number beyond 2^53' };
  let at = APPEND_HEADER_BYTES;
  if (payload[0] === VERSION_FENCED) {
    if (payload.length < FENCED_HEADER_BYTES) return { at, what: 'the fence is cut off' };
    if (appendFence(payload) === null) return { at, what: 'no fence where one must be' };
    at = FENCED_HEADER_BYTES;
  }
  for (let index = 0; index < count; index++) {
    if (payload.length - at < RECORD_OVERHEAD_BYTES) return { at, what: `record ${index} is cut off` };
    const length = readU32(payload, at);
    if (length > LIMITS.recordBytesMax) return { at, what: `record ${index} of ${length} bytes` };
    if (length > payload.length - at - RECORD_OVERHEAD_BYTES) return { at, what: `record ${index} is cut off` };
    at += RECORD_OVERHEAD_BYTES + length;
  }
  return at === payload.length ? null : { at, what: 'bytes after the last record' };
}

/** True if bytes look like an append payload of a newer build: a version or flag that is not known here, in place of one that is. */
export function isNewerAppend(payload: Uint8Array): boolean {
  if (payload.length < APPEND_HEADER_BYTES) return false;
  return (payload[0] as number) > VERSION_FENCED || ((payload[1] as number) & ~FLAG_RESENT) !== 0;
}

/** Where the records begin in a payload that was checked before. */
export function appendRecordsAt(payload: Uint8Array): number {
  return payload[0] === VERSION_FENCED ? FENCED_HEADER_BYTES : APPEND_HEADER_BYTES;
}
/** The fence of a payload that was checked before; null: it has none. */
export function appendFence(payload: Uint8Array): Fence | null {
  return payload[0] === VERSION_FENCED ? decodeFence(payload.subarray(APPEND_HEADER_BYTES, FENCED_HEADER_BYTES)) : null;
}
/** Records in a payload that was checked before: 1 to `LIMITS.batchRecordsMax`. */
export function appendCount(payload: Uint8Array): number {
  return readU16(payload, 2);
}
/** Producer epoch of a payload that was checked before: u32. */
export function appendEpoch(payload: Uint8Array): number {
  return readU32(payload, 4);
}
/** Number of the first record of a payload that was checked before: numbers count records, per producer and epoch, from 0. */
export function appendFirstNumber(payload: Uint8Array): number {
  return readU64(payload, 16);
}
/** True if a payload that was checked before says that a copy of it was sent earlier and may have been applied. */
export function isAppendResent(payload: Uint8Array): boolean {
  return ((payload[1] as number) & FLAG_RESENT) !== 0;
}
/** The producer id in a payload that was checked before, as 16 hexadecimal digits. */
export function producerHex(payload: Uint8Array): string {
  let hex = '';
  for (let at = 8; at < 16; at++) hex += (payload[at] as number).toString(16).padStart(2, '0');
  return hex;
}

function writePosition(payload: Uint8Array, position: AppendPosition): void {
  const { producer, epoch, firstNumber } = position;
  if (!PRODUCER.test(producer)) throw new QuorateError('invalidArgument', `producer id must be 16 hexadecimal digits, not "${producer}"`);
  if (!Number.isInteger(epoch) || epoch < 0 || epoch > 0xffff_ffff) {
    throw new QuorateError('invalidArgument', `producer epoch must be an unsigned 32-bit number, not ${epoch}`, { epoch });
  }
  if (!Number.isSafeInteger(firstNumber) || firstNumber < 0 || !Number.isSafeInteger(firstNumber + LIMITS.batchRecordsMax)) {
    throw new QuorateError('invalidArgument', `record number must be a safe non-negative integer, not ${firstNumber}`, { firstNumber });
  }
  writeU32(payload, 4, epoch);
  for (let i = 0; i < 8; i++) payload[8 + i] = Number.parseInt(producer.slice(2 * i, 2 * i + 2), 16);
  writeU64(payload, 16, firstNumber);
}
