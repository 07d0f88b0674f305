import {
  type DiskFault,
  type DiskFile,
  QuorateError,
  SECTOR_BYTES,
  type Timers,
  concatBytes,
  invariant,
  lengthOfParts,
  sliceParts,
} from '@quorate/base';
import { SnapshotCodec, type SnapshotShape, encodeSnapshotHead } from './snapshot-format.js';
import type { SnapshotFileHost, StoredSnapshot } from './snapshot-file.js';
import { SnapshotSpan } from './snapshot-span.js';
import type { SnapshotFacts, SnapshotFile, SnapshotWriter } from './types.js';

/** Synced in between, so that no sync has much to do and the journal's own never wait for long. */
const SYNC_EVERY_BYTES = 8_388_608;

/** What a writer needs of its storage. */
export interface SnapshotWriterHost extends SnapshotFileHost {
  readonly timers: Timers;
  /** The error that whoever writes is told. A fault that is not "no space on a write" also ends the storage. */
  faulted(fault: DiskFault, isSync: boolean): QuorateError;
  /** Why nothing may be written any more; null: it may. */
  readonly refusal: QuorateError | null;
  /** The file is whole and synced under its temporary name: puts it in place, now or once the log is as far. Calls back once. */
  publish(
    writer: StoredSnapshotWriter,
    shape: SnapshotShape,
    done: (error: QuorateError | null, file: StoredSnapshot | null) => void,
  ): void;
  /** Its file is getting its name: it cannot be given up before that is done. */
  isPlacing(writer: StoredSnapshotWriter): boolean;
  /** It is over. */
  ended(writer: StoredSnapshotWriter): void;
  /** Removes a file that nobody needs; a name that is not there is fine. */
  remove(path: string): void;
}

type Done = (error: QuorateError | null) => void;

/** Writes one snapshot file, one step at a time, a span of chunks at once. Holds one span in memory. */
export class StoredSnapshotWriter implements SnapshotWriter {
  readonly facts: SnapshotFacts;
  /** The name it has until it is complete. */
  readonly path: string;
  readonly #host: SnapshotWriterHost;
  readonly #codec: SnapshotCodec;
  #file: DiskFile | null = null;
  /** A multiple of a sector: so much is written. */
  #position = 0;
  /** What does not fill a sector yet. */
  #carried: Uint8Array = new Uint8Array(0);
  #length = 0;
  readonly #span: SnapshotSpan;
  #unsyncedBytes = 0;
  #isBusy = false;
  #isDiskBusy = false;
  #isFinished = false;
  /** Why it ended; null: it did not, or well. */
  #error: QuorateError | null = null;
  /** The complete file, until it is in force or given up. */
  #published: StoredSnapshot | null = null;
  #settled: (() => void) | null = null;

  constructor(facts: SnapshotFacts, path: string, host: SnapshotWriterHost) {
    this.facts = facts;
    this.path = path;
    this.#host = host;
    this.#codec = new SnapshotCodec(host.journalId, facts, host.checksum);
    this.#span = new SnapshotSpan(this.#codec, host.checksum);
  }

  get length(): number {
    return this.#length;
  }

  write(bytes: Uint8Array, done: Done): void {
    this.#begin();
    invariant(!this.#isFinished, 'nothing is written to a finished snapshot');
    this.#length += bytes.length;
    this.#take(bytes, 0, (error) => this.#end(error, done));
  }

  #take(bytes: Uint8Array, from: number, done: Done): void {
    const at = from + this.#span.take(bytes, from);
    if (!this.#span.isFull || this.#error !== null) return done(this.#error);
    this.#put([this.#span.bytes], false, (error) => {
      if (error !== null) return done(error);
      this.#span.clear();
      this.#take(bytes, at, done);
    });
  }

  finish(done: (error: QuorateError | null, file: SnapshotFile | null) => void): void {
    this.#begin();
    invariant(!this.#isFinished, 'a snapshot is finished once');
    this.#isFinished = true;
    const { group, index } = this.facts;
    const span = this.#span;
    span.seal();
    const ends = { length: this.#length, chunks: span.chunks, wholeChecksum: span.wholeChecksum };
    const parts = [...(span.bytes.length > 0 ? [span.bytes] : []), this.#codec.trailer(ends)];
    const failed = (error: QuorateError): void => this.#end(error, () => done(error, null));
    this.#put(parts, true, (writeError) => {
      if (writeError !== null) return failed(writeError);
      this.#sync((syncError) => {
        if (syncError !== null) return failed(syncError);
        this.#closeFile();
        this.#host.publish(this, { ...this.facts, path: this.path, ...ends }, (error, file) => {
          if (error !== null) return failed(error);
          this.#published = file;
          this.#end(null, (late) => (late === null ? done(null, file) : done(late, null)));
          if (file !== null) invariant(file.group === group && file.index === index, 'a snapshot is published as what it is');
        });
      });
    });
  }

  abort(): void {
    const published = this.#published;
    if (published !== null) {
      this.#published = null;
      this.#host.released(voided(published));
      return;
    }
    this.#give(new QuorateError('aborted', `the snapshot of group ${this.facts.group} at index ${this.facts.index} was given up`));
  }

  /** It is in force or replaced: no longer this writer's to give up. */
  disown(): void {
    this.#published = null;
  }

  /** Why it was given up; null: it was not. */
  get error(): QuorateError | null {
    return this.#error;
  }

  /** Gives up; calls back (within this call if it can) when no call to the disk is under way. */
  stop(error: QuorateError, done: () => void): void {
    this.#settled = done;
    this.#give(error);
  }

  #give(error: QuorateError): void {
    if (this.#error === null) this.#error = error;
    if (!this.#isDiskBusy && !this.#host.isPlacing(this)) this.#cleanUp();
  }

  #begin(): void {
    invariant(!this.#isBusy, 'a snapshot is written one step at a time', { group: this.facts.group });
    this.#isBusy = true;
    this.#error ??= this.#host.refusal;
  }

  /** Tells the outcome of a step, never within the call that asked for it. */
  #end(error: QuorateError | null, done: Done): void {
    this.#error ??= error;
    if (this.#error !== null) this.#cleanUp();
    else if (this.#published !== null || this.#isFinished) this.#host.ended(this);
    this.#host.timers.defer(() => {
      this.#isBusy = false;
      done(this.#error);
    });
  }

  /** Writes parts at the end of the file, which is made with its head first. `isLast`: all of them, not only whole sectors. */
  #put(parts: readonly Uint8Array[], isLast: boolean, done: Done): void {
    if (this.#error !== null) return done(this.#error);
    if (this.#file !== null) return this.#write(this.#file, parts, isLast, done);
    this.#isDiskBusy = true;
    this.#host.disk.create(this.path, (fault, file) => {
      this.#isDiskBusy = false;
      this.#file = file;
      if (file === null || this.#error !== null) return done(this.#error ?? this.#host.faulted(fault as DiskFault, false));
      this.#write(file, [encodeSnapshotHead(this.facts, this.#host.journalId, this.#host.checksum), ...parts], isLast, done);
    });
  }

  #write(file: DiskFile, parts: readonly Uint8Array[], isLast: boolean, done: Done): void {
    const all = [this.#carried, ...parts];
    const total = lengthOfParts(all);
    const rest = isLast ? 0 : total % SECTOR_BYTES;
    const bytes = total - rest;
    // A copy: whoever gave the parts uses their memory again.
    this.#carried = concatBytes(sliceParts(all, bytes)).slice();
    this.#isDiskBusy = true;
    file.write(this.#position, sliceParts(all, 0, bytes), (fault) => {
      this.#isDiskBusy = false;
      if (fault !== null || this.#error !== null) return done(this.#error ?? this.#host.faulted(fault as DiskFault, false));
      this.#position += bytes;
      this.#unsyncedBytes += bytes;
      if (this.#unsyncedBytes < SYNC_EVERY_BYTES) return done(this.#host.refusal);
      this.#sync(done);
    });
  }

  #sync(done: Done): void {
    const file = this.#file;
    if (this.#error !== null || file === null) return done(this.#error);
    this.#isDiskBusy = true;
    this.#host.pace.sync(file, (fault) => {
      this.#isDiskBusy = false;
      this.#unsyncedBytes = 0;
      done(this.#error ?? (fault === null ? this.#host.refusal : this.#host.faulted(fault, true)));
    });
  }

  #closeFile(): void {
    this.#file?.close();
    this.#file = null;
  }

  #cleanUp(): void {
    const isMade = this.#file !== null || this.#isFinished;
    this.#closeFile();
    if (isMade && this.#published === null) this.#host.remove(this.path);
    this.#host.ended(this);
    const settled = this.#settled;
    this.#settled = null;
    settled?.();
  }
}

function voided(file: StoredSnapshot): StoredSnapshot {
  file.isVoid = true;
  return file;
}
