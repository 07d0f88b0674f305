import {
  type ClusterId,
  type GroupId,
  type LogIndex,
  type NodeId,
  type Random,
  SeededRandom,
  crc32c,
  formatAddress,
  randomChance,
} from '@quorate/base';
import { ClientCore, type ClientOptions, type SessionClient, type SessionOptions } from '@quorate/client';
import { SimNetwork, SimScheduler } from '@quorate/testkit';
import { type FrameConnection, encodePush } from '@quorate/wire';
import { addressOf } from './scripted-cluster.js';
import { type ModelSession, SessionMachine } from './session-machine.js';
import { CALM, SessionNode, type Weather } from './session-node.js';

export const GROUP = 1 as GroupId;

interface Bound {
  readonly node: SessionNode;
  readonly frames: FrameConnection;
  /** Index of the last event that was pushed on this connection. */
  pushedTo: LogIndex;
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
    return this.machine.history.findLast((entry) => entry.atMs <= ms)?.index ?? 0;
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
