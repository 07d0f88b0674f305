import { type Address, type ClusterId, type GroupId, type NodeId, QuorateError, parseAddress } from '@quorate/base';
import { promiseOf } from '@quorate/resources';
import type { NodeStatus, StreamEntry } from '@quorate/wire';
import { ClientCore } from './core/client-core.js';
import type { ClientOptions } from './core/options.js';
import { Stream, type StreamCallOptions } from './stream.js';

/** What the environment supplies (the package `quorate` does for Node.js), and options. */
export type ConnectOptions = Omit<ClientOptions, 'addresses' | 'clusterId'> & { readonly clusterId?: ClusterId };

/**
 * A client of the cluster that one of `addresses` belongs to: `host:port`, several as a list or separated by commas. Opens no connection
 * before the first call. `addressInvalid`, `invalidArgument`.
 */
export function connect(addresses: string | readonly string[], options: ConnectOptions): QuorateClient {
  return new QuorateClient(new ClientCore({ ...options, addresses: addressList(addresses) }));
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
 * A connection to a cluster, for as many streams and calls at a time as one likes.
 *
 * @example
 * ```ts
 * await using client = Quorate.connect('127.0.0.1:7400');
 * await client.createStream('orders');
 * await client.stream('orders').append('first');
 * ```
 */
export class QuorateClient {
  /** The same without promises. */
  readonly core: ClientCore;

  constructor(core: ClientCore) {
    this.core = core;
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
    const { prefix = '', signal, deadlineMs } = options;
    const time = deadlineMs === undefined ? {} : { deadlineMs };
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
      ...(options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs }),
    };
    return promiseOf(options.signal, (done) => this.core.status(query, done));
  }

  /** Asks the leader of a group to hand over to a node; 0: to the most caught-up one. `unavailable` if none is. */
  async transferLeader(group: GroupId, to: NodeId | 0 = 0, options: StreamCallOptions = {}): Promise<void> {
    const time = options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs };
    await promiseOf<true>(options.signal, (done) => this.core.transferLeader(group, to, time, done));
  }

  /** Ends all connections. Calls that are not settled end with `closed`, writes that may have happened with `aborted` (unknown). */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.core.close(resolve);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
