import type { NodeStatus } from '@quorate/wire';
import { SimCluster, type SimClient, type SimClusterOptions, type SimNode } from '@quorate/testkit';

/** A running cluster with one client and streams of that name, each with some acknowledged records. */
export function runningCluster(options: SimClusterOptions, streams: readonly string[] = ['s']): { cluster: SimCluster; client: SimClient } {
  const cluster = new SimCluster(options);
  cluster.startAll();
  cluster.awaitLeader();
  const client = cluster.client('client');
  for (const stream of streams) createStream(cluster, client, stream);
  return { cluster, client };
}

export function createStream(cluster: SimCluster, client: SimClient, name: string): void {
  cluster.await(`creating ${name}`, 30_000, (done) => client.createStream(name, done));
  append(cluster, client, name, 3);
}

/** Appends one record after the other; each must be acknowledged. */
export function append(cluster: SimCluster, client: SimClient, stream: string, times: number): void {
  for (let i = 0; i < times; i++) cluster.await(`append to ${stream}`, 30_000, (done) => client.append(stream, {}, done));
}

export function statusOf(node: SimNode): NodeStatus {
  const status = node.status();
  if (status === null) throw new Error(`${node.name} does not run`);
  return status;
}

/** True if the node serves and no replica of it waits to be let in. */
export function isWhole(node: SimNode): boolean {
  const status = node.status();
  return (
    status?.state === 'serving' && status.groups.length > 0 && status.groups.every((group) => !group.isLearner && group.role !== 'stopped')
  );
}

export function awaitWhole(cluster: SimCluster, node: SimNode, groups: number): void {
  cluster.runUntil(
    () => isWhole(node) && statusOf(node).groups.length >= groups,
    30_000,
    `${node.name} has all ${groups} groups and votes in each`,
  );
}
