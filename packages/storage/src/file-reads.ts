import { type Disk, DiskFault, type DiskFile, type Timers } from '@quorate/base';
import { journalPath } from './journal-scan.js';

/** Handles that are kept open: each group that reads far back is in one file at a time, mostly the same one as others. */
const OPEN_FILES_MAX = 8;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Called once, never within the call that it completes; not at all after `close`. */
export type FileRead = (fault: DiskFault | null, bytes: Uint8Array) => void;

/** A part of a journal file that is wanted. */
interface Wanted {
  readonly number: number;
  readonly offset: number;
  readonly length: number;
  readonly done: FileRead;
}

/**
 * Reads of journal files by callback, through handles of its own, as the journal writes through the others: one read at a time, in the order in
 * which they were asked for. Whoever asks has no more than one read under way, so the queue is bounded by the number of groups.
 */
export class FileReads {
  readonly #disk: Disk;
  readonly #timers: Timers;
  /** The one used last is the last one. */
  readonly #handles = new Map<number, DiskFile>();
  #wanted: Wanted[] = [];
  #isBusy = false;
  #isClosed = false;

  constructor(disk: Disk, timers: Timers) {
    this.#disk = disk;
    this.#timers = timers;
  }

  /** Fewer bytes than asked only at the end of the file. */
  read(number: number, offset: number, length: number, done: FileRead): void {
    this.#wanted.push({ number, offset, length, done });
    this.#next();
  }

  /** The file is about to be removed or used again. A read of it that is under way may give anything. */
  letGo(number: number): void {
    this.#handles.get(number)?.close();
    this.#handles.delete(number);
  }

  close(): void {
    this.#isClosed = true;
    this.#wanted = [];
    for (const file of this.#handles.values()) file.close();
    this.#handles.clear();
  }

  #next(): void {
    if (this.#isBusy || this.#isClosed) return;
    const wanted = this.#wanted.shift();
    if (wanted === undefined) return;
    this.#isBusy = true;
    const into = new Uint8Array(wanted.length);
    const ended = (fault: DiskFault | null, count: number): void => {
      this.#isBusy = false;
      if (this.#isClosed) return;
      wanted.done(fault, fault === null ? into.subarray(0, count) : NOTHING);
      this.#next();
    };
    try {
      this.#handle(wanted.number).read(wanted.offset, into, ended);
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      this.#timers.defer(() => ended(thrown, 0));
    }
  }

  #handle(number: number): DiskFile {
    const file = this.#handles.get(number) ?? this.#disk.open(journalPath(number), 'read');
    this.#handles.delete(number);
    this.#handles.set(number, file);
    for (const [other, oldest] of this.#handles) {
      if (this.#handles.size <= OPEN_FILES_MAX) break;
      this.#handles.delete(other);
      oldest.close();
    }
    return file;
  }
}
