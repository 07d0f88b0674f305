import assert from 'node:assert/strict';
import test from 'node:test';
import { DEFAULT_GROUP, randomBetween, randomUnit } from '@quorate/base';
import type { SimCluster } from '@quorate/testkit';
import { TallyUser, metric, others, sessionCluster } from './session-rig.js';
import { awaitLevel, snapshotSettings } from './snapshot-rig.js';

const TTL_MS = 2000;

/** Something goes wrong with a node for a while. */
function strike(cluster: SimCluster): void {
  const { random } = cluster;
  const leader = cluster.leaderOf(DEFAULT_GROUP);
  const victim = leader !== undefined && randomUnit(random) < 0.6 ? leader : cluster.node(randomBetween(random, 1, cluster.nodes.length));
  const how = randomUnit(random);
  if (how < 0.3) victim.kill();
  else if (how < 0.5) victim.pause();
  else for (const node of others(cluster, victim)) cluster.network.cut(victim.name, node.name, randomUnit(random) < 0.5 ? 'hold' : 'reset');
  cluster.runFor(randomBetween(random, 50, 1500));
  cluster.healAll();
}

/** Reads all the time, one after the other, and looks whether one goes back or misses what its client was told. */
function readOn(cluster: SimCluster, user: TallyUser, seed: number, told: () => number, isOver: () => boolean): () => number {
  let last = 0;
  let reads = 0;
  const next = (): void => {
    if (isOver()) return;
    const least = Math.max(last, told());
    user.query('get', { consistency: randomUnit(cluster.random) < 0.7 ? 'sequential' : 'linearizable' }, ({ error, value }) => {
      assert.equal(error, null, `seed ${seed}: ${user.client.name}`);
      const read = value as number;
      assert.ok(read >= least, `seed ${seed}: ${user.client.name} read ${read} where ${least} was known`);
      last = read;
      reads++;
      user.client.process.timers.set(randomUnit(cluster.random) * 20, next);
    });
  };
  next();
  return () => reads;
}

function run(seed: number): number {
  const cluster = sessionCluster(seed, { settings: snapshotSettings({ snapshotLogBytes: 16_384 }) });
  let isOver = false;
  let open = 0;
  const users = cluster.nodes.map((node, i) => new TallyUser(cluster, `user${i}`, { sessionTtlMs: 60_000, readFrom: node.address }).open());
  const reads = users.map((user) => {
    let told = 0;
    user.run('watch');
    const next = (): void => {
      if (isOver) return;
      open++;
      user.command('put', { slot: randomBetween(cluster.random, 0, 9), value: new Uint8Array(randomBetween(cluster.random, 0, 3000)) });
      user.command('add', { amount: 1 }, ({ error, value }) => {
        open--;
        assert.equal(error, null, `seed ${seed}: ${user.client.name}`);
        told = value as number;
      });
      user.client.process.timers.set(randomUnit(cluster.random) * 60, next);
    };
    next();
    return readOn(
      cluster,
      user,
      seed,
      () => told,
      () => isOver,
    );
  });
  const start = users.map((user) => user.events[0]?.value ?? 0);
  for (let round = 0; round < 10; round++) {
    // One that comes, watches and dies.
    const guest = new TallyUser(cluster, `guest${round}`, { sessionTtlMs: TTL_MS }).open();
    guest.command('watch', {});
    cluster.runFor(randomBetween(cluster.random, 0, 100));
    strike(cluster);
    guest.client.process.kill();
    cluster.runFor(randomBetween(cluster.random, 0, 400));
  }
  isOver = true;
  cluster.runUntil(() => open === 0, 60_000, `seed ${seed}: all commands are answered`);
  awaitLevel(cluster);
  cluster.runFor(2 * TTL_MS + 1000);
  const sum = users[0]?.ask('get').value as number;
  for (const [at, user] of users.entries()) {
    assert.equal(user.lost, null, `seed ${seed}: ${user.client.name}`);
    cluster.runUntil(() => user.events.at(-1)?.value === sum, 10_000, `seed ${seed}: ${user.client.name} has all events`);
    const values = user.events.map(({ value }) => value);
    const first = values[0] as number;
    assert.deepEqual(
      values,
      Array.from({ length: sum - first + 1 }, (_, i) => first + i),
      `seed ${seed}: ${user.client.name}`,
    );
    assert.ok(first <= (start[at] as number) + 1 || start[at] === 0);
    assert.ok((reads[at]?.() ?? 0) > 20, `seed ${seed}: ${user.client.name} read ${reads[at]?.()}`);
  }
  for (const node of cluster.nodes) assert.equal(metric(node, 'sessions'), users.length, `seed ${seed}: sessions of those who died`);
  return cluster.nodes.reduce((all, node) => all + metric(node, 'snapshotsInstalled') + metric(node, 'snapshotsTaken'), 0);
}

test('T42, T56, T66, rule 13: nodes are struck while they take and install snapshots → who died expires, others keep their sessions, get each event once, and read nothing old', () => {
  const first = Number(process.env['SNAPSHOT_SEED'] ?? 6001);
  const seeds = Number(process.env['SNAPSHOT_SEEDS'] ?? 2);
  let snapshots = 0;
  for (let seed = first; seed < first + seeds; seed++) snapshots += run(seed);
  assert.ok(snapshots > 0, 'snapshots were taken and installed');
});
