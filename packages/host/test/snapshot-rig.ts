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
