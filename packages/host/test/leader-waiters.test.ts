import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP, FIRST_STREAM_GROUP, groupId } from '@quorate/base';
import { LeaderWaiters, type Replica } from '@quorate/host';
import type { SimCluster, SimNode } from '@quorate/testkit';
import type { ClientResponse } from '@quorate/wire';
import { runningCluster } from './harness.js';
import { RawClient } from './raw-client.js';

/** A linearizable question to the group of the first stream. */
const QUESTION = { type: 'streamInfo', group: groupId(FIRST_STREAM_GROUP) } as const;

function othersOf(cluster: SimCluster, leader: SimNode): [SimNode, SimNode] {
  return cluster.nodes.filter((node) => node !== leader) as [SimNode, SimNode];
}

function awaitAnswer(cluster: SimCluster, raw: RawClient, id: number): ClientResponse {
  cluster.runUntil(() => raw.answers.has(id), 10_000, 'an answer');
  return raw.answers.get(id) as ClientResponse;
}

/** Runs until the connection is open. */
function connected(cluster: SimCluster, node: SimNode): RawClient {
  const raw = new RawClient(cluster, node);
  cluster.runUntil(() => raw.isOpen, 2000, 'a connection');
  return raw;
}

function knowsNoLeader(cluster: SimCluster, node: SimNode, group: number): boolean {
  return cluster.groupOn(node, group)?.leader === 0;
}

test('a request comes while the leader is being replaced → the next leader answers it, another node names the next leader', () => {
  let answered = 0;
  let named = 0;
  for (let seed = 1; seed <= 5; seed++) {
    const { cluster } = runningCluster({ seed });
    const leader = cluster.awaitLeader(QUESTION.group);
    const others = othersOf(cluster, leader);
    const raws = others.map((node) => connected(cluster, node));
    leader.kill();
    cluster.runUntil(() => others.every((node) => knowsNoLeader(cluster, node, QUESTION.group)), 1000, 'they see it');
    const ids = raws.map((raw) => raw.send(QUESTION));
    const answers = raws.map((raw, at) => awaitAnswer(cluster, raw, ids[at] as number));
    const next = cluster.awaitLeader(QUESTION.group);
    for (const [at, answer] of answers.entries()) {
      if (others[at] === next) assert.equal(answer.type, 'streamInfo');
      else assert.deepEqual(answer.type === 'error' && [answer.code, answer.details['leader']], ['notLeader', next.nodeId]);
      if (answer.type === 'streamInfo') answered++;
      else named++;
    }
    assert.deepEqual(
      raws.map(({ log }) => log.length),
      [1, 1],
    );
  }
  assert.deepEqual([answered, named], [5, 5]);
});

test('a request comes while the leader hands over → it names the next leader, and takes nothing any more', () => {
  const { cluster } = runningCluster({ seed: 7 });
  const leader = cluster.awaitLeader(DEFAULT_GROUP);
  const [target] = othersOf(cluster, leader);
  const raw = connected(cluster, leader);
  const handing = raw.send({ type: 'transferLeader', group: DEFAULT_GROUP, to: target.nodeId });
  const id = raw.send({ type: 'openSession', group: DEFAULT_GROUP, key: new Uint8Array(16), ttlMs: 10_000, graceMs: 10_000 });
  const answer = awaitAnswer(cluster, raw, id);
  assert.equal(raw.answers.get(handing)?.type, 'transferred');
  assert.deepEqual(answer.type === 'error' && [answer.code, answer.details['leader']], ['notLeader', target.nodeId]);
});

test('there is no majority for a leader → the first answer comes after a wait, later ones at once', () => {
  const { cluster } = runningCluster({ seed: 9 });
  const leader = cluster.awaitLeader(QUESTION.group);
  const [left, other] = othersOf(cluster, leader);
  const raw = connected(cluster, left);
  leader.kill();
  other.kill();
  cluster.runUntil(() => knowsNoLeader(cluster, left, QUESTION.group), 1000, 'it sees that');
  const ask = (): number => {
    const fromMs = cluster.scheduler.nowMs;
    const answer = awaitAnswer(cluster, raw, raw.send(QUESTION));
    assert.equal(answer.type === 'error' && answer.code, 'noLeader');
    return cluster.scheduler.nowMs - fromMs;
  };
  const firstMs = ask();
  assert.ok(firstMs >= 290 && firstMs <= 360, `${firstMs} ms`);
  cluster.runFor(400);
  const laterMs = ask();
  assert.ok(laterMs < 20, `${laterMs} ms`);
});

/** What waiters see of a replica. */
function replica(group: number, leader: number): Replica {
  return { group: groupId(group), raft: { leader }, isLeader: false, stopError: null } as unknown as Replica;
}

test('waiters for a leader: several of several groups → those of the group that has one are handled in order, the others when their time is up', () => {
  const deferred: (() => void)[] = [];
  const waiters = new LeaderWaiters((step) => deferred.push(step));
  const handled: string[] = [];
  const add = (group: number, name: string, nowMs: number): boolean =>
    waiters.add(replica(group, 0), { bytes: 10, again: () => handled.push(name) }, nowMs);
  assert.deepEqual([add(16, 'a', 0), add(17, 'x', 1), add(16, 'b', 2)], [true, true, true]);
  assert.deepEqual([waiters.size, waiters.nextDeadlineMs], [3, 300]);
  waiters.changed(replica(16, 2), 3);
  assert.deepEqual(handled, [], 'not within the turn of the core');
  for (const step of deferred.splice(0)) step();
  assert.deepEqual([handled, waiters.size, waiters.nextDeadlineMs], [['a', 'b'], 1, 301]);
  waiters.expire(300);
  assert.equal(waiters.size, 1);
  waiters.expire(301);
  assert.deepEqual([handled, waiters.size, waiters.nextDeadlineMs], [['a', 'b', 'x'], 0, Number.POSITIVE_INFINITY]);
});

test('waiters for a leader: more bytes than a node keeps → answered at once; as they leave there is room again', () => {
  const waiters = new LeaderWaiters((step) => step());
  const add = (bytes: number): boolean => waiters.add(replica(16, 0), { bytes, again: () => {} }, 0);
  assert.equal(add(32 * 1024 * 1024), true);
  assert.equal(add(1), false);
  waiters.flush();
  assert.deepEqual([add(1), waiters.size], [true, 1]);
});
