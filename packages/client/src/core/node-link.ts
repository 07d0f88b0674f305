import { type Address, type ClusterId, QuorateError, formatAddress, parseAddress } from '@quorate/base';
import {
  type AcceptedReply,
  type ClientRequestBody,
  type ClientResponse,
  type FrameConnection,
  type ServerPush,
  decodePush,
  decodeResponse,
  encodeRequest,
  isLastAnswer,
  isPush,
  openFrameConnection,
} from '@quorate/wire';
import type { Settings } from './options.js';
import { Backoff } from './retry.js';
import type { Flushable, TurnEnd } from './turn-end.js';

/** Who waits for the answer to a request. Exactly one of `answered` and `failed` is called, never from within `NodeLink.request`. */
export interface RequestSink {
  /** The request went to the connection; from now on it may take effect. Called before `answered` or `failed`, possibly from within `request`. */
  sent(): void;
  /**
   * Views in the response are valid only during the call. A thrown `malformedFrame` ends the connection; `failed` follows. Called again only after
   * an answer that is not the last (`isLastAnswer`).
   */
  answered(response: ClientResponse): void;
  /** No answer will come. */
  failed(error: QuorateError): void;
}

/** Who is told what a node sends unasked. */
export interface PushSink {
  /** Views are valid only during the call. A thrown `malformedFrame` ends the connection. */
  pushed(push: ServerPush): void;
  /** The connection is gone, or did not come to be; after every open request failed. */
  connectionLost(error: QuorateError): void;
}

/** What a link tells the pool. */
export interface LinkEvents {
  /** A hello was answered; throws `clusterMismatch` if it is not the cluster that is wanted. */
  greeted(reply: AcceptedReply, address: string): void;
  wantedCluster(): ClusterId | null;
}

const EXPECTED = {
  status: 'status',
  createStream: 'streamCreated',
  listStreams: 'streamList',
  findStream: 'streamFound',
  streamInfo: 'streamInfo',
  append: 'appended',
  readStream: 'records',
  transferLeader: 'transferred',
  openSession: 'sessionOpened',
  bindSession: 'sessionBound',
  commands: 'replies',
  queries: 'queryResults',
  acknowledge: 'acknowledged',
  ping: 'pong',
} as const satisfies Record<ClientRequestBody['type'], ClientResponse['type']>;

interface PendingRequest {
  readonly sink: RequestSink;
  readonly expects: ClientResponse['type'];
}

/** Silence after which a connection that owes an answer is taken for dead. */
const SILENCE_MAX_MS = 3000;
/** Time that a node which owed an answer is asked only after others. */
const DOUBT_MS = 5000;

/**
 * The one connection to a node's address: opened when something is asked, opened again after a loss with growing delays. Requests made
 * while it opens wait and go out in order.
 */
export class NodeLink implements Flushable {
  readonly address: string;
  readonly #target: Address;
  readonly #settings: Settings;
  readonly #turnEnd: TurnEnd;
  readonly #events: LinkEvents;
  readonly #backoff: Backoff;
  #frames: FrameConnection | null = null;
  #isOpen = false;
  #isClosed = false;
  #isFlushDue = false;
  #retryAtMs = 0;
  #heardMs = 0;
  #doubtedUntilMs = 0;
  #lastError: QuorateError | null = null;
  #nextId = 1;
  #connection = 0;
  readonly #pending = new Map<number, PendingRequest>();
  #waiting = new Map<number, { readonly body: ClientRequestBody; readonly sink: RequestSink }>();
  #drainCallbacks = new Set<() => void>();
  readonly #pushSinks = new Set<PushSink>();

  constructor(address: string, parts: { readonly settings: Settings; readonly turnEnd: TurnEnd; readonly events: LinkEvents }) {
    const { settings } = parts;
    this.#target = parseAddress(address);
    this.address = formatAddress(this.#target);
    this.#settings = settings;
    this.#turnEnd = parts.turnEnd;
    this.#events = parts.events;
    this.#backoff = new Backoff(settings.random, { firstMs: 20, maxMs: 1000 });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }
  /** Number of the connection that is open, or was open last; 0: none yet. */
  get connection(): number {
    return this.#connection;
  }
  /** When a whole frame came last; 0: none yet. */
  get heardMs(): number {
    return this.#heardMs;
  }
  /** True if somebody waited too long for this node a short while ago, and it was not heard since. */
  get isDoubtful(): boolean {
    return this.#settings.clock.nowMs() < this.#doubtedUntilMs;
  }
  /** Requests that wait for an answer or for the connection. */
  get openRequests(): number {
    return this.#pending.size + this.#waiting.size;
  }
  /** Bytes that the operating system has not taken. */
  get queuedBytes(): number {
    return this.#frames?.queuedBytes ?? 0;
  }

  /** Sends a request, now or when the connection is open; while a lost connection rests it fails soon. Returns a number for `cancel`. */
  request(body: ClientRequestBody, sink: RequestSink): number {
    const id = this.#newId();
    if (this.#isOpen) {
      this.#send(id, body, sink);
      return id;
    }
    if (this.#frames === null) {
      if (this.#isClosed || this.#settings.clock.nowMs() < this.#retryAtMs) {
        const error = this.#lastError ?? new QuorateError('unavailable', `${this.address}: no connection`, { remote: this.address });
        this.#failLater(id, body, sink, error);
        return id;
      }
      this.#open();
    }
    this.#waiting.set(id, { body, sink });
    return id;
  }

  /** The answer is no longer wanted: the sink is not called any more. Harmless if it was. */
  cancel(id: number): void {
    this.#pending.delete(id);
    this.#waiting.delete(id);
  }

  /** From now on `sink` is told what the node pushes. Returns how to end that. */
  subscribe(sink: PushSink): () => void {
    this.#pushSinks.add(sink);
    return () => this.#pushSinks.delete(sink);
  }

  /** Calls back once when what is queued has gone out, or the connection is gone. */
  whenDrained(callback: () => void): void {
    this.#drainCallbacks.add(callback);
  }

  /** Somebody waited too long for an answer: a connection that has been silent for long is given up. */
  suspect(): void {
    this.#doubtedUntilMs = this.#settings.clock.nowMs() + DOUBT_MS;
    if (!this.#isOpen || this.#settings.clock.nowMs() - this.#heardMs < SILENCE_MAX_MS) return;
    const error = new QuorateError('connectionLost', `${this.address}: silent for more than ${SILENCE_MAX_MS} ms`, {
      remote: this.address,
    });
    this.#frames?.destroy(error);
  }

  /** Gives up the connection of that number if it is still open: the node must learn that nobody is behind what it carries. The next one opens as usual. */
  drop(connection: number, error: QuorateError): void {
    if (this.#isOpen && this.#connection === connection) this.#frames?.destroy(error);
  }

  /** Ends the connection; every open request fails with `error`. */
  close(error: QuorateError): void {
    this.#isClosed = true;
    this.#lastError = error;
    const frames = this.#frames;
    this.#lost(error);
    frames?.close();
  }

  #newId(): number {
    do {
      this.#nextId = this.#nextId >= 0xffff_ffff ? 1 : this.#nextId + 1;
    } while (this.#pending.has(this.#nextId) || this.#waiting.has(this.#nextId));
    return this.#nextId;
  }

  #open(): void {
    const isCurrent = (): boolean => this.#frames === frames;
    const frames: FrameConnection = openFrameConnection({
      network: this.#settings.network,
      address: this.#target,
      timers: this.#settings.timers,
      handshakeTimeoutMs: this.#settings.handshakeTimeoutMs,
      hello: () => ({ role: 'client', clusterId: this.#events.wantedCluster() }),
      handlers: {
        opened: (reply) => {
          if (isCurrent()) this.#opened(reply, frames);
        },
        frame: (type, body) => {
          if (isCurrent()) this.#frame(type, body);
        },
        drain: () => this.#drained(),
        closed: (error) => {
          if (isCurrent()) this.#lost(error);
        },
      },
    });
    this.#frames = frames;
  }

  #opened(reply: AcceptedReply, frames: FrameConnection): void {
    try {
      this.#events.greeted(reply, this.address);
    } catch (thrown) {
      if (!(thrown instanceof QuorateError)) throw thrown;
      this.#lost(thrown);
      frames.close();
      return;
    }
    frames.isFlushedByOwner = true;
    this.#isOpen = true;
    this.#connection++;
    this.#heard();
    this.#settings.logger.log('debug', 'clientConnected', { address: this.address, nodeId: reply.nodeId });
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [id, { body, sink }] of waiting) this.#send(id, body, sink);
  }

  #send(id: number, body: ClientRequestBody, sink: RequestSink): void {
    const frame = encodeRequest(id, body);
    if (this.#frames?.isOpen !== true) {
      // The other side said goodbye; `closed` follows.
      this.#failLater(
        id,
        body,
        sink,
        new QuorateError('unavailable', `${this.address}: the connection is closing`, { remote: this.address }),
      );
      return;
    }
    if (!this.#frames.send(frame.type, frame.parts)) {
      const full = new QuorateError('overloaded', `${this.address}: too much waits to be sent`, {
        remote: this.address,
        queuedBytes: this.queuedBytes,
      });
      this.#failLater(id, body, sink, full);
      return;
    }
    this.#pending.set(id, { sink, expects: EXPECTED[body.type] });
    if (!this.#isFlushDue) {
      this.#isFlushDue = true;
      this.#turnEnd.wrote(this);
    }
    sink.sent();
  }

  /** What was sent in this turn goes to the operating system. */
  flush(): void {
    this.#isFlushDue = false;
    this.#frames?.flush();
  }

  #failLater(id: number, body: ClientRequestBody, sink: RequestSink, error: QuorateError): void {
    const entry = { body, sink };
    this.#waiting.set(id, entry);
    this.#settings.timers.defer(() => {
      if (this.#waiting.get(id) !== entry) return;
      this.#waiting.delete(id);
      sink.failed(error);
    });
  }

  #frame(type: number, body: Uint8Array): void {
    this.#heard();
    this.#backoff.reset();
    let id = 0;
    let pending: PendingRequest | undefined;
    try {
      if (isPush(type)) {
        const push = decodePush(type, body);
        for (const sink of this.#pushSinks) sink.pushed(push);
        return;
      }
      const response = decodeResponse(type, body);
      id = response.id;
      pending = this.#pending.get(id);
      if (pending === undefined) return;
      if (isLastAnswer(response)) this.#pending.delete(id);
      if (response.type !== pending.expects && response.type !== 'error') {
        throw new QuorateError('malformedFrame', `an answer of type ${response.type} where ${pending.expects} belongs`, { type });
      }
      pending.sink.answered(response);
    } catch (thrown) {
      if (!(thrown instanceof QuorateError) || thrown.code !== 'malformedFrame') throw thrown;
      const lost = new QuorateError(
        'connectionLost',
        `${this.address}: malformed answer, connection dropped: ${thrown.message}`,
        { remote: this.address },
        {
          cause: thrown,
        },
      );
      this.#settings.logger.log('warn', 'malformedAnswer', { address: this.address, what: thrown.message });
      this.#pending.delete(id);
      pending?.sink.failed(lost);
      this.#lost(lost);
      // The frame connection says goodbye with it.
      throw thrown;
    }
  }

  #heard(): void {
    this.#heardMs = this.#settings.clock.nowMs();
    this.#doubtedUntilMs = 0;
  }

  #drained(): void {
    if (this.#drainCallbacks.size === 0) return;
    const callbacks = this.#drainCallbacks;
    this.#drainCallbacks = new Set();
    for (const callback of callbacks) callback();
  }

  #lost(error: QuorateError): void {
    this.#frames = null;
    this.#isOpen = false;
    this.#lastError = error;
    this.#retryAtMs = this.#settings.clock.nowMs() + this.#backoff.next();
    this.#settings.logger.log('debug', 'clientDisconnected', { address: this.address, code: error.code, reason: error.message });
    const sinks = [
      ...[...this.#pending.values()].map((pending) => pending.sink),
      ...[...this.#waiting.values()].map((waiting) => waiting.sink),
    ];
    this.#pending.clear();
    this.#waiting.clear();
    for (const sink of sinks) sink.failed(error);
    for (const sink of this.#pushSinks) sink.connectionLost(error);
    this.#drained();
  }
}
