import { LIMITS, readU32, writeU32, QuorateError } from '@quorate/base';
import type { StreamRecord } from './messages.js';

/** Bytes before each record in an answer to a read: its length. */
const RECORD_HEADER_BYTES = 4;

/** The records of a `records` answer, one array of bytes each, copied: they outlive the frame. */
export function splitRecords(answer: {
  readonly fromOffset: number;
  readonly count: number;
  readonly records: Uint8Array;
}): StreamRecord[] {
  // One copy for all: records of one answer are kept and dropped together more often than not.
  const bytes = answer.records.slice();
  const records: StreamRecord[] = [];
  let at = 0;
  for (let i = 0; i < answer.count; i++) {
    const length = at + RECORD_HEADER_BYTES <= bytes.length ? readU32(bytes, at) : Number.POSITIVE_INFINITY;
    const start = at + RECORD_HEADER_BYTES;
    if (length > LIMITS.recordBytesMax || start + length > bytes.length)
      throw new QuorateError('malformedFrame', `record ${i} is cut short`, { record: i });
    records.push({ offset: answer.fromOffset + i, value: bytes.subarray(start, start + length) });
    at = start + length;
  }
  if (at !== bytes.length)
    throw new QuorateError('malformedFrame', `${bytes.length - at} bytes after the last record`, { extra: bytes.length - at });
  return records;
}

/** The bytes of records as an answer carries them. */
export function joinRecords(values: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const value of values) length += RECORD_HEADER_BYTES + value.length;
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const value of values) {
    writeU32(bytes, at, value.length);
    bytes.set(value, at + RECORD_HEADER_BYTES);
    at += RECORD_HEADER_BYTES + value.length;
  }
  return bytes;
}
