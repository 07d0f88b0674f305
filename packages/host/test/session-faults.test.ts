import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP, randomBetween, randomUnit } from '@quorate/base';
import type { SimCluster } from '@quorate/testkit';
import { TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';

/** Something goes wrong with a node, and is mended a while later. */
function strike(cluster: SimCluster, round: number): void {
  const { random } = cluster;
  const leader = cluster.leaderOf(DEFAULT_GROUP) ?? cluster.node(1);
  const victim = randomUnit(random) < 0.7 ? leader : cluster.node(randomBetween(random, 1, cluster.nodes.length));
  const forMs = randomBetween(random, 20, 700);
  switch (round % 4) {
    case 0:
      victim.kill();
      break;
    case 1:
      victim.pause();
      break;
    case 2:
      for (const node of others(cluster, victim)) cluster.network.cut(victim.name, node.name);
      break;
    default:
      for (const client of cluster.clients) cluster.network.resetConnections(client.name, victim.name);
  }
  cluster.runFor(forMs);
  cluster.healAll();
}

test('exactly once, T61, T66: leaders are killed, stopped and cut off under a stream of commands → each applied once and in order, each event once', () => {
  for (let seed = 1; seed <= 3; seed++) {
    const cluster = sessionCluster(500 + seed);
    const users = Array.from({ length: 3 }, (_, i) => new TallyUser(cluster, `user${i}`, { sessionTtlMs: 20_000 }).open());
    const watcher = new TallyUser(cluster, 'watcher', { sessionTtlMs: 20_000 }).open();
    watcher.run('watch');
    users[0]?.run('watch');
    const sums: number[] = [];
    let open = 0;
    let sent = 0;
    let isOver = false;
    for (const user of users) {
      let last = 0;
      const next = (): void => {
        if (isOver) return;
        // Bursts, so that payloads are pipelined.
        for (let i = randomBetween(cluster.random, 1, 5); i > 0; i--) {
          open++;
          sent++;
          user.command(
            'add',
            { amount: 1 },
            ({ error, value }) => {
              open--;
              assert.equal(error, null, `seed ${seed}`);
              assert.ok((value as number) > last, `seed ${seed}: ${user.client.name} got ${value as number} after ${last}`);
              last = value as number;
              sums.push(last);
            },
            60_000,
          );
        }
        user.client.process.timers.set(randomUnit(cluster.random) * 30, next);
      };
      next();
    }
    for (let round = 0; round < 12; round++) {
      strike(cluster, round + seed);
      cluster.runFor(randomBetween(cluster.random, 100, 400));
    }
    isOver = true;
    cluster.runUntil(() => open === 0, 60_000, `seed ${seed}: all commands are answered`);
    assert.ok(sent > 300, `${sent}`);
    assert.deepEqual(
      sums.sort((a, b) => a - b),
      Array.from({ length: sent }, (_, i) => i + 1),
      `seed ${seed}`,
    );
    for (const user of [watcher, users[0] as TallyUser]) {
      cluster.runUntil(
        () => user.events.length >= sent,
        30_000,
        `seed ${seed}: ${user.client.name} has ${user.events.length} of ${sent} events`,
      );
      assert.deepEqual(
        user.events.map((event) => event.value),
        Array.from({ length: sent }, (_, i) => i + 1),
        `seed ${seed}`,
      );
    }
    assert.ok([...users, watcher].every((user) => user.lost === null));
  }
});

test('T52, T53, T55, T56: queries while leaders are killed, stopped and cut off → linearizable ones see all that was acknowledged, none goes back', () => {
  for (let seed = 1; seed <= 3; seed++) {
    const cluster = sessionCluster(600 + seed);
    const writer = new TallyUser(cluster, 'writer', { sessionTtlMs: 20_000 }).open();
    const readers = cluster.nodes.map((node, i) =>
      new TallyUser(cluster, `reader${i}`, { sessionTtlMs: 20_000, readFrom: node.address }).open(),
    );
    let acknowledged = 0;
    let isOver = false;
    const write = (): void =>
      writer.command('add', { amount: 1 }, ({ value }) => {
        if (value !== null) acknowledged = value as number;
        if (!isOver) write();
      });
    write();
    const counts = { linearizable: 0, sequential: 0 };
    for (const user of [...readers, writer]) {
      let seen = 0;
      const read = (consistency: 'linearizable' | 'sequential'): void => {
        const before = acknowledged;
        user.query('get', { consistency, deadlineMs: 60_000 }, ({ error, value }) => {
          assert.equal(error, null, `seed ${seed}`);
          const got = value as number;
          if (consistency === 'linearizable' || user === writer) {
            assert.ok(got >= before, `seed ${seed}: ${user.client.name} read ${got} ${consistency}, ${before} was acknowledged`);
          }
          assert.ok(got >= seen, `seed ${seed}: ${user.client.name} went back from ${seen} to ${got}`);
          seen = got;
          counts[consistency]++;
          const pauseMs = randomUnit(cluster.random) * 10;
          if (!isOver)
            user.client.process.timers.set(pauseMs, () => read(randomUnit(cluster.random) < 0.5 ? 'linearizable' : 'sequential'));
        });
      };
      read('sequential');
    }
    for (let round = 0; round < 12; round++) {
      strike(cluster, round + seed);
      cluster.runFor(randomBetween(cluster.random, 100, 400));
    }
    isOver = true;
    cluster.runUntil(() => [...readers, writer].every((user) => user.sessions.openCalls === 0), 60_000, `seed ${seed}: all is answered`);
    assert.ok(counts.linearizable > 100 && counts.sequential > 100, JSON.stringify(counts));
  }
});

test('T56, rule 9: a lagging replica is asked by a client that has seen more → it waits; at its deadline another replica answers', () => {
  const cluster = sessionCluster(14);
  const leader = leaderOf(cluster);
  const [lagging, near] = others(cluster, leader);
  assert.ok(lagging !== undefined && near !== undefined);
  const user = new TallyUser(cluster, 'user', { readFrom: lagging.address }).open();
  user.run('add', { amount: 1 });
  for (const node of [leader, near]) cluster.network.cut(lagging.name, node.name);
  user.run('add', { amount: 1 });
  let value: unknown = null;
  user.query('get', { consistency: 'sequential' }, (ended) => (value = ended.value));
  cluster.runFor(30);
  assert.equal(metric(lagging, 'queriesWaiting'), 1);
  assert.equal(value, null);
  cluster.network.healAll();
  cluster.runUntil(() => value !== null, 2000, 'the replica catches up');
  assert.equal(value, 2);
  assert.equal(metric(lagging, 'queriesWaiting'), 0);
  for (const node of [leader, near]) cluster.network.cut(lagging.name, node.name);
  user.run('add', { amount: 1 });
  assert.equal(user.ask('get', { consistency: 'sequential' }).value, 3);
});
