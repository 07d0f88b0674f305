import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import type { SimNode } from '@quorate/testkit';
import { TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';
import { awaitMetric, checkSum, fill, firstIndexOn, snapshotFiles, snapshotSettings } from './snapshot-rig.js';
import { TALLY_TYPE } from './tally.js';

test('T36: a byte of a snapshot is damaged, the log before it is gone → the replica starts anew and is fed by its leader', () => {
  for (const at of [30, 5000, 100_000]) {
    const cluster = sessionCluster(480 + at, { settings: snapshotSettings() });
    const user = new TallyUser(cluster, 'a').open();
    user.run('add', { amount: 4 });
    fill(user, 8, 30_000, 8);
    cluster.runFor(500);
    const [victim] = others(cluster, leaderOf(cluster)) as [SimNode, SimNode];
    victim.kill();
    assert.ok(firstIndexOn(cluster, leaderOf(cluster)) > 1);
    victim.disk.flipBit(snapshotFiles(victim)[0] as string, at, 3);
    victim.start();
    awaitMetric(cluster, victim, 'snapshotsInstalled', 1);
    checkSum(cluster, user, 4);
    assert.ok((victim.status()?.damage.length ?? 0) > 0, 'it says so');
  }
});

test('T36: the same on a node without others → it does not start, and says why', () => {
  const cluster = sessionCluster(490, { nodes: 1, settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a').open();
  fill(user, 8, 30_000, 8);
  cluster.runFor(500);
  const node = cluster.node(1);
  node.kill();
  node.disk.flipBit(snapshotFiles(node)[0] as string, 100_000, 3);
  node.start();
  cluster.runUntil(() => node.failure !== null, 10_000, 'it gives up');
  assert.equal(node.failure?.code, 'dataDamaged');
});

test('T78: a snapshot has a kind of resource that this node does not know → its group stops there, the node lives, others go on', () => {
  let isKnown = true;
  const cluster = sessionCluster(491, { settings: snapshotSettings() }, (node) => (node === 'n2' && !isKnown ? [] : [TALLY_TYPE]));
  const user = new TallyUser(cluster, 'a').open();
  fill(user, 8, 30_000, 8);
  user.run('add', { amount: 1 });
  cluster.runFor(500);
  const victim = cluster.node(2);
  const roleOf = (): string | undefined => cluster.groupOn(victim, DEFAULT_GROUP)?.role;
  for (const how of ['boot', 'install'] as const) {
    isKnown = false;
    victim.kill();
    if (how === 'install') victim.wipe();
    victim.start();
    cluster.runUntil(() => roleOf() === 'stopped', 20_000, 'its group stops');
    fill(user, 2, 1000);
    assert.equal(victim.status()?.state, 'serving');
    isKnown = true;
    victim.kill();
    victim.start();
    checkSum(cluster, user, 1);
    assert.ok(metric(victim, 'sessions') > 0);
  }
});
