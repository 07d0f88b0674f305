import { type Checksum, type Disk, DiskFault, type DiskFile, SECTOR_BYTES, type TimerHandle, type Timers, invariant } from '@quorate/base';
import type { DiskPace } from './disk-pace.js';
import { type FileRead, FileReads } from './file-reads.js';
import { FileRemover } from './file-remover.js';
import { encodeJournalHead } from './journal-head.js';
import { JOURNAL_FOLDER, journalPath } from './journal-scan.js';
import type { FileUses } from './log-state.js';
import { SpareFiles } from './spare-files.js';

/** Zeros are written in slices, each synced by itself at times, so that the journal's own syncs never wait for much. */
const SLICE_BYTES = 1_048_576;
const SYNC_EVERY_BYTES = 8_388_608;
const OPEN_FILES_MAX = 64;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 3200;
const NEXT_NAME = 'next';
const NEXT_PATH = `${JOURNAL_FOLDER}/${NEXT_NAME}`;

/** What one journal file holds. */
export interface FileUse {
  readonly number: number;
  /** Groups with at least one live batch in it. */
  groups: number;
  firstSequence: number;
  lastSequence: number;
}

export interface JournalFilesOptions {
  readonly disk: Disk;
  readonly timers: Timers;
  readonly pace: DiskPace;
  readonly checksum: Checksum;
  readonly journalId: string;
  readonly fileBytes: number;
  /** A file is ready. */
  readonly prepared: () => void;
  /** There is no space for the next file; it is tried again. */
  readonly full: () => void;
  readonly failed: (fault: DiskFault) => void;
  /** A file lost its last live batch. */
  readonly emptied: () => void;
}

/**
 * The files of the journal: which are in use by whom, the next one made ready in the background, dead ones used again, open handles.
 * A file gets its number only when it is whole: zeros (or the remains of a dead file) and its head, synced, then renamed, then the folder
 * synced. So a numbered file of less than its full length is damage, and a write into it never waits for space. A dead file keeps its number
 * until it is used again or removed; no durable checkpoint names it, so at boot it is passed over.
 *
 * What holds at any time, for the names that are durable (T26):
 *   frames are written to `active` only, active <= highest, and every number of `prepared` is in (active, highest]
 *   every number of `spares` is below `active`, and neither in `uses` nor in the newest durable checkpoint
 */
export class JournalFiles implements FileUses {
  readonly uses: Map<number, FileUse> = new Map();
  readonly #options: JournalFilesOptions;
  readonly #handles = new Map<number, DiskFile>();
  readonly #reads: FileReads;
  readonly #remover: FileRemover;
  #prepared: number[] = [];
  readonly #spares = new SpareFiles((number) => this.#remove(number));
  #highest = 0;
  #active = 0;
  #isPreparing = false;
  #retry: TimerHandle | null = null;
  #retryMs = RETRY_FIRST_MS;
  #stopped: (() => void) | null = null;

  constructor(options: JournalFilesOptions) {
    this.#options = options;
    this.#reads = new FileReads(options);
    this.#remover = new FileRemover(options);
  }

  get isPrepared(): boolean {
    return this.#prepared.length > 0;
  }

  gained(file: number): void {
    this.use(file).groups++;
  }

  lost(file: number): void {
    const use = this.use(file);
    use.groups--;
    if (use.groups === 0 && file !== this.#active) this.#options.emptied();
  }

  use(number: number): FileUse {
    let use = this.uses.get(number);
    if (use === undefined) this.uses.set(number, (use = { number, groups: 0, firstSequence: 0, lastSequence: 0 }));
    return use;
  }

  /** After recovery: which files there are beyond those in use, and the one to go on with. */
  start(highest: number, active: number, prepared: readonly number[]): void {
    this.#highest = highest;
    this.#active = active;
    this.#prepared = [...prepared];
  }

  /** A handle on a journal file; throws `DiskFault`. */
  handle(number: number): DiskFile {
    let file = this.#handles.get(number);
    if (file !== undefined) {
      this.#handles.delete(number);
      this.#handles.set(number, file);
      return file;
    }
    file = this.#options.disk.open(journalPath(number), 'open');
    this.#handles.set(number, file);
    for (const [other, oldest] of this.#handles) {
      if (this.#handles.size <= OPEN_FILES_MAX) break;
      if (other === this.#active || other === number) continue;
      this.#handles.delete(other);
      oldest.close();
    }
    return file;
  }

  /**
   * Reads a part of a file without holding up this thread. A file that dies meanwhile may give anything: the caller looks whether what it wanted
   * still stands there. Not called back after `stop`.
   */
  read(number: number, offset: number, length: number, done: FileRead): void {
    this.#reads.read(number, offset, length, done);
  }

  /** The next file becomes the one being written; null if none is ready. */
  takePrepared(): number | null {
    const number = this.#prepared.shift();
    if (number === undefined) return null;
    invariant(number > this.#active && number <= this.#highest, 'active < prepared <= highest', { number, highest: this.#highest });
    this.#active = number;
    this.use(number);
    return number;
  }

  /** Writes the head of a file of this length anew. Throws `DiskFault`. */
  restoreHead(number: number, fileBytes: number): void {
    const { journalId, checksum } = this.#options;
    const file = this.handle(number);
    file.writeNow(0, [encodeJournalHead({ journalId, number, fileBytes }, SECTOR_BYTES, checksum)]);
    file.syncNow();
  }

  /** Removes a file that was ready for use and never used. Throws `DiskFault`. */
  discard(number: number): void {
    this.#letGo(number);
    this.#options.disk.removeNow(journalPath(number));
  }

  /** Makes a file ready before it returns. Throws `DiskFault`. */
  prepareNow(): void {
    const { disk, fileBytes } = this.#options;
    if (disk.list(JOURNAL_FOLDER).includes(NEXT_NAME)) disk.removeNow(NEXT_PATH);
    const file = disk.open(NEXT_PATH, 'create');
    try {
      const zeros = new Uint8Array(SLICE_BYTES);
      for (let at = 0; at < fileBytes; at += SLICE_BYTES) file.writeNow(at, [zeros.subarray(0, Math.min(SLICE_BYTES, fileBytes - at))]);
      file.writeNow(0, [this.#head()]);
      file.syncNow();
    } finally {
      file.close();
    }
    disk.rename(NEXT_PATH, journalPath(this.#highest + 1));
    disk.syncDirectory(JOURNAL_FOLDER);
    this.#prepared.push(++this.#highest);
  }

  /** Makes the next file ready in the background, unless one is. */
  prepare(): void {
    if (this.#isPreparing || this.#prepared.length > 0 || this.#stopped !== null || this.#retry !== null) return;
    this.#isPreparing = true;
    const { disk, pace } = this.#options;
    const busy = pace.begin();
    const ended = (fault: DiskFault | null, file: DiskFile | null): void => {
      file?.close();
      busy();
      this.#isPreparing = false;
      if (this.#stopped !== null) return this.#stopped();
      this.#settle(fault);
    };
    this.#begin((beginFault, file, from) => {
      if (file === null) return ended(beginFault, null);
      this.#fill(file, from, (fillFault) => {
        // Stopped: what there is of it is removed at the next open.
        if (fillFault !== null || this.#stopped !== null) return ended(fillFault, file);
        file.write(0, [this.#head()], (writeFault) => {
          if (writeFault !== null) return ended(writeFault, file);
          pace.sync(file, (syncFault) => {
            if (syncFault !== null) return ended(syncFault, file);
            // T26: neither the name nor the content is used before both are durable.
            disk.putInPlace(NEXT_PATH, journalPath(this.#highest + 1), (fault) => {
              if (fault === null) this.#prepared.push(++this.#highest);
              ended(fault, file);
            });
          });
        });
      });
    });
  }

  /** Files that are still needed, ascending, the one being written last; and those that hold nothing live. */
  retained(): { files: FileUse[]; deadFiles: number[] } {
    const files: FileUse[] = [];
    const deadFiles: number[] = [];
    for (const use of this.uses.values()) {
      if (use.number === this.#active || use.groups > 0) files.push(use);
      else deadFiles.push(use.number);
    }
    files.sort((a, b) => a.number - b.number);
    return { files, deadFiles };
  }

  /** A checkpoint that is durable does not name these files: they may be used again. */
  recycle(numbers: readonly number[]): void {
    for (const number of numbers) {
      invariant(number < this.#active && (this.uses.get(number)?.groups ?? 0) === 0, 'only a dead file is used again', { number });
      this.uses.delete(number);
    }
    this.#spares.add(numbers);
  }

  /** Something else finds no space. */
  dropSpares(): void {
    if (this.#stopped === null) this.#spares.drop();
  }

  /** Stops the background work, then calls back (within this call if there is none). */
  stop(done: () => void): void {
    this.#stopped = () => this.#remover.stop(() => this.#reads.stop(done));
    if (this.#retry !== null) this.#options.timers.clear(this.#retry);
    this.#retry = null;
    if (!this.#isPreparing) this.#stopped();
  }

  closeAll(): void {
    for (const file of this.#handles.values()) file.close();
    this.#handles.clear();
    this.#reads.stop(() => {});
  }

  /** Calls back once no handle of the file is open, within this call unless it is being read. */
  #letGo(number: number, freed: () => void = () => {}): void {
    this.#handles.get(number)?.close();
    this.#handles.delete(number);
    this.#reads.letGo(number, freed);
  }

  #remove(number: number): void {
    this.#letGo(number, () => this.#remover.remove(journalPath(number)));
  }

  #settle(fault: DiskFault | null): void {
    if (fault === null) {
      this.#retryMs = RETRY_FIRST_MS;
      this.#options.prepared();
    } else if (fault.kind === 'full') {
      this.#options.full();
      this.#retry = this.#options.timers.set(this.#retryMs, () => {
        this.#retry = null;
        this.prepare();
      });
      this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
    } else {
      this.#options.failed(fault);
    }
  }

  /** A file under a name without a number, and how much of it is there: a dead one if there is one, else a new one. */
  #begin(done: (fault: DiskFault | null, file: DiskFile | null, from: number) => void): void {
    const { disk } = this.#options;
    const create = (): void => disk.create(NEXT_PATH, (fault, file) => done(fault, file, 0));
    const spare = this.#spares.take();
    if (spare === undefined) return create();
    const renamed = (fault: DiskFault | null): void => {
      if (fault !== null) {
        // Without space it kept its number.
        if (fault.kind === 'full') this.#spares.putBack(spare);
        return done(fault, null, 0);
      }
      try {
        const file = disk.open(NEXT_PATH, 'open');
        const length = file.size();
        if (length === this.#options.fileBytes) return done(null, file, length);
        file.close();
      } catch (thrown) {
        if (!(thrown instanceof DiskFault)) throw thrown;
        return done(thrown, null, 0);
      }
      // Of another length than new files have: emptied and made like one.
      create();
    };
    this.#letGo(spare, () => disk.putInPlace(journalPath(spare), NEXT_PATH, renamed));
  }

  #head(): Uint8Array {
    const { journalId, fileBytes, checksum } = this.#options;
    return encodeJournalHead({ journalId, number: this.#highest + 1, fileBytes }, SECTOR_BYTES, checksum);
  }

  #fill(file: DiskFile, from: number, done: (fault: DiskFault | null) => void): void {
    const total = this.#options.fileBytes;
    const zeros = new Uint8Array(Math.min(SLICE_BYTES, total));
    let at = from;
    const step = (fault: DiskFault | null): void => {
      if (fault !== null || at >= total || this.#stopped !== null) return done(fault);
      const start = at;
      at = Math.min(total, at + zeros.length);
      const isSynced = at % SYNC_EVERY_BYTES === 0;
      file.write(start, [zeros.subarray(0, at - start)], (writeFault) =>
        writeFault === null && isSynced ? this.#options.pace.sync(file, step) : step(writeFault),
      );
    };
    step(null);
  }
}
