import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogIndex, nodeId } from '@quorate/base';
import type { RaftMessage } from '@quorate/raft';
import { Cluster, electLeader } from './harness/cluster.js';

const n = nodeId;

/** What a host does: a barrier for each learner that a Ready names. */
function admitLearners(cluster: Cluster): Map<number, LogIndex> {
  const barriers = new Map<number, LogIndex>();
  for (const member of cluster.members) {
    const { raft } = member;
    if (raft?.role !== 'leader') continue;
    for (const peer of member.learnersWaiting) {
      const proposed = raft.proposeNoop(cluster.nowMs);
      assert.ok(proposed !== 'notLeader');
      raft.learnerBarrier(peer, proposed.index);
      barriers.set(peer, proposed.index);
    }
    cluster.pump(member.id);
  }
  return barriers;
}

function wipedFollower(): { cluster: Cluster; leader: number; wiped: number; other: number } {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  for (let i = 0; i < 5; i++) cluster.propose(leader, `v${i}`);
  cluster.run(200);
  const [wiped, other] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
  cluster.wipe(wiped);
  cluster.start(wiped);
  cluster.act(leader, (raft) => raft.peerReplaced(n(wiped)));
  return { cluster, leader, wiped, other };
}

test('T34: replica lost its data → fed as a learner, it neither votes nor counts', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(300);
  assert.equal(cluster.raft(wiped).lastIndex, cluster.raft(leader).lastIndex, 'it was fed');
  assert.equal(cluster.raft(wiped).isLearner, true);
  cluster.crash(other);
  const proposal = cluster.propose(leader, 'waits');
  cluster.run(200);
  assert.ok(cluster.member(wiped).disk.hasDurable(proposal?.index ?? 0, proposal?.term ?? 0));
  assert.equal(proposal?.isAcked, false, 'two durable copies, one of them a learner: no quorum');
  const granted: RaftMessage[] = [];
  cluster.filter = (flight) => {
    if (flight.message.type === 'voteResponse' && flight.message.isGranted && flight.from === wiped) granted.push(flight.message);
    return true;
  };
  cluster.run(3000);
  assert.deepEqual([cluster.leader, granted], [0, []], 'with the other node down the group waits');
  assert.equal(cluster.raft(wiped).role, 'follower');
});

test('T34: learner is asked for a vote and a pre-vote by a candidate with a better log → refused', () => {
  const cluster = new Cluster({ nodes: 3, learners: [2] });
  for (const isPreVote of [true, false]) {
    cluster.flights = [];
    cluster.act(2, (raft) =>
      raft.step(n(1), { type: 'voteRequest', term: 5, isPreVote, isTransfer: true, lastIndex: 9, lastTerm: 4 }, cluster.nowMs),
    );
    cluster.syncAll(2);
    assert.deepEqual(
      cluster.flights.map((flight) => flight.message.type === 'voteResponse' && flight.message.isGranted),
      [false],
    );
  }
  assert.equal(cluster.member(2).disk.hardState.votedFor, 0);
  assert.equal(cluster.raft(2).nextDeadlineMs, Number.POSITIVE_INFINITY, 'and it never stands itself');
  cluster.act(2, (raft) => raft.campaign(cluster.nowMs));
  assert.equal(cluster.raft(2).role, 'follower');
});

test('T50: learner has caught up and the barrier is committed by the others → it votes and counts again, durably', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(50);
  const barriers = admitLearners(cluster);
  assert.deepEqual([...barriers.keys()], [wiped]);
  cluster.member(wiped).isDiskHeld = true;
  cluster.run(50);
  assert.equal(cluster.raft(wiped).isLearner, true, 'not before it holds the barrier durably');
  let claims = 0;
  cluster.filter = (flight) => {
    if (flight.from === wiped && flight.message.type === 'appendResponse' && !flight.message.isLearner) {
      claims++;
      assert.equal(cluster.member(wiped).disk.hardState.isLearner, false, 'it says so only when its disk has it');
    }
    return true;
  };
  cluster.member(wiped).isDiskHeld = false;
  cluster.run(200);
  assert.ok(claims > 0);
  assert.equal(cluster.raft(wiped).isLearner, false);
  cluster.crash(other);
  const proposal = cluster.propose(leader, 'counts');
  cluster.run(100);
  assert.equal(proposal?.isAcked, true);
  assert.equal(admitLearners(cluster).size, 0, 'it waits for nothing more');
});

test('T49: a learner was admitted and lags behind when it crashes and the leader too → it knows that it votes: the other one is elected by it', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(50);
  admitLearners(cluster);
  cluster.run(200);
  cluster.cut(leader, wiped);
  const proposal = cluster.propose(leader, 'not at the one that was admitted');
  cluster.run(100);
  assert.equal(proposal?.isAcked, true);
  cluster.crash(wiped);
  cluster.crash(leader);
  cluster.restart(wiped);
  cluster.run(3000, () => cluster.leader === other);
  assert.equal(cluster.leader, other, 'with the vote of the admitted one alone');
  const next = cluster.propose(other, 'counts');
  cluster.run(200);
  assert.equal(next?.isAcked, true);
});

test('T49: the barrier is committed, and the leader crashes before the learner hears of it → refused votes, nobody leads; it votes once another leader admits it', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(50);
  cluster.filter = ({ to, message }) => to !== wiped || message.type !== 'appendRequest' || message.admitAt === 0;
  admitLearners(cluster);
  cluster.run(200);
  assert.equal(cluster.raft(wiped).isLearner, true, 'it has not heard of it');
  const proposal = cluster.propose(leader, 'by the other two');
  cluster.run(100);
  assert.equal(proposal?.isAcked, true);
  cluster.crash(leader);
  cluster.filter = () => true;
  cluster.run(3000);
  assert.equal(cluster.leader, 0, 'a learner with all of the log is no vote');
  cluster.restart(leader);
  cluster.run(3000, () => cluster.leader !== 0);
  cluster.run(100);
  assert.deepEqual([...admitLearners(cluster).keys()], [wiped], 'the barrier of the leader before does not count');
  cluster.run(200);
  const second = cluster.leader;
  cluster.crash(second);
  cluster.run(3000, () => cluster.leader !== 0);
  assert.ok(cluster.leader === wiped || cluster.leader === (second === leader ? other : leader), 'two that vote, and one is elected');
});

test('T49: the learner is fed by a snapshot behind its barrier → it learns that it votes, and elects with one other', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(50);
  cluster.isolate(wiped);
  const [barrier = 0] = admitLearners(cluster).values();
  for (let i = 0; i < 5; i++) cluster.propose(leader, `w${i}`);
  cluster.run(200);
  for (const id of [leader, other]) assert.ok(cluster.compact(id) >= barrier, 'the barrier is in the snapshot');
  cluster.heal();
  cluster.run(1000);
  assert.ok(cluster.member(wiped).installs > 0);
  assert.equal(cluster.raft(wiped).isLearner, false);
  cluster.crash(leader);
  cluster.run(3000, () => cluster.leader !== 0);
  assert.ok(cluster.leader === wiped || cluster.leader === other);
  cluster.checkLogMatching();
});

test('T50: the barrier is not committed because the other voter is down → the learner is not admitted', () => {
  const { cluster, wiped, other } = wipedFollower();
  cluster.crash(other);
  cluster.run(50);
  admitLearners(cluster);
  cluster.run(200);
  assert.equal(cluster.raft(wiped).isLearner, true);
});

test('T50: admitted replica loses its data again under the same leader → its old acknowledgements count no longer', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(50);
  admitLearners(cluster);
  cluster.run(200);
  assert.equal(cluster.raft(wiped).isLearner, false);
  cluster.wipe(wiped);
  cluster.start(wiped);
  cluster.run(100);
  assert.equal(cluster.raft(wiped).isLearner, true);
  cluster.cut(leader, other);
  const proposal = cluster.propose(leader, 'waits');
  cluster.run(100);
  assert.equal(proposal?.isAcked, false);
});

test('T50: replica acknowledges, loses its data, and only then the leader has it on disk → no quorum of what is gone', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [wiped, other] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
  cluster.cut(leader, other);
  cluster.member(leader).isDiskHeld = true;
  const proposal = cluster.propose(leader, 'x');
  cluster.run(20);
  cluster.wipe(wiped);
  cluster.start(wiped);
  cluster.run(20);
  cluster.member(leader).isDiskHeld = false;
  cluster.run(20);
  assert.equal(proposal?.isAcked, false);
});

test('T50: answer from before the loss arrives late, under the same leader → it does not make the learner count', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(50);
  cluster.cut(leader, other);
  const proposal = cluster.propose(leader, 'waits');
  cluster.run(50);
  const late: RaftMessage = {
    type: 'appendResponse',
    term: cluster.raft(leader).term,
    isAccepted: true,
    matchIndex: proposal?.index ?? 0,
    receivedIndex: proposal?.index ?? 0,
    hintTerm: 0,
    probe: 1,
    isLearner: false,
  };
  cluster.act(leader, (raft) => raft.step(n(wiped), late, cluster.nowMs));
  assert.equal(proposal?.isAcked, false);
});

test('learner under a new leader: barrier of the old one → the new leader asks for its own', () => {
  const { cluster, leader, wiped, other } = wipedFollower();
  cluster.run(50);
  cluster.act(leader, (raft) => raft.transferLeader(n(other), cluster.nowMs));
  cluster.run(200);
  assert.equal(cluster.leader, other);
  assert.deepEqual([...admitLearners(cluster).keys()], [wiped]);
  cluster.run(200);
  assert.equal(cluster.raft(wiped).isLearner, false);
});

test('learner cannot become leader by transfer → refused', () => {
  const { cluster, leader, wiped } = wipedFollower();
  cluster.run(50);
  assert.equal(cluster.raft(leader).transferLeader(n(wiped), cluster.nowMs), false);
});

test('new group: first leader → writes the configuration behind its no-op, later leaders do not repeat it', () => {
  const cluster = new Cluster({ nodes: 3 });
  const lines: string[] = [];
  (cluster.options as { trace?: (line: string) => void }).trace = (line) => void lines.push(line);
  const first = electLeader(cluster);
  assert.deepEqual(
    lines.filter((line) => line.startsWith(`${first} appends`)),
    [`${first} appends 1@1 noop`, `${first} appends 2@1 configuration`],
  );
  cluster.run(100);
  cluster.crash(first);
  const second = electLeader(cluster);
  assert.deepEqual(
    lines.filter((line) => line.startsWith(`${second} appends`) && line.includes('@2')),
    [`${second} appends 3@2 noop`],
  );
  assert.deepEqual(cluster.raft(second).configuration, { voters: [1, 2, 3] });
});
