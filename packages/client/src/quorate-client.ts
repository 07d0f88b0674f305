import {
  type Address,
  type ClusterId,
  DEFAULT_GROUP,
  type GroupId,
  type NodeId,
  QuorateError,
  SILENT_LOGGER,
  parseAddress,
} from '@quorate/base';
import type { NodeStatus, StreamEntry } from '@quorate/wire';
import { ClientCore } from './core/client-core.js';
import type { ClientOptions } from './core/options.js';
import { ResourceMethods, Resources, type TypedResource, promiseOf, timeOf } from '@quorate/resources';
import type { ResourceDeclaration, SessionState } from '@quorate/machine';
import { callbackThrew } from './sessions/listeners.js';
import type { SessionClient } from './sessions/session-client.js';
import type { SessionOptions } from './sessions/session-options.js';
import type { SessionStateListener, SessionStateSubscription } from './sessions/session-states.js';
import { Stream, type StreamCallOptions } from './stream.js';

/** What the environment supplies (the package `quorate` does for Node.js), and options. */
export type ConnectOptions = Omit<ClientOptions, 'addresses' | 'clusterId'> &
  Pick<SessionOptions, 'sessionTtlMs' | 'disconnectGraceMs' | 'readFrom'> & {
    readonly clusterId?: ClusterId;
    /** Run by `close` after the client has ended: for what was started together with it. */
    readonly afterClose?: () => Promise<void>;
  };

/**
 * A client of the cluster that one of `addresses` belongs to: `host:port`, several as a list or separated by commas. Opens no connection
 * before the first call. `addressInvalid`, `invalidArgument`.
 */
export function connect(addresses: string | readonly string[], options: ConnectOptions): QuorateClient {
  return new QuorateClient(new ClientCore({ ...options, addresses: addressList(addresses) }), options);
}

function addressList(addresses: unknown): Address[] {
  const list: unknown = typeof addresses === 'string' ? addresses.split(',') : addresses;
  if (!Array.isArray(list))
    throw new QuorateError('invalidArgument', `addresses must be a text or a list of texts, not ${typeof addresses}`);
  return list.map((address: unknown) => {
    if (typeof address !== 'string') throw new QuorateError('invalidArgument', `an address must be a text, not ${typeof address}`);
    return parseAddress(address.trim());
  });
}

/**
 * A connection to a cluster, for as many streams, resources and calls at a time as one likes. Remote or embedded, it is the same.
 *
 * @example
 * ```ts
 * await using quorate = await Quorate.connect('127.0.0.1:7400');
 * const { offset } = await (await quorate.createStream('orders')).append('first');
 * await quorate.map('users').set('ada', { born: 1815 });
 * await using held = await quorate.lock('import').acquire();
 * ```
 */
export class QuorateClient extends ResourceMethods {
  /** Streams and sessions without promises. */
  readonly core: ClientCore;
  readonly #options: ConnectOptions;
  #sessions: SessionClient | null = null;
  #resources: Resources | null = null;

  /** Use `connect`. */
  constructor(core: ClientCore, options: ConnectOptions) {
    super();
    this.core = core;
    this.#options = options;
  }

  /** Maps, counters, locks, elections and resources of your own, all in one session that the first command opens. */
  get resources(): Resources {
    if (this.#resources === null) {
      const { clock, timers, logger } = this.#options;
      const { deadlineMs } = this.core;
      this.#resources = new Resources(this.#session(), {
        group: DEFAULT_GROUP,
        clock,
        timers,
        deadlineMs,
        ...(logger === undefined ? {} : { logger }),
      });
    }
    return this.#resources;
  }

  /** State of the session that resources share, by the clock: `suspended` and `expired` may be seen here before listeners are told. */
  get sessionState(): SessionState {
    return this.resources.state;
  }

  /**
   * Tells every change of the session's state, with the state that was told before it, until that is ended (`end`, or `using`). The present state
   * is not told: that is `sessionState`. States follow each other like this:
   *
   * - `opening`: a command wants a session, the first or one after `expired`. A client begins in this state, and it is not told then.
   * - `open`: in contact.
   * - `suspended`: out of contact; the session may go on (`open`) or not (`expired`).
   * - `expired`: it is over. What it held is lost (`lost` of locks and leaderships was told before), calls that waited for it have ended; the next
   *   command opens another. Also after `opening`, if a session was expired before and no other came about.
   * - `closed`: by `close`, before that resolves, or because the only node failed. Nothing is told after it.
   *
   * Listeners are called in the order in which they were added, never from within a call; all hear of one change before any hears of the next. What
   * one throws, or rejects with, goes to the client's `logger` (`callbackThrew`, level error) and stops nobody else. At most 1,000 at a time.
   * `invalidArgument`, `overloaded`, `closed`.
   *
   * @example
   * ```ts
   * using watching = quorate.onSessionState((state, previous) => console.log(previous, state));
   * ```
   */
  onSessionState(listener: SessionStateListener): SessionStateSubscription {
    const logger = this.#options.logger ?? SILENT_LOGGER;
    if (typeof listener !== 'function') return this.#session().onState(listener);
    return this.#session().onState((state, previous) => {
      const given: unknown = listener(state, previous);
      // An async function: nobody else would look at what it rejects with, and the process would end.
      if (given instanceof Promise) given.catch((thrown: unknown) => callbackThrew(logger, 'sessionState', thrown));
    });
  }

  /** A resource of a kind of your own, which the nodes must have too. */
  override resource<D extends ResourceDeclaration>(declaration: D, name: string): TypedResource<D> {
    return this.resources.resource(declaration, name);
  }

  /** A stream by name, whether it exists or not. */
  stream(name: string): Stream {
    return new Stream(this.core, name);
  }

  /** Creates a stream unless it exists, and gives it. `nameInvalid`. */
  async createStream(name: string, options: StreamCallOptions = {}): Promise<Stream> {
    const stream = this.stream(name);
    await stream.create(options);
    return stream;
  }

  /** All streams whose names start with `prefix`, in the order of their bytes. */
  async *listStreams(options: { readonly prefix?: string } & StreamCallOptions = {}): AsyncGenerator<StreamEntry, void, undefined> {
    const { prefix = '', signal } = options;
    const time = timeOf(options);
    let after = '';
    for (;;) {
      const query = { prefix, after, ...time };
      const page = await promiseOf<{ streams: readonly StreamEntry[]; hasMore: boolean }>(signal, (done) =>
        this.core.listStreams(query, done),
      );
      yield* page.streams;
      const last = page.streams.at(-1);
      if (!page.hasMore || last === undefined) return;
      after = last.name;
    }
  }

  /** Status of one node (`host:port`), by default of any that answers. */
  async status(options: { readonly address?: string } & StreamCallOptions = {}): Promise<NodeStatus> {
    const address: Address | undefined = options.address === undefined ? undefined : parseAddress(options.address);
    const query = {
      ...(address === undefined ? {} : { address }),
      ...timeOf(options),
    };
    return promiseOf(options.signal, (done) => this.core.status(query, done));
  }

  /** Asks the leader of a group to hand over to a node; 0: to the most caught-up one. `unavailable` if none is. */
  async transferLeader(group: GroupId, to: NodeId | 0 = 0, options: StreamCallOptions = {}): Promise<void> {
    const time = timeOf(options);
    await promiseOf<true>(options.signal, (done) => this.core.transferLeader(group, to, time, done));
  }

  /** Ends all connections. Calls that are not settled end with `closed`, writes that may have happened with `aborted` (unknown). */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.core.close(resolve);
    });
    await this.#options.afterClose?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #session(): SessionClient {
    const { sessionTtlMs, disconnectGraceMs, readFrom } = this.#options;
    this.#sessions ??= this.core.sessions(DEFAULT_GROUP, {
      ...(sessionTtlMs === undefined ? {} : { sessionTtlMs }),
      ...(disconnectGraceMs === undefined ? {} : { disconnectGraceMs }),
      ...(readFrom === undefined ? {} : { readFrom }),
    });
    return this.#sessions;
  }
}
