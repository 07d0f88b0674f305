import { DEFAULT_GROUP } from '@quorate/base';
import type { HostSettings } from '@quorate/host';
import type { SimCluster, SimNode } from '@quorate/testkit';
import type { TallyUser } from './session-rig.js';

/** So that a few dozen commands of a thousand bytes make a snapshot due. */
export const SNAPSHOT_BYTES = 32_768;

/** Settings of a cluster that takes snapshots all the time. */
export function snapshotSettings(more: Partial<HostSettings> = {}): Partial<HostSettings> {
  return { snapshotLogBytes: SNAPSHOT_BYTES, journalFileBytes: 262_144, ...more };
}

/** Puts `count` values of so many bytes into a few slots, one after the other; each must succeed. */
export function fill(user: TallyUser, count: number, bytes: number, slots = 8): void {
  for (let i = 0; i < count; i++) user.run('put', { slot: i % slots, value: new Uint8Array(bytes).fill(i & 255) });
}

export function firstIndexOn(cluster: SimCluster, node: SimNode): number {
  return cluster.groupOn(node, DEFAULT_GROUP)?.firstIndex ?? 0;
}

/** Waits until all replicas of the default space have applied the same, and compares their states. */
export function awaitLevel(cluster: SimCluster, nodes: readonly SimNode[] = cluster.nodes, withinMs = 30_000): void {
  const states = (): string[] =>
    nodes.map((node) => {
      const state = node.appliedState(DEFAULT_GROUP);
      return state === null ? 'none' : String(state.appliedIndex);
    });
  cluster.runUntil(() => states().every((state, _, all) => state === all[0] && state !== 'none'), withinMs, 'all replicas are level');
  const hashes = new Set(nodes.map((node) => node.appliedState(DEFAULT_GROUP)?.hash));
  if (hashes.size !== 1) throw cluster.fault(`states differ: ${[...hashes].join(', ')}`);
}

/** Snapshots on the disk of a node, complete or not. */
export function snapshotFiles(node: SimNode): string[] {
  return node.disk.paths().filter((path) => path.startsWith('snapshots/'));
}

/** Waits until a figure of a node is at least so much. */
export function awaitMetric(cluster: SimCluster, node: SimNode, name: string, least: number, withinMs = 30_000): void {
  cluster.runUntil(() => (node.status()?.metrics[name] ?? 0) >= least, withinMs, `${name} of ${node.name} reaches ${least}`);
}

/** Makes snapshots due with a few large commands. */
export function fillQuickly(user: TallyUser, times = 3): void {
  fill(user, times, 30_000, 2);
}

/** The state is level, and the number is what was acknowledged. */
export function checkSum(cluster: SimCluster, user: TallyUser, sum: number): void {
  const { error, value } = user.ask('get');
  if (error !== null || value !== sum) throw cluster.fault(`the number is ${String(value)}, not ${sum}`);
  awaitLevel(cluster);
}
