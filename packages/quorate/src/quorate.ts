import { type Logger, clusterId } from '@quorate/base';
import { type QuorateClient, type Stream, connect } from '@quorate/client';
import { NodeNetwork, nodeChecksum, nodeClock, nodeRandom } from '@quorate/platform-node';
import { HoldingTimers } from './holding-timers.js';

/** First and next offset, group, leader and term of a stream. */
export type StreamInfo = Awaited<ReturnType<Stream['info']>>;
/** A stored record: its offset and its bytes. */
export type StreamRecord = ReturnType<Stream['read']> extends AsyncGenerator<infer R> ? R : never;
/** A stream as the catalogue lists it. */
export type StreamEntry = ReturnType<QuorateClient['listStreams']> extends AsyncGenerator<infer E> ? E : never;
/** What a node says of itself. */
export type NodeStatus = Awaited<ReturnType<QuorateClient['status']>>;

/** Options of `Quorate.connect`. Times in ms, sizes in bytes. */
export interface ConnectOptions {
  /** 16 hexadecimal digits: any other cluster is refused with `clusterMismatch`. Default: the first that answers. */
  readonly clusterId?: string;
  /** Time a call may take, retries included. Default 5000. */
  readonly deadlineMs?: number;
  /** Time without an answer after which another node is asked. Default 400. */
  readonly stallMs?: number;
  /** Calls that wait at a time; beyond it `overloaded`. Default 65,536. */
  readonly callsMax?: number;
  /** Bytes of appends that wait; beyond it `overloaded`. Default 64 MiB. */
  readonly appendBytesMax?: number;
  readonly logger?: Logger;
}

/** The way in. */
export const Quorate = {
  /**
   * Connects to the cluster that one of `addresses` (`host:port`, a list or separated by commas) belongs to; resolves when a node has
   * answered. The other nodes are learnt from it. One client serves any number of streams and calls at a time.
   *
   * Errors: `addressInvalid`, `invalidArgument`; `unavailable` if no node answers within `deadlineMs`; `clusterMismatch`,
   * `protocolMismatch`, `versionUnsupported`.
   *
   * @example
   * ```ts
   * await using quorate = await Quorate.connect(['127.0.0.1:7400']);
   * const orders = quorate.stream('orders');
   * await orders.create();
   * const { offset } = await orders.append('hello');
   * ```
   */
  async connect(addresses: string | readonly string[], options: ConnectOptions = {}): Promise<QuorateClient> {
    const client = open(addresses, options);
    try {
      await client.status();
      return client;
    } catch (thrown) {
      await client.close();
      throw thrown;
    }
  },
} as const;

function open(addresses: string | readonly string[], { clusterId: cluster, ...rest }: ConnectOptions): QuorateClient {
  return connect(addresses, {
    network: new NodeNetwork(),
    clock: nodeClock,
    timers: new HoldingTimers(),
    random: nodeRandom,
    checksum: nodeChecksum,
    ...rest,
    ...(cluster === undefined ? {} : { clusterId: clusterId(cluster) }),
  });
}
