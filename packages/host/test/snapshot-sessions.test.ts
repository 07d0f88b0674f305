import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import type { SimNode } from '@quorate/testkit';
import { RawClient } from './raw-client.js';
import { TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';
import { awaitLevel, awaitMetric, fillQuickly, snapshotSettings } from './snapshot-rig.js';

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
