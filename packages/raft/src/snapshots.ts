import type { LogIndex, Term } from '@quorate/base';
import type { SnapshotHead } from './messages.js';

/** A complete snapshot that a leader may send. The host reads it, as `Ready.snapshotReads` says. */
export interface SnapshotReader {
  readonly index: LogIndex;
  readonly term: Term;
  readonly head: SnapshotHead;
  /** Called once: it is needed no longer. Until then it stays readable, also when there is a newer one. */
  close(): void;
}

/** Where a leader gets what it sends to a peer that needs entries from before its log starts. */
export interface SnapshotSource {
  /** The newest complete snapshot of this replica; null: none, or none that can be read now. */
  open(): SnapshotReader | null;
}

/** Without snapshots no log is compacted, so none is ever asked for. */
export const NO_SNAPSHOTS: SnapshotSource = { open: () => null };

/** Times `electionTimeoutMaxMs` without an answer after which a piece is sent again; doubles with each try. */
const RETRY_TIMEOUTS = 4;
const RETRY_DOUBLINGS_MAX = 4;
const NOTHING: Uint8Array = new Uint8Array(0);

/** A snapshot on its way to one peer: one piece at a time, read from the disk once the peer has stored the one before. */
export class SnapshotTransfer {
  readonly reader: SnapshotReader;
  /** Bytes that the peer has. */
  #offset: number;
  /**
   * Of the piece at `offset`, which is empty once the peer has all of them: it is `due`, the host is `reading` it, it was `read`, or it was `sent` and
   * its answer is due.
   */
  #step: 'due' | 'reading' | 'read' | 'sent' = 'due';
  #bytes: Uint8Array | null = null;
  #sentMs = 0;
  #tries = 0;

  constructor(reader: SnapshotReader, offset: number) {
    this.reader = reader;
    this.#offset = offset;
  }

  get offset(): number {
    return this.#offset;
  }
  /** There is something to be done for the next piece: to have it read, or to send it. */
  get isDue(): boolean {
    return this.#step === 'due' || this.#step === 'read';
  }
  get isSent(): boolean {
    return this.#step === 'sent';
  }

  /** The piece, if it can be sent now; else it is to be read first. */
  take(nowMs: number): Uint8Array | null {
    const bytes = this.#offset === this.reader.head.length ? NOTHING : this.#bytes;
    this.#bytes = null;
    this.#step = bytes === null ? 'reading' : 'sent';
    this.#sentMs = nowMs;
    return bytes;
  }

  /** The host has read the piece at `offset`; false: what it read is no piece of this snapshot. */
  wasRead(offset: number, bytes: Uint8Array | null): boolean {
    if (this.#step !== 'reading' || offset !== this.#offset) return true; // asked for before the peer began anew, say
    if (bytes === null || bytes.length === 0 || offset + bytes.length > this.reader.head.length) return false;
    this.#step = 'read';
    this.#bytes = bytes;
    return true;
  }

  /** The peer has so many bytes now: 0 if it began anew. True if that moves the transfer. */
  answered(bytes: number): boolean {
    if (bytes > this.reader.head.length || bytes === this.#offset || (bytes < this.#offset && bytes !== 0)) return false;
    this.#offset = bytes;
    this.#bytes = null;
    this.#step = 'due';
    this.#tries = 0;
    return true;
  }

  /** When the piece is sent again; the peer may also be busy with its disk, or with installing, so there is no hurry. */
  retryAtMs(electionTimeoutMs: number): number {
    return this.#sentMs + electionTimeoutMs * RETRY_TIMEOUTS * 2 ** this.#tries;
  }

  retry(): void {
    this.#step = 'due';
    if (this.#tries < RETRY_DOUBLINGS_MAX) this.#tries++;
  }
}
