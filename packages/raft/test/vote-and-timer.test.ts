import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, nodeId } from '@quorate/base';
import type { AppendResponse, OutgoingMessage, Ready, VoteRequest } from '@quorate/raft';
import { Cluster, electLeader, others } from './harness/cluster.js';
import { LoneReplica, append, batch } from './harness/lone-replica.js';

const SECOND = nodeId(2);
const THIRD = nodeId(3);

function voteRequest(term: number, more: Partial<VoteRequest> = {}): VoteRequest {
  return { type: 'voteRequest', term, isPreVote: false, isTransfer: false, lastIndex: 9, lastTerm: term - 1, ...more };
}

/** Whether each answer to a request for a vote says yes. */
function verdicts(messages: readonly OutgoingMessage[]): boolean[] {
  return messages.flatMap(({ message }) => (message.type === 'voteResponse' ? [message.isGranted] : []));
}

/** Its disk completes all that it was given; what was to leave in this turn, and what leaves by that. */
function stored(lone: LoneReplica, ready: Ready): readonly OutgoingMessage[] {
  const messages = [...ready.sendNow];
  for (let done = lone.disk.completeOne(); done !== null; done = lone.disk.completeOne()) {
    lone.raft.onDurable(done.version, done.index, lone.nowMs);
    messages.push(...lone.ready().sendNow);
  }
  return messages;
}

test('rule 1: the leader it voted for is gone, or steps down, in the same term → no second vote in that term', () => {
  const waysOut: readonly [string, (lone: LoneReplica) => void][] = [
    ['connection lost', (lone) => lone.raft.connectionLost(SECOND, lone.nowMs)],
    ['it says so', (lone) => void lone.step(SECOND, { type: 'leaderGone', term: 1 })],
    ['silence', (lone) => void (lone.nowMs += 299)],
    ['it asks for a pre-vote', (lone) => void lone.step(SECOND, voteRequest(2, { isPreVote: true, lastIndex: 0, lastTerm: 0 }))],
  ];
  for (const [how, leave] of waysOut) {
    const lone = new LoneReplica();
    assert.deepEqual(verdicts(stored(lone, lone.step(SECOND, voteRequest(1)))), [true], how);
    stored(lone, lone.step(SECOND, append({ term: 1, prevIndex: 0, prevTerm: 0 })));
    leave(lone);
    stored(lone, lone.ready());
    assert.deepEqual(verdicts(stored(lone, lone.step(THIRD, voteRequest(1)))), [false], how);
    assert.deepEqual(lone.disk.hardState, { term: 1, votedFor: 2, isLearner: false }, how);
  }
});

test('rule 2: what is no append of the present leader → the election timer runs on', () => {
  const lone = new LoneReplica();
  lone.step(SECOND, append({ term: 5, prevIndex: 0, prevTerm: 0, batches: [batch(1, 5, 'a')] }));
  const dueMs = lone.raft.nextDeadlineMs;
  const others: readonly [string, NodeId, Parameters<LoneReplica['step']>[1]][] = [
    ['append of an earlier term', THIRD, append({ term: 4, prevIndex: 0, prevTerm: 0 })],
    ['append of somebody else in this term', THIRD, append({ term: 5, prevIndex: 0, prevTerm: 0 })],
    ['vote refused: an older log', THIRD, voteRequest(5, { lastIndex: 0, lastTerm: 0 })],
    ['vote refused: it hears its leader', THIRD, voteRequest(6)],
    ['pre-vote', THIRD, voteRequest(6, { isPreVote: true })],
    ['answer to an append', THIRD, appended(5)],
    ['answer to a vote', THIRD, { type: 'voteResponse', term: 5, isPreVote: false, isGranted: true }],
  ];
  for (const [how, from, message] of others) {
    lone.nowMs += 10;
    lone.step(from, message);
    assert.equal(lone.raft.nextDeadlineMs, dueMs, how);
  }
  lone.nowMs += 10;
  lone.step(SECOND, append({ term: 5, prevIndex: 1, prevTerm: 5 }));
  assert.ok(lone.raft.nextDeadlineMs > dueMs, 'an append of the leader starts it anew');
});

/** A follower holds the entry at index 1. */
function appended(term: number): AppendResponse {
  return { type: 'appendResponse', term, isAccepted: true, matchIndex: 1, receivedIndex: 1, hintTerm: 0, probe: 1, isLearner: false };
}

test('rule 3: somebody asks for pre-votes → nothing changes at the voter; refused while it hears a leader, else granted to any number', () => {
  const lone = new LoneReplica();
  stored(lone, lone.step(SECOND, append({ term: 3, prevIndex: 0, prevTerm: 0 })));
  const before = { ...lone.disk.hardState };
  const dueMs = lone.raft.nextDeadlineMs;
  const heard = lone.step(THIRD, voteRequest(4, { isPreVote: true }));
  assert.deepEqual([verdicts(heard.sendNow), heard.hardState], [[false], null]);
  lone.nowMs += 151;
  const ask = (from: NodeId): void => {
    const ready = lone.step(from, voteRequest(4, { isPreVote: true }));
    assert.deepEqual([verdicts(ready.sendNow), ready.hardState], [[true], null], 'a promise to nobody');
  };
  ask(THIRD);
  ask(THIRD);
  assert.equal(lone.raft.nextDeadlineMs, dueMs, 'nor does it wait longer');
  ask(SECOND);
  assert.deepEqual([lone.raft.term, lone.disk.hardState], [3, before]);
});

test('rule 4: followers claim more than this leader has → only what it has counts, and what it adds later only once they have it', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [a, b] = others(leader) as [number, number];
  const before = cluster.raft(leader).lastIndex;
  // The end of a longer log, as a follower would tell it that does not compare first.
  for (const id of [a, b]) {
    const { term } = cluster.raft(leader);
    cluster.act(leader, (raft) =>
      raft.step(nodeId(id), { ...appended(term), matchIndex: before + 1, receivedIndex: before + 1 }, cluster.nowMs),
    );
  }
  cluster.filter = () => false;
  const proposal = cluster.propose(leader, 'x');
  assert.equal(proposal?.index, before + 1);
  cluster.run(50);
  assert.equal(proposal?.isAcked, false, 'nobody but the leader has it');
});

test('rule 4: follower has more than this leader sent, durably → it acknowledges only what the request covers', () => {
  const lone = new LoneReplica();
  lone.step(SECOND, append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'b'), batch(3, 1, 'c')] }));
  stored(lone, lone.ready());
  const ready = lone.step(THIRD, append({ term: 2, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'b')] }));
  const accepted = stored(lone, ready).flatMap(({ message }) => (message.type === 'appendResponse' && message.isAccepted ? [message] : []));
  assert.deepEqual(
    accepted.map(({ matchIndex, receivedIndex }) => [matchIndex, receivedIndex]),
    [[2, 2]],
  );
});

test('rule 5: commit index beyond what the request covers → follower commits only up to the last entry of the request', () => {
  const lone = new LoneReplica();
  lone.step(SECOND, append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'b'), batch(3, 1, 'stale')] }));
  const request = append({ term: 2, prevIndex: 1, prevTerm: 1, commitIndex: 3, batches: [batch(2, 1, 'b')] });
  assert.equal(lone.step(THIRD, request).commitIndex, 2);
});

/** A leader is asked to read while answers to an earlier round are on their way; `isPaused`: it was stopped in between. */
function readsBehindLateAnswers(isPaused: boolean): void {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  const leader = electLeader(cluster);
  cluster.run(300);
  // A first read opens a round; what the followers say to it is on its way when they hear this leader for the last time.
  cluster.act(leader, (raft) => raft.readIndex(1, cluster.nowMs));
  for (const flight of cluster.flights.filter(({ from }) => from === leader)) cluster.deliver(flight);
  const late = cluster.flights.filter(({ to }) => to === leader);
  assert.equal(late.length, 2, 'both answer');
  for (const id of others(leader)) cluster.blocked.add(`${leader}>${id}`);
  if (isPaused) {
    cluster.blocked.clear();
    cluster.flights = [];
    // Stopped: it neither hears nor ticks, the others elect and commit.
    const { raft } = cluster.member(leader);
    cluster.member(leader).raft = null;
    const next = electLeader(cluster);
    const newer = cluster.propose(next, 'newer');
    cluster.run(100);
    assert.equal(newer?.isAcked, true);
    cluster.member(leader).raft = raft;
    cluster.flights = [];
    for (const id of others(leader)) cluster.blocked.add(`${leader}>${id}`);
  }
  cluster.raft(leader).readIndex(2, cluster.nowMs);
  for (const flight of late) cluster.raft(leader).step(flight.from, flight.message, cluster.nowMs);
  cluster.pump(leader);
  assert.deepEqual(
    cluster.member(leader).reads.map(({ id }) => id),
    [1],
    'the first read was asked before the round, the second was not',
  );
  cluster.run(2000);
  assert.deepEqual(cluster.member(leader).readsFailed, [2]);
}

test('rule 7: answers to a round that was sent before a read came → do not confirm it', () => readsBehindLateAnswers(false));

test('T53: the leader is stopped with a read under way, answers of before wait for it → do not confirm a read that came since', () =>
  readsBehindLateAnswers(true));
