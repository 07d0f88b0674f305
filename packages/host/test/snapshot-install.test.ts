import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import type { SimNode } from '@quorate/testkit';
import { RawClient } from './raw-client.js';
import { isWhole } from './harness.js';
import { type Ended, TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';
import { awaitLevel, awaitMetric, checkSum, fill, fillQuickly, firstIndexOn, snapshotFiles, snapshotSettings } from './snapshot-rig.js';

test('T34: wiped node, logs compacted → it gets the snapshot, is let in again and then counts', () => {
  const cluster = sessionCluster(401, { settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a').open();
  user.run('add', { amount: 7 });
  fillQuickly(user, 4);
  const [wiped, second] = others(cluster, leaderOf(cluster)) as [SimNode, SimNode];
  wiped.wipe();
  wiped.start();
  cluster.runUntil(() => isWhole(wiped), 20_000, 'it is let in again');
  assert.equal(metric(wiped, 'snapshotsInstalled'), 1);
  second.kill();
  user.run('add', { amount: 1 });
  cluster.healAll();
  checkSum(cluster, user, 8);
});

test('T38: cut off leader with entries nobody else has, fewer or more than the snapshot covers → they are dropped, it catches up', () => {
  for (const uncommitted of [0, 2, 80]) {
    for (const rounds of [3, 12]) {
      const cluster = sessionCluster(410 + uncommitted + rounds, { settings: snapshotSettings() });
      const user = new TallyUser(cluster, 'a').open();
      const loner = new TallyUser(cluster, 'loner').open();
      fill(user, 2, 1000);
      const cutOff = leaderOf(cluster);
      for (const node of others(cluster, cutOff)) cluster.network.cut(cutOff.name, node.name, 'reset');
      let answered = 0;
      const lost: Ended[] = [];
      for (let i = 0; i < uncommitted; i++) {
        loner.command('add', { amount: 1 }, (ended) => (ended.error === null ? answered++ : lost.push(ended)), 60_000);
        if (i % 4 === 0) cluster.runFor(1);
      }
      const before = cluster.groupOn(cutOff, DEFAULT_GROUP)?.lastIndex ?? 0;
      cluster.runUntil(
        () => others(cluster, cutOff).some((node) => cluster.groupOn(node, DEFAULT_GROUP)?.role === 'leader'),
        5000,
        'another leader',
      );
      fill(user, rounds, 30_000, 2);
      cluster.healAll();
      awaitMetric(cluster, cutOff, 'snapshotsInstalled', 1);
      cluster.runUntil(() => answered + lost.length === uncommitted, 70_000, 'all is answered');
      assert.deepEqual(lost, []);
      if (uncommitted > 2) assert.ok(before > 10);
      checkSum(cluster, user, uncommitted);
      assert.ok(firstIndexOn(cluster, cutOff) > 1);
    }
  }
});

test('T39: leader dies while it sends a snapshot → the next one sends its own, from the front', () => {
  let interrupted = 0;
  for (let afterMs = 1; afterMs <= 40; afterMs += 6) {
    const cluster = sessionCluster(430 + afterMs, { settings: snapshotSettings() });
    const user = new TallyUser(cluster, 'a').open();
    const [away] = others(cluster, leaderOf(cluster)) as [SimNode, SimNode];
    away.kill();
    fill(user, 60, 30_000, 60);
    user.run('add', { amount: 3 });
    away.start();
    cluster.runUntil(() => (away.status()?.metrics['snapshotsReceiving'] ?? 0) === 1, 20_000, 'a transfer');
    cluster.runFor(afterMs);
    if (metric(away, 'snapshotsInstalled') === 0) interrupted++;
    const leader = leaderOf(cluster);
    leader.kill();
    cluster.runFor(1000);
    cluster.healAll();
    awaitMetric(cluster, away, 'snapshotsInstalled', 1);
    checkSum(cluster, user, 3);
  }
  assert.ok(interrupted >= 2, `${interrupted} transfers were interrupted`);
});

test('T42, rule 19: answer to a command lost, its client cut off, a node that knows of it by a snapshot only leads → the retry gets the old answer', () => {
  const cluster = sessionCluster(450, { settings: snapshotSettings() });
  const options = { sessionTtlMs: 60_000 };
  const user = new TallyUser(cluster, 'a', options).open();
  const filler = new TallyUser(cluster, 'filler', options).open();
  user.run('add', { amount: 5 });
  const leader = leaderOf(cluster);
  const [away] = others(cluster, leader) as [SimNode, SimNode];
  away.kill();
  let ended: Ended | null = null;
  user.command('add', { amount: 1 }, (each) => (ended = each), 60_000);
  const applied = cluster.groupOn(leader, DEFAULT_GROUP)?.commitIndex ?? 0;
  cluster.runUntil(() => (cluster.groupOn(leader, DEFAULT_GROUP)?.commitIndex ?? 0) > applied, 1000, 'it is committed');
  for (const node of cluster.nodes) cluster.network.cut('a', node.name);
  assert.equal(ended, null, 'the answer is lost');
  fillQuickly(filler, 4);
  away.start();
  awaitMetric(cluster, away, 'snapshotsInstalled', 1);
  awaitLevel(cluster);
  const raw = new RawClient(cluster, leaderOf(cluster));
  raw.send({ type: 'transferLeader', group: DEFAULT_GROUP, to: away.nodeId });
  cluster.runUntil(() => cluster.leaderOf(DEFAULT_GROUP) === away, 5000, 'it leads');
  cluster.healAll();
  cluster.runUntil(() => ended !== null, 60_000, 'the retry');
  assert.deepEqual([(ended as unknown as Ended).error, (ended as unknown as Ended).value], [null, 6]);
  checkSum(cluster, user, 6);
});

test('snapshots: deposed leaders and followers install one → clients get each event once and in order, and queries see their commands', () => {
  const cluster = sessionCluster(460, { settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a', { sessionTtlMs: 60_000 }).open();
  const watcher = new TallyUser(cluster, 'watcher', { sessionTtlMs: 60_000 }).open();
  watcher.run('watch');
  for (let round = 0; round < 4; round++) {
    const leader = leaderOf(cluster);
    const [follower] = others(cluster, leader) as [SimNode, SimNode];
    const away = round % 2 === 0 ? leader : follower;
    const installed = metric(away, 'snapshotsInstalled');
    for (const node of others(cluster, away)) cluster.network.cut(away.name, node.name, 'reset');
    for (let i = 0; i < 5; i++) user.run('add', { amount: 1 });
    fillQuickly(user, 4);
    cluster.network.healAll();
    awaitMetric(cluster, away, 'snapshotsInstalled', installed + 1);
    assert.equal(watcher.ask('get', { consistency: 'sequential' }).value, 5 * (round + 1));
  }
  cluster.runUntil(() => watcher.events.length >= 20, 10_000, 'all events');
  assert.deepEqual(
    watcher.events.map((event) => event.value),
    Array.from({ length: 20 }, (_, i) => i + 1),
  );
  checkSum(cluster, user, 20);
  cluster.runFor(1000);
  for (const node of cluster.nodes) assert.equal(snapshotFiles(node).length, 1, `${node.name}: ${snapshotFiles(node).join(', ')}`);
});

test('T42: session that ended while its carrier was cut off, which then installs a snapshot → it carries it no more', () => {
  const cluster = sessionCluster(465, { settings: snapshotSettings() });
  const [stays, ends] = ['stays', 'ends'].map((name) => new TallyUser(cluster, name, { sessionTtlMs: 60_000 }).open()) as [
    TallyUser,
    TallyUser,
  ];
  const carrier = leaderOf(cluster);
  assert.equal(metric(carrier, 'sessionsCarried'), 2);
  for (const node of others(cluster, carrier)) cluster.network.cut(carrier.name, node.name, 'reset');
  let isClosed = false;
  ends.sessions.close(() => (isClosed = true));
  cluster.runUntil(() => isClosed, 20_000, 'it is closed');
  fillQuickly(stays, 8);
  const carried = metric(carrier, 'sessionsCarried');
  cluster.network.healAll();
  awaitMetric(cluster, carrier, 'snapshotsInstalled', 1);
  assert.ok(carried === 2, 'its connections stayed');
  assert.equal(metric(carrier, 'sessionsCarried'), 1);
  awaitLevel(cluster);
});

test('T41: follower gets the entries from a new leader while it stores the snapshot of the old one → the snapshot is dropped', () => {
  const cluster = sessionCluster(466, { settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a').open();
  const leader = leaderOf(cluster);
  const [away, whole] = others(cluster, leader) as [SimNode, SimNode];
  whole.kill();
  whole.start({ snapshotLogBytes: 16_777_216 });
  user.run('add', { amount: 1 });
  away.kill();
  fill(user, 6, 30_000, 6);
  away.disk.inject({ operations: ['sync'], path: /snapshots/, effect: { type: 'slow', ms: 3000 } });
  away.start();
  cluster.runUntil(() => (away.status()?.metrics['snapshotsReceiving'] ?? 0) === 1, 20_000, 'a transfer');
  cluster.runFor(100);
  leader.kill();
  awaitLevel(cluster, [away, whole]);
  user.run('add', { amount: 1 });
  cluster.runFor(4000);
  assert.equal(metric(away, 'snapshotsInstalled'), 0);
  assert.equal(metric(away, 'snapshotsReceiving'), 0);
  cluster.healAll();
  checkSum(cluster, user, 2);
  cluster.runFor(1000);
  assert.ok(snapshotFiles(away).length <= 1, snapshotFiles(away).join(', '));
});

test('T43, T73: large snapshot over a link of 10 MB/s under load → the follower converges, and no leader changes', () => {
  const cluster = sessionCluster(470, { settings: snapshotSettings({ snapshotLogBytes: 1_048_576, journalFileBytes: 4_194_304 }) });
  const user = new TallyUser(cluster, 'a').open();
  const leader = leaderOf(cluster);
  const [away] = others(cluster, leader) as [SimNode, SimNode];
  away.kill();
  fill(user, 80, 100_000, 80);
  cluster.network.setLink(leader.name, away.name, { bytesPerMs: 10_000 });
  away.start();
  cluster.runUntil(() => (away.status()?.metrics['snapshotsReceiving'] ?? 0) === 1, 20_000, 'a transfer');
  const leaderships = cluster.leadershipsLogged;
  const sinceMs = cluster.scheduler.nowMs;
  let isOver = false;
  const next = (): void => {
    if (!isOver) user.command('put', { slot: 90, value: new Uint8Array(3000) }, next);
  };
  for (let i = 0; i < 4; i++) next();
  awaitMetric(cluster, away, 'snapshotsInstalled', 1);
  cluster.runFor(300);
  isOver = true;
  awaitLevel(cluster);
  assert.ok(cluster.scheduler.nowMs - sinceMs > 800, 'it takes a while');
  assert.equal(metric(away, 'snapshotsInstalled'), 1);
  assert.equal(cluster.leadershipsLogged, leaderships);
});

test('snapshots: the next one of a leader is due while it sends the last → it waits for that, but not for ever', () => {
  for (const fills of [60, 120]) {
    const cluster = sessionCluster(475, { settings: snapshotSettings({ snapshotLogBytes: 1_048_576, journalFileBytes: 4_194_304 }) });
    const user = new TallyUser(cluster, 'a').open();
    const leader = leaderOf(cluster);
    const [away] = others(cluster, leader) as [SimNode, SimNode];
    away.kill();
    // A state of 4 MB: the next snapshot is due after as much.
    fill(user, 80, 100_000, 40);
    cluster.network.setLink(leader.name, away.name, { bytesPerMs: 400 });
    away.start();
    cluster.runUntil(() => (away.status()?.metrics['snapshotsReceiving'] ?? 0) === 1, 20_000, 'a transfer');
    const begun = (): number => metric(leader, 'snapshotsTaken') + metric(leader, 'snapshotsTaking');
    const before = begun();
    fill(user, fills, 100_000, 40);
    cluster.runFor(1500);
    assert.equal(metric(away, 'snapshotsInstalled'), 0, 'it is under way');
    const hasWaited = fills === 60;
    assert.equal(begun() - before, hasWaited ? 0 : 1, `${fills / 10} MB`);
    awaitMetric(cluster, away, 'snapshotsInstalled', 1);
    cluster.network.setLink(leader.name, away.name, { bytesPerMs: 100_000 });
    if (hasWaited) awaitMetric(cluster, leader, 'snapshotsTaken', before + 1);
    awaitLevel(cluster);
  }
});
