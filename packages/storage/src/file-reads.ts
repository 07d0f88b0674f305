import { type Disk, DiskFault, type DiskFile, type Timers } from '@quorate/base';
import type { DiskPace } from './disk-pace.js';
import { journalPath } from './journal-scan.js';

/** Handles that are kept open: each group that reads far back is in one file at a time, mostly the same one as others. */
const OPEN_FILES_MAX = 8;
const NOTHING: Uint8Array = new Uint8Array(0);

/** Called once, never within the call that it completes; not at all after `stop`. */
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
 * which they were asked for. Whoever asks has a few reads under way at most, so the queue is bounded by the number of groups.
 */
export class FileReads {
  readonly #disk: Disk;
  readonly #timers: Timers;
  readonly #pace: DiskPace;
  /** The one used last is the last one. */
  readonly #handles = new Map<number, DiskFile>();
  #wanted: Wanted[] = [];
  /** The file that is being read; 0: none. */
  #current = 0;
  /** Wait for the read under way. */
  #freed: (() => void)[] = [];
  #isStopped = false;

  constructor({ disk, timers, pace }: { readonly disk: Disk; readonly timers: Timers; readonly pace: DiskPace }) {
    this.#disk = disk;
    this.#timers = timers;
    this.#pace = pace;
  }

  /** Fewer bytes than asked only at the end of the file. */
  read(number: number, offset: number, length: number, done: FileRead): void {
    this.#wanted.push({ number, offset, length, done });
    this.#next();
  }

  /**
   * The file is about to be removed or used again: reads of it that wait end with a fault, one under way may give anything. Calls back once no handle is open,
   * within this call unless it is being read.
   */
  letGo(number: number, freed: () => void): void {
    this.#handles.get(number)?.close();
    this.#handles.delete(number);
    const ended = this.#wanted.filter((wanted) => wanted.number === number);
    this.#wanted = this.#wanted.filter((wanted) => wanted.number !== number);
    const fault = new DiskFault('missing', 'read', journalPath(number));
    for (const { done } of ended) this.#timers.defer(() => (this.#isStopped ? undefined : done(fault, NOTHING)));
    if (this.#current === number) this.#freed.push(freed);
    else freed();
  }

  /** Nobody is told anything from here on; calls back when no handle is open, within this call unless a file is being read. */
  stop(done: () => void): void {
    this.#isStopped = true;
    this.#wanted = [];
    for (const file of this.#handles.values()) file.close();
    this.#handles.clear();
    if (this.#current === 0) done();
    else this.#freed.push(done);
  }

  #next(): void {
    if (this.#current !== 0 || this.#isStopped) return;
    const wanted = this.#wanted.shift();
    if (wanted === undefined) return;
    const into = new Uint8Array(wanted.length);
    this.#current = wanted.number;
    const atRest = this.#pace.begin();
    const ended = (fault: DiskFault | null, count: number): void => {
      atRest();
      this.#current = 0;
      const freed = this.#freed;
      this.#freed = [];
      try {
        for (const free of freed) free();
        if (!this.#isStopped) wanted.done(fault, fault === null ? into.subarray(0, count) : NOTHING);
      } finally {
        this.#next();
      }
    };
    try {
      this.#handle(wanted.number).read(wanted.offset, into, ended);
    } catch (thrown) {
      const fault = thrown instanceof DiskFault ? thrown : new DiskFault('io', 'read', journalPath(wanted.number), { cause: thrown });
      this.#timers.defer(() => ended(fault, 0));
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
