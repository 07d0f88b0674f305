import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { SECTOR_BYTES } from '@quorate/base';

/** Memory is aligned to a page: no device asks for more. */
const PAGE_BYTES = 4096;
const PROBE_BYTES = 4 * PAGE_BYTES;
/** Bytes of one write; more goes out in several, one after the other. */
const SLOT_BYTES = 1_048_576;
/** Writes under way at a time; who finds no room writes by way of the system's memory. */
const SLOTS = 4;
/** Allocators of 64-bit systems align what they give to this. */
const ALLOCATION_BYTES = 16;
/** A file without a name, of Linux alone; Node has no name for it. */
const O_TMPFILE = 0o20_000_000;
/** Errors that say nothing of how the file system writes. */
const PASSING: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM', 'EIO', 'EINTR', 'EAGAIN']);

/**
 * Writes that go from this process to the disk, not by way of the system's memory for files (`O_DIRECT` of Linux). What is written once and hardly ever read,
 * a log, a snapshot, a file of zeros, otherwise takes new memory for each page, which must be found, copied into, written back, and freed
 * in the end: most of the processor time of large writes, and moments in which the whole machine waits.
 *
 * Such a write needs memory at certain addresses, which a program in JavaScript does not know: it is found by trying, once, with a file that has no name.
 * It lies in a few slots that what is to be written is copied into.
 */
export class DirectWrites {
  readonly #slots: Uint8Array[] = [];

  private constructor(memory: ArrayBuffer, offset: number) {
    for (let i = 0; i < SLOTS; i++) this.#slots.push(new Uint8Array(memory, offset + i * SLOT_BYTES, SLOT_BYTES));
  }

  /** Null: the system, or the file system of this folder, has no such writes, or other rules for them; undefined: that cannot be told now. */
  static on(folder: string): DirectWrites | null | undefined {
    if (process.platform !== 'linux' || constants.O_DIRECT === undefined) return null;
    const memory = new ArrayBuffer(SLOTS * SLOT_BYTES + PAGE_BYTES);
    let fd = -1;
    try {
      fd = openSync(folder, O_TMPFILE | constants.O_DIRECTORY | constants.O_RDWR | constants.O_DIRECT, 0o600);
      // Of several pages, as the system takes any memory for what lies within one; and not at the begin of a page of the file.
      const offset = offsetOf(memory, (bytes) => writeSync(fd, bytes, 0, PROBE_BYTES, SECTOR_BYTES) === PROBE_BYTES);
      return offset === null ? null : new DirectWrites(memory, offset);
    } catch (thrown) {
      return PASSING.has((thrown as NodeJS.ErrnoException).code ?? '') ? undefined : null;
    } finally {
      if (fd >= 0) closeSync(fd);
    }
  }

  /** True if a write of these bytes at this position can go past the system's memory. */
  static fits(position: number, bytes: number): boolean {
    return bytes > 0 && position % SECTOR_BYTES === 0 && bytes % SECTOR_BYTES === 0;
  }

  /** Memory to write from, to be given back; null: all of it is in use. */
  take(): Uint8Array | null {
    return this.#slots.pop() ?? null;
  }

  giveBack(slot: Uint8Array): void {
    this.#slots.push(slot);
  }
}

/** Where memory begins that `write` takes; null: nowhere. */
function offsetOf(memory: ArrayBuffer, write: (bytes: Uint8Array) => boolean): number | null {
  for (let at = 0; at < PAGE_BYTES; at += ALLOCATION_BYTES) {
    // Large memory mostly begins a few words behind a page boundary: the end of that page is tried first.
    const offset = PAGE_BYTES - ALLOCATION_BYTES - at;
    try {
      if (write(new Uint8Array(memory, offset, PROBE_BYTES))) return offset;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EINVAL') throw thrown;
    }
  }
  return null;
}
