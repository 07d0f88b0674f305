import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@quorate/base';
import { Cluster, electLeader, others } from './harness/cluster.js';
import { LoneReplica, append, batch } from './harness/lone-replica.js';

test('T13: entry is cut while its sync is under way, and replaced → the late completion of the first does not acknowledge the second', () => {
  const lone = new LoneReplica();
  lone.step(nodeId(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'b')] }));
  const first = lone.disk.completeOne();
  assert.ok(first);
  // Before the completion is told, a leader of term 2 replaces entry 2.
  lone.step(nodeId(3), append({ term: 2, prevIndex: 1, prevTerm: 1, batches: [batch(2, 2, 'B')] }));
  lone.raft.onDurable(first.version, 2, 0);
  assert.equal(lone.raft.durableIndex, 1);
  for (const answer of lone.answers(lone.ready())) assert.ok(answer.matchIndex <= 1, `match ${answer.matchIndex}`);
  lone.disk.completeOne();
  lone.raft.onDurable(3, 2, 0);
  const answers = lone.answers(lone.ready());
  assert.equal(answers.at(-1)?.matchIndex, 2);
  for (const answer of answers.slice(0, -1)) assert.ok(answer.matchIndex <= 1, `match ${answer.matchIndex}`);
});

test('T13: a later term is already durable when the cut happens → still only a completion that knows of the cut counts', () => {
  const lone = new LoneReplica();
  lone.step(nodeId(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'b')] }));
  lone.step(nodeId(3), append({ term: 2, prevIndex: 0, prevTerm: 0 }));
  lone.raft.onDurable(2, 0, 0);
  lone.step(nodeId(3), append({ term: 2, prevIndex: 1, prevTerm: 1, batches: [batch(2, 2, 'B')] }));
  lone.raft.onDurable(2, 2, 0);
  assert.equal(lone.raft.durableIndex, 1);
  lone.raft.onDurable(3, 2, 0);
  assert.equal(lone.raft.durableIndex, 2);
});

test('T13: entries are cut before the host has taken them → durable never runs ahead of what was taken', () => {
  const lone = new LoneReplica();
  lone.raft.step(nodeId(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a')] }), 0);
  lone.raft.onDurable(0, 1, 0);
  assert.equal(lone.raft.durableIndex, 0);
});

test('T22: power is cut everywhere just after the first commit of a new leader → everything acknowledged is there afterwards', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const cluster = new Cluster({ nodes: 3, seed, diskMs: 1 + (seed % 7) });
    const leader = electLeader(cluster);
    for (let i = 0; i < 5; i++) cluster.propose(leader, `v${i}`);
    cluster.run(seed % 9);
    cluster.crash(leader);
    cluster.run(5000, () => cluster.leader !== 0 && cluster.raft(cluster.leader).isEstablished);
    for (const member of cluster.members) if (member.raft !== null) cluster.crash(member.id);
    for (const member of cluster.members) cluster.restart(member.id);
    const last = electLeader(cluster);
    cluster.propose(last, 'last');
    cluster.run(1000);
    cluster.checkConverged();
  }
});

test('T22: follower has entries in memory only → it answers once they are durable, and a heartbeat before that with what it received', () => {
  const lone = new LoneReplica();
  lone.step(nodeId(2), append({ term: 1, prevIndex: 0, prevTerm: 0 }));
  lone.disk.completeOne();
  lone.raft.onDurable(1, 0, 0);
  lone.ready();
  const entry = append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a')] });
  assert.deepEqual(lone.answers(lone.step(nodeId(2), entry)), []);
  // A heartbeat, and the same entries once more, which may be all that the leader goes on with.
  for (const message of [append({ term: 1, prevIndex: 1, prevTerm: 1 }), entry]) {
    assert.deepEqual(
      lone.answers(lone.step(nodeId(2), message)).map((answer) => [answer.matchIndex, answer.receivedIndex]),
      [[0, 1]],
    );
  }
  lone.raft.onDurable(1, 1, 0);
  assert.deepEqual(
    lone.answers(lone.ready()).map((answer) => [answer.matchIndex, answer.receivedIndex]),
    [[1, 1]],
  );
});

test('follower with a hanging disk: entries go on coming → it takes no more than its bound, and catches up when the disk returns', () => {
  const cluster = new Cluster({ nodes: 3, raft: { windowBytes: 1000, appendMessageBytes: 500 } });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [slow] = others(leader) as [number, number];
  cluster.member(slow).isDiskHeld = true;
  for (let i = 0; i < 60; i++) {
    cluster.propose(leader, `${i}`.padEnd(200, '.'));
    cluster.run(10);
  }
  const undurable = cluster
    .member(slow)
    .disk.batches.slice(cluster.member(slow).disk.durable.length)
    .reduce((sum, b) => sum + b.bytes.length, 0);
  assert.ok(undurable <= 4 * 1000 + 500, `${undurable} bytes`);
  cluster.member(slow).isDiskHeld = false;
  cluster.run(3000);
  assert.ok(cluster.proposals.every((proposal) => proposal.isAcked));
  cluster.checkConverged();
});
