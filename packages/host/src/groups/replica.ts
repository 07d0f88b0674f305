import {
  type BatchHeader,
  type Clock,
  type GroupId,
  type LogIndex,
  type NodeId,
  QuorateError,
  asQuorateError,
  batchLastIndex,
  batchPayload,
  invariant,
  trustedBatchHeader,
} from '@quorate/base';
import type { PeerFault, Raft, RaftMessage, Ready } from '@quorate/raft';
import type { GroupDurable, GroupLog } from '@quorate/storage';
import type { GroupStatus } from '@quorate/wire';
import { CommittedBatches } from './committed-batches.js';
import { LearnerBarriers } from './learner-barriers.js';
import { PendingProposals, type ProposalBudget, type ProposedBy, type Proposer, sizeRefusal } from './pending-proposals.js';
import { type PendingRead, PendingReads } from './pending-reads.js';
import type { ReplicaSnapshots } from './replica-snapshots.js';
import { type StateNote, StateNotes, isNoted } from './state-notes.js';
import type { View } from './view.js';

/** Most that is applied in one turn before other groups and sockets get theirs, by bytes and by time; a batch that was begun is finished. */
const APPLY_BYTES_PER_TURN = 4 * 1024 * 1024;
const APPLY_MS_PER_TURN = 4;

/** A payload that takes `count` indexes. */
interface Proposable {
  readonly payload: Uint8Array;
  readonly payloadChecksum: number;
  readonly count: number;
}

/** What a replica asks of its node. */
export interface ReplicaNode {
  readonly nodeId: NodeId;
  readonly clock: Clock;
  readonly proposalBudget: ProposalBudget;
  /** False if the message will not arrive. `peerConnected` follows once messages to that peer can be sent again. */
  send(to: NodeId, group: GroupId, message: RaftMessage): boolean;
  /** Something is to be done for this replica at the end of the turn. */
  markDirty(replica: Replica): void;
  /** A stored batch that must be there cannot be read. */
  unreadable(replica: Replica, index: LogIndex): void;
  /** A broken invariant or an unknown command: this group no longer runs here. */
  stopped(replica: Replica, error: QuorateError): void;
  /** Leadership, term or leader changed. */
  changed(replica: Replica): void;
  /** This leader is at an index where all replicas note their state. */
  stateNoted(replica: Replica, note: StateNote): void;
  /** A peer sent what a correct one cannot. */
  peerFault(replica: Replica, fault: PeerFault): void;
  /** Leader only: this learner waits for a barrier; gives the base index of the barrier, or null to be asked again. */
  proposeBarrier(replica: Replica, learner: NodeId): LogIndex | null;
}

/** One group on this node: the only place where the facts of the consensus core meet its log and its view. */
export class Replica {
  readonly group: GroupId;
  name: string;
  readonly log: GroupLog;
  readonly raft: Raft;
  readonly view: View;
  readonly #node: ReplicaNode;
  readonly #proposals: PendingProposals;
  readonly #reads: PendingReads;
  readonly #notes: StateNotes = new StateNotes();
  readonly #committed: CommittedBatches;
  #appliedIndex: LogIndex;
  #wasLeader = false;
  #lastTerm = 0;
  #lastLeader: NodeId | 0 = 0;
  #stopError: QuorateError | null = null;
  readonly #barriers: LearnerBarriers;
  /** Null for a group that has none: its log is its data. */
  snapshots: ReplicaSnapshots | null = null;
  /** Called after each advance of the applied index. */
  onApplied: (() => void) | null = null;
  /** Position in the node's deadline table. */
  slot = 0;
  isDirty = false;

  /** `appliedIndex`: what the view starts from; by default nothing but what the log lacks. */
  constructor(init: { name: string; log: GroupLog; raft: Raft; view: View; node: ReplicaNode; appliedIndex?: LogIndex }) {
    this.group = init.log.group;
    this.name = init.name;
    this.log = init.log;
    this.raft = init.raft;
    this.view = init.view;
    this.#node = init.node;
    this.#committed = new CommittedBatches(init.log, () => init.node.markDirty(this));
    this.#reads = new PendingReads(this.group, init.node.clock);
    this.#proposals = new PendingProposals(this.group, init.node.proposalBudget);
    this.#appliedIndex = init.appliedIndex ?? init.log.firstIndex - 1;
    this.#barriers = new LearnerBarriers({
      propose: (learner) => init.node.proposeBarrier(this, learner),
      proposed: (learner, index) => init.raft.learnerBarrier(learner, index),
    });
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }
  get stopError(): QuorateError | null {
    return this.#stopError;
  }
  get isLeader(): boolean {
    return this.#stopError === null && this.raft.role === 'leader';
  }

  /** True while something that was proposed here is not applied. */
  get hasProposals(): boolean {
    return this.#proposals.size > 0;
  }
  /** True while somebody waits for an answer of this leader. */
  get hasUnanswered(): boolean {
    return this.#proposals.size > 0 || this.#reads.size > 0;
  }
  get nextDeadlineMs(): number {
    return this.#stopError === null ? Math.min(this.raft.nextDeadlineMs, this.#barriers.dueMs) : Number.POSITIVE_INFINITY;
  }

  /** Runs `step` on the core; a throw stops this group and no other. */
  step(step: (raft: Raft, nowMs: number) => void): void {
    if (this.#stopError !== null) return;
    try {
      step(this.raft, this.#node.clock.nowMs());
    } catch (thrown) {
      this.stop(asQuorateError(thrown));
      return;
    }
    this.#node.markDirty(this);
  }

  /** The view is now that of a snapshot at `index`; the core says `restart` next. */
  installed(index: LogIndex): void {
    invariant(index > this.#appliedIndex, 'a snapshot never goes back', { group: this.group, index, appliedIndex: this.#appliedIndex });
    this.#appliedIndex = index;
    this.onApplied?.();
  }

  receive(from: NodeId, message: RaftMessage): void {
    if (this.#stopError !== null) return;
    // As in `step`, without a closure per message.
    try {
      this.raft.step(from, message, this.#node.clock.nowMs());
    } catch (thrown) {
      this.stop(asQuorateError(thrown));
      return;
    }
    this.#node.markDirty(this);
  }

  tick(): void {
    this.step((raft, nowMs) => {
      if (nowMs >= this.#barriers.dueMs) this.#barriers.proposeAll(nowMs);
      raft.tick(nowMs);
    });
  }

  durable(state: GroupDurable): void {
    this.step((raft, nowMs) => raft.onDurable(state.hardStateVersion, state.durableIndex, nowMs));
  }

  peerConnected(peer: NodeId): void {
    this.step((raft, nowMs) => raft.connectionOpened(peer, nowMs));
  }

  peerDisconnected(peer: NodeId): void {
    this.step((raft, nowMs) => raft.connectionLost(peer, nowMs));
  }

  peerReplaced(peer: NodeId): void {
    this.step((raft) => raft.peerReplaced(peer));
  }

  campaign(): void {
    this.step((raft, nowMs) => raft.campaign(nowMs));
  }

  transferLeader(to: NodeId | 0): boolean {
    let isStarted = false;
    this.step((raft, nowMs) => {
      isStarted = raft.transferLeader(to, nowMs);
    });
    return isStarted;
  }

  /** Proposes a payload, `of` a client or of the node itself. The proposer is told once, now or later. */
  propose(input: Proposable, proposer: Proposer, requestId: number, of: ProposedBy): void {
    const refusal = this.#refusal() ?? sizeRefusal(this.log, input.payload.length) ?? this.#proposals.refusal(of);
    if (refusal !== null) {
      proposer.failed(requestId, refusal);
      return;
    }
    try {
      const nowMs = this.#node.clock.nowMs();
      const at = this.raft.propose(input, nowMs);
      if (at === 'notLeader') proposer.failed(requestId, this.notLeader());
      else this.#proposals.add({ ...at, count: input.count, bytes: input.payload.length, nowMs, of, proposer, requestId });
    } catch (thrown) {
      this.stop(asQuorateError(thrown));
      proposer.failed(requestId, this.#stopError ?? asQuorateError(thrown));
      return;
    }
    this.#node.markDirty(this);
  }

  /** An entry of no meaning; its base index, or null if it cannot be proposed now. */
  proposeNoop(): LogIndex | null {
    let index: LogIndex | null = null;
    this.step((raft, nowMs) => {
      const at = raft.proposeNoop(nowMs);
      if (at !== 'notLeader') index = at.index;
    });
    return index;
  }

  /** Runs `read` once this replica, as leader, has applied all that was committed when it was asked. */
  readLinearizable(read: PendingRead): void {
    const refusal = this.#refusal() ?? this.#reads.refusal(read);
    if (refusal !== null) {
      read.fail(refusal);
      return;
    }
    const id = this.#reads.add(read);
    this.step((raft, nowMs) => raft.readIndex(id, nowMs));
  }

  #refusal(): QuorateError | null {
    if (this.#stopError !== null) return this.#stopError;
    return this.raft.role === 'leader' ? null : this.notLeader();
  }

  notLeader(): QuorateError {
    const leader = this.raft.leader;
    if (this.raft.role === 'leader')
      return new QuorateError('noLeader', `group ${this.group} is being handed over to another node`, { group: this.group });
    if (leader === 0) return new QuorateError('noLeader', `group ${this.group} has no leader at present`, { group: this.group });
    return new QuorateError('notLeader', `node ${leader} leads group ${this.group}`, { group: this.group, leader });
  }

  /** The work of one turn: take the core's facts, store, send, apply, answer. */
  turn(): void {
    if (this.#stopError !== null) return;
    try {
      if (this.raft.hasReady()) this.#handle(this.raft.ready());
      this.#apply();
    } catch (thrown) {
      this.stop(asQuorateError(thrown));
      return;
    }
    if (this.raft.hasReady()) this.#node.markDirty(this);
  }

  #handle(ready: Ready): void {
    this.snapshots?.ready(ready);
    if (ready.restart !== null) this.log.restartAt(ready.restart.index, ready.restart.term);
    if (ready.hardState !== null) this.log.setHardState(ready.hardState, ready.hardState.version);
    if (ready.truncateAfter !== null) {
      invariant(ready.truncateAfter >= this.#appliedIndex, 'truncation never reaches applied entries', { group: this.group });
      this.log.truncateSuffix(ready.truncateAfter);
    }
    for (const append of ready.appends) this.log.append(append.batch);
    for (const { to, message } of ready.sendNow) if (!this.#node.send(to, this.group, message)) this.#dropped(to);
    for (const read of ready.reads) this.#reads.confirmed(read.id, read.index);
    for (const fault of ready.faults) this.#node.peerFault(this, fault);
    for (const id of ready.readsFailed) this.#reads.failed(id, this.notLeader());
    this.#noteLeadership(ready);
    this.#barriers.update(ready.learnersWaiting, this.#node.clock.nowMs());
  }

  /**
   * A leader must not take what it sent for under way. Others need not know: what a follower or candidate says is asked for again, and a
   * follower whose own queue is full has not lost its leader.
   */
  #dropped(to: NodeId): void {
    if (this.raft.role === 'leader') this.raft.connectionLost(to, this.#node.clock.nowMs());
  }

  #noteLeadership(ready: Ready): void {
    const isLeader = ready.role === 'leader';
    if (this.#wasLeader && (!isLeader || ready.term !== this.#lastTerm)) {
      const lost = new QuorateError('leadershipLost', `this node no longer leads group ${this.group}; the outcome is not known here`, {
        group: this.group,
        ...(ready.leader === 0 ? {} : { leader: ready.leader }),
      });
      this.#proposals.failAll(lost);
      this.#reads.failAll(this.notLeader());
    }
    const isChanged = isLeader !== this.#wasLeader || ready.term !== this.#lastTerm || ready.leader !== this.#lastLeader;
    this.#wasLeader = isLeader;
    this.#lastTerm = ready.term;
    this.#lastLeader = ready.leader;
    if (isChanged) this.#node.changed(this);
  }

  #apply(): void {
    const commitIndex = this.raft.commitIndex;
    const { clock } = this.#node;
    const untilMs = clock.nowMs() + APPLY_MS_PER_TURN;
    const before = this.#appliedIndex;
    let isComing = false;
    for (let left = APPLY_BYTES_PER_TURN; this.#appliedIndex < commitIndex && left > 0; ) {
      const batch = this.#committed.get(this.#appliedIndex + 1, commitIndex);
      if (batch === undefined) {
        this.#node.unreadable(this, this.#appliedIndex + 1);
        return;
      }
      isComing = batch === 'onItsWay';
      if (batch === null || batch === 'onItsWay') break;
      this.#applyBatch(trustedBatchHeader(batch), batch);
      this.#committed.taken(this.#appliedIndex + 1);
      left -= batch.length;
      if (clock.nowMs() >= untilMs) break;
    }
    if (this.#appliedIndex < commitIndex && !isComing) this.#node.markDirty(this);
    if (this.#appliedIndex > before) this.onApplied?.();
    this.#reads.applied(this.#appliedIndex);
  }

  #applyBatch(header: BatchHeader, batch: Uint8Array): void {
    invariant(header.baseIndex === this.#appliedIndex + 1, 'batches are applied densely', { group: this.group, index: header.baseIndex });
    const outcome = this.view.apply(header, batchPayload(batch));
    this.#appliedIndex = batchLastIndex(header);
    this.#proposals.applied(header.baseIndex, header.term, outcome, this.#node.clock.nowMs());
    this.snapshots?.applied(header, batch.length);
    if (isNoted(header.baseIndex, this.#appliedIndex)) this.#noteState();
  }

  #noteState(): void {
    const note: StateNote = { index: this.#appliedIndex, hash: this.view.hash };
    if (this.isLeader) this.#node.stateNoted(this, note);
    else this.#checkState(this.#notes.noted(note), note);
  }

  /** What a peer noted of its state. Only the leader's counts: whoever differs from it stops rather than answers (T19). */
  receiveState(from: NodeId, note: StateNote): void {
    if (this.#stopError === null && from === this.raft.leader) this.#checkState(this.#notes.told(note), note);
  }

  #checkState(other: StateNote | null, { index }: StateNote): void {
    if (other === null) return;
    this.stop(
      new QuorateError('stateDiverged', `the state at index ${index} differs from that of the leader`, { group: this.group, index }),
    );
  }

  /** Ends this replica: whoever waits is told, nothing runs any more. */
  stop(error: QuorateError): void {
    if (this.#stopError !== null) return;
    const details = { ...error.details, group: this.group };
    this.#stopError = new QuorateError('groupStopped', `group ${this.group} stopped on this node: ${error.message}`, details, {
      cause: error,
    });
    this.#tellLeaderGone();
    const unknown = new QuorateError('leadershipLost', this.#stopError.message, { group: this.group });
    this.#proposals.failAll(unknown);
    this.#reads.failAll(this.#stopError);
    this.onApplied?.();
    this.snapshots?.close();
    this.raft.close();
    this.#node.stopped(this, error);
  }

  /** The node lives on and its heartbeats would stand for this leader for ever: its followers must elect another one. */
  #tellLeaderGone(): void {
    const { role, term, configuration } = this.raft;
    if (role !== 'leader') return;
    for (const voter of configuration.voters) {
      if (voter !== this.#node.nodeId) this.#node.send(voter, this.group, { type: 'leaderGone', term });
    }
  }

  status(): GroupStatus {
    return {
      group: this.group,
      name: this.name,
      role: this.#stopError === null ? this.raft.role : 'stopped',
      isLearner: this.raft.isLearner,
      term: this.raft.term,
      leader: this.raft.leader,
      firstIndex: this.log.firstIndex,
      lastIndex: this.log.lastIndex,
      durableIndex: this.log.durableIndex,
      commitIndex: this.raft.commitIndex,
      appliedIndex: this.#appliedIndex,
      stateHash: this.view.hash,
    };
  }
}
