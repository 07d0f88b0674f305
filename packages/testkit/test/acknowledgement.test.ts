import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomBetween } from '@quorate/base';
import { type SimNode, SimulationFault } from '@quorate/testkit';
import { STREAM, append, others, ready } from './ready-cluster.js';

test('T12: the leader cannot sync and one follower is away → the other follower alone does not make it acknowledged', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const setup = ready(seed, { settings: { syncMode: 'async' } });
    const { cluster, client, group } = setup;
    append(setup);
    const leader = cluster.leaderOf(group) as SimNode;
    const [near, away] = others(cluster, leader) as [SimNode, SimNode];
    cluster.network.cut(leader.name, away.name);
    cluster.network.cut(near.name, away.name);
    leader.disk.inject({ operations: ['write', 'sync'], times: Number.POSITIVE_INFINITY, effect: { type: 'slow', ms: 100_000 } });
    const before = cluster.groupOn(near, group)?.durableIndex ?? 0;
    const pending = client.append(STREAM);
    cluster.runFor(100);
    assert.ok((cluster.groupOn(near, group)?.durableIndex ?? 0) > before, `seed ${seed}: the follower has it on disk`);
    assert.equal(pending.outcome, 'pending', `seed ${seed}: acknowledged by one durable copy of three`);
    leader.powerCut(cluster.random);
    near.powerCut(cluster.random);
    cluster.network.healAll();
    cluster.healAll();
    cluster.check([STREAM]);
  }
});

test('T22: power is lost everywhere right after the first acknowledgement of a new leader → it is still there', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const setup = ready(seed, { settings: { syncMode: 'async' } });
    const { cluster, client, group } = setup;
    for (let round = 0; round < 3; round++) {
      append(setup);
      const old = cluster.awaitLeader(group);
      old.kill();
      cluster.runUntil(() => cluster.leaderOf(group) !== undefined, 20_000, 'a new leader');
      const leader = cluster.leaderOf(group) as SimNode;
      const follower = others(cluster, leader, old)[0] as SimNode;
      const { latency } = follower.disk;
      follower.disk.latency = { writeMs: [0, 0.1], syncMs: [30, 30] };
      append(setup);
      cluster.powerCutAll();
      follower.disk.latency = latency;
      // The follower that acknowledged it must have it by itself: the leader is not there to give it again.
      for (const node of [old, follower]) node.start();
      cluster.awaitLeader(group);
      leader.start();
    }
    assert.equal(cluster.history.acknowledged, 6);
    assert.equal(client.core.openCalls, 0);
    assert.equal(cluster.check([STREAM]).get(STREAM)?.length, 6);
  }
});

test('T24: power is lost on all nodes at random moments, the leader comes back last → no acknowledged record is missing', () => {
  let acknowledged = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const { cluster, client, group } = ready(seed, {
      // A sync takes far longer than a message, so that there is always something that is in memory only.
      diskLatency: { writeMs: [0, 0.1], syncMs: [2, 10] },
      settings: { journalFileBytes: 262_144, syncMode: (['adaptive', 'sync', 'async'] as const)[seed % 3] ?? 'async' },
    });
    client.startWork({ streams: [STREAM], lanes: 4, pauseMsMax: 6, valueBytesMax: 2000 });
    for (let cut = 0; cut < 5; cut++) {
      cluster.runFor(randomBetween(cluster.random, 20, 400));
      const leader = cluster.leaderOf(group);
      cluster.powerCutAll();
      cluster.runFor(randomBetween(cluster.random, 0, 50));
      // What a follower acknowledged it must have by itself: the leader is not there to give it again.
      for (const node of cluster.nodes) if (node !== leader) node.start();
      cluster.awaitLeader(group);
      cluster.startAll();
    }
    cluster.runFor(400);
    client.stopWork();
    cluster.check([STREAM]);
    acknowledged += cluster.history.acknowledged;
  }
  assert.ok(acknowledged > 500, `${acknowledged} acknowledged`);
});

test('T24: disks that only pretend to sync → the harness finds the missing records', () => {
  let found = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const { cluster, client } = ready(seed);
    for (const node of cluster.nodes) node.disk.inject({ operations: ['sync'], times: Number.POSITIVE_INFINITY, effect: { type: 'lost' } });
    client.startWork({ streams: [STREAM], lanes: 4 });
    cluster.runFor(200);
    client.stopWork();
    cluster.runFor(50);
    cluster.powerCutAll();
    try {
      cluster.startAll();
      cluster.check([STREAM]);
    } catch (thrown) {
      assert.ok(thrown instanceof SimulationFault && thrown.message.includes(`seed ${seed}`), String(thrown));
      found++;
    }
  }
  assert.equal(found, 3);
});

test('T70: one node alone, power lost at random moments → what it acknowledged is there', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const diskLatency = { writeMs: [0, 0.1], syncMs: [1, 6] } as const;
    const { cluster, client } = ready(seed, { nodes: 1, diskLatency, settings: { syncMode: seed % 2 === 0 ? 'adaptive' : 'async' } });
    client.startWork({ streams: [STREAM], lanes: 4, pauseMsMax: 2 });
    for (let cut = 0; cut < 8; cut++) {
      cluster.runFor(randomBetween(cluster.random, 5, 200));
      cluster.powerCutAll();
      cluster.startAll();
    }
    cluster.runFor(500);
    client.stopWork();
    cluster.check([STREAM]);
    assert.ok(cluster.history.acknowledged > 20, `seed ${seed}: ${cluster.history.acknowledged}`);
  }
});
