import { close, fstat, ftruncate } from 'node:fs';

/**
 * Freeing a gigabyte in one call holds up every sync of the file system for as long as it takes, though it be another thread's. This much at a
 * time, and a pause, lets them through.
 */
const SLICE_BYTES = 8_388_608;
const PAUSE_MS = 5;

/**
 * Gives back the space of files that have lost their names, one after the other, off the main thread. When the process ends the system gives
 * back the rest.
 */
export class SpaceReturn {
  readonly #waiting: number[] = [];
  #isBusy = false;

  get isBusy(): boolean {
    return this.#isBusy;
  }

  /** Takes over a descriptor whose file is no longer named. */
  take(fd: number): void {
    this.#waiting.push(fd);
    if (!this.#isBusy) this.#next();
  }

  #next(): void {
    const fd = this.#waiting.shift();
    this.#isBusy = fd !== undefined;
    if (fd === undefined) return;
    const ended = (): void => close(fd, () => this.#next());
    fstat(fd, (cause, stats) => {
      // Another name leads to it after all, a copy that somebody made by linking: it is not ours to cut.
      if (cause !== null || stats.nlink > 0) return ended();
      return this.#shrink(fd, stats.size, ended);
    });
  }

  #shrink(fd: number, size: number, ended: () => void): void {
    if (size <= SLICE_BYTES) return ended();
    const left = size - SLICE_BYTES;
    ftruncate(fd, left, (cause) => {
      if (cause !== null) return ended();
      // A process that has nothing else to do does not wait for it.
      setTimeout(() => this.#shrink(fd, left, ended), PAUSE_MS).unref();
    });
  }
}
