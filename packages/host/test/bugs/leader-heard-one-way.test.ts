import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import { DEFAULT_SETTINGS } from '@quorate/host';
import { runningCluster } from '../harness.js';
import { RawClient } from '../raw-client.js';

/** The answer to a heartbeat is known with the next one at the latest; and the delays of the simulated links and timers. */
const SLACK_MS = 3 * DEFAULT_SETTINGS.heartbeatMs;

// The lower id of a pair asks and the higher one answers: node 1 only asks, node 3 only answers.
for (const id of [1, 2, 3]) {
  test(`T07: node ${id} leads, hears both others and is heard by neither → it leaves office within the longest election timeout`, () => {
    const { cluster } = runningCluster({ seed: id });
    const leader = cluster.node(id);
    const present = cluster.awaitLeader(DEFAULT_GROUP);
    if (present !== leader) new RawClient(cluster, present).send({ type: 'transferLeader', group: DEFAULT_GROUP, to: leader.nodeId });
    cluster.runUntil(() => cluster.leaderOf(DEFAULT_GROUP) === leader, 5000, `node ${id} leads`);
    cluster.runFor(1000);
    // The others cannot elect another either, whose appends would tell it.
    const [one, two] = cluster.nodes.filter((node) => node !== leader) as [typeof leader, typeof leader];
    cluster.network.cutOneWay(leader.name, one.name);
    cluster.network.cutOneWay(leader.name, two.name);
    cluster.network.cut(one.name, two.name);
    const cutMs = cluster.scheduler.nowMs;
    cluster.runUntil(() => cluster.groupOn(leader, DEFAULT_GROUP)?.role !== 'leader', 10_000, 'it leaves office');
    const tookMs = cluster.scheduler.nowMs - cutMs;
    assert.ok(tookMs <= DEFAULT_SETTINGS.electionTimeoutMaxMs + SLACK_MS, `${tookMs} ms`);
    cluster.healAll();
    cluster.check(['s']);
  });
}
