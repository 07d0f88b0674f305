import { close, fstat, ftruncate, statfs } from 'node:fs';

/**
 * Freeing a gigabyte in one call holds up every sync of the file system for as long as it takes, though it be another thread's; and a virtual
 * machine that gives free memory back to its host, where most of what is freed was cached, stands still for some tenths of a second. So this much
 * at a time, and a pause.
 */
const SLICE_BYTES = 4_194_304;
/** What waits is given back within this time, or at this rate if that is sooner. */
const SPREAD_MS = 30_000;
const BYTES_PER_MS_LEAST = 65_536;
/** Files that wait, each with a descriptor; one more goes as a whole. */
const FILES_MAX = 256;

/** A file that has lost its name, and what is left of it. */
interface Waiting {
  readonly fd: number;
  bytes: number;
}

/**
 * Gives back the space of files that have lost their names, one after the other, off the main thread, and slowly unless it is needed. When the process
 * ends the system gives back the rest.
 */
export class SpaceReturn {
  readonly #root: string;
  readonly #waiting: Waiting[] = [];
  /** Of all that wait. */
  #bytes = 0;
  #isAtWork = false;
  #isResting = false;

  /** `root`: a folder on the file system whose room counts. */
  constructor(root: string) {
    this.#root = root;
  }

  /** True while the file system is at it; not in the pauses between. */
  get isAtWork(): boolean {
    return this.#isAtWork;
  }

  /** Takes over a descriptor whose file is no longer named. */
  take(fd: number): void {
    fstat(fd, (cause, stats) => {
      // Another name leads to it after all, a copy that somebody made by linking: it is not ours to cut.
      if (cause !== null || stats.nlink > 0 || this.#waiting.length === FILES_MAX) return close(fd);
      this.#waiting.push({ fd, bytes: stats.size });
      this.#bytes += stats.size;
      if (!this.#isAtWork && !this.#isResting) this.#next();
    });
  }

  /** Cuts a slice off the first file; what is left of it goes with the descriptor if that is no more than a slice. */
  #next(): void {
    const file = this.#waiting[0];
    if (file === undefined) return;
    this.#isAtWork = true;
    const freed = Math.min(file.bytes, SLICE_BYTES);
    file.bytes -= freed;
    this.#bytes -= freed;
    if (file.bytes > 0) ftruncate(file.fd, file.bytes, (cause) => (cause === null ? this.#rest(freed) : this.#drop(file, freed)));
    else this.#drop(file, freed);
  }

  #drop(file: Waiting, freed: number): void {
    this.#waiting.shift();
    this.#bytes -= file.bytes;
    close(file.fd, () => this.#rest(freed));
  }

  #rest(freed: number): void {
    statfs(this.#root, (cause, room) => {
      this.#isAtWork = false;
      if (this.#waiting.length === 0) return;
      this.#isResting = true;
      // No pause where the file system has less room left than what waits.
      const isNeeded = cause === null && room.bavail * room.bsize < this.#bytes;
      const pauseMs = isNeeded ? 0 : freed / Math.max(BYTES_PER_MS_LEAST, this.#bytes / SPREAD_MS);
      // A process that has nothing else to do does not wait for it.
      setTimeout(() => {
        this.#isResting = false;
        this.#next();
      }, pauseMs).unref();
    });
  }
}
