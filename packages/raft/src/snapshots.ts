import type { LogIndex, Term } from '@quorate/base';
import type { SnapshotHead } from './messages.js';

/** A complete snapshot that a leader may send. */
export interface SnapshotReader {
  readonly index: LogIndex;
  readonly term: Term;
  readonly head: SnapshotHead;
  /** `maxBytes` of the content from `offset` on, less only at the end; null if it cannot be read: then the transfer is given up. */
  read(offset: number, maxBytes: number): Uint8Array | null;
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

/** A snapshot on its way to one peer: one piece at a time, the next when the peer has stored the one before. */
export class SnapshotTransfer {
  readonly reader: SnapshotReader;
  /** Bytes that the peer has. */
  offset: number;
  /** A piece was sent, or all of them were, and the answer is due. */
  isSent = false;
  sentMs = 0;
  #tries = 0;

  constructor(reader: SnapshotReader, offset: number) {
    this.reader = reader;
    this.offset = offset;
  }

  sent(nowMs: number): void {
    this.isSent = true;
    this.sentMs = nowMs;
  }

  /** The peer has so many bytes now: 0 if it began anew. True if that moves the transfer. */
  answered(bytes: number): boolean {
    if (bytes > this.reader.head.length || bytes === this.offset || (bytes < this.offset && bytes !== 0)) return false;
    this.offset = bytes;
    this.isSent = false;
    this.#tries = 0;
    return true;
  }

  /** When the piece is sent again; the peer may also be busy with its disk, or with installing, so there is no hurry. */
  retryAtMs(electionTimeoutMs: number): number {
    return this.sentMs + electionTimeoutMs * RETRY_TIMEOUTS * 2 ** this.#tries;
  }

  retry(): void {
    this.isSent = false;
    if (this.#tries < RETRY_DOUBLINGS_MAX) this.#tries++;
  }
}
