import assert from 'node:assert/strict';
import test from 'node:test';
import { randomBetween, randomUnit } from '@quorate/base';
import type { SimCluster } from '@quorate/testkit';
import { TallyUser, others, sessionCluster } from './session-rig.js';
import { awaitLevel, snapshotSettings } from './snapshot-rig.js';

/** Something goes wrong with a node, and is mended a while later. */
function strike(cluster: SimCluster): void {
  const { random } = cluster;
  const victim = cluster.node(randomBetween(random, 1, cluster.nodes.length));
  switch (randomBetween(random, 0, 5)) {
    case 0:
      victim.kill();
      break;
    case 1:
      victim.powerCut(random);
      break;
    case 2:
      cluster.powerCutAll();
      break;
    case 3:
      victim.pause();
      break;
    case 4:
      victim.wipe();
      break;
    default:
      for (const node of others(cluster, victim)) cluster.network.cut(victim.name, node.name, randomUnit(random) < 0.5 ? 'hold' : 'reset');
  }
  cluster.runFor(randomBetween(random, 20, 900));
  cluster.healAll();
}

/** True once no replica waits to be let in again: only then may another directory be lost. */
function isWhole(cluster: SimCluster): boolean {
  return cluster.nodes.every((node) => node.status()?.groups.every((group) => !group.isLearner) === true);
}

function run(seed: number): { readonly taken: number; readonly installed: number } {
  const cluster = sessionCluster(seed, { settings: snapshotSettings({ snapshotLogBytes: 16_384 }) });
  const users = Array.from({ length: 3 }, (_, i) => new TallyUser(cluster, `user${i}`, { sessionTtlMs: 60_000 }).open());
  let open = 0;
  let sum = 0;
  let isOver = false;
  for (const user of users) {
    const next = (): void => {
      if (isOver) return;
      open++;
      user.command(
        'add',
        { amount: 1 },
        ({ error }) => {
          open--;
          assert.equal(error, null, `seed ${seed}`);
          sum++;
        },
        60_000,
      );
      user.command('put', { slot: randomBetween(cluster.random, 0, 9), value: new Uint8Array(randomBetween(cluster.random, 0, 3000)) });
      user.client.process.timers.set(randomUnit(cluster.random) * 40, next);
    };
    next();
  }
  let taken = 0;
  let installed = 0;
  for (let round = 0; round < 12; round++) {
    strike(cluster);
    cluster.runFor(randomBetween(cluster.random, 100, 500));
    cluster.runUntil(() => isWhole(cluster), 60_000, 'all replicas are let in');
    for (const node of cluster.nodes) {
      taken += node.status()?.metrics['snapshotsTaken'] ?? 0;
      installed += node.status()?.metrics['snapshotsInstalled'] ?? 0;
    }
  }
  isOver = true;
  cluster.runUntil(() => open === 0, 90_000, `seed ${seed}: all commands are answered`);
  assert.equal(users[0]?.ask('get').value, sum, `seed ${seed}: each command was applied once`);
  awaitLevel(cluster);
  return { taken, installed };
}

test('T41, T42, T44: kills, power cuts, wiped disks, pauses and cut cables while snapshots are taken and installed → each command applied once, states equal', () => {
  let installed = 0;
  const first = Number(process.env['SNAPSHOT_SEED'] ?? 5001);
  const seeds = Number(process.env['SNAPSHOT_SEEDS'] ?? 3);
  for (let seed = first; seed < first + seeds; seed++) {
    const result = run(seed);
    assert.ok(result.taken > 0, `seed ${seed}: snapshots were taken`);
    installed += result.installed;
  }
  assert.ok(installed > 0, 'snapshots were installed');
});
