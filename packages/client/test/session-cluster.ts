import {
  type ClusterId,
  type Connection,
  type GroupId,
  type LogIndex,
  type NodeId,
  QuorateError,
  type Random,
  SeededRandom,
  asQuorateError,
  crc32c,
  formatAddress,
  randomBetween,
  randomChance,
  utf8,
} from '@quorate/base';
import { ClientCore, type ClientOptions, type SessionClient, type SessionOptions } from '@quorate/client';
import { SimNetwork, SimScheduler, type SimProcess } from '@quorate/testkit';
import {
  type ClientRequest,
  type ClientResponseBody,
  type FrameConnection,
  acceptFrameConnection,
  decodeRequest,
  encodePush,
  encodeResponse,
  toWireError,
} from '@quorate/wire';
import { addressOf } from './scripted-cluster.js';

import { type ModelSession, SessionMachine } from './session-machine.js';

export const GROUP = 1 as GroupId;

/** What goes wrong by chance, and how slow things are. All probabilities per message. */
export interface Weather {
  /** A connection breaks when a request arrives, or when something is to be sent. */
  cut: number;
  /** A reply is late, by up to `lateMs`. */
  late: number;
  lateMs: number;
  /** A frame is sent twice. */
  twice: number;
  /** A commands payload is refused with `overloaded`. */
  refuse: number;
  /** Events that are pushed again go out before the answer to `bindSession`. */
  eventsFirst: number;
  /** Replies come in several frames. */
  split: number;
  /** Time a batch takes to commit, 0 to this. */
  commitMs: number;
  /** How far a follower's state is behind. */
  lagMs: number;
}

export const CALM: Weather = { cut: 0, late: 0, lateMs: 0, twice: 0, refuse: 0, eventsFirst: 0, split: 0, commitMs: 1, lagMs: 5 };

/** What a test makes of a request before the node looks at it. `serve` by default. */
export type Intervention =
  | 'serve'
  | 'ignore'
  | 'cut'
  | 'cutAfter'
  | { readonly refuse: QuorateError }
  | { readonly answer: ClientResponseBody };

interface Bound {
  readonly node: SessionNode;
  readonly frames: FrameConnection;
  /** Index of the last event that was pushed on this connection. */
  pushedTo: LogIndex;
}

/** A node that knows sessions, over the simulated network. */
export class SessionNode {
  readonly id: NodeId;
  readonly process: SimProcess;
  readonly connections = new Set<FrameConnection>();
  readonly requests: ClientRequest[] = [];
  /** Instead of a welcome. */
  refuseHello: QuorateError | null = null;
  intervene: (request: ClientRequest) => Intervention = () => 'serve';
  readonly #cluster: SessionCluster;
  /** Batches of this node commit in order. */
  #freeAtMs = 0;

  constructor(cluster: SessionCluster, id: number) {
    this.#cluster = cluster;
    this.id = id as NodeId;
    this.process = cluster.scheduler.forNode(`node${id}`);
    cluster.network.attach(this.process).listen(
      addressOf(id),
      (connection) => this.#accept(connection),
      (error) => {
        if (error !== null) throw error;
      },
    );
  }

  cutAll(): void {
    for (const frames of this.connections) frames.destroy();
  }

  #accept(connection: Connection): FrameConnection['connectionHandlers'] {
    const frames = acceptFrameConnection(connection, {
      timers: this.process.timers,
      hello: () => {
        if (this.refuseHello !== null) return { reply: { status: 'refused', ...toWireError(this.refuseHello) } };
        this.connections.add(frames);
        return {
          reply: { status: 'client', nodeId: this.id, clusterId: this.#cluster.clusterId, members: this.#cluster.members },
          handlers: {
            frame: (type, body) => this.#request(frames, type, body),
            drain: () => {},
            closed: () => {
              this.connections.delete(frames);
              this.#cluster.connectionClosed(frames);
            },
          },
        };
      },
    });
    return frames.connectionHandlers;
  }

  #request(frames: FrameConnection, type: number, body: Uint8Array): void {
    const request = decodeRequest(type, body.slice());
    this.requests.push(request);
    this.#cluster.messages += 1;
    const { weather, random } = this.#cluster;
    const action = this.#cluster.mustCut(this.#cluster.messages, 'before') ? 'cut' : this.intervene(request);
    if (action === 'ignore') return;
    if (action === 'cut' || (action === 'serve' && randomChance(random, weather.cut / 2))) {
      frames.destroy();
      return;
    }
    if (typeof action === 'object') {
      this.#answer(frames, request.id, 'refuse' in action ? { type: 'error', ...toWireError(action.refuse) } : action.answer);
      return;
    }
    const isCutAfter = action === 'cutAfter' || this.#cluster.mustCut(this.#cluster.messages, 'after');
    this.#cluster.heard(frames, this.id);
    this.#serve(frames, request);
    if (isCutAfter) this.process.timers.set(weather.commitMs + 1, () => frames.destroy());
  }

  #serve(frames: FrameConnection, request: ClientRequest): void {
    try {
      this.#do(frames, request);
    } catch (thrown) {
      this.#answer(frames, request.id, { type: 'error', ...toWireError(asQuorateError(thrown)) });
    }
  }

  #do(frames: FrameConnection, request: ClientRequest): void {
    const { machine, weather, random } = this.#cluster;
    switch (request.type) {
      case 'openSession':
        this.#mustLead();
        this.#commit(frames, request.id, () => {
          const session = machine.open(request.key, request.ttlMs, request.graceMs);
          this.#cluster.contactMs.set(session.id, this.#cluster.scheduler.nowMs);
          this.#answer(frames, request.id, { type: 'sessionOpened', session: session.id, ttlMs: session.ttlMs, graceMs: session.graceMs });
        });
        return;
      case 'bindSession': {
        this.#mustLead();
        const session = machine.live(request.session);
        if (session.key !== request.key.join(',')) throw new QuorateError('sessionExpired', 'another key');
        this.#cluster.bound.set(session.id, { node: this, frames, pushedTo: request.acknowledgedEvents });
        this.#cluster.heard(frames, this.id);
        const isEarly = randomChance(random, weather.eventsFirst);
        if (isEarly) this.#cluster.push(session);
        this.#answer(frames, request.id, { type: 'sessionBound', nextNumber: session.nextNumber, lastEventIndex: session.lastEventIndex });
        this.#cluster.push(session);
        return;
      }
      case 'commands':
        this.#mustLead();
        if (crc32c(request.payload) !== request.payloadChecksum) throw new QuorateError('malformedFrame', 'payload checksum');
        if (randomChance(random, weather.refuse)) throw new QuorateError('overloaded', 'too much');
        this.#commit(frames, request.id, () => this.#apply(frames, request.id, request.payload));
        return;
      case 'acknowledge':
        this.#mustLead();
        this.#commit(frames, request.id, () => {
          machine.acknowledge(machine.live(request.session), request.replies, request.events);
          this.#answer(frames, request.id, { type: 'acknowledged' });
        });
        return;
      case 'ping':
        if (this.#cluster.leader !== this.id && this.#cluster.carriesAny(frames)) this.#mustLead();
        this.#answer(frames, request.id, { type: 'pong' });
        return;
      case 'query':
        this.#query(frames, request, this.#cluster.scheduler.nowMs + 10_000);
        return;
      default:
        throw new QuorateError('unavailable', `not here: ${request.type}`);
    }
  }

  #mustLead(): void {
    const { leader } = this.#cluster;
    if (leader === this.id) return;
    if (leader === 0) throw new QuorateError('noLeader', 'no leader is known');
    throw new QuorateError('notLeader', `node ${leader} leads`, { leader, address: formatAddress(addressOf(leader)) });
  }

  /** Applies later, in order; after a change of leader it may still be applied, or not. */
  #commit(frames: FrameConnection, id: number, apply: () => void): void {
    const { scheduler, weather, random } = this.#cluster;
    const { term } = this.#cluster;
    const readyMs = Math.max(this.#freeAtMs, scheduler.nowMs + (randomBetween(random, 0, 1000) / 1000) * weather.commitMs);
    this.#freeAtMs = readyMs;
    scheduler.schedule(
      readyMs,
      () => {
        const isLost = this.#cluster.term !== term && randomChance(random, 0.5);
        if (isLost) {
          this.#answer(frames, id, { type: 'error', code: 'leadershipLost', message: 'another node leads', details: {} });
          return;
        }
        try {
          apply();
        } catch (thrown) {
          this.#answer(frames, id, { type: 'error', ...toWireError(asQuorateError(thrown)) });
        }
      },
      this.process,
    );
  }

  #apply(frames: FrameConnection, id: number, payload: Uint8Array): void {
    const { machine, weather, random } = this.#cluster;
    const { session, firstNumber, replies } = machine.apply(payload);
    this.#cluster.pushAll();
    if (randomChance(random, weather.split) && replies.length > 1) {
      const at = randomBetween(random, 1, replies.length - 1);
      this.#answer(frames, id, { type: 'replies', firstNumber, replies: replies.slice(0, at), isLast: false });
      this.#answer(frames, id, { type: 'replies', firstNumber: firstNumber + at, replies: replies.slice(at), isLast: true });
    } else {
      this.#answer(frames, id, { type: 'replies', firstNumber, replies, isLast: true });
    }
    if (session.isOver) this.#cluster.sessionEnded(session, false);
  }

  #query(frames: FrameConnection, request: ClientRequest & { type: 'query' }, untilMs: number): void {
    const { machine, scheduler, weather } = this.#cluster;
    if (request.consistency === 'linearizable') this.#mustLead();
    const index = request.consistency === 'linearizable' ? machine.index : this.#cluster.indexAt(scheduler.nowMs - weather.lagMs * this.id);
    const session = request.session === 0 ? null : machine.sessions.get(request.session);
    if (session?.isOver === true) throw new QuorateError('sessionExpired', 'no such session');
    const isThere =
      session === null || (session !== undefined && session.id <= index && this.#numberAt(session, index) >= request.afterNumber);
    if (!isThere || index < request.minIndex) {
      if (scheduler.nowMs >= untilMs) throw new QuorateError('unavailable', 'not caught up');
      this.process.timers.set(2, () => {
        try {
          this.#query(frames, request, untilMs);
        } catch (thrown) {
          this.#answer(frames, request.id, { type: 'error', ...toWireError(asQuorateError(thrown)) });
        }
      });
      return;
    }
    const eventIndex = session === null ? 0 : (session.events.filter((batch) => batch.index <= index).at(-1)?.index ?? session.id);
    this.#answer(frames, request.id, {
      type: 'queryResult',
      index,
      eventIndex,
      result: utf8(`${index}|${machine.list(request.resource, index).join(',')}`),
    });
  }

  #numberAt(session: ModelSession, index: LogIndex): number {
    return this.#cluster.machine.applied.filter((entry) => entry.session === session.id && entry.index <= index).at(-1)?.number ?? 0;
  }

  #answer(frames: FrameConnection, id: number, body: ClientResponseBody): void {
    const { weather, random } = this.#cluster;
    if (randomChance(random, weather.cut / 2)) {
      frames.destroy();
      return;
    }
    const frame = encodeResponse(id, body);
    const send = (): void => {
      frames.send(frame.type, frame.parts);
      if (randomChance(random, weather.twice)) frames.send(frame.type, frame.parts);
    };
    if (randomChance(random, weather.late)) this.process.timers.set(randomBetween(random, 1, weather.lateMs), send);
    else send();
  }
}

/** Nodes that share one machine; what goes wrong is between them and the clients. */
export class SessionCluster {
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly random: Random;
  readonly nodes: readonly SessionNode[];
  readonly machine: SessionMachine;
  readonly members;
  readonly clusterId = 'c1c1c1c1c1c1c1c1' as ClusterId;
  readonly bound = new Map<number, Bound>();
  readonly contactMs = new Map<number, number>();
  readonly #unboundMs = new Map<number, number>();
  weather: Weather = { ...CALM };
  leader: NodeId | 0 = 1 as NodeId;
  term = 1;
  /** Requests that reached any node. */
  messages = 0;
  /** The request at which the connection is cut, before or after it is served. */
  cutAt: { readonly message: number; readonly when: 'before' | 'after' } | null = null;
  #clients = 0;

  constructor(seed: number, size = 3) {
    this.random = new SeededRandom(seed);
    this.scheduler = new SimScheduler({ label: `seed ${seed}` });
    this.network = new SimNetwork({ scheduler: this.scheduler, random: this.random });
    this.machine = new SessionMachine(() => this.scheduler.nowMs);
    this.members = Array.from({ length: size }, (_, i) => ({
      nodeId: (i + 1) as NodeId,
      address: formatAddress(addressOf(i + 1)),
      incarnation: null,
    }));
    this.nodes = this.members.map(({ nodeId }) => new SessionNode(this, nodeId));
    this.#watchSessions();
  }

  node(id: number): SessionNode {
    return this.nodes[id - 1] as SessionNode;
  }

  client(nodes: readonly number[] = [1], options: Partial<ClientOptions> = {}): ClientCore {
    const process = this.scheduler.forNode(`client${++this.#clients}`);
    return new ClientCore({
      addresses: nodes.map(addressOf),
      network: this.network.attach(process),
      clock: process.clock,
      timers: process.timers,
      random: this.random,
      checksum: crc32c,
      ...options,
    });
  }

  sessions(options: SessionOptions = {}, clientOptions: Partial<ClientOptions> = {}): SessionClient {
    return this.client([1], clientOptions).sessions(GROUP, options);
  }

  /** Another node leads, or none. All sessions get a full ttl. */
  elect(leader: number): void {
    this.leader = leader as NodeId;
    this.term += 1;
    this.#unboundMs.clear();
    for (const id of this.contactMs.keys()) this.contactMs.set(id, this.scheduler.nowMs);
  }

  mustCut(message: number, when: 'before' | 'after'): boolean {
    return this.cutAt?.message === message && this.cutAt.when === when;
  }

  carriesAny(frames: FrameConnection): boolean {
    return [...this.bound.values()].some((bound) => bound.frames === frames);
  }

  /** What comes from a client keeps the sessions alive that its connection carries, if it reaches the leader. */
  heard(frames: FrameConnection, node: NodeId): void {
    if (this.leader !== node) return;
    for (const [id, bound] of this.bound) {
      if (bound.frames !== frames) continue;
      this.contactMs.set(id, this.scheduler.nowMs);
      this.#unboundMs.delete(id);
    }
  }

  connectionClosed(frames: FrameConnection): void {
    for (const [id, bound] of this.bound) {
      if (bound.frames !== frames) continue;
      this.bound.delete(id);
      this.#unboundMs.set(id, this.scheduler.nowMs);
    }
  }

  /** Pushes to a session what it has not got on its connection. */
  push(session: ModelSession): void {
    const bound = this.bound.get(session.id);
    if (bound === undefined) return;
    for (const batch of session.events) {
      if (batch.index <= bound.pushedTo) continue;
      bound.pushedTo = batch.index;
      const frame = encodePush({ type: 'events', group: GROUP, session: session.id, ...batch });
      bound.frames.send(frame.type, frame.parts);
      if (randomChance(this.random, this.weather.twice)) bound.frames.send(frame.type, frame.parts);
    }
  }

  pushAll(): void {
    for (const session of this.machine.sessions.values()) if (!session.isOver) this.push(session);
  }

  sessionEnded(session: ModelSession, isExpired: boolean): void {
    const bound = this.bound.get(session.id);
    this.bound.delete(session.id);
    this.contactMs.delete(session.id);
    if (bound === undefined) return;
    const frame = encodePush({ type: 'sessionEnded', group: GROUP, session: session.id, isExpired });
    bound.frames.send(frame.type, frame.parts);
  }

  /** The index that was reached at a moment. */
  indexAt(ms: number): LogIndex {
    let index = 0;
    for (const entry of this.machine.history) if (entry.atMs <= ms) index = entry.index;
    return index;
  }

  #watchSessions(): void {
    const { nowMs } = this.scheduler;
    if (this.leader !== 0) {
      for (const [id, contactMs] of this.contactMs) {
        const session = this.machine.sessions.get(id) as ModelSession;
        const unboundMs = this.#unboundMs.get(id);
        if (nowMs < contactMs + session.ttlMs && (unboundMs === undefined || nowMs < unboundMs + session.graceMs)) continue;
        this.machine.end(session);
        this.sessionEnded(session, true);
      }
    }
    this.scheduler.schedule(nowMs + 10, () => this.#watchSessions(), null);
  }
}
