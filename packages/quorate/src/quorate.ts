import { setTimeout as delay } from 'node:timers/promises';
import { DEFAULT_GROUP, type Logger, type Network, QuorateError, SYSTEM_GROUP, clusterId, parseAddress, shownValue } from '@quorate/base';
import { type QuorateClient, type Stream, connect } from '@quorate/client';
import { NodeNetwork, nodeChecksum, nodeClock, nodeRandom } from '@quorate/platform-node';
import { throwIfAborted } from '@quorate/resources';
import { type EmbeddedNodeOptions, startEmbeddedNode } from '@quorate/server';
import { HoldingTimers } from './holding-timers.js';

/** First and next offset, group, leader and term of a stream. */
export type StreamInfo = Awaited<ReturnType<Stream['info']>>;
/** A stored record: its offset and its bytes. */
export type StreamRecord = ReturnType<Stream['read']> extends AsyncGenerator<infer R> ? R : never;
/** A stream as the catalogue lists it. */
export type StreamEntry = ReturnType<QuorateClient['listStreams']> extends AsyncGenerator<infer E> ? E : never;
/** What a node says of itself. */
export type NodeStatus = Awaited<ReturnType<QuorateClient['status']>>;

/** Options of a client. Times in ms, sizes in bytes. */
export interface ConnectOptions {
  /** 16 hexadecimal digits: any other cluster is refused with `clusterMismatch`. Default: the first that answers. */
  readonly clusterId?: string;
  /** Time a call may take, retries included. Default 5000. */
  readonly deadlineMs?: number;
  /** Time without an answer after which another node is asked. Default 400. */
  readonly stallMs?: number;
  /** Time without contact after which the cluster may end the session: its locks go to others. Default 10,000. */
  readonly sessionTtlMs?: number;
  /** Time that the session outlives its connection, as when the process dies; at most the ttl. Default: the ttl. */
  readonly disconnectGraceMs?: number;
  /** Calls that wait at a time; beyond it `overloaded`. Default 65,536. */
  readonly callsMax?: number;
  /** Bytes of appends that wait; beyond it `overloaded`. Default 64 MiB. */
  readonly appendBytesMax?: number;
  readonly logger?: Logger;
}

/** Options of a node in this process and of its client. */
export interface StartOptions extends ConnectOptions, Omit<EmbeddedNodeOptions, 'clusterId' | 'logger'> {
  /** Ends the wait for the cluster and stops the node again. Default: it waits as long as it takes. */
  readonly signal?: AbortSignal;
}

/** Pause between two looks at whether the cluster is ready. */
const READY_POLL_MS = 50;

/** The way in. */
export const Quorate = {
  /**
   * Connects to the cluster that one of `addresses` (`host:port`, a list or separated by commas) belongs to; resolves when a node has
   * answered. The other nodes are learnt from it. One client serves any number of streams, resources and calls at a time.
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
    checkOptions(options);
    const client = open(addresses, options, new NodeNetwork());
    try {
      await client.status();
      return client;
    } catch (thrown) {
      await client.close();
      throw thrown;
    }
  },

  /**
   * Runs a node of a cluster in this process and gives a client of that cluster: the same object as `connect`, but what concerns this node
   * does not leave the process. Resolves once the cluster serves, so with the first start of all members, later with that of a majority. `close`
   * stops the node too: it hands its leaderships over first. If the node fails (`onFatal`) the client goes on through the other members; without any,
   * calls that wait and later ones end at once with the code of that failure, such as `diskFailed`, or have it as the cause if they may have happened.
   *
   * Errors: those of `connect`; `addressInUse`, `directoryInUse`, `directoryForeign`, `formatUnsupported`, `dataDamaged`, `diskFull`, `diskFailed`; `cancelled`
   * if the signal fired before anything began, `aborted` if the node was started and stopped again.
   *
   * @example
   * ```ts
   * const members = ['10.0.0.1:7400', '10.0.0.2:7400', '10.0.0.3:7400'];
   * await using quorate = await Quorate.start({ data: './data', address: '10.0.0.1:7400', members });
   * const leadership = await quorate.election('boss').campaign();
   * ```
   */
  async start(options: StartOptions): Promise<QuorateClient> {
    checkOptions(options);
    const { signal, clusterId: cluster, ...node } = options;
    throwIfAborted(signal);
    const embedded = await startEmbeddedNode({ ...node, ...(cluster === undefined ? {} : { clusterId: clusterId(cluster) }) });
    let client: QuorateClient;
    try {
      client = open(embedded.addresses, options, embedded.network, {
        readFrom: parseAddress(options.address),
        afterClose: () => embedded.stop(),
      });
    } catch (thrown) {
      await embedded.stop();
      throw thrown;
    }
    // Other members may do what this one no longer does; without any nobody ever will.
    if (embedded.addresses.length === 1) embedded.whenFailed((error) => client.core.fail(nodeFailed(error)));
    try {
      await ready(client, options.address, signal);
      return client;
    } catch (thrown) {
      await client.close();
      if (!(thrown instanceof QuorateError) || thrown.code !== 'cancelled') throw thrown;
      throw new QuorateError('aborted', 'aborted while it waited for the cluster; the node is stopped again', {}, { cause: thrown.cause });
    }
  },
} as const;

/** The others are checked where they are used. */
function checkOptions(options: unknown): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return;
  throw new QuorateError('invalidArgument', `options must be an object, not ${shownValue(options)}`, { path: 'options' });
}

/** What calls end with when the only node has failed. */
function nodeFailed(error: QuorateError): QuorateError {
  const code = error.retry === 'never' ? error.code : 'closed';
  return new QuorateError(code, `this node failed: ${error.message}`, error.details, { cause: error });
}

/** Until the node knows leaders of the groups that everything begins with. */
async function ready(client: QuorateClient, address: string, signal: AbortSignal | undefined): Promise<void> {
  for (;;) {
    throwIfAborted(signal);
    const { state, groups } = await client.status({ address, ...(signal === undefined ? {} : { signal }) });
    if (state === 'failed') throw new QuorateError('groupStopped', `the node at ${address} failed before it was ready`, { address });
    const isLed = (wanted: number): boolean => groups.some(({ group, leader }) => group === wanted && leader !== 0);
    if (state === 'serving' && isLed(SYSTEM_GROUP) && isLed(DEFAULT_GROUP)) return;
    await delay(READY_POLL_MS);
  }
}

function open(
  addresses: string | readonly string[],
  options: ConnectOptions,
  network: Network,
  extra: Pick<Parameters<typeof connect>[1], 'readFrom' | 'afterClose'> = {},
): QuorateClient {
  const { clusterId: cluster, deadlineMs, stallMs, sessionTtlMs, disconnectGraceMs, callsMax, appendBytesMax, logger } = options;
  const given = { deadlineMs, stallMs, sessionTtlMs, disconnectGraceMs, callsMax, appendBytesMax, logger };
  const client = connect(addresses, {
    network,
    clock: nodeClock,
    timers: new HoldingTimers(),
    random: nodeRandom,
    checksum: nodeChecksum,
    ...withoutUndefined(given),
    ...extra,
    ...(cluster === undefined ? {} : { clusterId: clusterId(cluster) }),
  });
  // Checks the options of sessions too; nothing is open yet.
  void client.resources;
  return client;
}

/** The same without what is not given: an option that is `undefined` means its default. */
function withoutUndefined<T extends object>(given: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}
