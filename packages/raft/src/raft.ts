import type { LogIndex, NodeId, Term } from '@quorate/base';
import { Core, type RaftInit } from './core.js';
import { dispatch } from './handlers/dispatch.js';
import { answer as answerSnapshot } from './handlers/snapshot-request.js';
import { grantDeferred } from './handlers/vote-request.js';
import type { OutgoingMessage, RaftMessage, SnapshotHead } from './messages.js';
import { addRead, confirmReads } from './reads.js';
import type { Configuration, Ready, Role, SnapshotReadFact } from './ready.js';
import { hasAppendsToSend, pieceWasRead, sendAppends } from './replication.js';
import { onCandidateDurable, onElectionDue, startPreVote } from './roles/candidate.js';
import { installSnapshot, onFollowerDurable, sendDueResponse } from './roles/follower.js';
import { advanceCommit, appendNoop, leaderDueMs, nudge, tickLeader } from './roles/leader.js';
import { isTransferDue, sendTransfer, startTransfer } from './transfer.js';

/** Commands to replicate as one batch. */
export interface Proposal {
  /** Copied once, into the batch. At most `LIMITS.batchPayloadBytesMax` bytes. */
  readonly payload: Uint8Array;
  /** CRC-32C of the payload, made by whoever made it. */
  readonly payloadChecksum: number;
  /** Log indexes that it takes: 1 to `LIMITS.batchRecordsMax`. */
  readonly count: number;
  /**
   * Raised to the last logged time if it is lower: logged time never goes back within a log. Default: the last logged time plus what has
   * passed since by the monotonic clock.
   */
  readonly loggedTimeMs?: number;
}

/** Where a proposal stands: `index` is the base index of its batch. It is done once that index is committed with that term. */
export type Proposed = { readonly index: LogIndex; readonly term: Term } | 'notLeader';

/**
 * One replica of one Raft group as a function: messages, time and disk completions in, facts out (`ready`). It does no I/O, keeps no timer
 * and draws no time or randomness of its own. All times are monotonic milliseconds of the caller's clock.
 *
 * After any calls in a turn the host asks `hasReady` and takes one `ready`; it calls `tick` once `nextDeadlineMs` has come. No call throws
 * on anything that a peer can send; `invariantBroken` means a bug here or in the host, and the replica must not be used any further.
 */
export class Raft {
  readonly #core: Core;
  #seen: { role: Role; term: Term; leader: NodeId | 0; isEstablished: boolean; commitIndex: LogIndex; learnersWaiting: readonly NodeId[] };

  constructor(init: RaftInit) {
    this.#core = new Core(init);
    this.#core.restartElectionTimer();
    // Nobody else can lead a group of one: no reason to wait.
    if (this.#core.canCampaign && this.#core.voters.length === 1) this.#core.timeoutMs = 0;
    this.#seen = this.#visible();
  }

  get role(): Role {
    return this.#core.state.role;
  }
  get term(): Term {
    return this.#core.term;
  }
  /** Whom this replica takes for the leader; 0: unknown. */
  get leader(): NodeId | 0 {
    return this.#core.leader;
  }
  /** True on a leader that has committed an entry of its own term. */
  get isEstablished(): boolean {
    return this.#core.state.role === 'leader' && this.#core.state.isEstablished;
  }
  get isLearner(): boolean {
    return this.#core.isLearner;
  }
  get commitIndex(): LogIndex {
    return this.#core.log.commitIndex;
  }
  get lastIndex(): LogIndex {
    return this.#core.log.lastIndex;
  }
  /** Highest index that is durable here and still in the log. */
  get durableIndex(): LogIndex {
    return this.#core.log.durableIndex;
  }
  get configuration(): Configuration {
    return this.#core.log.newestConfiguration.configuration;
  }

  /** When `tick` has something to do; `Infinity`: never, until something else happens. It may move later by itself as peers are heard of. */
  get nextDeadlineMs(): number {
    const { state } = this.#core;
    if (state.role === 'leader') return leaderDueMs(this.#core, state);
    return this.#core.canCampaign ? Math.min(this.#core.electionDueMs, this.#core.deferredDueMs) : Number.POSITIVE_INFINITY;
  }

  /** Handles a message of `from`, as the connection says, never the message. Unknown senders and nonsense are dropped. */
  step(from: NodeId, message: RaftMessage, nowMs: number): void {
    this.#now(nowMs);
    if (from === this.#core.self) return;
    this.#core.disconnected.delete(from);
    dispatch(this.#core, from, message);
  }

  /** Does what time requires: elections, heartbeats, stepping down without a majority. Too early or too often does no harm. */
  tick(nowMs: number): void {
    this.#now(nowMs);
    const { state } = this.#core;
    if (state.role === 'leader') {
      tickLeader(this.#core, state);
      return;
    }
    if (this.#core.nowMs >= this.#core.deferredDueMs) grantDeferred(this.#core);
    if (this.#core.canCampaign && this.#core.nowMs >= this.#core.electionDueMs) onElectionDue(this.#core);
  }

  /**
   * Appends commands on the leader; refused elsewhere and while leadership is being transferred. A leader whose disk hangs while its followers
   * commit hands over rather than fill its memory (T06).
   */
  propose(input: Proposal, nowMs: number): Proposed {
    this.#now(nowMs);
    if (!this.#takesProposals || (this.#isLeftBehind && this.transferLeader(0, nowMs))) return 'notLeader';
    const { payloadChecksum, count, loggedTimeMs = this.#core.ownLoggedTimeMs } = input;
    return { index: this.#core.appendOwn('commands', input.payload, { payloadChecksum, count, loggedTimeMs }), term: this.#core.term };
  }

  /** Appends a batch without meaning: a barrier. */
  proposeNoop(nowMs: number): Proposed {
    this.#now(nowMs);
    if (!this.#takesProposals) return 'notLeader';
    return { index: appendNoop(this.#core), term: this.#core.term };
  }

  get #isLeftBehind(): boolean {
    return this.#core.isTailFull && this.#core.log.isOutrun;
  }

  get #takesProposals(): boolean {
    return this.#core.state.role === 'leader' && this.#core.state.transfer === null;
  }

  /** Asks for a linearizable read. Answered once by `Ready.reads` or `Ready.readsFailed`; `id` is the caller's. */
  readIndex(id: number, nowMs: number): void {
    this.#now(nowMs);
    const { state } = this.#core;
    if (state.role === 'leader') addRead(this.#core, state, id);
    else this.#core.readsFailed.push(id);
  }

  /**
   * Hands leadership to a voter (0: the one with the longest durable log). False if this is not the leader, or that peer is unknown, not
   * connected or a learner. Proposals are refused until it is done or an election timeout has passed.
   */
  transferLeader(to: NodeId | 0, nowMs: number): boolean {
    this.#now(nowMs);
    const { state } = this.#core;
    return state.role === 'leader' && startTransfer(this.#core, state, to);
  }

  /** Starts a pre-vote now instead of after a timeout: for the preferred leader of a new group. No effect while a promise to a leader lasts. */
  campaign(nowMs: number): void {
    this.#now(nowMs);
    const { state, canCampaign, promisedUntilMs } = this.#core;
    if (state.role !== 'leader' && canCampaign && this.#core.nowMs >= promisedUntilMs) startPreVote(this.#core);
  }

  /** No connection to `peer`, or messages to or from it were dropped. */
  connectionLost(peer: NodeId, nowMs: number): void {
    this.#now(nowMs);
    this.#core.disconnected.add(peer);
    const { state } = this.#core;
    if (state.role === 'leader') {
      const progress = state.peers.get(peer);
      if (progress === undefined) return;
      progress.isConnected = false;
      progress.connectionChanged();
    } else if (state.role === 'follower' && this.#core.leader === peer) {
      this.#core.leaderIsGone();
    }
  }

  /** Messages to `peer` can be sent again. */
  connectionOpened(peer: NodeId, nowMs: number): void {
    this.#now(nowMs);
    this.#core.disconnected.delete(peer);
    const { state } = this.#core;
    if (state.role !== 'leader') return;
    const progress = state.peers.get(peer);
    if (progress === undefined) return;
    progress.connectionChanged();
    nudge(this.#core, peer);
  }

  /** `peer` came back without its data, as a new incarnation: nothing it acknowledged counts until a new barrier admits it. */
  peerReplaced(peer: NodeId): void {
    const { state } = this.#core;
    if (state.role !== 'leader') return;
    const progress = state.peers.get(peer);
    if (progress === undefined) return;
    progress.forget();
    progress.hasResponded = false;
  }

  /** The host proposed a barrier at `index` for a learner of `Ready.learnersWaiting`: once it is committed the learner is told of it. */
  learnerBarrier(peer: NodeId, index: LogIndex): void {
    const { state } = this.#core;
    if (state.role !== 'leader') return;
    const progress = state.peers.get(peer);
    if (progress?.isLearner === true && index >= state.firstOwnIndex) progress.barrierIndex = index;
  }

  /**
   * The disk has hard state `hardStateVersion` (the newest that is durable; 0: none yet) and the log up to `durableIndex`. In the order in
   * which the host took the Readys; a call that comes late is recognised by its version.
   */
  onDurable(hardStateVersion: number, durableIndex: LogIndex, nowMs: number): void {
    this.#now(nowMs);
    const core = this.#core;
    core.hardVersionDurable = Math.max(core.hardVersionDurable, Math.min(hardStateVersion, core.hardVersionTaken));
    core.log.durable(durableIndex, hardStateVersion);
    onCandidateDurable(core);
    const { state } = core;
    if (state.role === 'follower') onFollowerDurable(core);
    if (state.role === 'leader') {
      advanceCommit(core, state);
      confirmReads(core, state);
    }
  }

  /** The host has read what `Ready.snapshotReads` asked for, or a part of it; null: it cannot be read. The bytes must not change any more. */
  snapshotRead({ reader, offset }: SnapshotReadFact, bytes: Uint8Array | null, nowMs: number): void {
    this.#now(nowMs);
    const { state } = this.#core;
    if (state.role === 'leader') pieceWasRead(state, reader, offset, bytes);
  }

  /** The host stored the snapshot at `index` up to `bytes`: the leader may send the next piece. */
  snapshotStored(index: LogIndex, bytes: number, nowMs: number): void {
    this.#now(nowMs);
    const { incoming, leader, state } = this.#core;
    if (!incoming.stored(index, bytes) || state.role !== 'follower' || leader === 0 || incoming.origin?.leaderTerm !== this.#core.term)
      return;
    answerSnapshot(this.#core, leader, { snapshotIndex: index }, { receivedBytes: bytes, isInstalled: false });
  }

  /**
   * The snapshot at `index` could not be stored or installed, and nothing is left of it: no space, or it makes no sense. If it is still
   * needed, the leader begins anew, in its own time.
   */
  snapshotFailed(index: LogIndex): void {
    if (this.#core.incoming.origin?.index === index) this.#core.incoming.end();
  }

  /**
   * The host has the snapshot at `index` complete and synced, and a machine made of it. True: it replaces the machine and everything up to
   * `index` is committed; the next Ready says `restart`, and nothing is promised before that is durable. False: this replica is
   * further by now (T41); the host drops the snapshot and the machine made of it.
   */
  snapshotInstalled(index: LogIndex, term: Term, head: Pick<SnapshotHead, 'configuration' | 'loggedTimeMs'>, nowMs: number): boolean {
    this.#now(nowMs);
    const core = this.#core;
    if (core.incoming.origin?.index === index) core.incoming.end();
    if (index <= core.log.commitIndex || core.state.role === 'leader') return false;
    installSnapshot(core, { index, term, configuration: head.configuration, loggedTimeMs: head.loggedTimeMs });
    return true;
  }

  /**
   * The host is about to drop the log up to `index`, which a snapshot of its own, durable and in force, covers; call it just before. At most
   * the durable and the commit index. Peers that need what is gone get the snapshot.
   */
  compacted(index: LogIndex): void {
    this.#core.log.compacted(index);
  }

  /**
   * Highest index up to which the log may be dropped without any connected peer needing a snapshot for it, and without a peer that is being
   * sent one needing the next one right after (T43). A host that is short of space may drop more, up to its snapshot.
   */
  get compactableIndex(): LogIndex {
    const { log, state } = this.#core;
    let index = Math.min(log.commitIndex, log.durableIndex);
    if (state.role !== 'leader') return index;
    for (const peer of state.peers.values()) {
      if (!peer.isConnected) continue;
      if (peer.mode === 'snapshot') index = Math.min(index, peer.transfer?.reader.index ?? index);
      else index = Math.min(index, peer.mode === 'pipeline' ? peer.receivedIndex : peer.nextIndex - 1);
    }
    return index;
  }

  /** Logged time in whole ms that a proposal made now would get if its caller names none. Never less than that of any entry in the log. */
  loggedTimeMs(nowMs: number): number {
    this.#now(nowMs);
    return Math.floor(this.#core.ownLoggedTimeMs);
  }

  /** Gives back what it holds of the caller's: open snapshots. The last call, when the replica ends. */
  close(): void {
    const { state } = this.#core;
    if (state.role === 'leader') for (const peer of state.peers.values()) peer.endTransfer();
  }

  /** True if `ready` would tell anything new. */
  hasReady(): boolean {
    const core = this.#core;
    const seen = this.#seen;
    return (
      core.hardVersion > core.hardVersionTaken ||
      core.log.hasFacts ||
      core.incoming.hasFacts ||
      core.isResponseDue ||
      core.outbox.hasSendable(core.hardVersionDurable) ||
      core.reads.length > 0 ||
      core.readsFailed.length > 0 ||
      core.faults.length > 0 ||
      core.log.commitIndex !== seen.commitIndex ||
      core.state.role !== seen.role ||
      core.term !== seen.term ||
      core.leader !== seen.leader ||
      this.isEstablished !== seen.isEstablished ||
      (core.state.role === 'leader' && (hasAppendsToSend(core, core.state) || isTransferDue(core, core.state))) ||
      !isSameList(this.#learnersWaiting(), seen.learnersWaiting)
    );
  }

  /** Takes what the host must do now; see `Ready` for the order. */
  ready(): Ready {
    const core = this.#core;
    const sendNow: OutgoingMessage[] = [];
    sendDueResponse(core);
    core.outbox.drainInto(sendNow, core.hardVersionDurable);
    // A leader's term became durable before it was elected, so its appends wait for nothing, not even its own disk (thesis 10.2.1).
    if (core.state.role === 'leader') {
      sendAppends(core, core.state, sendNow);
      sendTransfer(core, core.state, sendNow);
    }
    const hardState =
      core.hardVersion > core.hardVersionTaken
        ? { term: core.term, votedFor: core.votedFor, isLearner: core.isLearner, version: core.hardVersion }
        : null;
    core.hardVersionTaken = core.hardVersion;
    const { restart, truncateAfter, appends } = core.log.take();
    const { snapshotPiece, isSnapshotAbandoned } = core.incoming.facts();
    const { snapshotReads, reads, readsFailed, faults } = core.takeLists();
    const ready: Ready = {
      hardState,
      restart,
      isSnapshotAbandoned,
      snapshotPiece,
      snapshotReads,
      truncateAfter,
      appends,
      sendNow,
      commitIndex: core.log.commitIndex,
      reads,
      readsFailed,
      role: core.state.role,
      term: core.term,
      leader: core.leader,
      isEstablished: this.isEstablished,
      learnersWaiting: this.#learnersWaiting(),
      faults,
    };
    this.#seen = this.#visible();
    return ready;
  }

  #now(nowMs: number): void {
    if (nowMs > this.#core.nowMs) this.#core.nowMs = nowMs;
  }

  #visible(): {
    role: Role;
    term: Term;
    leader: NodeId | 0;
    isEstablished: boolean;
    commitIndex: LogIndex;
    learnersWaiting: readonly NodeId[];
  } {
    return {
      role: this.role,
      term: this.term,
      leader: this.leader,
      isEstablished: this.isEstablished,
      commitIndex: this.commitIndex,
      learnersWaiting: this.#learnersWaiting(),
    };
  }

  #learnersWaiting(): readonly NodeId[] {
    const { state } = this.#core;
    if (state.role !== 'leader') return NOBODY;
    let waiting: NodeId[] | null = null;
    for (const { isLearner, hasResponded, barrierIndex, peer } of state.peers.values()) {
      if (isLearner && hasResponded && barrierIndex === 0) (waiting ??= []).push(peer);
    }
    return waiting ?? NOBODY;
  }
}

const NOBODY: readonly NodeId[] = [];

function isSameList(one: readonly NodeId[], other: readonly NodeId[]): boolean {
  return one === other || (one.length === other.length && one.every((node, at) => node === other[at]));
}
