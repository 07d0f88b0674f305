import type { Disk, DiskFault, TimerHandle, Timers } from '@quorate/base';
import type { DiskPace } from './disk-pace.js';

/** Some file systems need space even to remove something. */
const RETRY_MS = 1000;

export interface FileRemoverOptions {
  readonly disk: Disk;
  readonly timers: Timers;
  readonly pace: DiskPace;
  readonly failed: (fault: DiskFault) => void;
}

/**
 * Removes files that nobody needs any longer, one at a time. What is left when the process ends is removed at the next open, because nothing
 * refers to it.
 */
export class FileRemover {
  readonly #options: FileRemoverOptions;
  #paths: string[] = [];
  /** The one that the disk is at. */
  #current: string | null = null;
  #retry: TimerHandle | null = null;
  /** Waits for `#current`. */
  #freed: (() => void)[] = [];
  #isStopped = false;

  constructor(options: FileRemoverOptions) {
    this.#options = options;
  }

  /** A name that is not there is fine. */
  remove(path: string): void {
    if (this.#isStopped || this.#paths.includes(path)) return;
    this.#paths.push(path);
    this.#next();
  }

  /**
   * The name is about to be given to another file: a removal that was asked for earlier must not take that one. Calls back once none can,
   * within this call unless one is under way.
   */
  freeName(path: string, free: () => void): void {
    this.#paths = this.#paths.filter((waiting) => waiting !== path);
    if (this.#current === path) this.#freed.push(free);
    else free();
  }

  /** Nothing more is removed from here on; calls back when no removal is under way, within this call if none is. */
  stop(done: () => void): void {
    this.#isStopped = true;
    this.#paths = [];
    if (this.#retry !== null) this.#options.timers.clear(this.#retry);
    this.#retry = null;
    if (this.#current === null) done();
    else this.#freed.push(done);
  }

  #next(): void {
    const path = this.#paths[0];
    if (path === undefined || this.#current !== null || this.#retry !== null) return;
    this.#paths.shift();
    this.#current = path;
    const ended = this.#options.pace.begin();
    this.#options.disk.remove(path, (fault) => {
      ended();
      this.#current = null;
      const freed = this.#freed;
      this.#freed = [];
      // Not if somebody waits: the name is another file's from now on, or nothing more is to be removed.
      if (fault?.kind === 'full' && freed.length === 0) this.#tryAgain(path);
      else if (fault !== null && fault.kind !== 'missing' && fault.kind !== 'full') this.#options.failed(fault);
      for (const free of freed) free();
      this.#next();
    });
  }

  #tryAgain(path: string): void {
    this.#paths.unshift(path);
    this.#retry = this.#options.timers.set(RETRY_MS, () => {
      this.#retry = null;
      this.#next();
    });
  }
}
