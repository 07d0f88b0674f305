import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@quorate/base';
import { Cluster, electLeader } from './harness/cluster.js';
import { LoneReplica, append, batch } from './harness/lone-replica.js';

test('T20: leadership moves A, B, A with suffixes that are not flushed → acknowledged entries survive, logs converge', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const cluster = new Cluster({ nodes: 3, seed });
    electLeader(cluster);
    for (let flip = 0; flip < 6; flip++) {
      const leader = electLeader(cluster);
      cluster.run(50);
      for (let i = 0; i < 3; i++) cluster.propose(leader, `${seed}.${flip}.${i}`);
      const held = 1 + (cluster.random.nextUint32() % 3);
      cluster.member(held).isDiskHeld = true;
      cluster.run(cluster.random.nextUint32() % 4);
      cluster.isolate(leader);
      cluster.propose(leader, `${seed}.${flip}.lost`);
      cluster.run(600);
      if (flip % 2 === 0) {
        cluster.crash(held);
        cluster.restart(held);
      }
      cluster.member(held).isDiskHeld = false;
      cluster.heal();
    }
    cluster.run(2000);
    const last = cluster.propose(electLeader(cluster), 'last');
    cluster.run(500);
    assert.equal(last?.isAcked, true, `seed ${seed}`);
    cluster.checkLogMatching();
    cluster.checkConverged();
  }
});

test('T20: follower has a durable suffix of an earlier leader → it acknowledges only what this leader compared', () => {
  const lone = new LoneReplica();
  lone.step(
    nodeId(2),
    append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'stale'), batch(3, 1, 'stale')] }),
  );
  lone.raft.onDurable(1, 3, 0);
  lone.ready();
  lone.step(nodeId(3), append({ term: 2, prevIndex: 1, prevTerm: 1 }));
  lone.raft.onDurable(2, 3, 0);
  const answers = lone.answers(lone.ready()).filter((answer) => answer.term === 2 && answer.isAccepted);
  assert.deepEqual(
    answers.map((answer) => [answer.matchIndex, answer.receivedIndex]),
    [[1, 1]],
  );
});

test('T21: leader crashes with a durable tail that nobody has, rejoins → the tail is gone, the new log is there', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  cluster.filter = () => false;
  const lost = cluster.propose(leader, 'tail');
  cluster.run(10);
  assert.ok(cluster.member(leader).disk.hasDurable(lost?.index ?? 0, lost?.term ?? 0));
  cluster.filter = () => true;
  cluster.crash(leader);
  const next = electLeader(cluster);
  const kept = cluster.propose(next, 'kept');
  cluster.run(100);
  cluster.restart(leader);
  cluster.run(1000);
  assert.equal(lost?.isAcked, false);
  assert.equal(kept?.isAcked, true);
  assert.equal(
    cluster.member(leader).disk.batches.some((b) => b.baseIndex === lost?.index && b.term === lost.term),
    false,
  );
  cluster.checkConverged();
});

test('conflict inside a batch of the leader: follower hint lies between borders → they meet at the border below', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false, raft: { leaseMs: 0 } });
  const [one, two] = [cluster.member(1), cluster.member(2)];
  // Leader's log: 1..4 in term 2, then 5 of term 4. Follower's: 1, 2 in term 3.
  one.raft = null;
  two.raft = null;
  one.disk.durable.push(
    { bytes: batch(1, 2, 'abcd', 4), baseIndex: 1, lastIndex: 4, term: 2 },
    { bytes: batch(5, 4, 'e'), baseIndex: 5, lastIndex: 5, term: 4 },
  );
  two.disk.durable.push({ bytes: batch(1, 3, 'x', 2), baseIndex: 1, lastIndex: 2, term: 3 });
  for (const member of [one, two]) {
    member.disk.hardState = { term: 4, votedFor: 0, isLearner: false };
    member.disk.crash();
  }
  cluster.start(1);
  cluster.start(2);
  let refusals = 0;
  cluster.filter = ({ from, message }) => {
    if (
      from === 2 &&
      message.type === 'appendResponse' &&
      !message.isAccepted &&
      message.term === cluster.raft(1).term &&
      cluster.leader === 1
    )
      refusals++;
    return true;
  };
  cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
  cluster.run(500);
  assert.equal(cluster.leader, 1);
  cluster.checkConverged();
  assert.equal(refusals, 1);
});
