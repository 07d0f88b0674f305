import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_STREAM_GROUP, groupId } from '@quorate/base';
import { DEFAULT_SETTINGS, type HostSettings } from '@quorate/host';
import type { SimNode } from '@quorate/testkit';
import { append, runningCluster } from './harness.js';

const GROUP = groupId(FIRST_STREAM_GROUP);
/** A network and disks as on one machine. */
const LOCAL = { link: { latencyMs: 0.1, jitterMs: 0.2 }, diskLatency: { writeMs: [0, 0.1], syncMs: [1, 3] } } as const;

/** Virtual ms from the death of the leader to the first acknowledgement of an append that began after it, for each seed in order of length. */
function failOvers(seeds: number, settings: Partial<HostSettings>): number[] {
  const tookMs: number[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const { cluster, client } = runningCluster({ seed, settings, ...LOCAL });
    append(cluster, client, 's', 20);
    cluster.awaitLeader(GROUP).kill();
    const killedMs = cluster.scheduler.nowMs;
    append(cluster, client, 's', 1);
    tookMs.push(cluster.scheduler.nowMs - killedMs);
  }
  return tookMs.sort((a, b) => a - b);
}

test('fail-over: the leader dies while it is written to, 40 seeds → acknowledged again within 140 ms, half of them within 120', () => {
  const tookMs = failOvers(40, {});
  assert.ok((tookMs[20] as number) <= 120 && (tookMs.at(-1) as number) <= 140, `${tookMs.map(Math.round)}`);
});

test('fail-over without leases: the leader dies, 40 seeds → acknowledged again within 60 ms', () => {
  const tookMs = failOvers(40, { leases: false });
  assert.ok((tookMs.at(-1) as number) <= 60, `${tookMs.map(Math.round)}`);
});

test('fail-over: the connections of the leader break and are dialed anew within the lease → no election, in 20 seeds', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const { cluster, client } = runningCluster({ seed, ...LOCAL });
    cluster.runFor(500);
    const leader = cluster.awaitLeader(GROUP);
    const term = (node: SimNode): number => cluster.groupOn(node, GROUP)?.term ?? 0;
    const before = term(leader);
    for (const other of cluster.nodes.filter((node) => node !== leader)) {
      cluster.network.cut(leader.name, other.name, 'reset');
      cluster.network.heal(leader.name, other.name);
    }
    cluster.runFor(DEFAULT_SETTINGS.electionTimeoutMaxMs * 2);
    append(cluster, client, 's', 1);
    assert.deepEqual(cluster.nodes.map(term), [before, before, before], `seed ${seed}`);
  }
});
