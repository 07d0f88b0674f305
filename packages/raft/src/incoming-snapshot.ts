import type { LogIndex, NodeId, Term } from '@quorate/base';
import type { SnapshotHead, SnapshotRequest } from './messages.js';
import type { SnapshotPiece } from './ready.js';

/** A snapshot as a leader of one term sends it: all three together say which bytes they are. */
interface Origin {
  readonly from: NodeId;
  readonly leaderTerm: Term;
  readonly index: LogIndex;
  readonly term: Term;
  readonly head: SnapshotHead;
}

/**
 * What a follower has of a snapshot. One piece at a time is with the host; nothing is answered for it before it is stored.
 *
 *   storedBytes <= receivedBytes <= head.length
 */
export class IncomingSnapshot {
  #origin: Origin | null = null;
  #receivedBytes = 0;
  #storedBytes = 0;
  #isWhole = false;
  #piece: SnapshotPiece | null = null;
  #isAbandoned = false;

  get origin(): Origin | null {
    return this.#origin;
  }
  get storedBytes(): number {
    return this.#storedBytes;
  }
  /** A piece is with the host. */
  get isStoring(): boolean {
    return this.#receivedBytes > this.#storedBytes;
  }
  /** All pieces came: the host stores the last one, or installs. */
  get isWhole(): boolean {
    return this.#isWhole;
  }
  get hasFacts(): boolean {
    return this.#piece !== null || this.#isAbandoned;
  }

  isOf(from: NodeId, message: SnapshotRequest): boolean {
    const origin = this.#origin;
    return (
      origin !== null &&
      origin.from === from &&
      origin.leaderTerm === message.term &&
      origin.index === message.snapshotIndex &&
      origin.term === message.snapshotTerm
    );
  }

  /** The first piece of another snapshot than before. */
  begin(from: NodeId, message: SnapshotRequest, head: SnapshotHead): void {
    this.abandon();
    this.#origin = { from, leaderTerm: message.term, index: message.snapshotIndex, term: message.snapshotTerm, head };
  }

  /** True if this is the piece that is due. */
  isNext(message: SnapshotRequest): boolean {
    return !this.#isWhole && !this.isStoring && message.offset === this.#receivedBytes && (message.bytes.length > 0 || message.isLast);
  }

  take(message: SnapshotRequest): void {
    const { index, term, head } = this.#origin as Origin;
    const { offset, bytes, isLast } = message;
    this.#piece = { index, term, head, offset, bytes, isLast };
    this.#receivedBytes += bytes.length;
    this.#isWhole = isLast;
  }

  /** The host has stored so many bytes of the snapshot at `index`; false if that is not the one, or nothing new. */
  stored(index: LogIndex, bytes: number): boolean {
    if (this.#origin?.index !== index || bytes !== this.#receivedBytes) return false;
    this.#storedBytes = bytes;
    return true;
  }

  /** Over, well or not: the host knows, nothing is to be told to it. */
  end(): void {
    this.#origin = null;
    this.#receivedBytes = 0;
    this.#storedBytes = 0;
    this.#isWhole = false;
    this.#piece = null;
    this.#isAbandoned = false;
  }

  /** Not needed any longer: the host is told, if it has anything of it. */
  abandon(): void {
    const isKnown = this.#isAbandoned || (this.#origin !== null && (this.#piece === null || this.#piece.offset > 0));
    this.end();
    this.#isAbandoned = isKnown;
  }

  /** Facts for the host. */
  facts(): { readonly snapshotPiece: SnapshotPiece | null; readonly isSnapshotAbandoned: boolean } {
    const facts = { snapshotPiece: this.#piece, isSnapshotAbandoned: this.#isAbandoned };
    this.#piece = null;
    this.#isAbandoned = false;
    return facts;
  }
}
