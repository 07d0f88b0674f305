import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, HEARTBEAT_MS, electLeader, others } from './harness/cluster.js';

test('T52: read on a new leader before an entry of its term is committed → answered only afterwards, at that index', () => {
  const cluster = new Cluster({ nodes: 3 });
  const first = electLeader(cluster);
  const proposal = cluster.propose(first, 'x');
  cluster.run(2, () => proposal?.isAcked === true);
  cluster.run(50, () => proposal?.isAcked === true);
  cluster.crash(first);
  cluster.run(5000, () => cluster.leader !== 0);
  const next = cluster.leader;
  assert.equal(cluster.raft(next).isEstablished, false);
  cluster.act(next, (raft) => raft.readIndex(1, cluster.nowMs));
  assert.deepEqual(cluster.member(next).reads, []);
  cluster.run(200);
  assert.equal(cluster.member(next).reads.length, 1);
  assert.ok((cluster.member(next).reads[0]?.index ?? 0) > (proposal?.index ?? 0));
});

test('T55: leader cut off from the majority is asked to read → refused when it steps down, never answered', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  cluster.isolate(leader);
  cluster.act(leader, (raft) => raft.readIndex(5, cluster.nowMs));
  cluster.run(1000);
  assert.deepEqual([cluster.member(leader).reads, cluster.member(leader).readsFailed], [[], [5]]);
});

test('reads: many in one turn → one round of messages, all confirmed at the commit index', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const raft = cluster.raft(leader);
  for (let id = 1; id <= 100; id++) raft.readIndex(id, cluster.nowMs);
  cluster.pump(leader);
  assert.equal(cluster.flights.length, 2);
  cluster.run(20);
  assert.deepEqual(
    cluster.member(leader).reads,
    Array.from({ length: 100 }, (_, at) => ({ id: at + 1, index: raft.commitIndex })),
  );
  cluster.act(others(leader)[0] as number, (follower) => follower.readIndex(7, cluster.nowMs));
  assert.deepEqual(cluster.member(others(leader)[0] as number).readsFailed, [7], 'a follower refuses');
});

test('reads: entries go out in the same turn, and the disks of the followers hang → confirmed all the same', () => {
  const cluster = new Cluster({ nodes: 3, raft: { commitTellMs: 5 } });
  const leader = electLeader(cluster);
  cluster.run(100);
  for (const id of others(leader)) cluster.member(id).isDiskHeld = true;
  cluster.raft(leader).readIndex(1, cluster.nowMs);
  cluster.propose(leader, 'x');
  const fromMs = cluster.nowMs;
  cluster.run(25, () => cluster.member(leader).reads.length > 0);
  assert.deepEqual(
    cluster.member(leader).reads.map(({ id }) => id),
    [1],
  );
  assert.ok(cluster.nowMs - fromMs < HEARTBEAT_MS, 'before the next heartbeat');
});
