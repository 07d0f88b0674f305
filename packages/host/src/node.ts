import { type GroupId, type Incarnation, type LogIndex, type NodeId, QuorateError, SYSTEM_GROUP, asQuorateError } from '@quorate/base';
import { type PeerFault, Raft, type RaftMessage, decodeMessage, encodeMessage } from '@quorate/raft';
import type { Damage, GroupDurable, GroupLog, Storage, StorageEvents } from '@quorate/storage';
import type { Member, NodeStatus, PeerFrame, PeerHello } from '@quorate/wire';
import type { Catalogue } from './catalogue/catalogue.js';
import { encodeCommand } from './catalogue/commands.js';
import type { RequestNode } from './clients/request-handler.js';
import { ClientTable } from './clients/client-table.js';
import { Formation } from './formation.js';
import { logStart } from './groups/log-start.js';
import { ProposalBudget } from './groups/pending-proposals.js';
import { Replica, type ReplicaNode } from './groups/replica.js';
import { ReplicaSet } from './groups/replica-set.js';
import { TailWaiters } from './groups/tail-waiters.js';
import { CatalogueView, StreamView, type View } from './groups/view.js';
import { DEFAULT_SETTINGS, type HostEvents, type HostOptions, type HostSettings } from './host-options.js';
import { type OwnHello, PeerTable } from './peers/peer-table.js';

/** That a replica leads in a term. */
export interface Leadership {
  readonly replica: Replica;
  readonly term: number;
}

/**
 * A node: many groups, one journal, one connection per peer, clients.
 *
 * A turn: what sockets and the disk brought was stepped into the cores; then once, at the end of the turn: take each core's facts, store
 * them, send to peers, apply, answer, hand all sockets to the operating system, and only then write and sync the journal.
 */
export class Node implements ReplicaNode, RequestNode {
  readonly options: HostOptions;
  readonly settings: HostSettings;
  readonly waiters: TailWaiters = new TailWaiters();
  readonly proposalBudget: ProposalBudget = new ProposalBudget();
  readonly #storage: Storage;
  readonly #events: HostEvents;
  readonly #replicas: ReplicaSet = new ReplicaSet();
  readonly #peers: PeerTable;
  readonly #clients: ClientTable;
  readonly #formation: Formation;
  readonly #resetting = new Set<GroupId>();
  /** Groups whose new start as part of a new incarnation is not durable yet. */
  readonly #startingAnew = new Set<GroupId>();
  readonly #damage: string[] = [];
  #isTurnDue = false;
  #state: 'serving' | 'draining' | 'failed' | 'closed' = 'serving';
  #failure: QuorateError | null = null;
  #isFull = false;

  constructor(init: { options: HostOptions; storage: Storage; events: HostEvents }) {
    this.options = init.options;
    this.settings = { ...DEFAULT_SETTINGS, ...init.options.settings };
    this.#storage = init.storage;
    this.#events = init.events;
    this.#clients = new ClientTable(this);
    this.#peers = new PeerTable({
      options: init.options,
      settings: this.settings,
      storage: init.storage,
      hello: () => this.#hello(),
      events: {
        connected: (hello, isReplaced) => this.#orFail(() => this.#peerConnected(hello, isReplaced)),
        disconnected: (peer) => this.#peerDisconnected(peer),
        frame: (from, frame) => this.#peerFrame(from, frame),
        oldImage: (incarnation) => this.#orFail(() => this.#oldImage(incarnation)),
        isSuperseded: (incarnation) => this.#catalogue()?.isSuperseded(incarnation) === true,
      },
    });
    this.#formation = new Formation({
      options: init.options,
      storage: init.storage,
      peers: this.#peers,
      onFormed: () => this.#openGroups(),
      onRetry: (step) => this.#orFail(step),
    });
  }

  get clock(): HostOptions['clock'] {
    return this.options.clock;
  }
  get checksum(): HostOptions['checksum'] {
    return this.options.checksum;
  }
  get contacts(): PeerTable {
    return this.#peers;
  }
  get clients(): ClientTable {
    return this.#clients;
  }
  get peers(): PeerTable {
    return this.#peers;
  }

  /** The leaderships held now, to be handed over at a stop. One that comes later is kept: else two nodes that stop would pass it to and fro. */
  leaderships(): Leadership[] {
    return [...this.#replicas.all()].filter((replica) => replica.isLeader).map((replica) => ({ replica, term: replica.raft.term }));
  }

  /** True while somebody who proposed or reads here waits for an answer. */
  get owesAnswers(): boolean {
    for (const replica of this.#replicas.all()) if (replica.stopError === null && replica.hasUnanswered) return true;
    return false;
  }

  start(): void {
    this.#damageAtOpen();
    if (this.#formation.isFormed) this.#openGroups();
    this.#peers.start();
    this.#formation.consider();
    this.#tick();
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
      damaged: (damage) => tell((to) => to.#damaged(damage)),
    };
  }

  // ---- groups

  #openGroups(): void {
    this.#open(SYSTEM_GROUP, 'system');
    for (const log of [...this.#storage.groups()]) {
      if (this.#replicas.get(log.group) === undefined) this.#open(log.group, `group ${log.group}`);
    }
  }

  #open(group: GroupId, name: string): Replica {
    const replica = this.#readableReplica(this.#storage.group(group) ?? this.#storage.createGroup(group, this.#mayHaveLost()), name);
    for (const hello of this.#peers.hellos()) replica.peerConnected(hello.nodeId);
    this.markDirty(replica);
    return replica;
  }

  /** A log whose configuration cannot be read starts anew, if others have it. */
  #readableReplica(log: GroupLog, name: string): Replica {
    try {
      return this.#replica(log, name);
    } catch (thrown) {
      const error = asQuorateError(thrown);
      if (error.code !== 'dataDamaged' || this.options.members.length === 1) throw error;
      this.options.logger.log('error', 'group is fetched anew from its leader', { group: log.group, message: error.message });
      return this.#replica(this.#storage.resetGroup(log.group), name);
    }
  }

  /**
   * Whether a group that this node has nothing of may have been here before. It cannot if its creation follows, in the log of the system
   * group, the registration of this incarnation: an earlier one was gone by then. Without this, whoever was let in again would be a learner
   * of each new group, and a group whose voters are mostly such nodes could never elect a leader.
   */
  #mayHaveLost(): boolean {
    const { isRejoined, incarnation, nodeId } = this.#formation.identity;
    return isRejoined && this.#catalogue()?.nodes.get(nodeId)?.incarnation !== incarnation;
  }

  #catalogue(): Catalogue | undefined {
    const system = this.#replicas.get(SYSTEM_GROUP);
    return system?.view instanceof CatalogueView ? system.view.catalogue : undefined;
  }

  #replica(log: GroupLog, name: string): Replica {
    const voters = this.#formation.identity.members.map((member) => member.nodeId);
    const raft = new Raft({
      options: {
        group: log.group,
        self: this.options.nodeId,
        electionTimeoutMinMs: this.settings.electionTimeoutMinMs,
        electionTimeoutMaxMs: this.settings.electionTimeoutMaxMs,
        heartbeatMs: this.settings.heartbeatMs,
        windowMessages: 256,
        windowBytes: 8 * 1024 * 1024,
        appendMessageBytes: 2 * 1024 * 1024 + 4096,
      },
      start: logStart(log, voters),
      random: this.options.random,
      contacts: this.#peers,
      log,
      checksum: this.options.checksum,
      nowMs: this.options.clock.nowMs(),
    });
    const replica = new Replica({ name, log, raft, view: this.#view(log.group), node: this });
    this.#replicas.set(replica);
    return replica;
  }

  #view(group: GroupId): View {
    if (group !== SYSTEM_GROUP) return new StreamView();
    return new CatalogueView({ created: (created, name) => this.#streamCreated(created, name), registered: () => this.#registered() });
  }

  /** The catalogue names a group: open it, or learn its name. One member, another for each group, starts the first election at once. */
  #streamCreated(group: GroupId, name: string): void {
    const existing = this.#replicas.get(group);
    if (existing !== undefined) {
      existing.name = name;
      return;
    }
    const replica = this.#open(group, name);
    const members = this.#formation.identity.members;
    if (replica.log.lastIndex === 0 && members[group % members.length]?.nodeId === this.options.nodeId) replica.campaign();
  }

  /** T50: if another directory took the place of this one, this one must not act for the node any more. */
  #registered(): void {
    const { incarnation, nodeId } = this.#formation.identity;
    if (this.#catalogue()?.isSuperseded(incarnation) !== true) return;
    const error = new QuorateError('formationConflict', `another directory took the place of this one as node ${nodeId}`, {
      node: nodeId,
      incarnation,
    });
    this.options.timers.defer(() => this.#fail(error));
  }

  replica(group: number): Replica | undefined {
    return this.#replicas.get(group as GroupId);
  }

  peerFault(replica: Replica, fault: PeerFault): void {
    this.options.logger.log('error', 'a peer sent what it must not', { group: replica.group, peer: fault.from, what: fault.what });
  }

  proposeBarrier(replica: Replica, learner: NodeId): LogIndex | null {
    if (replica.group !== SYSTEM_GROUP) return replica.proposeNoop();
    const hello = this.#peers.helloOf(learner);
    const address = this.addressOf(learner);
    if (hello === undefined || address === undefined) return null;
    return this.#registerNodes(replica, [{ nodeId: learner, incarnation: hello.incarnation, address }]);
  }

  #registerNodes(
    replica: Replica,
    nodes: readonly { nodeId: NodeId; incarnation: PeerHello['incarnation']; address: string }[],
  ): LogIndex | null {
    const payload = encodeCommand({ type: 'registerNodes', nodes });
    const before = replica.raft.lastIndex;
    replica.propose({ payload, payloadChecksum: this.options.checksum(payload), count: 1 }, { applied: () => {}, failed: () => {} }, 0);
    return replica.raft.lastIndex > before ? replica.raft.lastIndex : null;
  }

  changed(replica: Replica): void {
    this.options.logger.log('info', 'leadership', {
      group: replica.group,
      name: replica.name,
      role: replica.raft.role,
      term: replica.raft.term,
      leader: replica.raft.leader,
    });
    if (!replica.isLeader) this.waiters.leadershipLost(replica, replica.notLeader());
    if (
      replica.group === SYSTEM_GROUP &&
      replica.isLeader &&
      replica.view instanceof CatalogueView &&
      replica.view.catalogue.nodes.size === 0
    ) {
      const nodes = this.#formation.identity.members.flatMap(({ nodeId, incarnation, address }) =>
        incarnation === null ? [] : [{ nodeId, incarnation, address }],
      );
      this.#registerNodes(replica, nodes);
    }
  }

  // ---- damage

  #damageAtOpen(): void {
    for (const damage of this.#storage.damage) this.#noteDamage(damage);
    const groups = this.#storage.damage.map((damage) => damage.groups);
    if (this.#formation.hasOldGroups) {
      this.#startAnew('it ended while it became a new incarnation');
      return;
    }
    if (groups.length === 0) return;
    if (this.options.members.length === 1) {
      throw this.#damageError();
    }
    if (groups.some((list) => list === null)) this.#startAnew('damage whose groups cannot be told');
    else for (const group of new Set(groups.flatMap((list) => list ?? []))) this.#storage.resetGroup(group);
  }

  /** All that this directory holds counts as lost (see `formation.ts`). The replicas are stopped or not open yet. */
  #startAnew(why: string): void {
    this.#formation.reincarnate(why);
    this.#startingAnew.clear();
    for (const log of this.#storage.groups()) this.#startingAnew.add(log.group);
    for (const damage of this.#storage.damage) for (const group of damage.groups ?? []) this.#startingAnew.add(group);
    for (const group of this.#startingAnew) this.#storage.resetGroup(group);
    if (this.#startingAnew.size === 0) this.#formation.completeReincarnation();
  }

  #damageError(): QuorateError {
    return new QuorateError('dataDamaged', `damage with no other node to repair from: ${this.#damage.join('; ')}`);
  }

  #noteDamage(damage: Damage): void {
    const text = `${damage.file} at ${damage.offset}: ${damage.what}`;
    if (this.#damage.length < 100) this.#damage.push(text);
    this.options.logger.log('error', 'damage', { file: damage.file, offset: damage.offset, what: damage.what });
  }

  /** A stored batch was read and is damaged: the groups it touches start anew as learners and are fed by their leaders. */
  #damaged(damage: Damage): void {
    this.#noteDamage(damage);
    const groups = damage.groups ?? [...this.#storage.groups()].map((log) => log.group);
    for (const group of groups) this.#refetch(group);
  }

  unreadable(replica: Replica, index: LogIndex): void {
    this.options.logger.log('error', 'a committed batch cannot be read', { group: replica.group, index });
    if (this.#resetting.has(replica.group)) return;
    this.#resetting.add(replica.group);
    this.options.timers.defer(() => {
      if (this.#resetting.delete(replica.group) && this.#replicas.get(replica.group) === replica) this.#refetch(replica.group);
    });
  }

  #refetch(group: GroupId): void {
    const replica = this.#replicas.get(group);
    if (replica === undefined || replica.stopError !== null || this.#state === 'closed') return;
    this.#resetting.delete(group);
    replica.stop(new QuorateError('dataDamaged', `group ${group} has damaged batches here`, { group }));
    if (this.options.members.length === 1) return;
    this.options.logger.log('warn', 'group is fetched anew from its leader', { group });
    this.#peers.disconnectAll('a group starts anew');
    this.#storage.resetGroup(group);
    this.#open(group, replica.name);
  }

  /** A peer has seen this incarnation further than this directory was when it was opened: it is an old image. */
  #oldImage(incarnation: Incarnation): void {
    if (this.#state !== 'serving' || !this.#formation.isFormed || this.#formation.identity.incarnation !== incarnation) return;
    const replicas = [...this.#replicas.all()];
    for (const replica of replicas) replica.stop(new QuorateError('dataDamaged', 'this directory is an old image'));
    this.#startAnew('this directory is an old image of itself');
    this.#peers.disconnectAll('new incarnation');
    for (const { group, name } of replicas) this.#open(group, name);
  }

  stopped(replica: Replica, error: QuorateError): void {
    this.options.logger.log(error.code === 'shuttingDown' ? 'debug' : 'error', 'group stopped', {
      group: replica.group,
      code: error.code,
      message: error.message,
    });
    if (error.code === 'invariantBroken') this.#fail(error);
  }

  // ---- peers

  #hello(): OwnHello {
    const identity = this.#formation.identity;
    return {
      nodeId: identity.nodeId,
      incarnation: identity.incarnation,
      clusterId: identity.clusterId,
      members: identity.members,
    };
  }

  #peerConnected(hello: PeerHello, isReplaced: boolean): void {
    this.options.logger.log('info', 'peer connected', { peer: hello.nodeId });
    for (const replica of this.#replicas.all()) {
      if (isReplaced) replica.peerReplaced(hello.nodeId);
      replica.peerConnected(hello.nodeId);
    }
    this.#formation.consider();
  }

  #peerDisconnected(peer: NodeId): void {
    this.options.logger.log('info', 'peer disconnected', { peer });
    for (const replica of this.#replicas.all()) replica.peerDisconnected(peer);
  }

  #peerFrame(from: NodeId, frame: PeerFrame): void {
    switch (frame.type) {
      case 'raft': {
        const replica = this.#replicas.get(frame.group);
        if (replica !== undefined) replica.receive(from, decodeMessage(frame.body, this.options.checksum));
        return;
      }
      case 'form':
        this.#orFail(() => {
          if (this.#formation.form(frame.clusterId, frame.members)) this.#peers.send(from, { type: 'formed', clusterId: frame.clusterId });
        });
        return;
      case 'formed':
        this.options.logger.log('info', 'peer formed', { peer: from });
        this.#peers.formed(from, frame.clusterId);
        return;
      case 'heartbeat':
      case 'heartbeatAck':
        return;
    }
  }

  send(to: NodeId, group: GroupId, message: RaftMessage): void {
    this.#peers.sendRaft(to, group, encodeMessage(message));
  }

  addressOf(node: NodeId): string | undefined {
    return this.options.members.find((member) => member.nodeId === node)?.address;
  }

  // ---- turns

  markDirty(replica: Replica): void {
    this.#replicas.markDirty(replica);
    this.needTurn();
  }

  /** The end of this turn is to be handled: work for a group, or output for a client. */
  needTurn(): void {
    if (this.#isTurnDue) return;
    this.#isTurnDue = true;
    this.options.timers.defer(() => this.#endTurn());
  }

  #endTurn(): void {
    this.#isTurnDue = false;
    if (this.#state === 'closed') return;
    try {
      if (this.#state !== 'failed') {
        for (const replica of this.#replicas.takeDirty()) {
          replica.turn();
          this.#replicas.noteDeadline(replica);
        }
      }
      this.#peers.flush();
      this.#clients.flush();
      if (this.#state !== 'failed' && this.#storage.hasPending) this.#storage.flush();
    } catch (thrown) {
      this.#fail(asQuorateError(thrown));
    }
  }

  #tick(): void {
    if (this.#state === 'closed') return;
    const nowMs = this.options.clock.nowMs();
    if (this.#state !== 'failed') {
      this.#peers.tick(nowMs);
      this.#replicas.tickDue(nowMs);
      this.waiters.expire(nowMs);
      if (this.#storage.hasPending) this.needTurn();
    }
    this.options.timers.set(this.settings.tickMs, () => this.#tick());
  }

  #durable(groups: readonly GroupDurable[]): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    for (const state of groups) this.#replicas.get(state.group)?.durable(state);
    if (this.#startingAnew.size > 0) this.#startedAnew(groups);
    // The disk's completion is a turn of its own: followers' acknowledgements and clients' answers leave at once.
    if (this.#isTurnDue) return;
    this.#endTurn();
  }

  #startedAnew(groups: readonly GroupDurable[]): void {
    // Whatever is told of a reset log comes after the record of its reset in the journal.
    for (const { group } of groups) this.#startingAnew.delete(group);
    if (this.#startingAnew.size === 0) this.#formation.completeReincarnation();
  }

  #diskFull(isFull: boolean): void {
    this.#isFull = isFull;
    this.options.logger.log(isFull ? 'error' : 'info', isFull ? 'no space on the disk: writes are refused' : 'space on the disk again');
  }

  /** A step that stores or opens something: what goes wrong there is the end of this node, not of the process. */
  #orFail(step: () => void): void {
    if (this.#state === 'closed' || this.#state === 'failed') return;
    try {
      step();
    } catch (thrown) {
      this.#fail(asQuorateError(thrown));
    }
  }

  /** Nothing is acknowledged from here on. */
  #fail(error: QuorateError): void {
    if (this.#state === 'failed' || this.#state === 'closed') return;
    this.#state = 'failed';
    this.#failure = error;
    this.#formation.stop();
    this.options.logger.log('error', 'node failed', { code: error.code, message: error.message });
    for (const replica of this.#replicas.all()) replica.stop(error);
    this.waiters.flush();
    this.#peers.stop();
    this.#clients.flush();
    this.#events.fatal(error);
  }

  // ---- requests

  refusal(): QuorateError | null {
    if (this.#failure !== null)
      return new QuorateError('groupStopped', `this node failed: ${this.#failure.message}`, {}, { cause: this.#failure });
    if (this.#state !== 'serving') return new QuorateError('shuttingDown', 'this node is shutting down');
    if (!this.#formation.isFormed) {
      const missing = this.#formation.waitingFor();
      const why = missing.length > 0 ? `waiting for nodes ${missing.join(', ')}` : 'forming now';
      return new QuorateError('unavailable', `the cluster is not formed yet: ${why}`);
    }
    return null;
  }

  get isDiskFull(): boolean {
    return this.#isFull;
  }

  /** Stops taking requests; what is under way goes on. */
  drain(): void {
    if (this.#state === 'serving') this.#state = 'draining';
    this.waiters.flush();
    this.needTurn();
  }

  /** Ends everything but the directory. */
  close(): void {
    const last = this.#state;
    if (last === 'closed') return;
    for (const replica of this.#replicas.all()) replica.stop(new QuorateError('shuttingDown', 'this node is shutting down'));
    this.waiters.flush();
    this.#state = 'closed';
    this.#formation.stop();
    this.#peers.stop();
    this.#clients.close();
  }

  status(): NodeStatus {
    const identity = this.#formation.identity;
    const forming = this.#formation.isFormed ? 'serving' : 'forming';
    const members: (Member & { isConnected: boolean })[] = identity.members.map((member) => ({
      ...member,
      address: this.addressOf(member.nodeId) ?? member.address,
      incarnation: this.#incarnationOf(member),
      isConnected: member.nodeId === this.options.nodeId || this.#peers.heardAtMs(member.nodeId) !== null,
    }));
    return {
      nodeId: identity.nodeId,
      clusterId: identity.clusterId,
      incarnation: identity.incarnation,
      state: this.#state === 'serving' ? forming : this.#state === 'failed' ? 'failed' : 'draining',
      version: this.options.version,
      pid: this.options.pid,
      members,
      groups: [...this.#replicas.all()].map((replica) => replica.status()),
      metrics: {
        ...this.#storage.metrics,
        groups: this.#replicas.size,
        tailReaders: this.waiters.size,
        clientConnections: this.#clients.size,
        diskFull: this.#isFull ? 1 : 0,
      },
      damage: this.#damage,
    };
  }

  /** The incarnation that the system group holds, which may be newer than the one at formation. */
  #incarnationOf(member: Member): Member['incarnation'] {
    return this.#catalogue()?.nodes.get(member.nodeId)?.incarnation ?? member.incarnation;
  }

  /** What a client is told first. */
  introduction(): Pick<NodeStatus, 'nodeId' | 'clusterId'> & { members: readonly Member[] } {
    const { nodeId, clusterId, members } = this.#formation.identity;
    // Addresses may change between starts; those of the formation are only the first.
    return {
      nodeId,
      clusterId,
      members: members.map((member) => ({ ...member, address: this.addressOf(member.nodeId) ?? member.address })),
    };
  }
}
