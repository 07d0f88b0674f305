import {
  ByteWriter,
  type Connection,
  type LogIndex,
  type NodeId,
  QuorateError,
  asQuorateError,
  crc32c,
  formatAddress,
  randomBetween,
  randomChance,
  utf8,
} from '@quorate/base';
import type { SimProcess } from '@quorate/testkit';
import {
  type ClientRequest,
  type ClientResponseBody,
  type FrameConnection,
  QueryList,
  acceptFrameConnection,
  decodeRequest,
  encodeResponse,
  toWireError,
  writeQueryResult,
} from '@quorate/wire';
import { addressOf } from './scripted-cluster.js';
import type { SessionCluster } from './session-cluster.js';
import type { ModelSession } from './session-machine.js';

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
  /** Time a batch takes to commit: the least, and a random addition of 0 to `commitMs`. */
  commitMinMs: number;
  commitMs: number;
  /** What a batch takes of a node that does one after the other. */
  batchMs: number;
  /** How far a follower's state is behind. */
  lagMs: number;
}

export const CALM: Weather = {
  cut: 0,
  late: 0,
  lateMs: 0,
  twice: 0,
  refuse: 0,
  eventsFirst: 0,
  split: 0,
  commitMinMs: 0,
  commitMs: 1,
  batchMs: 0,
  lagMs: 5,
};

/** What a test makes of a request before the node looks at it. `serve` by default. */
export type Intervention =
  | 'serve'
  | 'ignore'
  | 'cut'
  | 'cutAfter'
  | { readonly refuse: QuorateError }
  | { readonly answer: ClientResponseBody };

/** What reached the nodes, by kind. */
export function requestsOf<T extends ClientRequest['type']>(cluster: SessionCluster, type: T): Extract<ClientRequest, { type: T }>[] {
  const isOf = (request: ClientRequest): request is Extract<ClientRequest, { type: T }> => request.type === type;
  return cluster.nodes.flatMap((node) => node.requests.filter(isOf));
}

/** The only result of an answer. */
export function oneResult(result: Uint8Array): { count: number; results: Uint8Array } {
  const writer = new ByteWriter();
  writeQueryResult(writer, result);
  return { count: 1, results: writer.take() };
}

/** A node that knows sessions, over the simulated network. */
export class SessionNode {
  readonly id: NodeId;
  readonly process: SimProcess;
  readonly connections = new Set<FrameConnection>();
  readonly requests: ClientRequest[] = [];
  /** Instead of a welcome. */
  refuseHello: QuorateError | null = null;
  /** Frames to answer with in place of its own. */
  answerInstead: (request: ClientRequest) => readonly ClientResponseBody[] | null = () => null;
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
    const instead = this.answerInstead(request);
    if (instead !== null) {
      for (const body of instead) this.#answer(frames, request.id, body);
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
      case 'queries':
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
    const delayMs = weather.commitMinMs + (randomBetween(random, 0, 1000) / 1000) * weather.commitMs;
    const readyMs = Math.max(this.#freeAtMs, scheduler.nowMs + delayMs) + weather.batchMs;
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

  #query(frames: FrameConnection, request: ClientRequest & { type: 'queries' }, untilMs: number): void {
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
    const list = new QueryList(request.queries);
    const answer = { type: 'queryResults', index, eventIndex } as const;
    const { count } = request;
    const piece = randomChance(this.#cluster.random, weather.split) ? 1 : count;
    for (let first = 0; first < count; first += piece) {
      const writer = new ByteWriter();
      for (let place = first; place < first + piece; place++) {
        list.next();
        writeQueryResult(writer, utf8(`${index}|${machine.list(list.resource, index).join(',')}`));
      }
      this.#answer(frames, request.id, { ...answer, first, isLast: first + piece === count, count: piece, results: writer.take() });
    }
  }

  #numberAt(session: ModelSession, index: LogIndex): number {
    return this.#cluster.machine.applied.findLast((entry) => entry.session === session.id && entry.index <= index)?.number ?? 0;
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
