import { DiskFault, type DiskFile, type QuorateError, type TimerHandle, invariant } from '@quorate/base';
import type { SnapshotFileHost, StoredSnapshot } from './snapshot-file.js';
import { CHUNK_HEAD_BYTES, SNAPSHOT_CHUNK_BYTES, chunkOffset } from './snapshot-format.js';
import type { SnapshotFileReader, SnapshotRead } from './types.js';

/** Most bytes that one read gives: they are verified in one go, and others wait. */
export const SNAPSHOT_READ_BYTES_MAX = 1_048_576;

/** Who reads piece by piece keeps the disk busy in between, too: whoever the pieces go to writes them. */
const BUSY_MS = 1000;
const STRIDE_BYTES = CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES;
const NOTHING: Uint8Array = new Uint8Array(0);

/** A part of the content, and the chunks that hold it, as they stand in the file. */
interface Part {
  readonly offset: number;
  readonly end: number;
  readonly firstChunk: number;
  /** Where the chunks are in the file, and how many bytes they have there. */
  readonly position: number;
  readonly rawBytes: number;
}

/** A part that is being read, or was. */
interface Reading {
  readonly part: Part;
  readonly memory: Uint8Array;
  /** Null: it is under way. */
  outcome: { readonly fault: DiskFault | null; readonly bytes: number } | null;
}

/**
 * Reads one snapshot for one user, ahead of it: while a piece is with the user, the one behind it is on its way from the disk, into the other of
 * two buffers that are used over and over. What was read is verified when it is asked for.
 */
export class StoredSnapshotReader implements SnapshotFileReader {
  readonly #file: StoredSnapshot;
  readonly #host: SnapshotFileHost;
  #handle: DiskFile | null = null;
  /** The memory of the piece that the user has, and that of the other one. */
  #given: Uint8Array = NOTHING;
  #spare: Uint8Array = NOTHING;
  #reading: Reading | null = null;
  #wanted: { readonly part: Part; readonly done: SnapshotRead } | null = null;
  #isDiskBusy = false;
  /** Until when it counts as work for the disk, and how that ends; null: it does not. */
  #work: { readonly timer: TimerHandle; readonly ended: () => void } | null = null;
  #isClosed = false;

  constructor(file: StoredSnapshot, host: SnapshotFileHost) {
    this.#file = file;
    this.#host = host;
  }

  read(offset: number, maxBytes: number, done: SnapshotRead): void {
    const { length } = this.#file;
    invariant(!this.#isClosed && this.#wanted === null, 'a snapshot is read one piece at a time', { group: this.#file.group });
    invariant(offset >= 0 && offset < length && maxBytes > 0, '0 <= offset < length', { offset, length });
    const part = this.#partAt(offset, maxBytes);
    this.#wanted = { part, done };
    this.#countWork();
    const { part: ahead, outcome } = this.#reading ?? { part: null, outcome: null };
    if (ahead?.offset !== part.offset || ahead.end !== part.end) {
      // Not what was expected; what is under way ends first.
      if (!this.#isDiskBusy) this.#begin(part);
    } else if (outcome !== null) this.#host.timers.defer(() => this.#deliver());
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wanted = null;
    this.#handle?.close();
    this.#handle = null;
    this.#endWork();
    if (!this.#isDiskBusy) this.#file.closed(this);
  }

  #partAt(offset: number, maxBytes: number): Part {
    const { length, chunks } = this.#file.shape;
    const end = Math.min(length, offset + Math.min(maxBytes, SNAPSHOT_READ_BYTES_MAX));
    const firstChunk = Math.floor(offset / SNAPSHOT_CHUNK_BYTES);
    const lastChunk = Math.floor((end - 1) / SNAPSHOT_CHUNK_BYTES);
    const position = chunkOffset(firstChunk);
    const rawEnd = Math.min(chunkOffset(lastChunk + 1), chunkOffset(0) + length + chunks * CHUNK_HEAD_BYTES);
    return { offset, end, firstChunk, position, rawBytes: rawEnd - position };
  }

  /** Reads a part into the buffer that the user does not have. */
  #begin(part: Part): void {
    if (this.#spare.length < part.rawBytes) this.#spare = new Uint8Array(part.rawBytes);
    const reading: Reading = { part, memory: this.#spare, outcome: null };
    this.#reading = reading;
    this.#isDiskBusy = true;
    const ended = (fault: DiskFault | null, bytes: number): void => {
      this.#isDiskBusy = false;
      reading.outcome = { fault, bytes };
      if (this.#isClosed) this.#file.closed(this);
      else this.#deliver();
    };
    try {
      this.#handle ??= this.#host.disk.open(this.#file.shape.path, 'read');
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      this.#host.timers.defer(() => ended(thrown, 0));
      return;
    }
    this.#handle.read(part.position, reading.memory.subarray(0, part.rawBytes), ended);
  }

  /** A transfer that goes nowhere does not count for ever. */
  #countWork(): void {
    const { timers, pace } = this.#host;
    const ended = this.#work?.ended ?? pace.begin();
    if (this.#work !== null) timers.clear(this.#work.timer);
    const rung = (): void => (this.#isDiskBusy ? this.#countWork() : this.#endWork());
    this.#work = { timer: timers.set(BUSY_MS, rung), ended };
  }

  #endWork(): void {
    const work = this.#work;
    this.#work = null;
    if (work === null) return;
    this.#host.timers.clear(work.timer);
    work.ended();
  }

  /** Gives the user what it waits for, if that is here. */
  #deliver(): void {
    const [wanted, reading] = [this.#wanted, this.#reading];
    if (wanted === null || reading === null || reading.outcome === null) return;
    if (wanted.part.offset !== reading.part.offset || wanted.part.end !== reading.part.end) return this.#begin(wanted.part);
    const { part, memory, outcome } = reading;
    this.#wanted = null;
    this.#reading = null;
    const error = outcome.fault === null ? this.#damageIn(part, memory.subarray(0, outcome.bytes)) : this.#unreadable(part, outcome.fault);
    if (error !== null) return wanted.done(error, NOTHING);
    [this.#given, this.#spare] = [memory, this.#given];
    if (part.end < this.#file.length) this.#begin(this.#partAt(part.end, part.end - part.offset));
    wanted.done(null, contentOf(part, memory));
  }

  /** The first chunk that is not what was written; null: all are. */
  #damageIn(part: Part, bytes: Uint8Array): QuorateError | null {
    for (let at = 0, chunk = part.firstChunk; at < part.rawBytes; at += STRIDE_BYTES, chunk++) {
      if (!this.#file.isChunkSound(chunk, bytes.subarray(at, at + STRIDE_BYTES)))
        return this.#file.damaged(chunkOffset(chunk), 'a piece of the snapshot does not match its checksum');
    }
    return null;
  }

  #unreadable(part: Part, fault: DiskFault): QuorateError {
    return this.#file.damaged(part.position, `the snapshot cannot be read: ${fault.message}`);
  }
}

/** The content of a part, closed up in the memory that its chunks were read into. */
function contentOf({ offset, end, firstChunk, rawBytes }: Part, memory: Uint8Array): Uint8Array {
  for (let at = 0; at < rawBytes; at += STRIDE_BYTES)
    memory.copyWithin((at / STRIDE_BYTES) * SNAPSHOT_CHUNK_BYTES, at + CHUNK_HEAD_BYTES, Math.min(at + STRIDE_BYTES, rawBytes));
  const start = firstChunk * SNAPSHOT_CHUNK_BYTES;
  return memory.subarray(offset - start, end - start);
}
