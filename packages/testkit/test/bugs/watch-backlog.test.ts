import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP, utf8 } from '@quorate/base';
import { MAP, WatchSubscription } from '@quorate/resources';
import { type SimClient, SimCluster } from '@quorate/testkit';

const MEBIBYTE = 1_048_576;
const CHANGES = 24;
const VALUE_BYTES = 50_000;
assert.ok(CHANGES * VALUE_BYTES > MEBIBYTE);

/** A cluster of one node whose map has changed by more than a megabyte, and its link to `reader`. */
function changedMap(seed: number, bytesPerMs: number): { cluster: SimCluster; reader: SimClient; version: () => number } {
  const cluster = new SimCluster({ seed, nodes: 1, settings: { journalFileBytes: 8 * MEBIBYTE } });
  cluster.startAll();
  cluster.awaitLeader(DEFAULT_GROUP);
  const map = cluster.client('writer').face.resources.client.handle(MAP, 'map');
  let version = 0;
  for (let i = 0; i < CHANGES; i++) {
    const value = new Uint8Array(VALUE_BYTES).fill(i);
    const args = { key: utf8(`key-${i % 5}`), value, ttlMs: null, fence: null };
    const set = cluster.await<{ version: number }>('a change', 30_000, (done) =>
      map.command('set', args, { deadlineMs: 30_000 }, (error, result) => done(error, result)),
    );
    version = set.version;
  }
  const reader = cluster.client('reader', { sessionTtlMs: 300, disconnectGraceMs: 100, deadlineMs: 120_000 });
  for (const node of cluster.nodes) cluster.network.setLink(node.name, reader.name, { bytesPerMs });
  return { cluster, reader, version: () => version };
}

/** The versions that watches from the beginning are told, each of its own. */
function watched(reader: SimClient, count: number): number[][] {
  const handle = reader.face.resources.client.handle(MAP, 'map');
  return Array.from({ length: count }, () => {
    const told: number[] = [];
    const range = { key: new Uint8Array(0), isPrefix: true, afterVersion: 0, isResumed: true };
    const observer = { changed: ({ version }: { version: number }) => told.push(version), ended: (error: Error) => assert.fail(error) };
    new WatchSubscription(handle, range, observer, { deadlineMs: Number.POSITIVE_INFINITY });
    return told;
  });
}

for (const { name, bytesPerMs, count, sessions } of [
  { name: 'a link that needs longer for it than the ttl of 300 ms → told in the one session', bytesPerMs: 3000, count: 1, sessions: 1 },
  { name: 'three such watches of one session → told in the one session', bytesPerMs: 3000, count: 3, sessions: 1 },
  {
    name: 'a link that no session outlives → told over several sessions, each goes on behind the last',
    bytesPerMs: 700,
    count: 3,
    sessions: 60,
  },
]) {
  test(`T66, T71: a watch that begins more than a megabyte behind, ${name}: every change once, in order`, () => {
    const { cluster, reader, version } = changedMap(1, bytesPerMs);
    const told = watched(reader, count);
    let seen = 0;
    let last = 0;
    const isTold = (): boolean => {
      const { session } = reader.face.resources.client.handle(MAP, 'map');
      if (session !== 0 && session !== last) {
        last = session;
        seen++;
      }
      return told.every((versions) => versions.at(-1) === version());
    };
    cluster.runUntil(isTold, 60_000, 'all changes');
    const all = Array.from({ length: version() }, (_, i) => i + 1);
    for (const versions of told) assert.deepEqual(versions, all);
    assert.ok(seen <= sessions && (sessions === 1 || seen > 1), `${seen} sessions`);
  });
}
