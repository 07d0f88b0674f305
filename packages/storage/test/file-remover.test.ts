import assert from 'node:assert/strict';
import { test } from 'node:test';
import { G1, Rig, appendMany } from './rig.js';
import { content, facts, snapshotPaths, take, write } from './snapshot-rig.js';

test('space: a large snapshot is replaced → its file shrinks in slices with pauses between them, then it is gone', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 5);
  rig.settle();
  const big = write(storage.createSnapshot(facts(3)), new Uint8Array(18_000_000).fill(3), 6_000_000);
  rig.settle(2000);
  assert.ok(big.file);
  take(rig, storage, 5, 1000);
  for (let ms = 0; ms < 100 && snapshotPaths(rig).length > 1; ms++) rig.scheduler.runFor(1);
  assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000005.q']);
  rig.close();
  assert.equal(rig.open().snapshot(G1)?.index, 5);
});

test('space: closed, or killed, while a large file shrinks → the next open removes the rest', () => {
  for (const end of ['close', 'kill', 'powerCut'] as const) {
    const rig = new Rig();
    const storage = rig.start();
    appendMany(storage.createGroup(G1, false), 5);
    rig.settle();
    write(storage.createSnapshot(facts(3)), new Uint8Array(18_000_000).fill(3), 6_000_000);
    rig.settle(2000);
    const outcome = write(storage.createSnapshot(facts(5)), content(100, 5));
    while (!outcome.isDone) rig.scheduler.runFor(0.1);
    rig.scheduler.runFor(6);
    const sizes = snapshotPaths(rig).map((path) => rig.disk.contentOf(path).length);
    assert.ok(sizes.length === 2 && (sizes[1] as number) < 18_000_000 && (sizes[1] as number) > 1_000_000, `${end}: ${sizes.join()}`);
    rig[end]();
    const again = rig.open();
    assert.deepEqual([again.damage, again.snapshot(G1)?.index], [[], 5], end);
    assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000005.q'], end);
  }
});

test('T39: a large received snapshot is given up when it is whole, and received again → the second is whole, while the first shrinks', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  rig.settle();
  const writer = storage.receiveSnapshot(facts(9));
  write(writer, new Uint8Array(18_000_000).fill(1), 6_000_000);
  rig.settle(2000);
  writer.abort();
  const again = write(storage.receiveSnapshot(facts(9)), new Uint8Array(10_000_000).fill(2), 10_000_000);
  while (!again.isDone) rig.scheduler.runFor(0.1);
  rig.scheduler.runFor(200);
  log.restartAt(9, 1);
  rig.settle();
  const file = storage.snapshot(G1);
  assert.ok(file);
  assert.deepEqual(file.read(9_000_000, 1_000_000), new Uint8Array(10_000_000).fill(2).subarray(9_000_000));
  assert.equal(snapshotPaths(rig).length, 1);
});
