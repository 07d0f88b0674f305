import {
  BATCH_HEADER_BYTES,
  LIMITS,
  type LogIndex,
  type Offset,
  QuorateError,
  batchLastIndex,
  batchPayload,
  concatBytes,
  readU32,
  trustedBatchHeader,
} from '@quorate/base';
import { RECORD_OVERHEAD_BYTES, appendCount, appendRecordsAt } from './append-payload.js';
import type { StreamMachine } from './stream-machine.js';

/** The log of a stream as a reader needs it; storage's group log fits. */
export interface LogReader {
  /** Whole batches from the one that holds `fromIndex` on: at least one if there is any, then more while they fit `maxBytes`. */
  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[];
}

/** What to read. */
export interface ReadLimits {
  readonly fromOffset: Offset;
  /** At least 1. */
  readonly maxRecords: number;
  /** Bytes of the answer (4 per record beside its own); the first record is given even if it is longer. */
  readonly maxBytes: number;
  /** Nothing beyond this index is given. */
  readonly appliedIndex: LogIndex;
}

/** Records in order, without gaps. */
export interface ReadResult {
  readonly fromOffset: Offset;
  readonly count: number;
  /** End of the stream as this replica has applied it: the offset the next record will get. `fromOffset + count` is where to go on. */
  readonly nextOffset: Offset;
  /** `count` times u32 length and the bytes. */
  readonly records: Uint8Array;
}

const NO_BYTES = new Uint8Array(0);

/**
 * Reads records from an offset: at least one if there is any, at most the limits. At the end of the stream the result is empty.
 * `offsetOutOfRange` outside `firstOffset` to `nextOffset` (details: fromOffset, firstOffset, nextOffset); `dataDamaged` if the log does
 * not give a batch that it must have.
 */
export function readRecords(log: LogReader, machine: StreamMachine, limits: ReadLimits): ReadResult {
  const { fromOffset } = limits;
  const { firstOffset, nextOffset } = machine;
  if (!Number.isSafeInteger(fromOffset) || fromOffset < firstOffset || fromOffset > nextOffset) {
    throw new QuorateError('offsetOutOfRange', `offset ${fromOffset} is outside ${firstOffset} to ${nextOffset}`, {
      fromOffset,
      firstOffset,
      nextOffset,
    });
  }
  const answer = new RecordGatherer(limits);
  if (fromOffset < nextOffset) gather(log, machine, limits, answer);
  return { fromOffset, count: answer.count, nextOffset, records: answer.take() };
}

function gather(log: LogReader, machine: StreamMachine, limits: ReadLimits, answer: RecordGatherer): void {
  const border = machine.locate(limits.fromOffset);
  let index = border.index;
  let offset = border.offset;
  const chunkBytes = Math.min(Math.max(limits.maxBytes, 65_536), LIMITS.readBytesMax) + BATCH_HEADER_BYTES;
  while (index <= limits.appliedIndex && offset < machine.nextOffset) {
    const batches = log.read(index, chunkBytes);
    if (batches.length === 0) throw damaged(index, 'the log gives no batch there');
    for (const batch of batches) {
      const header = trustedBatchHeader(batch);
      if (header.baseIndex !== index) throw damaged(index, `the log gives index ${header.baseIndex} instead`);
      const lastIndex = batchLastIndex(header);
      if (lastIndex > limits.appliedIndex) return;
      index = lastIndex + 1;
      if (header.kind !== 'commands' || !machine.isCounted(header.baseIndex)) continue;
      const payload = batchPayload(batch);
      if (!answer.add(payload, Math.max(0, limits.fromOffset - offset), header.baseIndex)) return;
      offset += appendCount(payload);
    }
  }
}

/** Takes slices of payloads: in a payload the records lie as in an answer, so runs of them are copied whole. */
class RecordGatherer {
  readonly #limits: ReadLimits;
  readonly #slices: Uint8Array[] = [];
  #bytes = 0;
  count = 0;

  constructor(limits: ReadLimits) {
    this.#limits = limits;
  }

  /** Adds the records of a payload after the first `skip`; false once a limit is reached. */
  add(payload: Uint8Array, skip: number, index: LogIndex): boolean {
    const count = appendCount(payload);
    if (skip >= count) return true;
    let at = appendRecordsAt(payload);
    for (let i = 0; i < skip; i++) at = recordEnd(payload, at, index);
    const start = at;
    for (let i = skip; i < count; i++) {
      const end = recordEnd(payload, at, index);
      const isFull = this.count >= this.#limits.maxRecords || (this.count > 0 && this.#bytes + (end - at) > this.#limits.maxBytes);
      if (isFull) {
        if (at > start) this.#slices.push(payload.subarray(start, at));
        return false;
      }
      this.#bytes += end - at;
      this.count += 1;
      at = end;
    }
    this.#slices.push(payload.subarray(start, at));
    return true;
  }

  /** One array that shares no memory with the log's. */
  take(): Uint8Array {
    if (this.#slices.length === 0) return NO_BYTES;
    return this.#slices.length === 1 ? (this.#slices[0] as Uint8Array).slice() : concatBytes(this.#slices);
  }
}

// The machine checked the structure when it applied the batch, so a length that runs out means that the log gave other bytes.
function recordEnd(payload: Uint8Array, at: number, index: LogIndex): number {
  const end = at + RECORD_OVERHEAD_BYTES + (at + RECORD_OVERHEAD_BYTES <= payload.length ? readU32(payload, at) : 0);
  if (end > payload.length) throw damaged(index, 'a record is cut off');
  return end;
}

function damaged(index: LogIndex, what: string): QuorateError {
  return new QuorateError('dataDamaged', `stream log at index ${index}: ${what}`, { index });
}
