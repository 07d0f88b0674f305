import {
  type BatchKind,
  type Checksum,
  type LogIndex,
  type NodeId,
  type Random,
  type Term,
  encodeBatch,
  invariant,
  randomUnit,
  trustedBatchHeader,
} from '@quorate/base';
import { LogState } from './log-state.js';
import type { RaftMessage, VoteRequest } from './messages.js';
import { Outbox } from './outbox.js';
import type { LogReader, LogStart, PeerContacts, PeerFault, RaftOptions, SnapshotReadFact } from './ready.js';
import { IncomingSnapshot } from './incoming-snapshot.js';
import { NO_SNAPSHOTS, type SnapshotSource } from './snapshots.js';
import type { RoleState } from './roles/states.js';

/** What a replica needs to start. */
export interface RaftInit {
  readonly options: RaftOptions;
  readonly start: LogStart;
  readonly random: Random;
  readonly contacts: PeerContacts;
  readonly log: LogReader;
  /** Default: none, for a group whose log is never compacted. */
  readonly snapshots?: SnapshotSource;
  readonly checksum: Checksum;
  readonly nowMs: number;
}

/** A replica whose disk hangs takes no more entries than this many windows, so that it cannot fill the memory. */
const TAIL_WINDOWS_MAX = 4;
/**
 * Most ms that a replica of a group of three waits before a pre-vote once it knows that its leader is gone and its promise has ended; more the more
 * voters there are, so that two rarely start together.
 */
const GONE_DELAY_MS = 15;

/**
 * The state that all roles share. It holds no decisions: those are in `roles/` (what a role does by itself) and `handlers/` (what it
 * does on a message), which change the state through the few methods below.
 */
export class Core {
  readonly options: RaftOptions;
  readonly contacts: PeerContacts;
  readonly log: LogState;
  readonly snapshots: SnapshotSource;
  /** As a follower: what a leader sends of its snapshot. */
  readonly incoming: IncomingSnapshot = new IncomingSnapshot();
  readonly outbox: Outbox = new Outbox();
  readonly #random: Random;
  readonly #checksum: Checksum;

  nowMs: number;
  state: RoleState = { role: 'follower' };

  term: Term;
  votedFor: NodeId | 0;
  isLearner: boolean;
  /** Counts changes of the three above; `taken` is what the host has, `durable` what its disk has. */
  hardVersion = 0;
  hardVersionTaken = 0;
  hardVersionDurable = 0;

  #leader: NodeId | 0 = 0;
  /** See `promisedUntilMs`: what was promised to leaders that this replica no longer follows, or before it started. */
  #promisedUntilMs: number;
  /** Who led the present term, gone or not: it is told when the term moves on. */
  termLeader: NodeId | 0 = 0;
  /** Last append of `leader`. */
  heardMs: number = Number.NEGATIVE_INFINITY;
  timerFromMs: number;
  timeoutMs = 0;

  /** As a follower: highest index known to equal the leader's log of this term. */
  verifiedIndex: LogIndex = 0;
  probeSeen = 0;
  admitAt: LogIndex = 0;
  isResponseDue = false;
  /** What was appended for the leader and not told it since. */
  unansweredBytes = 0;
  unansweredMessages = 0;
  /** Match index of the last response in this term. */
  respondedMatch: LogIndex = 0;

  readonly disconnected: Set<NodeId> = new Set();
  /** Pre-votes that only the hold to a leader kept from being granted: they are once it is gone and the promise to it has ended. */
  readonly deferredPreVotes: Map<NodeId, VoteRequest> = new Map();
  /** Pieces of snapshots that are to be read for peers. */
  snapshotReads: SnapshotReadFact[] = [];
  reads: { id: number; index: LogIndex }[] = [];
  readsFailed: number[] = [];
  faults: PeerFault[] = [];
  /** When the newest batch was appended here: logged time goes on from it by the monotonic clock. */
  loggedAtMs: number;

  constructor(init: RaftInit) {
    this.options = init.options;
    this.contacts = init.contacts;
    this.log = new LogState(init.start, init.log);
    this.snapshots = init.snapshots ?? NO_SNAPSHOTS;
    this.#random = init.random;
    this.#checksum = init.checksum;
    this.nowMs = init.nowMs;
    invariant(this.#leaseMs <= this.options.electionTimeoutMinMs, 'a promise ends before an election starts by silence');
    this.timerFromMs = init.nowMs;
    this.loggedAtMs = init.nowMs;
    this.term = init.start.hardState.term;
    this.votedFor = init.start.hardState.votedFor;
    this.isLearner = init.start.hardState.isLearner;
    // What an earlier life promised is not known. One without a term has promised nothing, nor has the only voter.
    const hasPromised = this.term > 0 && this.voters.length > 1;
    this.#promisedUntilMs = hasPromised ? init.nowMs + this.#leaseMs : Number.NEGATIVE_INFINITY;
  }

  /** Facts for the host that come as lists, taken once. */
  takeLists(): Pick<Core, 'snapshotReads' | 'reads' | 'readsFailed' | 'faults'> {
    const { snapshotReads, reads, readsFailed, faults } = this;
    this.snapshotReads = [];
    this.reads = [];
    this.readsFailed = [];
    this.faults = [];
    return { snapshotReads, reads, readsFailed, faults };
  }

  /** Whom this replica follows; 0: nobody known, or known to be gone. */
  get leader(): NodeId | 0 {
    return this.#leader;
  }
  set leader(leader: NodeId | 0) {
    if (leader !== this.#leader) this.#promisedUntilMs = this.promisedUntilMs;
    this.#leader = leader;
  }

  get #leaseMs(): number {
    return this.options.leaseMs ?? 0;
  }

  get self(): NodeId {
    return this.options.self;
  }
  get voters(): readonly NodeId[] {
    return this.log.newestConfiguration.configuration.voters;
  }
  /** A learner, or a replica outside of the configuration, never stands for election. */
  get canCampaign(): boolean {
    return !this.isLearner && this.voters.includes(this.self);
  }

  /** As much waits for the disk of this replica as may. */
  get isTailFull(): boolean {
    return this.log.tailBytes >= this.options.windowBytes * TAIL_WINDOWS_MAX;
  }

  /** Queues a message; it leaves once the present hard state is durable. */
  send(to: NodeId, message: RaftMessage): void {
    this.outbox.push(this.hardVersion, to, message);
  }

  sendAll(message: RaftMessage): void {
    for (const voter of this.voters) if (voter !== this.self) this.send(voter, message);
  }

  /** The next Ready carries the hard state; messages from here on wait for it. */
  hardStateChanged(): void {
    this.hardVersion++;
  }

  /** Moves to a later term. A leader of the earlier one that may not know is told first, else it could stay in office for ever. */
  adoptTerm(term: Term, from: NodeId | 0): void {
    const passed = this.termLeader;
    this.term = term;
    this.votedFor = 0;
    this.hardStateChanged();
    this.leader = 0;
    this.termLeader = 0;
    this.heardMs = Number.NEGATIVE_INFINITY;
    this.verifiedIndex = 0;
    this.respondedMatch = 0;
    this.probeSeen = 0;
    this.admitAt = 0;
    this.answered();
    this.deferredPreVotes.clear();
    // Another leader's snapshot is other bytes. One that is whole is as good as ever: what it holds is committed.
    if (!this.incoming.isWhole) this.incoming.abandon();
    if (passed !== 0 && passed !== from && passed !== this.self) this.refuseAppend(passed, { prevIndex: 0, probe: 0 });
  }

  /** Nothing is owed to the leader: it was told, or there is another one. */
  answered(): void {
    this.isResponseDue = false;
    this.unansweredBytes = 0;
    this.unansweredMessages = 0;
  }

  /** A refusal that carries nothing but the term. */
  refuseAppend(to: NodeId, request: { prevIndex: LogIndex; probe: number }): void {
    this.send(to, {
      type: 'appendResponse',
      term: this.term,
      isAccepted: false,
      matchIndex: 0,
      receivedIndex: request.prevIndex,
      hintTerm: 0,
      probe: request.probe,
      isLearner: this.isLearner,
    });
  }

  /** A full random wait, from now (thesis 3.4). */
  restartElectionTimer(): void {
    const { electionTimeoutMinMs: min, electionTimeoutMaxMs: max } = this.options;
    this.timerFromMs = this.nowMs;
    this.timeoutMs = min + (max - min) * randomUnit(this.#random);
  }

  /** The leader is gone for sure: do not wait for a timeout, only until the promise to it ends and long enough that replicas rarely start together. */
  leaderIsGone(): void {
    this.leader = 0;
    this.heardMs = Number.NEGATIVE_INFINITY;
    this.timerFromMs = Math.max(this.nowMs, this.promisedUntilMs);
    this.timeoutMs = this.#goneDelayMs * randomUnit(this.#random);
  }

  /** Another replica that asks for pre-votes at the same moment goes first; if nothing comes of it this one asks again, soon. */
  letGoFirst(): void {
    this.timerFromMs = this.nowMs;
    this.timeoutMs = this.#goneDelayMs * (1 + randomUnit(this.#random));
  }

  get #goneDelayMs(): number {
    return Math.min(GONE_DELAY_MS * Math.max(1, this.voters.length - 2), this.options.electionTimeoutMinMs);
  }

  /** Last sign of life of the leader: an append of this group, or any frame of its node. */
  get leaderHeardMs(): number {
    return this.#leader === 0 ? Number.NEGATIVE_INFINITY : Math.max(this.heardMs, this.contacts.lastHeardAtMs(this.#leader));
  }

  /**
   * Until then this replica has promised to vote for nobody, itself included: `leaseMs` from the last sign of life of whoever it followed. Every
   * acknowledgement that it sends answers something that it heard, so whoever counts from the sending of that counts less. Nothing takes it
   * back: not a lost connection, not a word of the leader, not a later term.
   */
  get promisedUntilMs(): number {
    return this.#leaseMs === 0 ? this.#promisedUntilMs : Math.max(this.#promisedUntilMs, this.leaderHeardMs + this.#leaseMs);
  }

  get electionDueMs(): number {
    return Math.max(Math.max(this.timerFromMs, this.leaderHeardMs) + this.timeoutMs, this.#promisedUntilMs);
  }

  /** When pre-votes that were deferred can be granted; `Infinity`: not for now. */
  get deferredDueMs(): number {
    return this.deferredPreVotes.size === 0 || this.#leader !== 0 ? Number.POSITIVE_INFINITY : this.promisedUntilMs;
  }

  /** True while a leader is in office as far as this replica can tell, or has its promise: it then helps nobody else into office (thesis 4.2.3). */
  get holdsToLeader(): boolean {
    return (
      this.state.role === 'leader' ||
      this.nowMs < this.promisedUntilMs ||
      this.nowMs - this.leaderHeardMs < this.options.electionTimeoutMinMs
    );
  }

  /** Encodes and appends a batch of this leader. */
  appendOwn(kind: BatchKind, payload: Uint8Array, input: { payloadChecksum: number; count: number; loggedTimeMs: number }): LogIndex {
    const baseIndex = this.log.lastIndex + 1;
    const loggedTimeMs = Math.max(Math.floor(input.loggedTimeMs), this.log.loggedTimeMs);
    const header = {
      kind,
      group: this.options.group,
      term: this.term,
      baseIndex,
      count: input.count,
      loggedTimeMs,
      payloadChecksum: input.payloadChecksum,
    };
    const batch = encodeBatch(header, payload, this.#checksum);
    this.log.append(trustedBatchHeader(batch), batch);
    this.loggedAtMs = this.nowMs;
    return baseIndex;
  }

  /** Logged time of a batch that this leader makes by itself: the last one's, plus what has passed since by the monotonic clock. */
  get ownLoggedTimeMs(): number {
    return this.log.loggedTimeMs + Math.max(0, this.nowMs - this.loggedAtMs);
  }

  checksumOf(payload: Uint8Array): number {
    return this.#checksum(payload);
  }

  /** Drops every entry after `index`, together with a new hard state version by which completions before the cut are told apart (T13). */
  truncate(index: LogIndex): void {
    this.hardStateChanged();
    this.log.truncate(index, this.hardVersion);
  }

  fault(from: NodeId, what: string): void {
    if (this.faults.length < 16) this.faults.push({ from, what });
  }
}
