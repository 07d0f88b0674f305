import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, nodeId, trustedBatchHeader } from '@quorate/base';
import { encodeMessage } from '@quorate/raft';
import { Cluster, electLeader, others } from './harness/cluster.js';
import { LoneReplica, append, batch } from './harness/lone-replica.js';

test('T11: entry of an earlier term is on a majority (figure 3.7) → not committed by counting, only with an entry of the own term', () => {
  const cluster = new Cluster({ nodes: 5, tellsConnections: false, raft: { appendMessageBytes: 1 } });
  cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
  cluster.settle();
  cluster.run(200);
  // (a) node 1 leads and replicates an entry to node 2 only.
  const start = cluster.raft(1).commitIndex;
  cluster.filter = (flight) => flight.to === 2 || flight.to === 1;
  const old = cluster.propose(1, 'old');
  cluster.settle();
  assert.equal(cluster.raft(1).commitIndex, start);
  cluster.filter = () => true;
  // (b) it crashes; node 5 leads with 3 and 4, appends an entry of its own, and crashes before anyone has it.
  cluster.crash(1);
  cluster.nowMs += 1000;
  cluster.filter = (flight) => flight.message.type !== 'appendRequest' && flight.to !== 2;
  cluster.act(5, (raft) => raft.campaign(cluster.nowMs));
  cluster.settle();
  assert.equal(cluster.raft(5).role, 'leader');
  cluster.syncAll(5);
  cluster.crash(5);
  // (c) node 1 leads again and brings the old entry to node 3, not its own no-op: of messages with it only the head arrives.
  cluster.restart(1);
  cluster.filter = (flight) => {
    const { message } = flight;
    if (flight.to === 4 && message.type === 'appendRequest') return false;
    if (message.type !== 'appendRequest' || !message.batches.some((b) => trustedBatchHeader(b).term === message.term)) return true;
    const head = { ...message, batches: [] };
    cluster.flights.push({ ...flight, message: head, bytes: concatBytes(encodeMessage(head)) });
    return false;
  };
  for (let tries = 0; tries < 3 && cluster.raft(1).role !== 'leader'; tries++) {
    cluster.nowMs += 1000;
    cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
    cluster.settle();
  }
  assert.equal(cluster.raft(1).role, 'leader');
  cluster.run(100);
  for (const id of [1, 2, 3])
    assert.ok(cluster.member(id).disk.hasDurable(old?.index ?? 0, old?.term ?? 0), `node ${id} has the old entry`);
  assert.ok(cluster.raft(1).commitIndex < (old?.index ?? 0), 'it is not committed by that');
  // (e) with an entry of its own term on a majority both are.
  cluster.filter = () => true;
  cluster.run(500);
  assert.ok(cluster.raft(1).commitIndex > (old?.index ?? 0));
});

test('T12: leader disk hangs and one of two followers acknowledges → nothing is committed until a second disk has it', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [a, b] = others(leader) as [number, number];
  cluster.member(leader).isDiskHeld = true;
  cluster.filter = (flight) => flight.to !== b && flight.from !== b;
  const proposal = cluster.propose(leader, 'x');
  cluster.run(100);
  assert.ok(cluster.member(a).disk.hasDurable(proposal?.index ?? 0, proposal?.term ?? 0), 'one follower has it');
  assert.equal(proposal?.isAcked, false);
  cluster.member(leader).isDiskHeld = false;
  cluster.run(10);
  assert.equal(proposal?.isAcked, true);
});

test('T12: both followers have it durably, the leader does not → committed without the leader, and it survives the loss of the leader', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  cluster.member(leader).isDiskHeld = true;
  const proposal = cluster.propose(leader, 'x');
  cluster.run(50);
  assert.equal(proposal?.isAcked, true);
  cluster.crash(leader);
  cluster.member(leader).isDiskHeld = false;
  electLeader(cluster);
  cluster.restart(leader);
  cluster.run(1000);
  cluster.checkConverged();
});

test('T14: commit index ahead of the entries → follower commits only what this leader verified', () => {
  const lone = new LoneReplica();
  lone.step(
    nodeId(2),
    append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'stale'), batch(3, 1, 'stale')] }),
  );
  assert.equal(lone.step(nodeId(3), append({ term: 2, prevIndex: 1, prevTerm: 1, commitIndex: 3 })).commitIndex, 1);
  assert.equal(
    lone.step(nodeId(3), append({ term: 2, prevIndex: 9, prevTerm: 2, commitIndex: 9 })).commitIndex,
    1,
    'a refused request commits nothing',
  );
  assert.equal(
    lone.step(nodeId(3), append({ term: 2, prevIndex: 1, prevTerm: 1, commitIndex: 3, batches: [batch(2, 2, 'B')] })).commitIndex,
    2,
  );
});

test('hasReady: all was taken, on a leader and on followers → false, until something happens', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  assert.deepEqual(
    cluster.members.map(({ raft }) => raft?.hasReady()),
    [false, false, false],
  );
  cluster.raft(leader).proposeNoop(cluster.nowMs);
  assert.equal(cluster.raft(leader).hasReady(), true);
});
