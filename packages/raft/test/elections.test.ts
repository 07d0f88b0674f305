import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@quorate/base';
import { Cluster, type Flight, electLeader } from './harness/cluster.js';

const n = nodeId;
const isRealRequest = (flight: Flight): boolean => flight.message.type === 'voteRequest' && !flight.message.isPreVote;
const isGrantedVote = (flight: Flight): boolean =>
  flight.message.type === 'voteResponse' && !flight.message.isPreVote && flight.message.isGranted;

/** Runs node `id` up to the moment at which its requests for real votes are under way, with the pre-vote of node 2. */
function stand(cluster: Cluster, id: number): void {
  cluster.act(id, (raft) => raft.campaign(cluster.nowMs));
  for (const [from, to] of [
    [id, 2],
    [2, id],
  ]) {
    const flight = cluster.flights.find((other) => other.from === from && other.to === to && 'isPreVote' in other.message);
    assert.ok(flight, `pre-vote from ${from} to ${to}`);
    cluster.deliver(flight);
  }
  cluster.syncAll(id);
  assert.ok(
    cluster.flights.some((flight) => isRealRequest(flight) && flight.from === id),
    'it asks for votes',
  );
}
const requestTo = (cluster: Cluster, from: number, to: number): Flight => {
  const flight = cluster.flights.find((other) => isRealRequest(other) && other.from === from && other.to === to);
  assert.ok(flight, `request of ${from} to ${to}`);
  return flight;
};

test('T01: voter crashes after its vote reply, unsynced pages lost, second candidate of that term asks → one leader in the term', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  stand(cluster, 1);
  stand(cluster, 3);
  assert.equal(cluster.raft(1).term, cluster.raft(3).term);
  const second = requestTo(cluster, 3, 2);
  cluster.deliver(requestTo(cluster, 1, 2));
  // Whatever left node 2 by now counts, even though its disk has nothing yet.
  for (const vote of cluster.flights.filter(isGrantedVote)) cluster.deliver(vote);
  cluster.crash(2);
  cluster.restart(2);
  cluster.flights.push(second);
  cluster.deliver(second);
  cluster.syncAll(2);
  for (const vote of cluster.flights.filter(isGrantedVote)) cluster.deliver(vote);
  assert.deepEqual([...cluster.leaders.values()], [3], 'the vote for node 1 never left, the one for node 3 counts');
});

test('T01: vote is granted → the answer leaves only when term and vote are durable', () => {
  const cluster = new Cluster({ nodes: 3 });
  stand(cluster, 1);
  cluster.deliver(requestTo(cluster, 1, 2));
  assert.equal(cluster.flights.filter(isGrantedVote).length, 0);
  cluster.sync(2);
  assert.equal(cluster.flights.filter(isGrantedVote).length, 1);
  assert.deepEqual(cluster.member(2).disk.hardState, { term: 1, votedFor: 1, isLearner: false });
});

test('T02: candidate crashes after voting for itself, another candidate of that term asks it → one leader in the term', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
  for (const flight of [...cluster.flights]) cluster.deliver(flight);
  for (const flight of [...cluster.flights]) cluster.deliver(flight);
  assert.equal(cluster.raft(1).role, 'candidate');
  // Its disk has not answered: nobody was asked, and if somebody had been, the answers would make it leader now.
  for (const flight of cluster.flights.filter(isRealRequest)) cluster.deliver(flight);
  cluster.syncAll(2);
  for (const vote of cluster.flights.filter(isGrantedVote)) cluster.deliver(vote);
  assert.equal(cluster.leaders.size, 0, 'no leader without its own vote on disk');
  cluster.crash(1);
  cluster.restart(1);
  assert.equal(cluster.raft(1).term, 0);
  stand(cluster, 3);
  cluster.deliver(requestTo(cluster, 3, 1));
  cluster.syncAll(1);
  for (const vote of cluster.flights.filter(isGrantedVote)) cluster.deliver(vote);
  assert.deepEqual([...cluster.leaders], [[1, 3]]);
});

test('T02: candidate in a group of two gets the other vote before its own is durable → leads only afterwards', () => {
  const cluster = new Cluster({ nodes: 2 });
  cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
  cluster.deliver(cluster.flights[0] as Flight);
  cluster.deliver(cluster.flights[0] as Flight);
  cluster.act(1, (raft) => raft.step(n(2), { type: 'voteResponse', term: 1, isPreVote: false, isGranted: true }, cluster.nowMs));
  assert.equal(cluster.raft(1).role, 'candidate');
  cluster.sync(1);
  assert.equal(cluster.raft(1).role, 'leader');
});

test('T03: every vote request comes twice and the first answers are lost → elected in one round', () => {
  const cluster = new Cluster({ nodes: 3 });
  stand(cluster, 1);
  const requests = cluster.flights.filter(isRealRequest);
  for (const request of requests) cluster.deliver(request);
  cluster.syncAll(2);
  cluster.syncAll(3);
  assert.equal(cluster.flights.filter(isGrantedVote).length, 2);
  cluster.flights = [];
  for (const request of requests) cluster.deliver(request);
  cluster.settle();
  assert.deepEqual([...cluster.leaders], [[1, 1]]);
});

test('T05: replica stranded in a later term while the leader is idle → an election includes it', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(500);
  const stranded = leader === 1 ? 2 : 1;
  const term = cluster.raft(leader).term;
  // Node `stranded` moved on in an election that came to nothing; what it told its leader was lost.
  cluster.filter = (flight) => flight.from !== stranded;
  cluster.act(stranded, (raft) =>
    raft.step(n(leader === 3 ? 2 : 3), { type: 'voteResponse', term: term + 3, isPreVote: false, isGranted: false }, cluster.nowMs),
  );
  cluster.run(20);
  cluster.filter = () => true;
  cluster.run(1500);
  assert.ok(cluster.raft(stranded).term > term + 3 - 1);
  assert.ok(cluster.raft(cluster.leader).isEstablished);
  assert.deepEqual(
    cluster.members.map((member) => member.raft?.leader),
    [cluster.leader, cluster.leader, cluster.leader],
  );
});

test('T08: equal clocks and equal delays, 1000 seeds → p99 of election rounds is at most 3', () => {
  const rounds: number[] = [];
  for (let seed = 1; seed <= 1000; seed++) {
    const cluster = new Cluster({ nodes: seed % 2 === 0 ? 3 : 5, seed, latencyMs: 1, diskMs: 5 });
    electLeader(cluster, 20_000);
    rounds.push(cluster.raft(cluster.leader).term);
  }
  rounds.sort((a, b) => a - b);
  assert.ok((rounds[989] as number) <= 3, `p99 ${rounds[989]}, worst ${rounds[999]}`);
});

test('T08: leader dies and both followers notice at the same moment, 300 seeds → p99 of rounds is at most 3, median within 150 ms', () => {
  const rounds: number[] = [];
  const times: number[] = [];
  for (let seed = 1; seed <= 300; seed++) {
    const cluster = new Cluster({ nodes: 3, seed, latencyMs: 1, diskMs: 5 });
    const first = electLeader(cluster);
    const term = cluster.raft(first).term;
    cluster.run(200);
    const diedMs = cluster.nowMs;
    cluster.crash(first);
    electLeader(cluster);
    rounds.push(cluster.raft(cluster.leader).term - term);
    times.push(cluster.nowMs - diedMs);
  }
  rounds.sort((a, b) => a - b);
  times.sort((a, b) => a - b);
  assert.ok((rounds[296] as number) <= 3, `p99 ${rounds[296]}`);
  assert.ok((times[150] as number) <= 150, `median ${times[150]} ms`);
});

test('check-quorum: leader hears nobody any more → it steps down within the longest election timeout and says so', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  const leader = electLeader(cluster);
  cluster.run(300);
  const cutMs = cluster.nowMs;
  for (const other of [1, 2, 3]) if (other !== leader) cluster.blocked.add(`${other}>${leader}`);
  cluster.run(1000, () => cluster.raft(leader).role !== 'leader');
  assert.ok(cluster.nowMs - cutMs <= 331, `${cluster.nowMs - cutMs} ms`);
  assert.equal(cluster.flights.filter((flight) => flight.message.type === 'leaderGone').length, 2);
});

test('T07: leader hears a majority that does not hear it → it steps down within the longest election timeout', () => {
  for (const nodes of [3, 5]) {
    const cluster = new Cluster({ nodes, tellsConnections: false });
    const leader = electLeader(cluster);
    cluster.run(300);
    // The heartbeats of all others arrive; of their elections it learns nothing.
    for (const other of cluster.voters) if (other !== leader) cluster.blocked.add(`${leader}>${other}`);
    cluster.filter = ({ to }) => to !== leader;
    const cutMs = cluster.nowMs;
    cluster.run(3000, () => cluster.raft(leader).role !== 'leader');
    assert.ok(cluster.nowMs - cutMs <= 331, `${nodes} nodes: ${cluster.nowMs - cutMs} ms`);
  }
});

test('stickiness: a replica that lost touch with the leader asks for votes → nobody changes term, it comes back', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(300);
  const term = cluster.raft(leader).term;
  const lost = leader === 1 ? 2 : 1;
  const preVote = { type: 'voteRequest', term: term + 1, isPreVote: true, isTransfer: false, lastIndex: 99, lastTerm: term } as const;
  for (const id of [1, 2, 3]) if (id !== lost) cluster.act(id, (raft) => raft.step(n(lost), preVote, cluster.nowMs));
  cluster.run(20);
  assert.deepEqual(
    cluster.members.map((member) => [member.raft?.term, member.raft?.leader]),
    [
      [term, leader],
      [term, leader],
      [term, leader],
    ],
  );
  const request = { type: 'voteRequest', term: term + 5, isPreVote: false, isTransfer: false, lastIndex: 99, lastTerm: term } as const;
  for (const id of [1, 2, 3]) if (id !== lost) cluster.act(id, (raft) => raft.step(n(lost), request, cluster.nowMs));
  assert.equal(cluster.raft(leader).role, 'leader');
  assert.deepEqual(
    cluster.members.map((member) => member.raft?.term),
    [term, term, term],
  );
});

test('idle group: leader and followers lack nothing → no message of the group for ten seconds, and no election', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(300);
  let sent = 0;
  cluster.filter = () => {
    sent++;
    return true;
  };
  cluster.run(10_000);
  assert.equal(sent, 0);
  assert.equal(cluster.leader, leader);
  assert.equal(cluster.leaders.size, 1);
});

test('no node heartbeats at all: idle leader → keeps its followers by heartbeats of the group', () => {
  const cluster = new Cluster({ nodes: 3, hasContacts: false });
  electLeader(cluster);
  cluster.run(5000);
  assert.equal(cluster.leaders.size, 1);
});

test('leaderGone is lost: node heartbeats go on after the leader stepped down → its own pre-vote tells, a leader is elected', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  const leader = electLeader(cluster);
  cluster.run(300);
  cluster.filter = (flight) => flight.message.type !== 'leaderGone';
  const term = cluster.raft(leader).term;
  // A message of a later term from nobody who leads.
  cluster.act(leader, (raft) =>
    raft.step(n(leader === 1 ? 2 : 1), { type: 'voteResponse', term: term + 1, isPreVote: false, isGranted: false }, cluster.nowMs),
  );
  assert.equal(cluster.raft(leader).role, 'follower');
  cluster.run(2000, () => cluster.leader !== 0 && cluster.raft(cluster.leader).isEstablished);
  assert.ok(cluster.leader !== 0 && cluster.raft(cluster.leader).term > term);
});

test('T70: group of one → leads at once, commits only what is durable', () => {
  const cluster = new Cluster({ nodes: 1 });
  cluster.member(1).isDiskHeld = true;
  assert.ok(cluster.raft(1).nextDeadlineMs <= cluster.nowMs);
  cluster.tick(1);
  assert.equal(cluster.raft(1).role, 'candidate');
  cluster.sync(1);
  assert.equal(cluster.raft(1).role, 'leader');
  const proposal = cluster.propose(1, 'a');
  assert.equal(cluster.raft(1).commitIndex, 0);
  cluster.run(2000);
  assert.equal(proposal?.isAcked, false);
  cluster.syncAll(1);
  assert.equal(proposal?.isAcked, true);
  assert.equal(cluster.raft(1).commitIndex, 3);
});

test('group of one on a slow disk: sync takes longer than any election timeout → leads after one sync', () => {
  const cluster = new Cluster({ nodes: 1, diskMs: 1000 });
  cluster.run(1500);
  assert.deepEqual([cluster.raft(1).role, cluster.raft(1).term], ['leader', 1]);
});

test('T10: transfer to a caught-up follower → it leads the next term; proposals in between are refused', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const target = leader === 1 ? 2 : 1;
  cluster.act(leader, (raft) => assert.equal(raft.transferLeader(n(target), cluster.nowMs), true));
  assert.equal(cluster.propose(leader, 'refused'), null);
  cluster.run(100);
  assert.deepEqual([cluster.leader, cluster.raft(target).term], [target, 2]);
});

test('T10: target of a transfer dies → proposals are taken again within an election timeout', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const target = leader === 1 ? 2 : 1;
  cluster.filter = (flight) => flight.message.type !== 'timeoutNow';
  cluster.act(leader, (raft) => raft.transferLeader(n(target), cluster.nowMs));
  cluster.crash(target);
  cluster.run(310);
  const proposal = cluster.propose(leader, 'again');
  cluster.run(100);
  assert.equal(proposal?.isAcked, true);
  assert.equal(cluster.raft(leader).transferLeader(n(target), cluster.nowMs), false, 'not to a peer without connection');
  assert.equal(cluster.raft(leader).transferLeader(n(leader), cluster.nowMs), false, 'not to itself');
});

test('T10: target catches up only when the transfer is about to be given up → it is not told to stand any more', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const target = leader === 1 ? 2 : 1;
  cluster.member(target).isDiskHeld = true;
  cluster.propose(leader, 'late');
  cluster.run(20);
  cluster.act(leader, (raft) => raft.transferLeader(n(target), cluster.nowMs));
  // The process of the leader stalls beyond the deadline, and finds the answer before it looks at its deadlines.
  const { raft } = cluster.member(leader);
  cluster.syncAll(target);
  const answers = cluster.flights.filter(({ from, to }) => from === target && to === leader);
  cluster.nowMs += 301;
  for (const { from, message } of answers) raft?.step(from, message, cluster.nowMs);
  cluster.pump(leader);
  assert.equal(answers.length > 0, true);
  assert.equal(cluster.flights.filter(({ message }) => message.type === 'timeoutNow').length, 0);
  cluster.run(100);
  const proposal = cluster.propose(leader, 'again');
  cluster.run(100);
  assert.equal(proposal?.isAcked, true);
});

test('transfer to the best: 0 given, one follower lags → the other one leads', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [lagging, best] = [1, 2, 3].filter((id) => id !== leader) as [number, number];
  cluster.member(lagging).isDiskHeld = true;
  cluster.propose(leader, 'x');
  cluster.run(50);
  cluster.act(leader, (raft) => raft.transferLeader(0, cluster.nowMs));
  cluster.run(100);
  assert.equal(cluster.leader, best);
});
