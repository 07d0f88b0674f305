import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import type { SimCluster, SimNode } from '@quorate/testkit';
import { TallyUser, leaderOf, metric, others, sessionCluster } from './session-rig.js';
import { awaitLevel, awaitMetric, fill, firstIndexOn, snapshotSettings } from './snapshot-rig.js';

const VALUE_BYTES = 100_000;
/** So many values are the state: of 4 MB, and the next snapshot is due after as much. */
const SLOTS = 40;
/** After so many the next one is due; after twice as many as there are slots it is taken even while one is sent. */
const DUE = SLOTS + 5;

/** A leader that sends a snapshot to one follower, slowly: it takes ten seconds. */
function sending(seed: number): { cluster: SimCluster; user: TallyUser; leader: SimNode; away: SimNode } {
  const cluster = sessionCluster(seed, { settings: snapshotSettings({ snapshotLogBytes: 1_048_576, journalFileBytes: 1_048_576 }) });
  const user = new TallyUser(cluster, 'a').open();
  const leader = leaderOf(cluster);
  const [away] = others(cluster, leader) as [SimNode, SimNode];
  away.kill();
  fill(user, 2 * SLOTS, VALUE_BYTES, SLOTS);
  cluster.network.setLink(leader.name, away.name, { bytesPerMs: 400 });
  away.start();
  awaitMetric(cluster, away, 'snapshotsReceiving', 1);
  return { cluster, user, leader, away };
}

function begun(node: SimNode): number {
  return metric(node, 'snapshotsTaken') + metric(node, 'snapshotsTaking') + metric(node, 'snapshotsFailed');
}

function appliedOn(node: SimNode): number {
  return node.appliedState(DEFAULT_GROUP)?.appliedIndex ?? 0;
}

test('T32: the disk of a leader becomes full while its next snapshot waits for one that it sends → it is taken at once, the log goes, there is space again', () => {
  const { cluster, user, leader, away } = sending(491);
  const before = begun(leader);
  fill(user, DUE, VALUE_BYTES, SLOTS);
  cluster.runFor(1500);
  assert.equal(begun(leader), before, 'due, and it waits');
  const rule = leader.disk.inject({
    operations: ['create'],
    path: /^journal\/next/,
    times: Number.POSITIVE_INFINITY,
    effect: { type: 'fail', kind: 'full' },
  });
  const firstIndex = firstIndexOn(cluster, leader);
  let puts = 0;
  for (; metric(leader, 'diskFull') === 0; puts++) fill(user, 1, VALUE_BYTES, SLOTS);
  assert.ok(DUE + puts < 2 * SLOTS, `${puts} more: it would be taken in any case`);
  awaitMetric(cluster, leader, 'snapshotsTaken', before + 1, 1500);
  cluster.runUntil(() => metric(leader, 'diskFull') === 0, 1500, 'space, of the files that the log took');
  assert.ok(firstIndexOn(cluster, leader) > firstIndex);
  assert.equal(user.run('add', { amount: 1 }).error, null);
  assert.equal(metric(away, 'snapshotsInstalled'), 0, 'the other one is under way');
  rule.remove();
  awaitMetric(cluster, away, 'snapshotsInstalled', 1);
  awaitLevel(cluster);
});

test('T32: no space for the snapshot of a leader, and nothing is written any more → it is tried again every five seconds, and taken when there is', () => {
  const { cluster, user, leader, away } = sending(492);
  const before = begun(leader);
  fill(user, DUE, VALUE_BYTES, SLOTS);
  const rule = leader.disk.inject({
    operations: ['create'],
    path: /^snapshots/,
    times: Number.POSITIVE_INFINITY,
    effect: { type: 'fail', kind: 'full' },
  });
  while (begun(leader) === before) fill(user, 1, VALUE_BYTES, SLOTS);
  const failedAtMs: number[] = [cluster.scheduler.nowMs];
  // Replies are acknowledged yet.
  cluster.runFor(2000);
  const applied = appliedOn(leader);
  while (failedAtMs.length < 4) {
    cluster.runUntil(() => metric(leader, 'snapshotsFailed') > failedAtMs.length, 6000, 'the next attempt');
    failedAtMs.push(cluster.scheduler.nowMs);
  }
  for (const [at, ms] of failedAtMs.slice(1).entries()) {
    const pauseMs = ms - (failedAtMs[at] as number);
    assert.ok(pauseMs > 4900 && pauseMs < 5100, `attempts after ${pauseMs} ms`);
  }
  rule.remove();
  awaitMetric(cluster, leader, 'snapshotsTaken', before + 1, 5100);
  assert.equal(appliedOn(leader), applied, 'nothing was applied meanwhile, which would have been an occasion');
  awaitMetric(cluster, away, 'snapshotsInstalled', 1);
  awaitLevel(cluster);
});
