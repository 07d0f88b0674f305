import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32c, encodeBatch, nodeId, trustedBatchHeader } from '@quorate/base';
import type { AppendRequest, RaftMessage } from '@quorate/raft';
import { Cluster, GROUP, electLeader } from './harness/cluster.js';

/*
 * Diego Ongaro, "Consensus: Bridging Theory and Practice" (2014), statement by statement; each test names the section it holds us to.
 * Leader completeness, log matching, election safety and state machine safety (figure 3.2) are checked by the harness in every test.
 */
const n = nodeId;

/** Node 1 has heard of a leader of that term. */
function following(term: number): Cluster {
  const cluster = new Cluster({ nodes: 3 });
  cluster.act(1, (raft) => raft.step(n(2), emptyAppend(term), cluster.nowMs));
  cluster.syncAll(1);
  return cluster;
}
const emptyAppend = (term: number): AppendRequest => ({
  type: 'appendRequest',
  term,
  prevIndex: 0,
  prevTerm: 0,
  commitIndex: 0,
  probe: 1,
  admitAt: 0,
  batches: [],
});
const vote = (term: number, last: { index: number; term: number }): RaftMessage => ({
  type: 'voteRequest',
  term,
  isPreVote: false,
  isTransfer: false,
  lastIndex: last.index,
  lastTerm: last.term,
});
const answers = (cluster: Cluster, type: RaftMessage['type']): RaftMessage[] =>
  cluster.flights.map((flight) => flight.message).filter((m) => m.type === type);

test('thesis 3.3: message of a later term in any role → the replica adopts it and follows', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.act(leader, (raft) => raft.step(n(leader === 1 ? 2 : 1), emptyAppend(9), cluster.nowMs));
  assert.deepEqual([cluster.raft(leader).role, cluster.raft(leader).term], ['follower', 9]);
});

test('thesis 3.3: append of an earlier term → refused with the present term', () => {
  const cluster = following(5);
  cluster.flights = [];
  cluster.act(1, (raft) => raft.step(n(3), emptyAppend(4), cluster.nowMs));
  assert.deepEqual(
    answers(cluster, 'appendResponse').map((m) => m.type === 'appendResponse' && [m.term, m.isAccepted]),
    [[5, false]],
  );
});

test('thesis 3.4: two candidates of one term → each replica votes once, for the first', () => {
  const cluster = new Cluster({ nodes: 3 });
  cluster.act(1, (raft) => raft.step(n(2), vote(1, { index: 0, term: 0 }), cluster.nowMs));
  cluster.act(1, (raft) => raft.step(n(3), vote(1, { index: 0, term: 0 }), cluster.nowMs));
  cluster.syncAll(1);
  const granted = cluster.flights
    .filter((flight) => flight.message.type === 'voteResponse' && flight.message.isGranted)
    .map((flight) => flight.to);
  assert.deepEqual(granted, [2]);
});

test('thesis 3.4: candidate hears of the leader of its term → it follows', () => {
  const cluster = new Cluster({ nodes: 3 });
  cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
  cluster.run(2);
  cluster.run(3, () => cluster.raft(1).role === 'candidate');
  assert.equal(cluster.raft(1).role, 'candidate');
  cluster.act(1, (raft) => raft.step(n(3), emptyAppend(cluster.raft(1).term), cluster.nowMs));
  assert.deepEqual([cluster.raft(1).role, cluster.raft(1).leader], ['follower', 3]);
});

test('T08, thesis 3.4: election timeouts → spread over the whole range, never outside of it', () => {
  const waits: number[] = [];
  for (let seed = 1; seed <= 200; seed++) {
    const cluster = new Cluster({ nodes: 3, seed });
    waits.push(cluster.raft(1).nextDeadlineMs - cluster.nowMs);
  }
  assert.ok(Math.min(...waits) >= 150 && Math.max(...waits) <= 300);
  assert.ok(Math.min(...waits) < 160 && Math.max(...waits) > 290);
});

test('thesis 3.5: previous entry does not match → refused with the highest place where it may, nothing changes', () => {
  const cluster = following(5);
  cluster.flights = [];
  cluster.act(1, (raft) => raft.step(n(2), { ...emptyAppend(5), prevIndex: 7, prevTerm: 4 }, cluster.nowMs));
  const [answer] = answers(cluster, 'appendResponse');
  assert.ok(answer?.type === 'appendResponse');
  assert.deepEqual([answer.isAccepted, answer.matchIndex, answer.receivedIndex], [false, 0, 7]);
});

test('thesis 3.5: logs conflict over many entries of few terms → they meet within a round for each term', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(50);
  cluster.isolate(leader);
  for (let i = 0; i < 100; i++) cluster.propose(leader, `lost ${i}`);
  cluster.run(800);
  const next = cluster.members.find((member) => member.raft?.role === 'leader')?.id ?? 0;
  for (let i = 0; i < 100; i++) cluster.propose(next, `kept ${i}`);
  cluster.run(100);
  let refusals = 0;
  cluster.filter = (flight) => {
    if (flight.from === leader && flight.message.type === 'appendResponse' && !flight.message.isAccepted) refusals++;
    return true;
  };
  cluster.heal();
  cluster.run(1000);
  assert.ok(refusals <= 3, `${refusals} refusals`);
  cluster.checkConverged();
});

test('thesis 3.5: appends of a leader → its own log only ever grows', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  const before = cluster.member(leader).disk.batches.slice();
  for (let i = 0; i < 20; i++) cluster.propose(leader, `v${i}`);
  cluster.run(100);
  assert.deepEqual(cluster.member(leader).disk.batches.slice(0, before.length), before);
});

test('thesis 3.6.1: candidate with an older last term, or the same and a shorter log → no vote; equal or better → vote', () => {
  for (const [lastIndex, lastTerm, isGranted] of [
    [99, 1, false],
    [1, 2, false],
    [2, 2, true],
    [1, 3, true],
  ] as const) {
    const cluster = new Cluster({ nodes: 3, hasContacts: false });
    const batches = [1, 2].map((baseIndex) =>
      encodeBatch(
        { kind: 'noop', group: GROUP, term: 2, baseIndex, count: 1, loggedTimeMs: 0, payloadChecksum: 0 },
        new Uint8Array(0),
        crc32c,
      ),
    );
    cluster.act(1, (raft) => raft.step(n(2), { ...emptyAppend(2), batches }, cluster.nowMs));
    cluster.syncAll(1);
    cluster.nowMs += 1000;
    cluster.flights = [];
    cluster.act(1, (raft) => raft.step(n(3), vote(9, { index: lastIndex, term: lastTerm }), cluster.nowMs));
    cluster.syncAll(1);
    assert.deepEqual(
      answers(cluster, 'voteResponse').map((m) => m.type === 'voteResponse' && m.isGranted),
      [isGranted],
      `last ${lastIndex}@${lastTerm}`,
    );
  }
});

test('thesis 3.6.2: new leader with older entries → its first entry is a no-op of its own term', () => {
  const cluster = new Cluster({ nodes: 3 });
  const first = electLeader(cluster);
  cluster.run(100);
  cluster.crash(first);
  const next = electLeader(cluster);
  const batch = cluster.member(next).disk.batches.find((other) => other.term === cluster.raft(next).term);
  assert.equal(batch === undefined ? '' : trustedBatchHeader(batch.bytes).kind, 'noop');
});

test('thesis 3.7: follower is down for long → the leader goes on and brings it up to date when it is back', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  const down = leader === 1 ? 2 : 1;
  cluster.crash(down);
  for (let i = 0; i < 50; i++) {
    cluster.propose(leader, `v${i}`);
    cluster.run(20);
  }
  assert.ok(cluster.proposals.every((proposal) => proposal.isAcked));
  cluster.restart(down);
  cluster.run(300);
  cluster.checkConverged();
});

test('thesis 3.8: replica restarts → term, vote and log are what its disk has, the commit index is learned anew', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.propose(leader, 'x');
  cluster.run(100);
  const other = leader === 1 ? 2 : 1;
  const before = [cluster.raft(other).term, cluster.raft(other).lastIndex];
  cluster.crash(other);
  cluster.filter = () => false;
  cluster.restart(other);
  assert.deepEqual([cluster.raft(other).term, cluster.raft(other).lastIndex], before);
  assert.equal(cluster.raft(other).commitIndex, 0);
});

test('thesis 3.9: leader fails, timeouts well above the delay of messages → a new leader within a few timeouts', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const cluster = new Cluster({ nodes: 5, seed, tellsConnections: false });
    const leader = electLeader(cluster);
    cluster.run(200);
    cluster.crash(leader);
    const diedMs = cluster.nowMs;
    electLeader(cluster);
    assert.ok(cluster.nowMs - diedMs <= 1200, `seed ${seed}: ${cluster.nowMs - diedMs} ms`);
  }
});

test('thesis 4.2.3: transfer → the voters answer the target although they hear their leader', () => {
  const cluster = new Cluster({ nodes: 5 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const target = leader === 5 ? 4 : 5;
  const atMs = cluster.nowMs;
  cluster.act(leader, (raft) => raft.transferLeader(n(target), cluster.nowMs));
  cluster.run(1000, () => cluster.leader === target && cluster.raft(target).isEstablished);
  assert.ok(cluster.nowMs - atMs < 30, `${cluster.nowMs - atMs} ms`);
});

test('thesis 6.4: follower is asked to read → it refuses; the leader answers with an index it had committed when asked, or later', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  const proposal = cluster.propose(leader, 'x');
  cluster.run(100);
  cluster.act(leader, (raft) => raft.readIndex(1, cluster.nowMs));
  cluster.run(20);
  assert.ok((cluster.member(leader).reads[0]?.index ?? 0) >= (proposal?.index ?? 1));
});

test('thesis 9.6: replica without connection → its term does not grow, however long it is alone', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const alone = leader === 1 ? 2 : 1;
  const term = cluster.raft(alone).term;
  cluster.isolate(alone);
  cluster.run(20_000);
  assert.equal(cluster.raft(alone).term, term);
  cluster.heal();
  cluster.run(500);
  assert.equal(cluster.leader, leader, 'and it disturbs nobody when it returns');
});

test('thesis 10.2.1: leader writes to its disk while it sends → the appends leave before its own sync', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  cluster.member(leader).isDiskHeld = true;
  cluster.propose(leader, 'x');
  assert.equal(answers(cluster, 'appendRequest').length, 2);
});

test('thesis 10.2.2: several entries proposed one after the other → sent without waiting for answers', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  for (let i = 0; i < 5; i++) cluster.propose(leader, `v${i}`);
  assert.equal(answers(cluster, 'appendRequest').length, 10);
});

test('logged time: proposals with an older time, and a new leader → it never decreases along the log', () => {
  const cluster = new Cluster({ nodes: 3 });
  for (let round = 0; round < 3; round++) {
    const leader = electLeader(cluster);
    for (const loggedTimeMs of [5000, 100, 7000.9]) {
      cluster.act(leader, (raft) =>
        raft.propose({ payload: new Uint8Array(0), payloadChecksum: 0, count: 3, loggedTimeMs }, cluster.nowMs),
      );
    }
    cluster.run(100);
    cluster.crash(leader);
    cluster.restart(leader);
    cluster.run(400);
  }
  const times = cluster.member(1).disk.batches.map((batch) => trustedBatchHeader(batch.bytes).loggedTimeMs);
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
  );
  assert.ok((times.at(-1) as number) >= 7000 && times.every(Number.isInteger));
});
