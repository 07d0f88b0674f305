import { clusterId } from '@quorate/base';
import { type QuorateClient, connect } from '@quorate/client';
import { NodeNetwork, nodeChecksum, nodeClock, nodeRandom, nodeTimers } from '@quorate/platform-node';
import { asUsage } from './report-error.js';

/** Flags of the commands that talk to a cluster. */
export interface ConnectFlags {
  readonly connect: readonly string[];
  readonly cluster?: string;
  /** Seconds. */
  readonly timeout: number;
  readonly json: boolean;
  /** Ms without contact after which the cluster may end the session. Default: the client's. */
  readonly sessionTtl?: number;
}

/** A client on the ports of this process; no connection is opened before the first call. */
export function openClient(flags: ConnectFlags): QuorateClient {
  const { cluster, sessionTtl } = flags;
  return connect(flags.connect, {
    network: new NodeNetwork(),
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    checksum: nodeChecksum,
    deadlineMs: flags.timeout * 1000,
    ...(sessionTtl === undefined ? {} : { sessionTtlMs: sessionTtl }),
    ...(cluster === undefined ? {} : { clusterId: asUsage('--cluster', () => clusterId(cluster)) }),
  });
}

/** Runs `body` with a client that is closed afterwards, whatever happens. */
export async function withClient<T>(flags: ConnectFlags, body: (client: QuorateClient) => Promise<T>): Promise<T> {
  const client = openClient(flags);
  try {
    return await body(client);
  } finally {
    await client.close();
  }
}
