import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import { TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';
import { SNAPSHOT_BYTES, awaitLevel, fill, firstIndexOn, snapshotFiles, snapshotSettings } from './snapshot-rig.js';

test('snapshots: many batches → each node snapshots its machine, logs stay short, directories bounded', () => {
  const cluster = sessionCluster(301, { settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a').open();
  fill(user, 400, 1000);
  awaitLevel(cluster);
  for (const node of cluster.nodes) {
    assert.ok(metric(node, 'snapshotsTaken') >= 5, `${node.name} took ${metric(node, 'snapshotsTaken')}`);
    const status = cluster.groupOn(node, DEFAULT_GROUP);
    assert.ok(firstIndexOn(cluster, node) > 1);
    assert.ok((status?.lastIndex ?? 0) - (status?.firstIndex ?? 0) < (2 * SNAPSHOT_BYTES) / 1000, `log of ${node.name} is long`);
    assert.equal(metric(node, 'snapshotsFailed'), 0);
    assert.equal(snapshotFiles(node).length, 1);
  }
});

test('snapshots: replicas of one log → they take turns, from the first one on and also after one was installed', () => {
  const cluster = sessionCluster(304, { settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a').open();
  // Log indexes of the snapshots of each node, as they come.
  const indexes = new Map(cluster.nodes.map((node): [string, number[]] => [node.name, []]));
  const note = (): void => {
    for (const node of cluster.nodes) {
      const taken = indexes.get(node.name) as number[];
      const index = node.isUp ? metric(node, 'snapshotIndex') : 0;
      if (index > (taken.at(-1) ?? 0)) taken.push(index);
    }
  };
  const fillAndNote = (): void => {
    for (let i = 0; i < 120; i++) {
      fill(user, 1, 1000);
      note();
    }
  };
  // Of about 32 commands from one snapshot to the next, a third lies between two nodes.
  const apart = (from: number): number => {
    const all = [...indexes.values()].flatMap((taken) => taken.filter((index) => index > from)).sort((a, b) => a - b);
    assert.ok(all.length >= 8, `${all.length} snapshots`);
    return Math.min(...all.slice(1).map((index, at) => index - (all[at] as number)));
  };
  fillAndNote();
  assert.ok(apart(0) >= 5, `${apart(0)} commands apart: ${JSON.stringify([...indexes])}`);
  const [emptied] = others(cluster, leaderOf(cluster));
  assert.ok(emptied !== undefined);
  emptied.wipe();
  fill(user, 60, 1000);
  emptied.start();
  awaitLevel(cluster);
  assert.equal(metric(emptied, 'snapshotsInstalled'), 1);
  const since = Math.max(...cluster.nodes.map((node) => metric(node, 'snapshotIndex')));
  fillAndNote();
  assert.ok(apart(since) >= 5, `${apart(since)} commands apart: ${JSON.stringify([...indexes])}`);
});

test('snapshots: all nodes killed and started again → they start from their snapshots, in the same state, with nothing lost', () => {
  const cluster = sessionCluster(302, { settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a').open();
  fill(user, 100, 1000);
  for (let i = 1; i <= 20; i++) user.run('add', { amount: 1 });
  for (const node of cluster.nodes) node.kill();
  cluster.runFor(100);
  cluster.startAll();
  assert.equal(user.run('add', { amount: 1 }).value, 21);
  awaitLevel(cluster);
  for (const node of cluster.nodes) assert.ok(firstIndexOn(cluster, node) > 1);
});

test('T43: follower away while the others compact → it gets the snapshot and catches up in the same state', () => {
  const cluster = sessionCluster(303, { settings: snapshotSettings() });
  const user = new TallyUser(cluster, 'a').open();
  const [away] = others(cluster, leaderOf(cluster));
  assert.ok(away !== undefined);
  away.kill();
  fill(user, 300, 1000);
  away.start();
  fill(user, 50, 1000);
  awaitLevel(cluster);
  assert.equal(metric(away, 'snapshotsInstalled'), 1);
  assert.ok(firstIndexOn(cluster, away) > 1);
});
