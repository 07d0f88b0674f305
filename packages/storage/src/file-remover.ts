import { type Disk, DiskFault, type DiskFile, type TimerHandle, type Timers } from '@quorate/base';

/** Freeing a gigabyte takes a file system half a second, and metadata calls are synchronous: a little at a time, with pauses. */
const SLICE_BYTES = 8_388_608;
const PAUSE_MS = 5;

export interface FileRemoverOptions {
  readonly disk: Disk;
  readonly timers: Timers;
  readonly failed: (fault: DiskFault) => void;
}

/**
 * Removes files that nobody needs any longer. A small one is gone when `remove` returns; a large one shrinks first. What is left when the process
 * ends is removed at the next open, because nothing refers to it.
 */
export class FileRemover {
  readonly #options: FileRemoverOptions;
  #paths: string[] = [];
  #timer: TimerHandle | null = null;
  #isStopped = false;

  constructor(options: FileRemoverOptions) {
    this.#options = options;
  }

  /** A name that is not there is fine. */
  remove(path: string): void {
    if (this.#isStopped || this.#paths.includes(path)) return;
    this.#paths.push(path);
    if (this.#timer === null) this.#step();
  }

  /** Nothing is removed from here on. */
  stop(): void {
    this.#isStopped = true;
    if (this.#timer !== null) this.#options.timers.clear(this.#timer);
    this.#timer = null;
    this.#paths = [];
  }

  #step(): void {
    this.#timer = null;
    for (let path = this.#paths[0]; path !== undefined; path = this.#paths[0]) {
      try {
        if (this.#shrink(path)) break;
        this.#options.disk.remove(path);
      } catch (thrown) {
        if (!(thrown instanceof DiskFault)) throw thrown;
        if (thrown.kind !== 'missing') {
          this.stop();
          this.#options.failed(thrown);
          return;
        }
      }
      this.#paths.shift();
    }
    if (this.#paths.length > 0) this.#timer = this.#options.timers.set(PAUSE_MS, () => this.#step());
  }

  /** Cuts a slice off a large file; false: it is small. */
  #shrink(path: string): boolean {
    const file: DiskFile = this.#options.disk.open(path, 'open');
    try {
      const size = file.size();
      if (size <= SLICE_BYTES) return false;
      file.truncate(size - SLICE_BYTES);
      return true;
    } finally {
      file.close();
    }
  }
}
