import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import { COUNTER, type Holding, LOCK, claimLock } from '@quorate/resources';
import { type SimClient, SimCluster } from '@quorate/testkit';

const TTL_MS = 300;

function acquire(cluster: SimCluster, client: SimClient): Holding {
  const handle = client.face.resources.client.handle(LOCK, 'lock');
  return cluster.await<Holding>('the lock', 30_000, (done) => claimLock(handle, null, { deadlineMs: 30_000 }, done));
}

test('session: taken for lost by its client, whose connection lives and is used on → the cluster ends it too, and its lock goes to the next', () => {
  const cluster = new SimCluster({ seed: 1 });
  cluster.startAll();
  cluster.awaitLeader(DEFAULT_GROUP);
  const client = cluster.client('client', { sessionTtlMs: TTL_MS, deadlineMs: 30_000 });
  const held = acquire(cluster, client);
  // The cluster hears the client, the client does not hear the cluster, until it must take its session for lost; no connection breaks.
  for (const node of cluster.nodes) cluster.network.cutOneWay(node.name, client.name);
  cluster.runUntil(() => !held.isHeld, 2 * TTL_MS, 'the client takes its lock for lost');
  for (const node of cluster.nodes) cluster.network.heal(node.name, client.name);
  const counter = client.face.resources.client.handle(COUNTER, 'counter');
  let isAdding = true;
  const add = (): void => {
    if (isAdding) counter.command('add', { delta: 1, fence: null }, {}, () => client.process.timers.set(10, add));
  };
  add();
  const startedMs = cluster.scheduler.nowMs;
  acquire(cluster, cluster.client('next', { sessionTtlMs: 60_000 }));
  isAdding = false;
  assert.ok(cluster.scheduler.nowMs - startedMs < 5 * TTL_MS, `after ${cluster.scheduler.nowMs - startedMs} ms`);
});
