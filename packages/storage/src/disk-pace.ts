import type { Clock, Disk, DiskDone, DiskFile } from '@quorate/base';

/** A disk on which a sync takes this long is no place to wait in; the same of a write, which may go to the disk itself, or to the memory of the system. */
const QUICK_MS = 1;
/** A disk on which a sync takes this long writes much else: the system may then hold a write back until that is done, more than a second. */
const BUSY_SYNC_MS = 8;
/** What is left of an old measurement with each new one: a sync of 70 ms is forgotten after some seventy quick ones, one of 2 ms after eleven. */
const FADING = 15 / 16;

/**
 * How quick the disk of a storage is at present: whether a thread that has others to serve may wait for a sync. It may not while a snapshot that
 * is written or read, a file of zeros, a checkpoint or a removal keeps the disk busy, nor soon after any sync that was slow, of whichever file,
 * nor before the disk has shown that it is quick.
 */
export class DiskPace {
  readonly #disk: Disk;
  readonly #clock: Clock | null;
  #slowestMs: number;
  #slowestWriteMs = 0;
  #works = 0;

  /** Without a clock only the work under way counts. */
  constructor(disk: Disk, clock: Clock | null) {
    this.#disk = disk;
    this.#clock = clock;
    this.#slowestMs = clock === null ? 0 : 2 * QUICK_MS;
  }

  get isQuick(): boolean {
    return this.#isAtRest && this.#slowestMs < QUICK_MS && this.#slowestWriteMs < QUICK_MS;
  }

  get #isAtRest(): boolean {
    return this.#works === 0 && !this.#disk.isFreeing;
  }

  /** True if the system takes what is written quickly: it mostly does where a sync takes some ms, but not while much else is written. */
  get isTaking(): boolean {
    return this.#isAtRest && this.#slowestMs < BUSY_SYNC_MS && this.#slowestWriteMs < QUICK_MS;
  }

  /** Something begins that keeps the disk busy; ends with a call of what it returns. */
  begin(): () => void {
    this.#works++;
    let isMine = true;
    return () => {
      if (isMine) this.#works--;
      isMine = false;
    };
  }

  /** Hands the parts to the system and waits. Throws `DiskFault`. */
  writeNow(file: DiskFile, position: number, parts: readonly Uint8Array[]): void {
    const start = this.#nowMs();
    file.writeNow(position, parts);
    this.#slowestWriteMs = Math.max(this.#nowMs() - start, this.#slowestWriteMs);
  }

  /** Syncs and waits. Gives the ms that it took. Throws `DiskFault`. */
  syncNow(file: DiskFile): number {
    const start = this.#nowMs();
    file.syncNow();
    return this.#took(start);
  }

  /** Syncs; `done` also gets the ms that it took. */
  sync(file: DiskFile, done: (fault: Parameters<DiskDone>[0], tookMs: number) => void): void {
    const start = this.#nowMs();
    file.sync((fault) => done(fault, this.#took(start)));
  }

  #took(startMs: number): number {
    const tookMs = this.#nowMs() - startMs;
    this.#slowestMs = Math.max(tookMs, this.#slowestMs * FADING);
    this.#slowestWriteMs *= FADING;
    return tookMs;
  }

  #nowMs(): number {
    return this.#clock?.nowMs() ?? 0;
  }
}
