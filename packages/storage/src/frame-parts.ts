import { alignToSector } from './frame.js';
import { APPEND_OVERHEAD, recordBytes, writeAppendHead, writeRecord } from './records.js';
import type { QueueEntry, StoredLog } from './stored-log.js';

/** Batches of at least so many bytes are written from where they lie; smaller ones are copied together, which is cheaper than more parts. */
const REFERENCE_BYTES_MIN = 16_384;

/** A frame in parts to be written one after the other, its header yet to be filled in. */
export interface FrameParts {
  readonly header: Uint8Array;
  /** The records, without header and padding. */
  readonly body: readonly Uint8Array[];
  /** All of it, to be written. */
  readonly all: readonly Uint8Array[];
  readonly totalBytes: number;
}

/** Lays the records out; `placed` is told where each batch lies in the frame, and in memory from here on. */
export function layOutFrame(
  headerBytes: number,
  entries: readonly QueueEntry[],
  placed: (log: StoredLog, offset: number, batch: Uint8Array) => void,
): FrameParts {
  let bodyBytes = 0;
  let copiedBytes = headerBytes;
  for (const { record } of entries) {
    const bytes = recordBytes(record);
    bodyBytes += bytes;
    copiedBytes += record.type === 'append' && record.batch.length >= REFERENCE_BYTES_MIN ? APPEND_OVERHEAD : bytes;
  }
  const totalBytes = alignToSector(headerBytes + bodyBytes);
  const memory = new Uint8Array(copiedBytes + totalBytes - headerBytes - bodyBytes);
  const body: Uint8Array[] = [];
  const all: Uint8Array[] = [];
  /** Where the next record goes in `memory`, and what of it is in no part yet. */
  let at = headerBytes;
  let from = 0;
  let offset = headerBytes;
  const close = (): void => {
    if (from > 0 || at > headerBytes) body.push(memory.subarray(Math.max(from, headerBytes), at));
  };
  for (const { record, log } of entries) {
    if (record.type === 'append' && record.batch.length >= REFERENCE_BYTES_MIN) {
      writeAppendHead(memory, at, record.batch.length);
      at += APPEND_OVERHEAD;
      close();
      all.push(memory.subarray(from, at), record.batch);
      body.push(record.batch);
      from = at;
      if (log !== null) placed(log, offset + APPEND_OVERHEAD, record.batch);
    } else {
      writeRecord(memory, at, record);
      const bytes = recordBytes(record);
      if (record.type === 'append' && log !== null)
        placed(log, offset + APPEND_OVERHEAD, memory.subarray(at + APPEND_OVERHEAD, at + bytes));
      at += bytes;
    }
    offset += recordBytes(record);
  }
  if (at > from) close();
  if (from < memory.length) all.push(memory.subarray(from));
  return { header: memory.subarray(0, headerBytes), body, all, totalBytes };
}
