import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP } from '@quorate/base';
import { type Holding, LOCK, MAP, claimLock } from '@quorate/resources';
import { type SimClient, SimCluster, type SimNode } from '@quorate/testkit';

const TTL_MS = 500;
const LOCK_NAME = 'the-lock';

/** A cluster that takes snapshots all the time, and a client that holds a lock in a session that is in a snapshot of each node. */
function heldLock(seed: number): { readonly cluster: SimCluster; readonly holder: SimClient; readonly writer: SimClient } {
  const cluster = new SimCluster({ seed, settings: { snapshotLogBytes: 4096 } });
  cluster.startAll();
  cluster.awaitLeader(DEFAULT_GROUP);
  const holder = cluster.client('holder', { sessionTtlMs: TTL_MS });
  const writer = cluster.client('writer', { deadlineMs: 30_000 });
  acquire(cluster, holder);
  write(cluster, writer);
  cluster.runUntil(() => cluster.nodes.every((node) => taken(node) > 0), 10_000, 'a snapshot on each node');
  return { cluster, holder, writer };
}

const taken = (node: SimNode): number => node.status()?.metrics['snapshotsTaken'] ?? 0;

function acquire(cluster: SimCluster, client: SimClient): Holding {
  const handle = client.face.resources.client.handle(LOCK, LOCK_NAME);
  return cluster.await<Holding>('the lock', 30_000, (done) => claimLock(handle, null, { deadlineMs: 30_000 }, done));
}

/** Log enough for some snapshots. */
function write(cluster: SimCluster, client: SimClient): void {
  const handle = client.face.resources.client.handle(MAP, 'map');
  for (let i = 0; i < 40; i++) {
    const args = { key: Uint8Array.of(1), value: new Uint8Array(500).fill(i), ttlMs: null, fence: null };
    cluster.await('a write', 30_000, (done) => handle.command('set', args, {}, done));
  }
}

test('sessions and snapshots: nodes start from a snapshot that has the session of a dead client → it expires, and its lock goes to the next', () => {
  const { cluster, holder } = heldLock(1);
  holder.kill();
  for (const node of cluster.nodes) node.kill();
  cluster.startAll();
  cluster.awaitLeader(DEFAULT_GROUP);
  const next = cluster.client('other', { sessionTtlMs: 60_000 });
  const startedMs = cluster.scheduler.nowMs;
  acquire(cluster, next);
  assert.ok(cluster.scheduler.nowMs - startedMs < 4 * TTL_MS, `after ${cluster.scheduler.nowMs - startedMs} ms`);
});

test('sessions and snapshots: a node is fed by a snapshot and leads, a client of a session in it is dead → the session expires there too', () => {
  const { cluster, holder, writer } = heldLock(2);
  const fed = cluster.nodes.find((node) => node !== cluster.leaderOf(DEFAULT_GROUP)) as SimNode;
  fed.wipe();
  write(cluster, writer);
  fed.start();
  const isFed = (): boolean => {
    const group = cluster.groupOn(fed, DEFAULT_GROUP);
    return (fed.status()?.metrics['snapshotsInstalled'] ?? 0) > 0 && group !== undefined && !group.isLearner;
  };
  cluster.runUntil(isFed, 30_000, 'the node is fed by a snapshot');
  holder.kill();
  cluster.await('handing over', 30_000, (done) => writer.core.transferLeader(DEFAULT_GROUP, fed.nodeId, { deadlineMs: 30_000 }, done));
  cluster.runUntil(() => cluster.leaderOf(DEFAULT_GROUP) === fed, 10_000, 'the node that was fed leads');
  const startedMs = cluster.scheduler.nowMs;
  acquire(cluster, cluster.client('other', { sessionTtlMs: 60_000 }));
  assert.equal(cluster.leaderOf(DEFAULT_GROUP), fed);
  assert.ok(cluster.scheduler.nowMs - startedMs < 4 * TTL_MS, `after ${cluster.scheduler.nowMs - startedMs} ms`);
});

test('sessions and snapshots: sequential reads wait on a node until a snapshot feeds it → answered from what the snapshot brought; the session lives', () => {
  const { cluster, writer } = heldLock(3);
  const fed = cluster.nodes.find((node) => node !== cluster.leaderOf(DEFAULT_GROUP)) as SimNode;
  const reader = cluster.client('reader', { sessionTtlMs: 60_000, deadlineMs: 30_000, readFrom: fed.address });
  const handle = reader.face.resources.client.handle(MAP, 'map');
  const args = { key: Uint8Array.of(2), value: Uint8Array.of(1), ttlMs: null, fence: null };
  cluster.await('a write of the reader', 30_000, (done) => handle.command('set', args, {}, done));
  const image = fed.disk.image();
  write(cluster, writer);
  cluster.runFor(1000);
  fed.restoreImage(image);
  // The others are far away: it is empty for a while before it is fed.
  for (const node of cluster.nodes) if (node !== fed) cluster.network.setLink(node.name, fed.name, { latencyMs: 15 });
  fed.start();
  const isFed = (): boolean => (fed.status()?.metrics['snapshotsInstalled'] ?? 0) > 0;
  const isEmpty = (): boolean => cluster.groupOn(fed, DEFAULT_GROUP)?.isLearner === true;
  cluster.runUntil(isEmpty, 30_000, 'the node finds out that its directory is an old one');
  let read = 0;
  const faults: string[] = [];
  handle.listen({ sessionLost: (error) => faults.push(error.message) });
  const readOn = (): void => {
    if (isFed()) return;
    handle.query('get', { key: Uint8Array.of(2) }, { consistency: 'sequential' }, (error, entry) => {
      if (error === null && entry !== null) read++;
      else faults.push(error?.message ?? 'the write was not seen');
    });
    reader.process.timers.set(0.1, readOn);
  };
  readOn();
  cluster.runUntil(() => (fed.status()?.metrics['queriesWaiting'] ?? 0) > 0, 10_000, 'reads wait on the node');
  assert.ok(!isFed());
  cluster.runUntil(isFed, 30_000, 'the node is fed by a snapshot');
  cluster.runFor(2000);
  assert.deepEqual(faults, []);
  assert.ok(read > 10, `${read} reads`);
});
