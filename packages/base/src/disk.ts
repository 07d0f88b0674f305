/** What a power cut leaves of a write, it leaves in pieces of so many bytes, each whole or not there. */
export const SECTOR_BYTES = 512;

/**
 * The disk as Quorate sees it. What boot, recovery and formation need is synchronous and throws `DiskFault`; what a serving node needs
 * completes by callback, for names too can take a disk tenths of a second. Why: `docs/decisions/0002-synchronous-boot.md`.
 *
 * Durability contract, the weakest that real file systems give:
 * - written bytes survive a power cut only after `sync` of the file succeeded; until then any subset of its sectors (`SECTOR_BYTES`) may be there;
 * - a created, renamed or removed name survives only after `syncDirectory` of its folder; until then any subset may be there;
 * - after a failed sync nothing is known of what was written since the last good one, and a later good sync proves nothing.
 * Paths are relative to the root the disk was opened on, with `/` between parts, never `..`.
 */
export interface Disk {
  /** Names in a folder, sorted; a missing folder is empty. */
  list(directory: string): string[];
  /** Creates a folder and its parents; existing ones are fine. */
  makeDirectory(directory: string): void;
  /** Opens a file. `create`: must not exist yet. `open`: must exist; readable and writable. `read`: must exist, read only. */
  open(path: string, mode: 'create' | 'open' | 'read'): DiskFile;
  /** Moves a file over another name, atomically; an existing target is replaced. */
  rename(from: string, to: string): void;
  removeNow(path: string): void;
  /** Makes creations, renames and removals in this folder durable. */
  syncDirectory(directory: string): void;
  /** Makes an empty file, readable and writable; one that has this name is emptied. `file` null: it failed. */
  create(path: string, done: (fault: DiskFault | null, file: DiskFile | null) => void): void;
  /**
   * Renames within a folder, then syncs the folder: the name is durable once `done` says so, and a power cut before may find either name.
   * A fault of kind `full` or `missing`: nothing has changed. A sync that fails is always `io`: nothing is known then.
   */
  putInPlace(from: string, to: string, done: DiskDone): void;
  /**
   * Takes a name away. Its space comes back by and by, at a pace that leaves the disk to others. No handle of the file may be open: it can
   * lose its content. Like `removeNow` it is durable only with the folder.
   */
  remove(path: string, done: DiskDone): void;
  /** Space of removed files is being given back at this moment: syncs may take longer than they do otherwise. */
  readonly isFreeing: boolean;
  /**
   * Takes the lock of the root folder: an object of the operating system that dies with the process.
   * A second holder, in this or another process, gets `directoryInUse`.
   */
  lock(done: (error: Error | null, release: () => void) => void): void;
}

/** Called once, never within the call that it completes. */
export type DiskDone = (error: DiskFault | null) => void;

/** An open file. Positions and lengths are in bytes. */
export interface DiskFile {
  /** Present length in bytes, as written by this process or found at open. */
  size(): number;
  /** The bytes at a position; fewer than asked only at the end of the file. A new array each time. Throws `DiskFault`. */
  readNow(position: number, length: number): Uint8Array;
  /** Writes all parts one after another at a position. Throws `DiskFault`; then any part of it may be there. */
  writeNow(position: number, parts: readonly Uint8Array[]): void;
  /** Makes all completed writes to this file durable before it returns. Throws `DiskFault`. */
  syncNow(): void;
  /**
   * Fills `into` with the bytes at a position, completing by callback: with how many they are, fewer than there is room for only at the end of the
   * file. Until then `into` is the disk's, and what it holds after a fault is not said.
   */
  read(position: number, into: Uint8Array, done: (fault: DiskFault | null, bytes: number) => void): void;
  /** Like `writeNow`, completing by callback. The parts are not changed until then. One read, write or sync at a time per file. */
  write(position: number, parts: readonly Uint8Array[], done: DiskDone): void;
  /** Like `syncNow`, completing by callback. */
  sync(done: DiskDone): void;
  /** Lets the handle go, at once or after the call under way. Neither waits nor fails: what is to last was synced before. */
  close(): void;
}

/** `full`: no space or quota; the write may be tried again when there is. `missing`: no such name. `exists`: the name is taken. `io`: anything else; final. */
export type DiskFaultKind = 'full' | 'missing' | 'exists' | 'io';

/** A failed disk call. */
export class DiskFault extends Error {
  override readonly name: string = 'DiskFault';
  readonly kind: DiskFaultKind;
  readonly path: string;
  readonly operation: string;

  constructor(kind: DiskFaultKind, operation: string, path: string, options?: { cause?: unknown }) {
    super(`${operation} ${path}: ${kind}${options?.cause instanceof Error ? ` (${options.cause.message})` : ''}`, options);
    this.kind = kind;
    this.operation = operation;
    this.path = path;
  }
}
