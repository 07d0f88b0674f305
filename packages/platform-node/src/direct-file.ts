import { close, constants, openSync, write, writeSync } from 'node:fs';
import { sliceParts } from '@quorate/base';
import type { DirectWrites } from './direct-writes.js';

/**
 * A second handle of a file, for writes that go past the system's memory: those that `DirectWrites.fits`, which the caller asks before it has one made. What it
 * does not take, because there is no memory, or the file system has other rules for this file, is left to be written the usual way: it says how many bytes it wrote.
 */
export class DirectFile {
  readonly #writes: DirectWrites;
  readonly #fd: number;
  /** False from the first write on that the system took for one of another kind, or not as a whole. */
  #isTaking = true;

  private constructor(writes: DirectWrites, fd: number) {
    this.#writes = writes;
    this.#fd = fd;
  }

  /** Of the file that is open as `fd`, whatever its name is by now; null: it cannot be had. */
  static of(fd: number, writes: DirectWrites): DirectFile | null {
    try {
      return new DirectFile(writes, openSync(`/proc/self/fd/${fd}`, constants.O_RDWR | constants.O_DIRECT));
    } catch {
      return null;
    }
  }

  /** Gives how many bytes of the parts were written. Throws what the system says, but for what can be done the usual way. */
  writeNow(position: number, parts: readonly Uint8Array[], bytes: number): number {
    const slot = this.#slot();
    if (slot === null) return 0;
    let written = 0;
    try {
      while (written < bytes && this.#isTaking) {
        const count = gather(parts, written, slot);
        written += this.#counted(count, this.#takenNow(slot, count, position + written));
      }
      return written;
    } finally {
      this.#writes.giveBack(slot);
    }
  }

  /** The same by callback; false: nothing was begun, and `done` will not be called. */
  write(position: number, parts: readonly Uint8Array[], bytes: number, done: (cause: Error | null, written: number) => void): boolean {
    const slot = this.#slot();
    if (slot === null) return false;
    const ended = (cause: Error | null, written: number): void => {
      this.#writes.giveBack(slot);
      done(cause, written);
    };
    const step = (from: number): void => {
      const count = gather(parts, from, slot);
      write(this.#fd, slot, 0, count, position + from, (cause, taken) => {
        if (cause !== null && !isOfAnotherKind(cause)) return ended(cause, from);
        const written = from + this.#counted(count, cause === null ? taken : 0);
        if (written < bytes && this.#isTaking) return step(written);
        return ended(null, written);
      });
    };
    step(0);
    return true;
  }

  /** No call may be under way. */
  close(): void {
    close(this.#fd, () => {});
  }

  #slot(): Uint8Array | null {
    return this.#isTaking ? this.#writes.take() : null;
  }

  #takenNow(slot: Uint8Array, count: number, position: number): number {
    try {
      return writeSync(this.#fd, slot, 0, count, position);
    } catch (thrown) {
      if (!isOfAnotherKind(thrown)) throw thrown;
      return 0;
    }
  }

  /** Of `count` bytes the system took so many: if not all, the next write would begin anywhere. */
  #counted(count: number, taken: number): number {
    if (taken < count) this.#isTaking = false;
    return taken;
  }
}

/** The system does not write to this file, or from this memory, directly. */
function isOfAnotherKind(cause: unknown): boolean {
  return (cause as NodeJS.ErrnoException).code === 'EINVAL';
}

/** Copies the parts, but for their first `from` bytes, into `slot` until it is full; gives how many bytes. */
function gather(parts: readonly Uint8Array[], from: number, slot: Uint8Array): number {
  let at = 0;
  for (const piece of sliceParts(parts, from, from + slot.length)) {
    slot.set(piece, at);
    at += piece.length;
  }
  return at;
}
