import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LookedAtReplica } from '@quorate/host';
import { ClusterInvariants, type SimNode } from '@quorate/testkit';
import type { GroupStatus } from '@quorate/wire';
import { STREAM, append, others, ready } from './ready-cluster.js';

test('cluster: three nodes start, form, elect, and take appends → all acknowledged, dense and in order', () => {
  for (let seed = 1; seed <= 3; seed++) {
    const { cluster, client } = ready(seed);
    client.startWork({ streams: [STREAM], lanes: 4 });
    cluster.runFor(300);
    client.stopWork();
    const records = cluster.check([STREAM]).get(STREAM);
    assert.ok(cluster.history.acknowledged > 50, `seed ${seed}`);
    assert.ok(records !== undefined && records.length >= cluster.history.acknowledged);
    assert.ok(cluster.leadershipsLogged >= 2, 'leaderships are told by the log');
  }
});

test('cluster: the leader is stopped for 10 s with requests in its buffers → writes go on, nothing lost, doubled or stale', () => {
  for (let seed = 1; seed <= 2; seed++) {
    const { cluster, client, group } = ready(seed);
    client.startWork({ streams: [STREAM], lanes: 4, pauseMsMax: 100, readShare: 0.4 });
    cluster.runFor(200);
    const leader = cluster.leaderOf(group) as SimNode;
    leader.pause();
    const before = cluster.history.acknowledged;
    cluster.runFor(2000);
    assert.ok(cluster.history.acknowledged > before, `seed ${seed}: no write within 2 s`);
    cluster.runFor(8000);
    leader.resume();
    cluster.runFor(500);
    client.stopWork();
    cluster.check([STREAM]);
  }
});

test('cluster: at rest for a minute → no node writes or syncs anything, nobody stands for election', () => {
  const setup = ready(1);
  const { cluster } = setup;
  for (let i = 0; i < 5; i++) append(setup);
  cluster.runFor(1000);
  const state = (): unknown =>
    cluster.nodes.map((node) => [node.status()?.metrics['frames'], node.status()?.metrics['syncs'], node.disk.rules.changes]);
  const before = state();
  const leaderships = cluster.leadershipsLogged;
  cluster.runFor(60_000);
  assert.deepEqual(state(), before);
  assert.equal(cluster.leadershipsLogged, leaderships);
});

test('cluster: same seed → same trace to the last event; another seed → another', () => {
  const run = (seed: number): string => {
    const { cluster, client } = ready(seed);
    client.startWork({ streams: [STREAM], lanes: 2 });
    cluster.runFor(200);
    cluster.powerCutAll();
    cluster.startAll();
    cluster.runFor(500);
    return cluster.scheduler.traceHash;
  };
  assert.equal(run(1), run(1));
  assert.notEqual(run(1), run(2));
});

test('T15: a node dies in the middle of applying its log, at each read of it → started again, it reaches the same state as the others', () => {
  let deaths = 0;
  for (let skip = 0; skip < 8; skip++) {
    const setup = ready(skip + 1, { settings: { journalFileBytes: 65_536 } });
    const { cluster, client, group } = setup;
    client.startWork({ streams: [STREAM], lanes: 4, valueBytesMax: 2000 });
    cluster.runFor(150);
    client.stopWork();
    const leader = cluster.leaderOf(group) as SimNode;
    const node = others(cluster, leader)[0] as SimNode;
    node.kill();
    node.start();
    cluster.runUntil(() => node.host !== null, 1000, 'the node has read its journal');
    // What it applied is in memory only: now it reads its log from the disk, batch by batch.
    const rule = node.disk.inject({ operations: ['read'], skip, effect: { type: 'crash', when: skip % 2 === 0 ? 'before' : 'after' } });
    cluster.runUntil(
      () => !node.isUp || node.appliedState(group)?.appliedIndex === leader.appliedState(group)?.appliedIndex,
      5000,
      'it dies',
    );
    rule.remove();
    deaths += rule.hits;
    if (!node.isUp) node.start();
    append(setup);
    const isLevel = (): boolean =>
      cluster.nodes.every((each) => each.appliedState(group)?.appliedIndex === cluster.groupOn(leader, group)?.lastIndex);
    cluster.runUntil(isLevel, 5000, 'all have applied everything');
    const states = cluster.nodes.map((each) => each.appliedState(group));
    assert.deepEqual(states[1], states[0], `seed ${skip + 1}`);
    assert.deepEqual(states[2], states[0], `seed ${skip + 1}`);
    assert.ok(cluster.invariants.statesCompared > 0);
    cluster.check([STREAM]);
  }
  assert.ok(deaths >= 6, `${deaths} deaths`);
});

/** A replica that says what the status of a node said, with another state. */
function replicaOf(status: GroupStatus, hash: number): LookedAtReplica {
  const { group, role, term, isLearner, commitIndex, appliedIndex, lastIndex, durableIndex } = status;
  const raft = { role, term, isLearner, commitIndex, configuration: { voters: [] } };
  const log = { firstIndex: 1, previousTerm: 0, lastIndex, durableIndex, terms: [{ firstIndex: 1, term }], read: () => [] };
  return { group, raft, log, view: { hash }, appliedIndex, stopError: null } as unknown as LookedAtReplica;
}

test('T19: a replica skips one operation → told in the same turn, with group, index and both nodes', () => {
  const setup = ready(1);
  const { cluster, group } = setup;
  append(setup);
  cluster.runFor(100);
  const invariants = new ClusterInvariants();
  const [first, second] = cluster.nodes as [SimNode, SimNode];
  const state = first.appliedState(group);
  const status = cluster.groupOn(first, group);
  assert.ok(state !== null && state.appliedIndex > 0 && status !== undefined);
  const follower = { ...status, role: 'follower' } as const;
  assert.equal(invariants.observe(first, replicaOf(follower, state.hash)), null);
  const fault = invariants.observe(second, replicaOf(follower, state.hash ^ 1));
  assert.equal(fault, `group ${group} at index ${state.appliedIndex}: node 2 is in another state than node 1 was`);
  assert.equal(invariants.statesCompared, 1);
});
