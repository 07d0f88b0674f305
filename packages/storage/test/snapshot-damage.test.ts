import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { formatInspect } from '@quorate/storage';
import { G1, G2, Rig, appendMany, logOf } from './rig.js';
import { facts, content, snapshotPaths, take, write, readPiece } from './snapshot-rig.js';

test('inspect: snapshots → listed and verified; damage inside one is named with file and offset', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 5);
  rig.settle();
  take(rig, storage, 5, 200_000);
  log.truncatePrefix(5);
  rig.close();
  assert.match(formatInspect(rig.inspect()), /0005\.q: index 5 of term 1, 200000 bytes, voters 1, 2, 3, in force, sound/);
  rig.disk.flipBit('snapshots/0000000001-0000000000000005.q', 512 + 65_544 + 100, 3);
  const report = rig.inspect();
  assert.deepEqual(
    report.damage.map(({ file, offset, groups }) => [file, offset, groups]),
    [['snapshots/0000000001-0000000000000005.q', 512 + 65_544, [G1]]],
  );
  assert.match(formatInspect(report), /DAMAGED at offset 66056/);
});

test('T29: snapshot that the log starts after is missing, cut or damaged at either end → the group is damaged; file and offset named; reset and fed anew', () => {
  const path = 'snapshots/0000000001-0000000000000005.q';
  const harms: Record<string, (rig: Rig) => void> = {
    missing: (rig) => rig.disk.state.remove(path),
    'head flipped': (rig) => rig.disk.flipBit(path, 30, 1),
    'end flipped': (rig) => rig.disk.flipBit(path, rig.disk.contentOf(path).length - 10, 1),
    cut: (rig) => rig.disk.state.find(path).truncate(70_000),
    'of another index': (rig) => {
      const bytes = rig.disk.contentOf('snapshots/other');
      rig.disk.state.find(path).truncate(0);
      rig.disk.corrupt(path, 0, bytes);
    },
  };
  for (const [name, harm] of Object.entries(harms)) {
    const rig = new Rig();
    const storage = rig.start();
    const log = storage.createGroup(G1, false);
    const sound = storage.createGroup(G2, false);
    appendMany(log, 8);
    appendMany(sound, 2);
    rig.settle();
    take(rig, storage, 3);
    // The file of another index, kept aside.
    const other = rig.disk.contentOf('snapshots/0000000001-0000000000000003.q');
    take(rig, storage, 5);
    log.truncatePrefix(5);
    rig.close();
    if (name === 'of another index') {
      rig.disk.state.create('snapshots/other');
      rig.disk.corrupt('snapshots/other', 0, other);
    }
    harm(rig);
    const again = rig.open();
    assert.deepEqual(
      again.damage.map((damage) => [damage.file, damage.groups]),
      [[path, [G1]]],
      name,
    );
    assert.equal(again.snapshot(G1), null);
    assert.throws(
      () => appendMany(logOf(again), 1),
      (error) => error instanceof QuorateError && error.code === 'dataDamaged',
    );
    appendMany(logOf(again, G2), 1);
    const fresh = again.resetGroup(G1);
    rig.settle();
    assert.deepEqual([fresh.hardState.isLearner, fresh.lastIndex], [true, 0]);
    const received = write(again.receiveSnapshot(facts(8)), content(100, 8));
    rig.settle();
    assert.ok(received.file);
    fresh.restartAt(8, 1);
    rig.settle();
    rig.close();
    assert.deepEqual(rig.open().damage, [], name);
  }
});

test('T29: snapshot is damaged, but the log has all its entries → no damage of the group, no snapshot', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 8);
  rig.settle();
  take(rig, storage, 5);
  rig.close();
  rig.disk.flipBit('snapshots/0000000001-0000000000000005.q', 30, 1);
  const again = rig.open();
  assert.deepEqual([again.damage, again.snapshot(G1), logOf(again).firstIndex], [[], null, 1]);
  take(rig, again, 8);
  rig.close();
  assert.equal(rig.open().snapshot(G1)?.index, 8);
});

test('T29: damage inside a snapshot is met by a read → dataDamaged with file and offset, and told as damage of its group', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 5);
  rig.settle();
  const file = take(rig, storage, 5, 200_000);
  const path = snapshotPaths(rig)[0] as string;
  rig.disk.flipBit(path, 512 + 65_544 + 8, 0);
  const reader = file.open();
  const before = readPiece(rig, reader, 0, 65_536);
  assert.ok(before instanceof Uint8Array && before.length === 65_536, 'the piece before is sound');
  rig.scheduler.runFor(10);
  assert.equal(rig.life.damaged.length, 0, 'what was only read ahead is not looked at');
  const error = readPiece(rig, reader, 65_530, 10);
  assert.ok(error instanceof QuorateError);
  assert.deepEqual([error.code, error.details['file'], error.details['offset']], ['dataDamaged', path, 66_056]);
  rig.scheduler.runFor(1);
  assert.deepEqual(
    rig.life.damaged.map((damage) => damage.groups),
    [[G1]],
  );
});

test('T30: two pieces of a snapshot swapped → both are noticed', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 5);
  rig.settle();
  const file = take(rig, storage, 5, 200_000);
  const path = snapshotPaths(rig)[0] as string;
  const bytes = rig.disk.contentOf(path);
  rig.disk.corrupt(path, 512, bytes.slice(512 + 65_544, 512 + 2 * 65_544));
  rig.disk.corrupt(path, 512 + 65_544, bytes.slice(512, 512 + 65_544));
  const reader = file.open();
  for (const at of [0, 65_536]) assert.match(String(readPiece(rig, reader, at, 1)), /damaged/);
});

test('snapshot: files without an identity → the identity was lost, nothing is touched', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 5);
  rig.settle();
  take(rig, storage, 5);
  rig.close();
  for (const path of rig.disk.paths()) if (!path.startsWith('snapshots/')) rig.disk.state.remove(path);
  rig.tryOpen();
  assert.equal(rig.life.openError?.code, 'dataDamaged');
  assert.equal(snapshotPaths(rig).length, 1);
});
