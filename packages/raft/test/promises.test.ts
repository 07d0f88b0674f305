import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, nodeId } from '@quorate/base';
import type { Ready, VoteRequest } from '@quorate/raft';
import { Cluster, LEASE_MS, electLeader, others } from './harness/cluster.js';
import { LoneReplica, append } from './harness/lone-replica.js';

const SECOND = nodeId(2);
const THIRD = nodeId(3);

function voteRequest(term: number, more: Partial<VoteRequest> = {}): VoteRequest {
  return { type: 'voteRequest', term, isPreVote: false, isTransfer: false, lastIndex: 9, lastTerm: term - 1, ...more };
}

/** The answers to requests for votes that leave by this Ready and by all that its disk completes. */
function verdicts(lone: LoneReplica, ready: Ready): boolean[] {
  const messages = [...ready.sendNow];
  for (let done = lone.disk.completeOne(); done !== null; done = lone.disk.completeOne()) {
    lone.raft.onDurable(done.version, done.index, lone.nowMs);
    messages.push(...lone.ready().sendNow);
  }
  return messages.flatMap(({ message }) => (message.type === 'voteResponse' ? [message.isGranted] : []));
}

/** A follower of node 2 in term 1 that heard it just now, by itself. */
function follower(leaseMs: number): LoneReplica {
  const lone = new LoneReplica({ leaseMs });
  lone.step(SECOND, append({ term: 1, prevIndex: 0, prevTerm: 0 }));
  assert.deepEqual(verdicts(lone, lone.ready()), []);
  return lone;
}

const TAKING_BACK: readonly [string, (lone: LoneReplica) => void][] = [
  ['the connection is lost', (lone) => lone.raft.connectionLost(SECOND, lone.nowMs)],
  ['the leader says that it left', (lone) => void lone.step(SECOND, { type: 'leaderGone', term: 1 })],
  [
    'the leader asks for a pre-vote itself',
    (lone) => void lone.step(SECOND, voteRequest(2, { isPreVote: true, lastIndex: 0, lastTerm: 0 })),
  ],
  ['a later term comes', (lone) => void lone.step(THIRD, { type: 'voteResponse', term: 2, isPreVote: false, isGranted: false })],
  [
    'all of that',
    (lone) => {
      lone.raft.connectionLost(SECOND, lone.nowMs);
      lone.raft.connectionOpened(SECOND, lone.nowMs);
      lone.step(SECOND, { type: 'leaderGone', term: 1 });
      lone.step(THIRD, { type: 'voteResponse', term: 2, isPreVote: false, isGranted: false });
      lone.raft.connectionLost(SECOND, lone.nowMs);
    },
  ],
];

for (const [what, happen] of TAKING_BACK) {
  test(`promise: ${what} right after an append of the leader → no vote and no pre-vote until the lease has passed, nor for itself`, () => {
    for (const isPreVote of [true, false]) {
      const lone = follower(LEASE_MS);
      lone.nowMs = 1;
      happen(lone);
      verdicts(lone, lone.ready());
      lone.nowMs = LEASE_MS - 1;
      const early = verdicts(lone, lone.step(THIRD, voteRequest(3, { isPreVote })));
      assert.equal(early.includes(true), false, `${early}`);
      lone.raft.campaign(lone.nowMs);
      lone.raft.tick(lone.nowMs);
      assert.equal(lone.raft.role, 'follower');
      lone.nowMs = LEASE_MS;
      const after = verdicts(lone, lone.step(THIRD, voteRequest(3, { isPreVote })));
      assert.deepEqual(after, [true]);
    }
  });
}

test('promise: it ends and the leader is known to be gone → stands for election soon, not after an election timeout', () => {
  const lone = follower(LEASE_MS);
  lone.nowMs = 1;
  lone.raft.connectionLost(SECOND, lone.nowMs);
  const dueMs = lone.raft.nextDeadlineMs;
  assert.ok(dueMs >= LEASE_MS && dueMs <= LEASE_MS + 15, `${dueMs}`);
});

test('promise: nothing is heard, nobody says that the leader is gone → the wait is an election timeout', () => {
  assert.ok(follower(LEASE_MS).raft.nextDeadlineMs >= 150);
});

test('promise of 0: the connection is lost → a vote at once', () => {
  const lone = follower(0);
  lone.raft.connectionLost(SECOND, lone.nowMs);
  assert.deepEqual(verdicts(lone, lone.step(THIRD, voteRequest(2))), [true]);
});

test('promise: the voter restarts → it waits as long as its earlier life may have promised; a new one and the only voter do not', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(300);
  const [voter, candidate] = others(leader) as [number, number];
  cluster.crash(leader);
  cluster.crash(voter);
  cluster.restart(voter);
  const startedMs = cluster.nowMs;
  let grantedMs = 0;
  cluster.filter = ({ from, message }) => {
    if (from === voter && message.type === 'voteResponse' && message.isGranted && grantedMs === 0) grantedMs = cluster.nowMs;
    return true;
  };
  cluster.run(1000, () => cluster.leader !== 0);
  assert.ok(cluster.leader === voter || grantedMs - startedMs >= LEASE_MS, `${grantedMs - startedMs} ms`);
  assert.ok(cluster.nowMs - startedMs >= LEASE_MS, `${cluster.nowMs - startedMs} ms`);
  assert.ok([voter, candidate].includes(cluster.leader));
  const alone = new Cluster({ nodes: 1 });
  electLeader(alone);
  alone.crash(1);
  alone.restart(1);
  assert.ok(alone.raft(1).nextDeadlineMs <= alone.nowMs);
});

test('pre-vote deferred: asked while the promise lasts, and before the connection was seen lost → granted when both are over, unasked', () => {
  const lone = follower(LEASE_MS);
  const ask = voteRequest(2, { isPreVote: true });
  lone.nowMs = 10;
  assert.deepEqual(verdicts(lone, lone.step(THIRD, ask)), [false]);
  lone.nowMs = 20;
  lone.raft.connectionLost(SECOND, lone.nowMs);
  lone.nowMs = LEASE_MS - 1;
  lone.raft.tick(lone.nowMs);
  assert.deepEqual(verdicts(lone, lone.ready()), []);
  assert.equal(lone.raft.nextDeadlineMs, LEASE_MS);
  lone.nowMs = LEASE_MS;
  lone.raft.tick(lone.nowMs);
  assert.deepEqual(verdicts(lone, lone.ready()), [true]);
  lone.raft.tick(lone.nowMs);
  assert.deepEqual(verdicts(lone, lone.ready()), [], 'once');
});

test('pre-vote deferred: the leader is heard again → not granted, however long it takes until it is gone', () => {
  const lone = follower(LEASE_MS);
  lone.nowMs = 10;
  lone.step(THIRD, voteRequest(2, { isPreVote: true }));
  lone.nowMs = 20;
  lone.step(SECOND, append({ term: 1, prevIndex: 0, prevTerm: 0 }));
  lone.raft.connectionLost(SECOND, lone.nowMs);
  lone.nowMs = 111;
  lone.raft.tick(lone.nowMs);
  assert.equal(verdicts(lone, lone.ready()).includes(true), false);
});

test('pre-vote deferred: the log of the asker is older → refused for good', () => {
  const lone = new LoneReplica({ leaseMs: LEASE_MS });
  lone.step(SECOND, append({ term: 5, prevIndex: 0, prevTerm: 0 }));
  lone.step(SECOND, append({ term: 5, prevIndex: 0, prevTerm: 0, batches: [] }));
  lone.step(THIRD, voteRequest(6, { isPreVote: true, lastIndex: -1, lastTerm: 0 }));
  lone.raft.connectionLost(SECOND, lone.nowMs);
  lone.nowMs = LEASE_MS;
  lone.raft.tick(lone.nowMs);
  assert.equal(verdicts(lone, lone.ready()).includes(true), false);
});

test('two ask each other for pre-votes at the same moment → the one with the higher id goes first, one round elects it', () => {
  const cluster = new Cluster({ nodes: 3, raft: { leaseMs: 0 } });
  const leader = electLeader(cluster);
  cluster.run(300);
  cluster.crash(leader);
  const { nowMs } = cluster;
  const [low, high] = others(leader) as [NodeId, NodeId];
  for (const id of [low, high]) cluster.act(id, (raft) => raft.campaign(nowMs));
  const asked = cluster.flights.filter(({ message }) => message.type === 'voteRequest').map(({ from, to }) => `${from}>${to}`);
  assert.ok(asked.includes(`${low}>${high}`) && asked.includes(`${high}>${low}`));
  cluster.run(20);
  assert.deepEqual([cluster.leader, cluster.raft(high).term], [high, 2]);
});

test('two ask each other, the one with the higher id has less → the other goes first', () => {
  const cluster = new Cluster({ nodes: 3, raft: { leaseMs: 0 } });
  const leader = electLeader(cluster);
  cluster.run(300);
  const [low, high] = others(leader) as [NodeId, NodeId];
  cluster.filter = ({ to }) => to !== high;
  cluster.propose(leader, 'x');
  cluster.run(5);
  cluster.filter = () => true;
  cluster.crash(leader);
  for (const id of [low, high]) cluster.act(id, (raft) => raft.campaign(cluster.nowMs));
  cluster.run(20);
  assert.deepEqual([cluster.leader, cluster.raft(low).term], [low, 2]);
});

test('fail-over: leader crashes and both are told, 300 seeds → promises are kept, the next leads within 140 ms, nearly always in one round', () => {
  let rounds = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const cluster = new Cluster({ nodes: 3, seed });
    const leader = electLeader(cluster);
    cluster.run(300 + (seed % 30));
    const crashedMs = cluster.nowMs;
    const { term } = cluster.raft(leader);
    cluster.crash(leader);
    electLeader(cluster);
    const tookMs = cluster.nowMs - crashedMs;
    assert.ok(tookMs >= LEASE_MS - 31 && tookMs <= 140, `seed ${seed}: ${tookMs} ms`);
    rounds += cluster.raft(cluster.leader).term - term;
  }
  assert.ok(rounds <= 305, `${rounds} terms`);
});
