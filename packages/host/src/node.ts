import { type GroupId, LIMITS, type LogIndex, type NodeId, QuorateError, SYSTEM_GROUP, asQuorateError } from '@quorate/base';
import { type PeerFault, type RaftMessage, encodeMessage } from '@quorate/raft';
import type { GroupDurable, Storage, StorageEvents } from '@quorate/storage';
import type { Member, NodeStatus, PeerHello } from '@quorate/wire';
import { NodeRoster } from './catalogue/node-roster.js';
import { ClientTable, type ClientTableNode } from './clients/client-table.js';
import { WaitingRequests } from './clients/waiting-requests.js';
import { DataLoss } from './data-loss.js';
import { Formation } from './formation.js';
import { GroupOpener } from './groups/group-opener.js';
import { ProposalBudget } from './groups/pending-proposals.js';
import type { Replica, ReplicaNode } from './groups/replica.js';
import { type Leadership, ReplicaSet } from './groups/replica-set.js';
import { AwakeClock } from './sessions/awake-clock.js';
import { MachineGroups } from './sessions/machine-groups.js';
import type { StateNote } from './groups/state-notes.js';
import { type HostEvents, type HostOptions, type HostSettings, settingsWith } from './host-options.js';
import { NodeState } from './node-state.js';
import { type StatusSource, membersNow, nodeStatus } from './node-status.js';
import { type FrameTarget, takePeerFrame } from './peers/peer-frames.js';
import { PeerTable } from './peers/peer-table.js';
import type { NodeSnapshots } from './snapshots/node-snapshots.js';
import { Ticker } from './ticker.js';

/** Most time between two looks at what no deadline stands for: silent peers, readers that are gone. */
const IDLE_TICK_MS = 50;

/**
 * A node: many groups, one journal, one connection per peer, clients.
 *
 * A turn: what sockets and the disk brought was stepped into the cores; then once, at the end of the turn: take each core's facts, store
 * them, send to peers, apply, answer, hand all sockets to the operating system, and only then write and sync the journal.
 */
export class Node implements ReplicaNode, ClientTableNode {
  readonly options: HostOptions;
  readonly settings: HostSettings;
  readonly clients: ClientTable;
  readonly peers: PeerTable;
  readonly waiters: WaitingRequests;
  readonly machines: MachineGroups = new MachineGroups();
  readonly awake: AwakeClock;
  readonly proposalBudget: ProposalBudget = new ProposalBudget();
  readonly #storage: Storage;
  readonly #events: HostEvents;
  readonly #replicas: ReplicaSet = new ReplicaSet();
  readonly #formation: Formation;
  readonly #state: NodeState;
  readonly #roster: NodeRoster;
  readonly #groups: GroupOpener;
  readonly #loss: DataLoss;
  readonly #parts: StatusSource & FrameTarget;
  readonly #ticker: Ticker;
  isDiskFull = false;
  #isTurnDue = false;

  constructor(init: { options: HostOptions; storage: Storage; events: HostEvents; snapshots: NodeSnapshots }) {
    const { options, storage, snapshots } = init;
    this.options = options;
    this.waiters = new WaitingRequests((step) => options.timers.defer(() => this.#orFail(step)));
    this.awake = new AwakeClock(options.clock);
    this.settings = settingsWith(options.settings);
    this.#storage = storage;
    this.#events = init.events;
    this.clients = new ClientTable(this);
    this.peers = this.#makePeers();
    this.#formation = new Formation({
      options,
      storage,
      peers: this.peers,
      onFormed: () => this.#groups.openAll(),
      onRetry: (step) => this.#orFail(step),
    });
    this.#state = new NodeState(this.#formation);
    this.#roster = new NodeRoster({ options, formation: this.#formation, replicas: this.#replicas, peers: this.peers });
    this.#groups = new GroupOpener({
      options,
      settings: this.settings,
      storage,
      replicas: this.#replicas,
      roster: this.#roster,
      contacts: this.peers,
      formation: this.#formation,
      node: this,
      machines: this.machines,
      snapshots,
      registered: () => this.#nodesRegistered(),
    });
    this.#loss = new DataLoss({
      options,
      storage,
      formation: this.#formation,
      replicas: this.#replicas,
      groups: this.#groups,
      reconnect: (why) => this.peers.disconnectAll(why),
      later: (step) => options.timers.defer(() => this.#orFail(step)),
    });
    this.#parts = {
      options,
      storage,
      replicas: this.#replicas,
      roster: this.#roster,
      formation: this.#formation,
      state: this.#state,
      peers: this.peers,
      loss: this.#loss,
      waiters: this.waiters,
      machines: this.machines,
      snapshots,
      clients: this.clients,
      isDiskFull: () => this.isDiskFull,
      orFail: (step) => this.#orFail(step),
    };
    this.#ticker = this.#makeTicker();
  }

  get nodeId(): NodeId {
    return this.options.nodeId;
  }
  get clock(): HostOptions['clock'] {
    return this.options.clock;
  }

  /** The leaderships held now, to be handed over at a stop. One that comes later is kept: else two nodes that stop would pass it to and fro. */
  leaderships(): Leadership[] {
    return this.#replicas.leaderships();
  }

  /** True while somebody who proposed or reads here waits for an answer. */
  get owesAnswers(): boolean {
    return this.#replicas.owesAnswers || this.clients.owesAnswers;
  }

  /**
   * Settles what counts of the directory; to be called before anybody can connect, because it may make this node a new incarnation.
   * Throws `dataDamaged` if the directory is damaged and there is no other node to be fed from.
   */
  prepare(): void {
    this.#loss.atOpen();
  }

  start(): void {
    if (this.#formation.isFormed) this.#groups.openAll();
    this.peers.start();
    this.#formation.consider();
    this.#ticker.start();
  }

  /** Events of the journal, to be handed to `openStorage`. They arrive from its queue. */
  static storageEvents(node: () => Node | null): StorageEvents {
    const tell = (event: (to: Node) => void): void => {
      const to = node();
      if (to !== null) to.#orFail(() => event(to));
    };
    return {
      durable: (groups) => tell((to) => to.#durable(groups)),
      failed: (error) => tell((to) => to.#fail(error)),
      full: (isFull) => tell((to) => to.#diskFull(isFull)),
      damaged: (damage) => tell((to) => to.#loss.damaged(damage)),
    };
  }

  // ---- parts

  #makePeers(): PeerTable {
    return new PeerTable({
      options: this.options,
      settings: this.settings,
      storage: this.#storage,
      hello: () => this.#formation.identity,
      events: {
        connected: (hello, isReplaced) => this.#orFail(() => this.#peerConnected(hello, isReplaced)),
        disconnected: (peer) => this.#peerDisconnected(peer),
        resumed: (peer, groups) => {
          for (const group of groups) this.#replicas.get(group)?.peerConnected(peer);
        },
        frame: (from, frame) => takePeerFrame(this.#parts, from, frame),
        oldImage: (incarnation) => this.#orFail(() => this.#state.isServing && this.#loss.oldImage(incarnation)),
        isSuperseded: (incarnation) => this.#roster.isSuperseded(incarnation),
      },
    });
  }

  // ---- what replicas tell and ask

  replica(group: number): Replica | undefined {
    return this.#replicas.get(group as GroupId);
  }

  markDirty(replica: Replica): void {
    this.#replicas.markDirty(replica);
    this.needTurn();
  }

  send(to: NodeId, group: GroupId, message: RaftMessage): boolean {
    return this.peers.sendRaft(to, group, encodeMessage(message));
  }

  proposeBarrier(replica: Replica, learner: NodeId): LogIndex | null {
    return this.#roster.proposeBarrier(replica, learner);
  }

  changed(replica: Replica): void {
    const { role, term, leader } = replica.raft;
    // One line per change of leader in a cluster, not one per node, except for the group that all depends on.
    const level = role === 'leader' || replica.group === SYSTEM_GROUP ? 'info' : 'debug';
    this.options.logger.log(level, 'leadership', { group: replica.group, name: replica.name, role, term, leader });
    this.waiters.changed(replica, this.clock.nowMs());
    this.machines.get(replica.group)?.leadershipChanged();
    if (replica.group === SYSTEM_GROUP) this.#roster.registerMembers(replica);
  }

  unreadable(replica: Replica, index: LogIndex): void {
    this.#loss.unreadable(replica, index);
  }

  stopped(replica: Replica, error: QuorateError): void {
    const { code, message } = error;
    this.options.logger.log(code === 'shuttingDown' ? 'debug' : 'error', 'group stopped', { group: replica.group, code, message });
    if (code === 'invariantBroken') this.#fail(error);
  }

  stateNoted({ group }: Replica, { index, hash }: StateNote): void {
    this.peers.sendAll({ type: 'stateHash', group, index, hash });
  }

  peerFault(replica: Replica, fault: PeerFault): void {
    this.options.logger.log('error', 'a peer sent what it must not', { group: replica.group, peer: fault.from, what: fault.what });
  }

  /** T50: if another directory took the place of this one, this one must not act for the node any more. */
  #nodesRegistered(): void {
    const error = this.#roster.ownSupersession();
    if (error !== null) this.options.timers.defer(() => this.#fail(error));
  }

  // ---- peers

  #peerConnected({ nodeId: peer }: PeerHello, isReplaced: boolean): void {
    this.options.logger.log('info', 'peer connected', { peer });
    for (const replica of this.#replicas.all()) {
      if (isReplaced) replica.peerReplaced(peer);
      replica.peerConnected(peer);
    }
    this.#formation.consider();
  }

  #peerDisconnected(peer: NodeId): void {
    this.options.logger.log('info', 'peer disconnected', { peer });
    for (const replica of this.#replicas.all()) replica.peerDisconnected(peer);
    this.machines.peerDisconnected(peer);
  }

  addressOf(node: NodeId): string | undefined {
    return this.options.members.find((member) => member.nodeId === node)?.address;
  }

  // ---- turns

  /** The end of this turn is to be handled: work for a group, or output for a client. */
  needTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.options.timers.defer(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#isTurnDue = false;
    if (this.#state.isClosed) return;
    try {
      if (!this.#state.isFailed) {
        for (const replica of this.#replicas.takeDirty()) {
          replica.turn();
          this.#replicas.noteDeadline(replica);
          this.#events.turned?.(replica);
        }
      }
      this.peers.flush();
      this.clients.flush();
      this.#ticker.note(this.#groupsDueMs);
      if (!this.#state.isFailed && this.#storage.hasPending) this.#storage.flush();
    } catch (thrown) {
      this.#fail(asQuorateError(thrown));
    }
  }

  get #groupsDueMs(): number {
    return Math.min(this.#replicas.earliestMs, this.machines.nextDueMs(this.options.clock.nowMs()));
  }

  #makeTicker(): Ticker {
    const { clock, timers } = this.options;
    return new Ticker({
      clock,
      timers,
      everyMinMs: this.settings.tickMs,
      everyMaxMs: IDLE_TICK_MS,
      tick: (nowMs) => this.#orFail(() => this.#tick(nowMs)),
      dueMs: () => Math.min(this.peers.heartbeatDueMs, this.waiters.nextDeadlineMs, this.#groupsDueMs),
    });
  }

  #tick(nowMs: number): void {
    this.awake.tick(nowMs);
    this.peers.tick(nowMs);
    this.#replicas.tickDue(nowMs, this.settings.electionTimeoutMinMs / 2);
    this.waiters.expire(nowMs);
    this.machines.tick(nowMs);
    if (this.#storage.hasPending) this.needTurn();
  }

  /** A turn of its own: what followers acknowledge and clients are answered leaves at once, not after another look at the sockets. */
  #durable(groups: readonly GroupDurable[]): void {
    if (this.#state.isOver) return;
    // So that what is told here plans no other turn.
    this.#isTurnDue = true;
    try {
      for (const state of groups) this.#replicas.get(state.group)?.durable(state);
      this.#loss.durable(groups);
    } finally {
      this.#isTurnDue = false;
    }
    this.#endTurn();
  }

  #diskFull(isFull: boolean): void {
    this.isDiskFull = isFull;
    this.options.logger.log(isFull ? 'error' : 'info', isFull ? 'no space on the disk: writes are refused' : 'space on the disk again');
  }

  // ---- life

  /** A step that stores or opens something: what goes wrong there is the end of this node, not of the process. */
  #orFail(step: () => void): void {
    if (this.#state.isOver) return;
    try {
      step();
    } catch (thrown) {
      this.#fail(asQuorateError(thrown));
    }
  }

  /** Nothing is acknowledged from here on. */
  #fail(error: QuorateError): void {
    if (this.#state.isOver) return;
    this.#state.fail(error);
    this.#ticker.stop();
    this.#formation.stop();
    this.options.logger.log('error', 'node failed', { code: error.code, message: error.message });
    for (const replica of this.#replicas.all()) replica.stop(error);
    this.waiters.flush();
    this.peers.stop();
    this.clients.flush();
    this.#events.fatal(error);
  }

  /** Stops taking requests; what is under way goes on. */
  drain(): void {
    this.#state.drain();
    this.waiters.flush();
    this.needTurn();
  }

  /** Ends everything but the directory. */
  close(): void {
    if (this.#state.isClosed) return;
    for (const replica of this.#replicas.all()) replica.stop(new QuorateError('shuttingDown', 'this node is shutting down'));
    this.waiters.flush();
    this.#state.close();
    this.#ticker.stop();
    this.#formation.stop();
    this.peers.stop();
    this.clients.close();
  }

  // ---- requests

  refusal(): QuorateError | null {
    return this.#state.refusal();
  }

  get receivingBytes(): number {
    return this.#parts.snapshots.receivingBytes;
  }

  status(): NodeStatus {
    return nodeStatus(this.#parts);
  }

  statusForClient(): NodeStatus {
    return nodeStatus(this.#parts, LIMITS.statusGroupBytesMax);
  }

  /** What a client is told first. */
  introduction(): Pick<NodeStatus, 'nodeId' | 'clusterId'> & { members: readonly Member[] } {
    const { identity } = this.#formation;
    return { nodeId: identity.nodeId, clusterId: identity.clusterId, members: membersNow(identity, this.options) };
  }
}
