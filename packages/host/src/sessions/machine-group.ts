import { ByteWriter, type GroupId, type LogIndex, type NodeId, QuorateError } from '@quorate/base';
import { type EventBatch, type Machine, type SessionId, type SessionInfo, encodeExpireSessions, encodeTick } from '@quorate/machine';
import type { MachineListener, MachineView } from '../groups/machine-view.js';
import type { Proposer } from '../groups/pending-proposals.js';
import type { Replica } from '../groups/replica.js';
import type { HostOptions } from '../host-options.js';
import { AcknowledgementGatherer } from './acknowledgement-gatherer.js';
import type { AwakeClock } from './awake-clock.js';
import { QueryWaiters } from './query-waiters.js';
import { type BindingOwner, SessionBinding, type SessionCarrier } from './session-binding.js';
import { type OverLimits, SessionKeeper } from './session-keeper.js';

/** Pause after a proposal of its own that came to nothing, in ms. */
const RETRY_MS = 100;
/** Sessions that end in one entry, and resources that hold something for them: some 10 ms to apply. */
const EXPIRED_MAX = 1024;
const EXPIRED_HELD_MAX = 1024;
/** Memory for results that is taken at a time. */
const RESULT_PIECE_BYTES = 65_536;

/** What a machine group asks of its node. */
export interface MachineGroupNode {
  readonly options: HostOptions;
  readonly awake: AwakeClock;
  readonly isDiskFull: boolean;
}

/**
 * The node's side of a group with sessions: who carries which session here, and on the leader the lives of all sessions, the gathered
 * acknowledgements and the ticks of a machine whose timers are due while nothing else comes (rule 14).
 */
export class MachineGroup implements MachineListener, BindingOwner {
  readonly replica: Replica;
  readonly #view: MachineView;
  readonly waiters: QueryWaiters;
  /** Results of queries are written here. Those of some turns share an allocation. */
  readonly results: ByteWriter = new ByteWriter(RESULT_PIECE_BYTES);
  readonly acknowledgements: AcknowledgementGatherer;
  readonly #node: MachineGroupNode;
  readonly #keeper = new SessionKeeper();
  readonly #overLimits: OverLimits = {
    max: EXPIRED_MAX,
    heldMax: EXPIRED_HELD_MAX,
    heldBy: (session) => this.machine.ownersOf(session),
  };
  readonly #bindings = new Map<SessionId, SessionBinding>();
  /** Of the batch that is being applied. */
  #published: EventBatch[] = [];
  #opened: SessionId[] = [];
  /** Sessions that ended in this turn and were carried here: told after the answers to their last commands. */
  #ended: { readonly binding: SessionBinding; readonly isExpired: boolean }[] = [];
  #leadingTerm = 0;
  /** Another node that led last, as far as is known here; and whether its connection closed since. */
  #otherLeader: NodeId | 0 = 0;
  #isOtherLeaderGone = false;
  #lostMs = Number.NEGATIVE_INFINITY;
  #isExpiring = false;
  /** No proposal of its own before this. */
  #restUntilMs = Number.NEGATIVE_INFINITY;

  constructor(init: { replica: Replica; view: MachineView; node: MachineGroupNode }) {
    this.replica = init.replica;
    this.#view = init.view;
    this.#node = init.node;
    this.waiters = new QueryWaiters(init.view);
    this.acknowledgements = new AcknowledgementGatherer((payload, proposer, id) => this.#propose(payload, 1, proposer, id));
    // A machine that starts from a snapshot has told nobody of the sessions in it.
    this.#keeper.replaced(this.machine.sessions(), init.node.awake.nowMs());
    init.view.listener = this;
    init.replica.onApplied = () => this.#turnApplied();
  }

  /** Another one after a snapshot was installed. */
  get machine(): Machine {
    return this.#view.machine;
  }
  get group(): GroupId {
    return this.replica.group;
  }
  /** Sessions that connections of this node carry. */
  get boundCount(): number {
    return this.#bindings.size;
  }

  // ---- carrying sessions

  binding(session: SessionId): SessionBinding | undefined {
    return this.#bindings.get(session);
  }

  /** `carrier` carries the session from now on; `start` of the binding must follow once that was told. `events`: those that the client has. */
  bind(info: SessionInfo, carrier: SessionCarrier, events: { readonly upTo: LogIndex; readonly ofNext: number }): SessionBinding {
    const { session, ttlMs } = info;
    this.#bindings.get(session)?.end();
    const binding = new SessionBinding({ session, ttlMs, carrier, owner: this, pushedIndex: events.upTo, had: events.ofNext });
    this.#bindings.set(session, binding);
    carrier.bindings.add(binding);
    this.#keeper.carried(session, carrier, this.#node.awake.nowMs());
    return binding;
  }

  bindingLost(binding: SessionBinding): void {
    if (this.#bindings.get(binding.session) !== binding) return;
    this.#bindings.delete(binding.session);
    this.#keeper.lost(binding.session, binding.carrier, this.#node.awake.nowMs());
  }

  eventsAfter(session: SessionId, index: LogIndex, maxBytes: number, had: number): readonly EventBatch[] {
    return this.machine.fault === null ? this.machine.eventsAfter(session, index, maxBytes, had) : [];
  }

  /** Nothing is ever left out, so the session must end. */
  eventTooLarge({ session }: SessionBinding, index: LogIndex): void {
    this.#node.options.logger.log('warn', 'an event fits no frame: its session ends', { group: this.group, session, index });
    this.#keeper.condemn(session);
  }

  /** Another replica takes its place: those who are carried here must look for a carrier anew. */
  close(): void {
    const error = new QuorateError('groupStopped', `group ${this.group} starts anew on this node`, { group: this.group });
    for (const { carrier } of [...this.#bindings.values()]) carrier.cut(error);
    this.#stopLeading(error);
    this.waiters.failAll(error);
  }

  // ---- what the machine tells

  sessionOpened(session: SessionId): void {
    this.#opened.push(session);
  }

  sessionEnded(session: SessionId, isExpired: boolean): void {
    this.#keeper.ended(session);
    this.waiters.touched(session);
    const binding = this.#bindings.get(session);
    if (binding === undefined) return;
    this.#bindings.delete(session);
    this.#ended.push({ binding, isExpired });
  }

  published(batch: EventBatch): void {
    if (this.#bindings.has(batch.session)) this.#published.push(batch);
  }

  applied(session: SessionId): void {
    this.waiters.touched(session);
  }

  /** Events leave before the answers to the commands of their batch (rule 18). */
  batchApplied(): void {
    if (this.#published.length > 0) {
      const batches = this.#published;
      this.#published = [];
      for (const batch of batches) {
        const binding = this.#bindings.get(batch.session);
        if (binding !== undefined && this.#isHeeded(binding)) binding.published(batch);
      }
    }
    if (this.#opened.length > 0) {
      const nowMs = this.#node.awake.nowMs();
      for (const session of this.#opened) {
        const info = this.machine.session(session);
        if (info !== undefined) this.#keeper.opened(info, nowMs);
      }
      this.#opened = [];
    }
  }

  /**
   * A snapshot took the place of the machine. Sessions that it does not know have ended, those that it alone knows of are kept from now on (this
   * node may lead next), of others the events that it keeps are pushed. No answer to a command is due here: this node does not lead.
   */
  replaced(): void {
    this.#published = [];
    this.#opened = [];
    this.#keeper.replaced(this.machine.sessions(), this.#node.awake.nowMs());
    for (const binding of [...this.#bindings.values()]) {
      if (this.machine.session(binding.session) === undefined) this.sessionEnded(binding.session, true);
      else if (this.#isHeeded(binding)) binding.start();
    }
    this.waiters.allTouched();
  }

  /** Once this node no longer leads, a client that still listens here finds that out within the ttl, by a sign of life that is refused. */
  #isHeeded({ ttlMs }: SessionBinding): boolean {
    return this.#leadingTerm !== 0 || this.#node.awake.nowMs() - this.#lostMs <= ttlMs;
  }

  #turnApplied(): void {
    const { stopError } = this.replica;
    if (stopError !== null) {
      this.#stopLeading(stopError);
      this.waiters.failAll(stopError);
      return;
    }
    this.#tellEnded();
    this.waiters.progressed();
  }

  #tellEnded(): void {
    if (this.#ended.length === 0) return;
    const ended = this.#ended;
    this.#ended = [];
    const { group } = this;
    for (const { binding, isExpired } of ended) {
      const { session, carrier } = binding;
      binding.end();
      carrier.whenRoom(() => carrier.push({ type: 'sessionEnded', group, session, isExpired }));
    }
  }

  // ---- leading

  /** Leadership, term or leader changed. */
  leadershipChanged(): void {
    const { replica } = this;
    if (!replica.isLeader) {
      const { leader } = replica.raft;
      if (leader !== 0) {
        this.#otherLeader = leader;
        this.#isOtherLeaderGone = false;
      }
      this.#stopLeading(replica.stopError ?? replica.notLeader());
    } else if (this.#leadingTerm !== replica.raft.term) {
      this.#leadingTerm = replica.raft.term;
      const nowMs = this.#node.awake.nowMs();
      this.#keeper.start(nowMs);
      if (this.#isOtherLeaderGone) this.#keeper.leaderGone(nowMs);
    }
  }

  /** A peer's connection closed. If that was the leader, the connections that carried sessions there are closed too. */
  peerDisconnected(peer: NodeId): void {
    if (peer !== this.#otherLeader) return;
    this.#isOtherLeaderGone = true;
    if (this.#leadingTerm !== 0) this.#keeper.leaderGone(this.#node.awake.nowMs());
  }

  #stopLeading(error: QuorateError): void {
    if (this.#leadingTerm !== 0) this.#lostMs = this.#node.awake.nowMs();
    this.#leadingTerm = 0;
    this.acknowledgements.drop(error);
    this.waiters.leadershipLost(error);
  }

  /** When `tick` must be called at the latest, by the monotonic clock. */
  nextDueMs(nowMs: number): number {
    const dueMs = this.waiters.nextDeadlineMs;
    if (this.#leadingTerm === 0) return dueMs;
    const expiryMs = this.#isExpiring ? Number.POSITIVE_INFINITY : nowMs + this.#keeper.nextDueMs - this.#node.awake.nowMs();
    return Math.min(dueMs, Math.max(Math.min(expiryMs, this.acknowledgements.dueMs, this.#tickDueMs(nowMs)), this.#restUntilMs));
  }

  /** Does what is due. */
  tick(nowMs: number): void {
    this.waiters.expire(nowMs);
    if (this.#leadingTerm === 0 || nowMs < this.#restUntilMs) return;
    if (this.#node.isDiskFull) {
      this.#rest(nowMs);
      return;
    }
    if (this.acknowledgements.dueMs <= nowMs) this.acknowledgements.flush();
    if (!this.#isExpiring) this.#proposeExpiry(this.#keeper.takeOver(this.#node.awake.nowMs(), this.#overLimits));
    if (this.#tickDueMs(nowMs) <= nowMs) this.#proposeTick();
  }

  /** When a timer of the machine is due that nothing else under way will fire. */
  #tickDueMs(nowMs: number): number {
    const { nextDeadlineMs } = this.machine;
    // What is proposed and not applied, a tick among it, has a logged time of its own: see then.
    if (nextDeadlineMs === Number.POSITIVE_INFINITY || this.replica.hasProposals) return Number.POSITIVE_INFINITY;
    return nowMs + Math.max(0, nextDeadlineMs - this.replica.raft.loggedTimeMs(nowMs));
  }

  #proposeTick(): void {
    const nothing = (): void => {};
    this.#propose(encodeTick(), 1, this.#settling(nothing, nothing), 0);
  }

  #proposeExpiry(sessions: readonly SessionId[]): void {
    if (sessions.length === 0) return;
    this.#isExpiring = true;
    this.#node.options.logger.log('info', 'sessions expire', {
      group: this.group,
      count: sessions.length,
      first: sessions[0] as SessionId,
    });
    const payload = encodeExpireSessions(sessions);
    const proposer = this.#settling(
      () => {
        this.#isExpiring = false;
      },
      () => {
        this.#isExpiring = false;
        this.#keeper.retry(sessions, this.#node.awake.nowMs() + RETRY_MS);
      },
    );
    this.#propose(payload, sessions.length, proposer, 0);
  }

  #settling(applied: () => void, failed: () => void): Proposer {
    return {
      applied,
      failed: () => {
        this.#rest(this.#node.options.clock.nowMs());
        failed();
      },
    };
  }

  #rest(nowMs: number): void {
    this.#restUntilMs = nowMs + RETRY_MS;
  }

  #propose(payload: Uint8Array, count: number, proposer: Proposer, id: number): void {
    this.replica.propose({ payload, payloadChecksum: this.#node.options.checksum(payload), count }, proposer, id, 'node');
  }
}
