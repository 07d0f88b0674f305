import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import type { SimCluster } from '@quorate/testkit';
import { TallyUser, leaderOf, metric, sessionCluster } from './session-rig.js';

/** Rounding of skewed clocks and the time between two ticks of a node. */
const TICK_MS = 70;
/** More than any election takes here. */
const FAIL_OVER_MS = 1000;

/** Waits until no session but `left` are open, on the leader; gives the time. */
function awaitSessions(cluster: SimCluster, left: number, withinMs: number): number {
  cluster.runUntil(
    () => {
      const leader = cluster.leaderOf(DEFAULT_GROUP);
      return leader !== undefined && metric(leader, 'sessions') === left;
    },
    withinMs,
    `${left} sessions are left`,
  );
  return cluster.scheduler.nowMs;
}

test('rule 14: a client is stopped in an idle cluster → its session expires after the ttl, nothing else being written', () => {
  const cluster = sessionCluster(11);
  const user = new TallyUser(cluster, 'user', { sessionTtlMs: 2000 }).open();
  assert.notEqual(user.run('take').value, null);
  cluster.runFor(5000);
  const applied = leaderOf(cluster).appliedState(DEFAULT_GROUP)?.appliedIndex ?? 0;
  user.client.process.pause();
  const fromMs = cluster.scheduler.nowMs;
  const tookMs = awaitSessions(cluster, 0, 5000) - fromMs;
  // Its last sign of life came up to a third of the ttl before.
  assert.ok(tookMs > 2000 - 700 && tookMs < 2000 + TICK_MS + 50, `${tookMs}`);
  cluster.runFor(5000);
  assert.equal(leaderOf(cluster).appliedState(DEFAULT_GROUP)?.appliedIndex, applied + 1);
  user.client.process.resume();
  cluster.runUntil(() => user.lost !== null, 1000, 'the client learns of it');
  const next = user.run('take');
  assert.equal(next.error, null);
});

test('a client is killed, its connection closes → its session ends after the grace; a client that comes back in time keeps it', () => {
  const cluster = sessionCluster(12);
  const stays = new TallyUser(cluster, 'stays', { sessionTtlMs: 10_000, disconnectGraceMs: 500 }).open();
  const goes = new TallyUser(cluster, 'goes', { sessionTtlMs: 10_000, disconnectGraceMs: 500 }).open();
  const { id } = stays;
  goes.run('take');
  goes.client.process.kill();
  const fromMs = cluster.scheduler.nowMs;
  for (let i = 0; i < 8; i++) {
    cluster.network.resetConnections('stays', leaderOf(cluster).name);
    cluster.runFor(40);
  }
  const tookMs = awaitSessions(cluster, 1, 5000) - fromMs;
  assert.ok(tookMs >= 500 && tookMs < 500 + TICK_MS + 50, `${tookMs}`);
  assert.equal(stays.run('take').error, null);
  assert.equal(stays.id, id);
  assert.equal(stays.lost, null);
});

test('T58: leaders change faster than the ttl → no session of a live client ends, one of a silent client lives for at most 2 ttl more', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const cluster = sessionCluster(100 + seed);
    const live = Array.from({ length: 3 }, (_, i) => new TallyUser(cluster, `live${i}`, { sessionTtlMs: 2000 }).open());
    const silent = new TallyUser(cluster, 'silent', { sessionTtlMs: 2000 }).open();
    cluster.runFor(500);
    silent.client.process.pause();
    const fromMs = cluster.scheduler.nowMs;
    for (let round = 0; round < 4; round++) {
      const leader = leaderOf(cluster);
      leader.kill();
      cluster.runFor(900);
      leader.start();
      cluster.awaitLeader(DEFAULT_GROUP);
      cluster.runFor(300);
    }
    const lastMs = cluster.scheduler.nowMs;
    assert.equal(metric(leaderOf(cluster), 'sessions'), 4, `seed ${seed}: a session ended while leaders changed faster than its ttl`);
    const endMs = awaitSessions(cluster, 3, 10_000);
    assert.ok(endMs - fromMs >= 2000 - 700 && endMs - lastMs <= 2000 + FAIL_OVER_MS, `seed ${seed}: ${endMs - fromMs}, ${endMs - lastMs}`);
    for (const user of live) {
      assert.equal(user.lost, null, `seed ${seed}: ${user.client.name}`);
      assert.equal(user.run('add', { amount: 1 }).error, null);
    }
  }
});

test('T58: the leader is stopped for longer than the ttl and goes on → it expires nobody, and neither does the next one', () => {
  for (const pauseMs of [300, 3000, 8000]) {
    const cluster = sessionCluster(20 + pauseMs);
    const users = Array.from({ length: 4 }, (_, i) => new TallyUser(cluster, `user${i}`, { sessionTtlMs: 2000 }).open());
    const ids = users.map((user) => user.id);
    const leader = leaderOf(cluster);
    leader.pause();
    cluster.runFor(pauseMs);
    leader.resume();
    cluster.runFor(5000);
    assert.deepEqual(
      users.map((user) => [user.lost, user.id]),
      ids.map((id) => [null, id]),
      `${pauseMs} ms`,
    );
  }
});

test('T58, T75: all nodes are stopped for longer than the ttl at the same time → on waking they end no session', () => {
  // A node alone leads on when it wakes; of three the leader steps down first.
  for (const [seed, nodes] of [
    [1, 1],
    [2, 1],
    [3, 3],
    [4, 3],
  ] as const) {
    const cluster = sessionCluster(300 + seed, { nodes });
    const user = new TallyUser(cluster, 'user', { sessionTtlMs: 2000 }).open();
    const leader = leaderOf(cluster);
    for (const node of cluster.nodes) node.pause();
    cluster.runFor(20_000);
    // The client lives by its own clock: it takes its session for lost, and is right to do so. The cluster must not have ended it.
    for (const node of cluster.nodes) node.resume();
    cluster.runFor(150);
    for (const node of cluster.nodes) {
      const sessions = node.status()?.metrics['sessions'];
      assert.ok(sessions !== undefined && sessions >= 1, `seed ${seed}: ${node.name} has ${sessions} sessions`);
    }
    assert.ok(user.lost !== null);
    assert.ok(leader.isUp);
  }
});

test('T59: a timer that is due in an idle cluster → fires once, by a tick, at its logged time, also under a new leader', () => {
  const cluster = sessionCluster(13);
  const user = new TallyUser(cluster, 'user').open();
  user.run('watch');
  user.run('delay', { afterMs: 1000 });
  const fromMs = cluster.scheduler.nowMs;
  cluster.runUntil(() => user.events.length === 1, 3000, 'the timer fires');
  const tookMs = cluster.scheduler.nowMs - fromMs;
  assert.ok(tookMs >= 990 && tookMs < 1000 + TICK_MS + 50, `${tookMs}`);
  user.run('delay', { afterMs: 1000 });
  leaderOf(cluster).kill();
  cluster.runUntil(() => user.events.length === 2, 5000, 'the timer fires under a new leader');
  const applied = leaderOf(cluster).appliedState(DEFAULT_GROUP)?.appliedIndex;
  cluster.runFor(5000);
  const after = leaderOf(cluster).appliedState(DEFAULT_GROUP)?.appliedIndex;
  // No more than what the client acknowledges of its events.
  assert.ok(applied !== undefined && after !== undefined && after - applied <= 1, `${applied} ${after}`);
  assert.deepEqual(
    user.events.map((event) => event.value),
    [1, 2],
  );
});

test('rules 14 and 15: more timers are due in an idle cluster than one entry fires → ticks follow each other until all have, then nothing is written', () => {
  const cluster = sessionCluster(17);
  const user = new TallyUser(cluster, 'user').open();
  for (let i = 0; i < 5999; i++) user.command('delay', { afterMs: 2000 });
  user.run('delay', { afterMs: 2000 });
  const before = leaderOf(cluster).appliedState(DEFAULT_GROUP)?.appliedIndex ?? 0;
  cluster.runFor(1500);
  assert.equal(user.ask('get').value, 0);
  cluster.runFor(1000);
  assert.equal(user.ask('get').value, 6000);
  cluster.runFor(2000);
  const written = (leaderOf(cluster).appliedState(DEFAULT_GROUP)?.appliedIndex ?? 0) - before;
  assert.ok(written >= 3 && written <= 8, `${written} entries`);
});

test('T57: a leader that is cut off from the others answers pings → the client never takes a session for its own that the cluster has ended', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const cluster = sessionCluster(400 + seed);
    const holder = new TallyUser(cluster, 'holder', { sessionTtlMs: 500 }).open();
    assert.equal(holder.run('take').error, null);
    const old = leaderOf(cluster);
    cluster.runFor(seed * 37);
    // The client reaches only the old leader, and the old leader only the client.
    for (const node of cluster.nodes) {
      if (node === old) continue;
      cluster.network.cut(old.name, node.name);
      cluster.network.cut('holder', node.name);
    }
    const next = new TallyUser(cluster, 'next');
    cluster.network.cut('next', old.name);
    next.open();
    let takenMs = 0;
    const tryTake = (): void => next.command('take', {}, ({ error, atMs }) => (error === null ? (takenMs = atMs) : tryTake()));
    tryTake();
    cluster.runUntil(() => takenMs !== 0, 10_000, 'the next one holds it');
    assert.ok(
      holder.lost !== null && holder.lost.atMs <= takenMs,
      `seed ${seed}: held by two: lost ${holder.lost?.atMs}, taken ${takenMs}`,
    );
  }
});
