import {
  type Address,
  type ClusterId,
  type Connection,
  type GroupId,
  type Incarnation,
  type NodeId,
  type Offset,
  QuorateError,
  SeededRandom,
  asQuorateError,
  batchPayload,
  crc32c,
  encodeBatch,
  formatAddress,
  fromUtf8,
  readU32,
  trustedBatchHeader,
  utf8,
} from '@quorate/base';
import { ClientCore, type ClientOptions } from '@quorate/client';
import type { Fence } from '@quorate/machine';
import { StreamMachine, checkAppendPayload, encodeAppendPayload, readRecords } from '@quorate/streams';
import { SimNetwork, SimScheduler, type SimProcess } from '@quorate/testkit';
import {
  type ClientRequest,
  type ClientResponseBody,
  FRAME_TYPES,
  type FrameConnection,
  type StreamEntry,
  acceptFrameConnection,
  decodeRequest,
  encodeResponse,
  toWireError,
} from '@quorate/wire';

/** What a node does with a request instead of serving it. */
export type Action =
  | { readonly do: 'serve' }
  /** Never answers, never does it. */
  | { readonly do: 'ignore' }
  /** Breaks the connection without doing it, or after it. */
  | { readonly do: 'cut'; readonly when: 'before' | 'after' }
  | { readonly do: 'refuse'; readonly error: QuorateError }
  /** Does it now or after some time, and answers after that time. */
  | { readonly do: 'late'; readonly ms: number; readonly when: 'before' | 'after' }
  | { readonly do: 'answer'; readonly body: ClientResponseBody }
  | { readonly do: 'garbage' };

export const SERVE: Action = { do: 'serve' };

/** The log of one stream: one for all nodes, as if replication took no time. */
class ScriptedStream {
  machine = new StreamMachine();
  readonly batches: Uint8Array[] = [];
  #nextIndex = 1;

  append(payload: Uint8Array): ClientResponseBody {
    const { count } = checkAppendPayload(payload);
    const batch = encodeBatch(
      {
        kind: 'commands',
        group: 16 as GroupId,
        term: 1,
        baseIndex: this.#nextIndex,
        count,
        loggedTimeMs: 0,
        payloadChecksum: crc32c(payload),
      },
      payload,
      crc32c,
    );
    this.batches.push(batch);
    this.#nextIndex += count;
    const outcome = this.machine.apply(trustedBatchHeader(batch), batchPayload(batch));
    if (outcome.status === 'refused') throw new QuorateError(outcome.code, outcome.message, outcome.details);
    if (outcome.status === 'none') throw new Error('an append is never nothing');
    return { type: 'appended', offset: outcome.offset, count: outcome.count };
  }

  read(fromOffset: Offset, maxRecords: number, maxBytes: number): ClientResponseBody & { type: 'records' } {
    const log = { read: (from: number) => this.batches.filter((batch) => trustedBatchHeader(batch).baseIndex >= from) };
    return { type: 'records', ...readRecords(log, this.machine, { fromOffset, maxRecords, maxBytes, appliedIndex: this.#nextIndex }) };
  }

  values(): string[] {
    const { records } = this.read(0, 1_000_000, 1e9);
    const values: string[] = [];
    for (let at = 0; at < records.length; ) {
      const length = readU32(records, at);
      values.push(fromUtf8(records.subarray(at + 4, at + 4 + length)));
      at += 4 + length;
    }
    return values;
  }
}

/** A node that speaks the wire protocol over the simulated network and does what a test tells it. */
export class ScriptedNode {
  readonly id: NodeId;
  readonly address: Address;
  readonly process: SimProcess;
  /** Decides on each request; default: serve. */
  script: (request: ClientRequest) => Action = () => SERVE;
  /** Whom it names as leader; default: who it is. */
  hint: (() => NodeId | 0) | null = null;
  readonly requests: ClientRequest[] = [];
  readonly connections = new Set<FrameConnection>();
  readonly #cluster: ScriptedCluster;

  constructor(cluster: ScriptedCluster, id: number) {
    this.#cluster = cluster;
    this.id = id as NodeId;
    this.address = addressOf(id);
    this.process = cluster.scheduler.forNode(`node${id}`);
    const network = cluster.network.attach(this.process);
    network.listen(
      this.address,
      (connection) => this.#accept(connection),
      (error) => {
        if (error !== null) throw error;
      },
    );
  }

  cutAll(): void {
    for (const frames of this.connections) frames.destroy();
  }

  #accept(connection: Connection): ReturnType<Parameters<ReturnType<SimNetwork['attach']>['listen']>[1]> {
    const frames = acceptFrameConnection(connection, {
      timers: this.process.timers,
      hello: (hello) => {
        const { clusterId } = this.#cluster;
        if (hello.role !== 'client')
          return { reply: { status: 'refused', code: 'protocolMismatch', message: 'no peers here', details: {} } };
        if (hello.clusterId !== null && hello.clusterId !== clusterId) {
          return { reply: { status: 'refused', code: 'clusterMismatch', message: `this is cluster ${clusterId}`, details: {} } };
        }
        this.connections.add(frames);
        return {
          reply: { status: 'client', nodeId: this.id, clusterId, members: this.#cluster.members },
          handlers: {
            frame: (type, body) => this.#request(frames, type, body),
            drain: () => {},
            closed: () => this.connections.delete(frames),
          },
        };
      },
    });
    return frames.connectionHandlers;
  }

  #request(frames: FrameConnection, type: number, body: Uint8Array): void {
    const decoded = decodeRequest(type, body);
    const request: ClientRequest = decoded.type === 'append' ? { ...decoded, payload: decoded.payload.slice() } : decoded;
    this.requests.push(request);
    const action = this.script(request);
    const answer = (response: ClientResponseBody): void => {
      const frame = encodeResponse(request.id, response);
      frames.send(frame.type, frame.parts);
    };
    switch (action.do) {
      case 'serve':
        this.#serve(request, answer);
        break;
      case 'ignore':
        break;
      case 'cut':
        if (action.when === 'after') this.#serve(request, () => {});
        frames.destroy();
        break;
      case 'refuse':
        answer({ type: 'error', ...toWireError(action.error) });
        break;
      case 'late':
        if (action.when === 'before') this.#serve(request, (response) => this.process.timers.set(action.ms, () => answer(response)));
        else this.process.timers.set(action.ms, () => this.#serve(request, answer));
        break;
      case 'answer':
        answer(action.body);
        break;
      case 'garbage':
        frames.send(FRAME_TYPES.appendedResponse, [new Uint8Array([1, 2, 3])]);
        break;
    }
  }

  #serve(request: ClientRequest, answer: (body: ClientResponseBody) => void): void {
    try {
      if (request.type === 'readStream') this.#read(request, answer, this.process.clock.nowMs() + request.waitMs);
      else answer(this.#do(request));
    } catch (thrown) {
      answer({ type: 'error', ...toWireError(asQuorateError(thrown)) });
    }
  }

  #read(request: ClientRequest & { type: 'readStream' }, answer: (body: ClientResponseBody) => void, untilMs: number): void {
    if (request.consistency === 'linearizable') this.#mustLead();
    const result = this.#cluster.stream(request.group).read(request.fromOffset, request.maxRecords, request.maxBytes);
    if (result.count > 0 || this.process.clock.nowMs() >= untilMs) answer(result);
    else {
      this.process.timers.set(5, () => {
        try {
          this.#read(request, answer, untilMs);
        } catch (thrown) {
          answer({ type: 'error', ...toWireError(asQuorateError(thrown)) });
        }
      });
    }
  }

  #mustLead(): void {
    const { leader } = this.#cluster;
    if (leader === this.id && this.hint === null) return;
    const hint = this.hint === null ? leader : this.hint();
    if (hint === 0) throw new QuorateError('noLeader', 'no leader is known');
    throw new QuorateError('notLeader', `node ${hint} leads`, { leader: hint, address: formatAddress(addressOf(hint)) });
  }

  #do(request: Exclude<ClientRequest, { type: 'readStream' }>): ClientResponseBody {
    if (request.type === 'status') {
      return {
        type: 'status',
        status: {
          nodeId: this.id,
          clusterId: this.#cluster.clusterId,
          incarnation: '0000000000000000' as Incarnation,
          state: 'serving',
          version: 'test',
          pid: 1,
          members: [],
          groups: [],
          metrics: {},
          damage: [],
        },
      };
    }
    this.#mustLead();
    switch (request.type) {
      case 'createStream': {
        const before = this.#cluster.entries.size;
        const stream = this.#cluster.create(request.name);
        return { type: 'streamCreated', stream, wasCreated: this.#cluster.entries.size > before };
      }
      case 'findStream': {
        const stream = this.#cluster.entries.get(request.name);
        if (stream === undefined) throw new QuorateError('streamNotFound', `there is no stream "${request.name}"`);
        return { type: 'streamFound', stream };
      }
      case 'listStreams': {
        const all = [...this.#cluster.entries.values()].filter(({ name }) => name.startsWith(request.prefix) && name > request.after);
        all.sort((a, b) => (a.name < b.name ? -1 : 1));
        return { type: 'streamList', streams: all.slice(0, Math.min(request.limit, 2)), hasMore: all.length > 2 };
      }
      case 'streamInfo': {
        const { machine } = this.#cluster.stream(request.group);
        return {
          type: 'streamInfo',
          info: {
            name: '',
            group: request.group,
            firstOffset: machine.firstOffset,
            nextOffset: machine.nextOffset,
            leader: this.id,
            term: 1,
          },
        };
      }
      case 'append':
        if (crc32c(request.payload) !== request.payloadChecksum) throw new QuorateError('malformedFrame', 'payload checksum');
        return this.#cluster.stream(request.group).append(request.payload);
      case 'transferLeader':
        this.#cluster.leader = request.to;
        return { type: 'transferred' };
      default:
        throw new QuorateError('unavailable', `this node has no sessions: ${request.type}`);
    }
  }
}

/** Nodes that share one perfect log per stream; what a test scripts is what goes wrong between them and the client. */
export class ScriptedCluster {
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly nodes: readonly ScriptedNode[];
  readonly entries = new Map<string, StreamEntry>();
  readonly clusterId: ClusterId = 'c1c1c1c1c1c1c1c1' as ClusterId;
  readonly random: SeededRandom;
  leader: NodeId | 0 = 1 as NodeId;
  readonly members;
  readonly #streams = new Map<number, ScriptedStream>();
  #clients = 0;

  constructor(seed: number, size = 3) {
    this.random = new SeededRandom(seed);
    this.scheduler = new SimScheduler({ label: `seed ${seed}` });
    this.network = new SimNetwork({ scheduler: this.scheduler, random: this.random });
    this.members = Array.from({ length: size }, (_, i) => ({
      nodeId: (i + 1) as NodeId,
      address: formatAddress(addressOf(i + 1)),
      incarnation: null,
    }));
    this.nodes = this.members.map(({ nodeId }) => new ScriptedNode(this, nodeId));
  }

  node(id: number): ScriptedNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  create(name: string): StreamEntry {
    let entry = this.entries.get(name);
    if (entry === undefined) {
      entry = { name, group: (16 + this.entries.size) as GroupId };
      this.entries.set(name, entry);
      this.#streams.set(entry.group, new ScriptedStream());
    }
    return entry;
  }

  stream(group: number): ScriptedStream {
    const stream = this.#streams.get(group);
    if (stream === undefined) throw new QuorateError('noLeader', `group ${group} is not open`);
    return stream;
  }

  /** A stream that forgets its least active producers; only before the first append. */
  evictProducersAbove(name: string, producersMax: number): void {
    this.stream(this.create(name).group).machine = new StreamMachine({ producersMax });
  }

  /** An append of another producer, its first. */
  appendAs(name: string, producer: string, text: string, fence: Fence | null = null): void {
    this.stream(this.create(name).group).append(encodeAppendPayload({ producer, epoch: 0, firstNumber: 0, records: [utf8(text)], fence }));
  }

  values(name: string): string[] {
    return this.stream(this.create(name).group).values();
  }

  client(nodes: readonly number[] = [1], options: Partial<ClientOptions> = {}): ClientCore {
    return new ClientCore(this.ports(nodes, options));
  }

  ports(nodes: readonly number[], options: Partial<ClientOptions> = {}): ClientOptions {
    const process = this.scheduler.forNode(`client${++this.#clients}`);
    return {
      addresses: nodes.map(addressOf),
      network: this.network.attach(process),
      clock: process.clock,
      timers: process.timers,
      random: this.random,
      checksum: crc32c,
      ...options,
    };
  }

  /** Requests that reached a node, of one type. */
  requestsOf(type: ClientRequest['type']): number {
    return this.nodes.reduce((sum, node) => sum + node.requests.filter((request) => request.type === type).length, 0);
  }
}

export function addressOf(id: number): Address {
  return { host: `10.0.0.${id}`, port: 7400 };
}

/** What a call came to, and how often. */
export class Outcome<T> {
  settled = 0;
  error: QuorateError | null = null;
  result: T | null = null;
  atMs = 0;
  readonly done: (error: QuorateError | null, result: T | null) => void;

  constructor(scheduler: SimScheduler) {
    this.done = (error, result) => {
      this.settled += 1;
      this.error = error;
      this.result = result;
      this.atMs = scheduler.nowMs;
    };
  }
}
