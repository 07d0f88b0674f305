import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import { decodeValue } from '@quorate/machine';
import type { SimNode } from '@quorate/testkit';
import { oneQuery } from './raw-session.js';
import { QueryResultList } from '@quorate/wire';
import { RawClient } from './raw-client.js';
import { TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';
import { awaitLevel, awaitMetric, fillQuickly, snapshotSettings } from './snapshot-rig.js';
import { TALLY } from './tally.js';

const TTL_MS = 2000;

test('rule 13, T42: all nodes start again from snapshots that hold a session whose client is gone → it expires after its ttl', () => {
  const cluster = sessionCluster(480, { settings: snapshotSettings() });
  const gone = new TallyUser(cluster, 'gone', { sessionTtlMs: TTL_MS }).open();
  assert.ok(gone.id > 0);
  const filler = new TallyUser(cluster, 'filler', { sessionTtlMs: 60_000 }).open();
  fillQuickly(filler, 8);
  awaitLevel(cluster);
  for (const node of cluster.nodes) assert.ok(metric(node, 'snapshotsTaken') > 0);
  for (const node of cluster.nodes) node.kill();
  gone.client.process.kill();
  for (const node of cluster.nodes) node.start();
  const leader = leaderOf(cluster);
  cluster.runUntil(() => metric(leader, 'sessions') === 1, 3 * TTL_MS, 'the session of the client that is gone expires');
});

test('rule 13, T42: a node that knows a session by a snapshot from its leader only leads → it expires a silent one, and no other', () => {
  const cluster = sessionCluster(481, { settings: snapshotSettings() });
  const leader = leaderOf(cluster);
  const [away] = others(cluster, leader) as [SimNode, SimNode];
  for (const node of others(cluster, away)) cluster.network.cut(away.name, node.name, 'reset');
  const gone = new TallyUser(cluster, 'gone', { sessionTtlMs: TTL_MS }).open();
  assert.ok(gone.id > 0);
  const stays = new TallyUser(cluster, 'stays', { sessionTtlMs: TTL_MS }).open();
  fillQuickly(stays, 8);
  cluster.network.healAll();
  awaitMetric(cluster, away, 'snapshotsInstalled', 1);
  awaitLevel(cluster);
  gone.client.process.kill();
  const raw = new RawClient(cluster, leaderOf(cluster));
  raw.send({ type: 'transferLeader', group: DEFAULT_GROUP, to: away.nodeId });
  cluster.runUntil(() => cluster.leaderOf(DEFAULT_GROUP) === away, 5000, 'it leads');
  cluster.runUntil(() => metric(away, 'sessions') === 1, 3 * TTL_MS, 'the silent session expires');
  assert.equal(stays.lost, null);
});

test('T56, rule 9: queries wait on a lagging replica, which gets a snapshot instead of the entries → answered from what the snapshot holds', () => {
  const cluster = sessionCluster(482, { settings: snapshotSettings() });
  const [away] = others(cluster, leaderOf(cluster)) as [SimNode, SimNode];
  const user = new TallyUser(cluster, 'a', { readFrom: away.address, sessionTtlMs: 60_000 }).open();
  user.run('add', { amount: 1 });
  awaitLevel(cluster);
  for (const node of others(cluster, away)) cluster.network.cut(away.name, node.name, 'reset');
  user.run('add', { amount: 1 });
  const raw = new RawClient(cluster, away);
  const query = { type: 'queries', group: DEFAULT_GROUP, ...oneQuery(user.tally, 9) } as const;
  const { seenIndex } = user.sessions;
  // One knows an index, the other a command whose answer it does not have.
  const ids = [
    raw.send({ ...query, consistency: 'sequential', session: 0, afterNumber: 0, minIndex: seenIndex }),
    raw.send({ ...query, consistency: 'sequential', session: user.id, afterNumber: 3, minIndex: 0 }),
  ];
  cluster.runUntil(() => metric(away, 'queriesWaiting') === ids.length, 1000, 'they wait');
  fillQuickly(user, 8);
  cluster.network.healAll();
  awaitMetric(cluster, away, 'snapshotsInstalled', 1);
  cluster.runUntil(() => raw.answers.size === ids.length, 1000, 'they are answered');
  for (const id of ids) {
    const answer = raw.answers.get(id);
    assert.ok(answer?.type === 'queryResults', JSON.stringify(answer));
    assert.ok(answer.index >= seenIndex, `as of ${answer.index}, ${seenIndex} was seen`);
    const list = new QueryResultList(answer.results);
    list.next();
    assert.deepEqual(decodeValue(TALLY.operations.get.result, answer.results.subarray(list.start, list.end)), 2);
  }
});

test('T59, rule 14: a timer is in the snapshots from which all nodes start, or which the next leader got → it fires once, at its logged time', () => {
  for (const how of ['started', 'got'] as const) {
    const cluster = sessionCluster(483, { settings: snapshotSettings() });
    const [away] = others(cluster, leaderOf(cluster)) as [SimNode, SimNode];
    if (how === 'got') for (const node of others(cluster, away)) cluster.network.cut(away.name, node.name, 'reset');
    const user = new TallyUser(cluster, 'a', { sessionTtlMs: 60_000 }).open();
    user.run('watch');
    const setMs = cluster.scheduler.nowMs;
    user.run('delay', { afterMs: 8000 });
    fillQuickly(user, 8);
    cluster.runFor(1000);
    cluster.network.healAll();
    if (how === 'got') {
      awaitMetric(cluster, away, 'snapshotsInstalled', 1);
      awaitLevel(cluster);
      new RawClient(cluster, leaderOf(cluster)).send({ type: 'transferLeader', group: DEFAULT_GROUP, to: away.nodeId });
      cluster.runUntil(() => cluster.leaderOf(DEFAULT_GROUP) === away, 5000, 'it leads');
    } else {
      awaitLevel(cluster);
      for (const node of cluster.nodes) node.kill();
      for (const node of cluster.nodes) node.start();
      leaderOf(cluster);
    }
    assert.equal(user.events.length, 0);
    cluster.runUntil(() => user.events.length > 0, 12_000, 'the timer fires');
    const tookMs = cluster.scheduler.nowMs - setMs;
    // While nobody leads, logged time stands still.
    assert.ok(tookMs >= 7990 && tookMs < 10_000, `${how}: ${tookMs}`);
    cluster.runFor(3000);
    assert.equal(user.events.length, 1);
    awaitLevel(cluster);
  }
});
