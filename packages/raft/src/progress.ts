import type { LogIndex, NodeId } from '@quorate/base';
import { LinkWindow } from './link-window.js';
import type { RaftOptions } from './ready.js';
import type { SnapshotTransfer } from './snapshots.js';

/**
 * `probe`: where the logs meet is not known, one message at a time; `pipeline`: it is known, messages go out without waiting; `snapshot`:
 * the log does not reach back to where they meet.
 */
export type ReplicationMode = 'probe' | 'pipeline' | 'snapshot';

/**
 * What a leader knows of one peer.
 *
 *   matchIndex <= receivedIndex < nextIndex
 *
 * The window cannot leak (T18): an accepted response frees everything up to `receivedIndex`, a refusal or a lost connection empties it, and
 * as long as the leader owes the peer anything it sends at least a heartbeat whose answer is one of the two.
 */
export class Progress {
  readonly peer: NodeId;
  mode: ReplicationMode = 'probe';
  /** Durable there and verified in this term: what counts for commit. */
  matchIndex: LogIndex = 0;
  /** In memory there; lost with a crash, so it only steers what is sent. */
  receivedIndex: LogIndex = 0;
  nextIndex: LogIndex;
  /** In `probe` mode: one was sent and has no answer yet. */
  isProbeSent = false;
  isConnected: boolean;
  /** It lost its data, or was replaced: not counted until admitted. */
  isLearner = false;
  hasResponded = false;
  /** Index of the barrier that the host proposed for this learner; 0: none. */
  barrierIndex: LogIndex = 0;
  sentAdmitAt: LogIndex = 0;
  /** Time of its last response in this term, or of the start of this leadership. */
  respondedMs: number;
  sentMs: number;
  /** Newest round (see `LeaderState.round`) that it acknowledged, and that was sent to it. */
  ackedRound = 0;
  sentRound = 0;
  isHeartbeatDue = false;
  /** The log port could not read for this peer; tried again with the next heartbeat. */
  isReadBlocked = false;
  /** In `snapshot` mode: what is being sent; null: nothing could be opened yet. */
  transfer: SnapshotTransfer | null = null;
  /** How far an interrupted transfer got: it goes on there, if it is of the same snapshot. */
  #interrupted = { index: 0, offset: 0 };
  /** How much may be on its way. */
  readonly link: LinkWindow;
  #unanswered = 0;
  #inflightIndexes: LogIndex[] = [];
  #inflightSizes: number[] = [];
  #inflightBytes = 0;

  constructor(init: { peer: NodeId; nextIndex: LogIndex; isConnected: boolean; nowMs: number; options: RaftOptions }) {
    this.peer = init.peer;
    this.nextIndex = init.nextIndex;
    this.isConnected = init.isConnected;
    this.respondedMs = init.nowMs;
    this.sentMs = init.nowMs;
    const { windowBytes, electionTimeoutMinMs: slowMs } = init.options;
    this.link = new LinkWindow({ windowBytes, slowMs });
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }
  get inflightMessages(): number {
    return this.#inflightIndexes.length;
  }

  /** A message with entries up to `lastIndex` left. */
  sent(lastIndex: LogIndex, bytes: number): void {
    this.nextIndex = lastIndex + 1;
    this.#inflightIndexes.push(lastIndex);
    this.#inflightSizes.push(bytes);
    this.#inflightBytes += bytes;
  }

  /** It answered in this term. */
  responded(nowMs: number): void {
    this.respondedMs = nowMs;
    this.hasResponded = true;
    this.isConnected = true;
    this.#unanswered = 0;
  }

  /** It holds everything up to `receivedIndex`, of which `matchIndex` durably. */
  accepted(matchIndex: LogIndex, receivedIndex: LogIndex): void {
    if (matchIndex > this.matchIndex) this.matchIndex = matchIndex;
    if (receivedIndex > this.receivedIndex) this.receivedIndex = receivedIndex;
    let count = 0;
    while (count < this.#inflightIndexes.length && (this.#inflightIndexes[count] as number) <= receivedIndex) {
      this.#inflightBytes -= this.#inflightSizes[count] as number;
      count++;
    }
    if (count > 0) {
      this.#inflightIndexes.splice(0, count);
      this.#inflightSizes.splice(0, count);
      this.isReadBlocked = false;
    }
    if (this.mode !== 'pipeline') {
      this.endTransfer();
      this.mode = 'pipeline';
      this.nextIndex = this.receivedIndex + 1;
    } else if (this.nextIndex <= this.receivedIndex) {
      this.nextIndex = this.receivedIndex + 1;
    }
  }

  /** Back to one message at a time, from `nextIndex` on. */
  probeFrom(nextIndex: LogIndex): void {
    this.endTransfer();
    this.mode = 'probe';
    this.isProbeSent = false;
    this.isReadBlocked = false;
    this.receivedIndex = this.matchIndex;
    this.nextIndex = Math.max(nextIndex, this.matchIndex + 1);
    this.#inflightIndexes = [];
    this.#inflightSizes = [];
    this.#inflightBytes = 0;
    this.link.forget();
  }

  /**
   * What was under way may be lost. In `probe` mode nothing more is known than before, so the place to ask at stays: a peer that was down
   * when this leadership began must not be sent the whole log.
   */
  connectionChanged(): void {
    this.probeFrom(this.mode === 'probe' ? this.nextIndex : this.receivedIndex + 1);
  }

  /** The log starts behind what it needs: it gets a snapshot. */
  needsSnapshot(): void {
    this.probeFrom(this.nextIndex);
    this.mode = 'snapshot';
  }

  /** Where to begin with a snapshot of this index. */
  startOffset(index: LogIndex): number {
    return this.#interrupted.index === index ? this.#interrupted.offset : 0;
  }

  /** Closes the snapshot being sent, if any, and remembers how far it got. */
  endTransfer(): void {
    if (this.transfer === null) return;
    this.#interrupted = { index: this.transfer.reader.index, offset: this.transfer.offset };
    this.transfer.reader.close();
    this.transfer = null;
  }

  /** Nothing that it acknowledged counts any longer: it is a new incarnation without data. */
  forget(): void {
    this.isLearner = true;
    this.barrierIndex = 0;
    this.sentAdmitAt = 0;
    this.matchIndex = 0;
    this.ackedRound = 0;
    this.probeFrom(this.nextIndex);
    this.#interrupted = { index: 0, offset: 0 };
  }

  /** When the next heartbeat is due: later and later for a peer that does not answer, up to `maxMs` apart. */
  heartbeatAtMs(heartbeatMs: number, maxMs: number): number {
    return this.sentMs + Math.min(heartbeatMs * 2 ** this.#unanswered, Math.max(heartbeatMs, maxMs));
  }

  heartbeatDue(): void {
    this.isHeartbeatDue = true;
    this.isReadBlocked = false;
    if (this.#unanswered < 16) this.#unanswered++;
  }
}
