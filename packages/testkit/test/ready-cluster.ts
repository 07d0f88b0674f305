import { FIRST_STREAM_GROUP } from '@quorate/base';
import { SimCluster, type SimClient, type SimClusterOptions, type SimNode } from '@quorate/testkit';

/** The stream that these tests append to. */
export const STREAM = 'orders';

/** A cluster that serves. */
export interface Ready {
  cluster: SimCluster;
  client: SimClient;
  /** Group of the stream. */
  group: number;
}

/** A formed cluster with one stream and a client. */
export function ready(seed: number, options: Omit<SimClusterOptions, 'seed'> = {}): Ready {
  const cluster = new SimCluster({ seed, ...options });
  cluster.startAll();
  cluster.awaitLeader();
  const client = cluster.client('client');
  cluster.await('creating the stream', 30_000, (done) => client.createStream(STREAM, done));
  const groupOf = (node: SimNode): number | undefined =>
    node.status()?.groups.find((candidate) => candidate.group >= FIRST_STREAM_GROUP)?.group;
  cluster.runUntil(() => cluster.nodes.every((node) => groupOf(node) !== undefined), 5000, 'all nodes open the stream');
  const group = groupOf(cluster.node(1)) as number;
  cluster.awaitLeader(group);
  return { cluster, client, group };
}

/** Appends one record and waits for its acknowledgement. */
export function append({ cluster, client }: Ready): void {
  cluster.await('an append', 30_000, (done) => client.append(STREAM, {}, done));
}

/** Calls of an open loop: appends of one record of that size, by each client in turn. */
export function appends(clients: readonly SimClient[], valueBytes: number): (at: number, done: (error: Error | null) => void) => void {
  return (at, done) => clients[at % clients.length]?.append(STREAM, { valueBytes }, done);
}

/** All nodes but these. */
export function others(cluster: SimCluster, ...without: SimNode[]): SimNode[] {
  return cluster.nodes.filter((node) => !without.includes(node));
}

/** True if a replica on the node waits to be let in. */
export const isLearner = (node: SimNode): boolean => node.status()?.groups.some((group) => group.isLearner) === true;
/** True if the node has all groups and votes in each. */
export const isWhole = (node: SimNode): boolean => {
  const status = node.status();
  return status !== null && status.groups.length === 3 && status.groups.every((group) => !group.isLearner && group.role !== 'stopped');
};
