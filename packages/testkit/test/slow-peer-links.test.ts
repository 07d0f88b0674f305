import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupId, NodeId } from '@quorate/base';
import { OpenLoop, partDone } from '@quorate/testkit';
import { type Ready, STREAM, appends, ready } from './ready-cluster.js';

const VALUE_BYTES = 20_000;

/** A cluster whose nodes have cables of so many bytes a second to each other. */
function slowPeers(seed: number, bytesPerSecond: number): Ready {
  const run = ready(seed, { settings: { journalFileBytes: 16_777_216 } });
  for (const from of run.cluster.nodes) {
    for (const to of run.cluster.nodes)
      if (from !== to) run.cluster.network.setLink(from.name, to.name, { bytesPerMs: bytesPerSecond / 1000 });
  }
  return run;
}

/** Who leads the group, and in which term. */
function office({ cluster, group }: Ready): string {
  const leader = cluster.awaitLeader(group);
  return `${leader.name} in term ${cluster.groupOn(leader, group)?.term}`;
}

// Which of two nodes asks for signs of life and which answers depends on their ids.
for (const leader of [1, 2, 3]) {
  for (const bytesPerSecond of [1_000_000, 500_000]) {
    test(`T73: a record of 1 MB on its way to the followers over links of ${bytesPerSecond / 1000} KB/s → its leader, node ${leader}, stays in office`, () => {
      const run = slowPeers(73, bytesPerSecond);
      const { cluster, client, group } = run;
      if (cluster.leaderOf(group) !== cluster.node(leader))
        cluster.await('a hand-over', 5000, (done) => client.core.transferLeader(group as GroupId, leader as NodeId, {}, done));
      cluster.runUntil(() => cluster.leaderOf(group) === cluster.node(leader), 5000, 'a leader');
      const before = office(run);
      for (let n = 0; n < 2; n++) {
        cluster.await('an append', 30_000, (done) => client.append(STREAM, { valueBytes: 1_000_000, deadlineMs: 30_000 }, done));
      }
      cluster.runFor(10_000);
      assert.equal(office(run), before);
      cluster.check([STREAM]);
    });
  }
}

const OVERLOADS = [
  { clients: 2, bytesPerSecond: 1_000_000 },
  { clients: 20, bytesPerSecond: 1_000_000 },
  { clients: 2, bytesPerSecond: 5_000_000 },
];

for (const { clients, bytesPerSecond } of OVERLOADS) {
  test(`T74: ${clients} clients append five times as much as links of ${bytesPerSecond / 1e6} MB/s between the nodes carry, then half of it → the leader stays in office, within 5 s at least 95 % succeed again`, () => {
    const run = slowPeers(74, bytesPerSecond);
    const { cluster } = run;
    const writers = Array.from({ length: clients }, (_, at) => cluster.client(`writer${at}`));
    const loop = new OpenLoop(cluster, appends(writers, VALUE_BYTES));
    const capacity = bytesPerSecond / VALUE_BYTES;
    const before = office(run);
    loop.run(capacity / 2, 2);
    const over = loop.run(capacity * 5, 6);
    assert.ok(partDone(over) < 0.5, `it was no overload: ${partDone(over)}`);
    loop.run(capacity / 2, 5);
    const after = loop.run(capacity / 2, 5);
    cluster.runFor(6000);
    assert.equal(loop.settled, loop.called);
    assert.equal(office(run), before);
    for (const [at, second] of after.entries())
      assert.ok(partDone([second]) >= 0.95, `second ${6 + at} after the overload: ${second.done} of ${second.called}`);
    cluster.check([STREAM]);
  });
}

test('T73: a group whose appends fill links of 1 MB/s between the nodes for six seconds → another one of the same leader is answered within one', () => {
  const run = slowPeers(73, 1_000_000);
  const { cluster, client, group } = run;
  cluster.await('another stream', 30_000, (done) => client.createStream('other', done));
  const other = (group + 1) as GroupId;
  cluster.runUntil(() => cluster.nodes.every((node) => cluster.groupOn(node, other) !== undefined), 5000, 'all nodes open it');
  const { name } = cluster.awaitLeader(group);
  const leader = Number(name.slice(1)) as NodeId;
  cluster.awaitLeader(other);
  if (cluster.leaderOf(other)?.name !== name)
    cluster.await('a hand-over', 5000, (done) => client.core.transferLeader(other, leader, {}, done));
  const writers = Array.from({ length: 20 }, (_, at) => cluster.client(`writer${at}`));
  const loop = new OpenLoop(cluster, appends(writers, VALUE_BYTES));
  cluster.runUntil(() => cluster.leaderOf(other)?.name === name, 5000, 'one leader of both');
  const tookMs: number[] = [];
  for (let second = 0; second < 6; second++) {
    const fromMs = cluster.scheduler.nowMs;
    client.append('other', {}, (error) => tookMs.push(error === null ? cluster.scheduler.nowMs - fromMs : Number.POSITIVE_INFINITY));
    loop.run(250, 1);
  }
  cluster.runFor(10_000);
  assert.equal(tookMs.length, 6);
  assert.ok(Math.max(...tookMs) <= 1000, `${Math.round(Math.max(...tookMs))} ms`);
});
