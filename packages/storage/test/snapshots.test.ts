import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupId, NodeId } from '@quorate/base';
import type { SnapshotFile } from '@quorate/storage';
import { G1, G2, Rig, appendMany, batch, contentOf, logOf } from './rig.js';
import { content, facts, readAll, snapshotPaths, take, write, readPiece } from './snapshot-rig.js';

test('snapshot: written, read at any place, opened again → the same bytes and facts', () => {
  for (const length of [0, 1, 65_535, 65_536, 65_537, 131_072, 524_287, 524_288, 524_289]) {
    const rig = new Rig();
    const storage = rig.start();
    appendMany(storage.createGroup(G1, false), 5);
    rig.settle();
    assert.equal(storage.snapshot(G1), null);
    take(rig, storage, 5, length);
    rig.close();
    const file = rig.open().snapshot(G1);
    assert.ok(file);
    assert.deepEqual([file.group, file.index, file.term, file.voters, file.loggedTimeMs, file.length], [G1, 5, 1, [1, 2, 3], 1005, length]);
    const expected = content(length, 5);
    assert.deepEqual(readAll(rig, file), expected);
    const reader = file.open();
    for (const [at, bytes] of [
      [0, 10],
      [10, 10],
      [65_530, 20],
      [131_070, 5],
      [0, 2_000_000],
    ] as const) {
      if (at < length) assert.deepEqual(readPiece(rig, reader, at, bytes), expected.slice(at, at + bytes), `${length} at ${at}`);
    }
    reader.close();
    assert.deepEqual(rig.inspect().damage, []);
  }
});

test('snapshot: a newer one is in force → the older file goes once the journal says so, not before, and not while it is read', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 9);
  rig.settle();
  const first = take(rig, storage, 3);
  const reader = first.open();
  take(rig, storage, 6);
  assert.equal(snapshotPaths(rig).length, 2);
  assert.deepEqual(readAll(rig, first), content(100_000, 3));
  reader.close();
  rig.settle();
  assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000006.q']);
  log.truncatePrefix(6);
  rig.settle();
  assert.throws(() => log.truncatePrefix(8), /invariant/, 'the log starts at its snapshot at the latest');
});

test('T40: snapshot of an index that is not durable in the log yet → in force only once it is', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 4);
  rig.settle();
  appendMany(log, 4);
  const outcome = write(storage.createSnapshot(facts(8)), content(5000, 8));
  rig.scheduler.runFor(100);
  assert.deepEqual([outcome.isDone, storage.snapshot(G1), log.durableIndex], [false, null, 4]);
  rig.settle(50);
  assert.equal(outcome.file?.index, 8);
  assert.equal(storage.snapshot(G1)?.index, 8);
});

test('T41: two snapshots at once, the older one finishes last → it is dropped', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 9);
  rig.settle();
  const old = storage.createSnapshot(facts(4));
  take(rig, storage, 7);
  const outcome = write(old, content(1000, 4));
  rig.settle(100);
  assert.deepEqual([outcome.isDone, outcome.error, outcome.file], [true, null, null]);
  assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000007.q']);
  assert.equal(storage.snapshot(G1)?.index, 7);
});

test('snapshot: no space → diskFull, nothing is left of it, the log goes on; a later attempt succeeds', () => {
  const rig = new Rig({ capacityBytes: 120_000 });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 5);
  rig.settle();
  const outcome = write(storage.createSnapshot(facts(5)), content(300_000, 5));
  rig.settle(100);
  assert.equal(outcome.error?.code, 'diskFull');
  assert.deepEqual(snapshotPaths(rig), []);
  appendMany(log, 1);
  rig.settle();
  assert.deepEqual([log.durableIndex, rig.life.failures], [6, []]);
  take(rig, storage, 6, 10_000);
});

test('snapshot: longer than what is written at once, in pieces of any size → the same bytes; no space at any of the writes → nothing is left of it', () => {
  const bytes = content(1_200_000, 5);
  for (const pieceBytes of [65_536, 262_144, 524_289, 1_200_000]) {
    let attempts = 0;
    for (let isHit = true; isHit; attempts++) {
      const rig = new Rig();
      const storage = rig.start();
      appendMany(storage.createGroup(G1, false), 5);
      rig.settle();
      const rule = rig.disk.inject({
        effect: { type: 'fail', kind: 'full' },
        operations: ['create', 'write'],
        path: /snapshots/,
        skip: attempts,
        times: 1,
      });
      const outcome = write(storage.createSnapshot(facts(5)), bytes, pieceBytes);
      rig.settle(200);
      isHit = rule.hits > 0;
      assert.equal(outcome.error?.code ?? null, isHit ? 'diskFull' : null);
      assert.equal(snapshotPaths(rig).length, isHit ? 0 : 1);
      if (!isHit) assert.deepEqual(readAll(rig, outcome.file as SnapshotFile), bytes);
      assert.deepEqual(rig.life.failures, []);
    }
    assert.equal(attempts, 5, 'the file is made, three writes, and one attempt that meets no fault');
  }
});

test('T25: snapshot: its sync fails, or a write for another reason than space → the storage fails for good', () => {
  for (const operation of ['sync', 'write'] as const) {
    const rig = new Rig();
    const storage = rig.start();
    appendMany(storage.createGroup(G1, false), 5);
    rig.settle();
    rig.disk.inject({ effect: { type: 'fail', kind: 'io' }, operations: [operation], path: /snapshots/ });
    const outcome = write(storage.createSnapshot(facts(5)), content(1000, 5));
    rig.scheduler.runFor(100);
    assert.equal(outcome.error?.code, 'diskFailed', operation);
    assert.deepEqual(
      rig.life.failures.map((error) => error.code),
      ['diskFailed'],
    );
    assert.equal(storage.snapshot(G1), null);
  }
});

test('snapshot: given up at any moment, also when it is in force and nobody was told yet → there whole or not at all, and never lost again', () => {
  let inForce = 0;
  for (let steps = 0; ; steps++) {
    const rig = new Rig();
    const storage = rig.start();
    appendMany(storage.createGroup(G1, false), 5);
    rig.settle();
    const writer = storage.createSnapshot(facts(5));
    const outcome = write(writer, content(1000, 5));
    for (let i = 0; i < steps && !outcome.isDone; i++) rig.scheduler.step();
    if (outcome.isDone) break;
    const isInForce = storage.snapshot(G1) !== null;
    if (isInForce) inForce++;
    writer.abort();
    rig.settle(100);
    assert.equal(storage.snapshot(G1) !== null, isInForce, `after ${steps} steps`);
    assert.equal(snapshotPaths(rig).length, isInForce ? 1 : 0);
    rig.close();
    const reopened = rig.open();
    assert.deepEqual(reopened.damage, []);
    if (isInForce) assert.deepEqual(readAll(rig, reopened.snapshot(G1) as SnapshotFile), content(1000, 5));
  }
  assert.ok(inForce > 0, 'it was given up between coming in force and telling so');
});

test('snapshot: given up midway, or the group is reset, or the storage is closed → the steps end, no file is left in the way', () => {
  for (const how of ['abort', 'reset', 'close'] as const) {
    const rig = new Rig();
    const storage = rig.start();
    appendMany(storage.createGroup(G1, false), 5);
    rig.settle();
    const writer = storage.createSnapshot(facts(5));
    const outcome = write(writer, content(1_200_000, 5));
    while (snapshotPaths(rig).length === 0) rig.scheduler.step();
    assert.equal(outcome.isDone, false);
    if (how === 'abort') writer.abort();
    else if (how === 'reset') storage.resetGroup(G1);
    else assert.equal(rig.close(), null);
    if (how !== 'close') rig.settle(100);
    if (how !== 'close') assert.deepEqual([outcome.isDone, outcome.error?.code], [true, 'aborted'], how);
    if (how === 'close') rig.open();
    assert.deepEqual(snapshotPaths(rig), [], how);
  }
});

test('T38: log starts anew after a received snapshot: shorter, longer, matching and conflicting logs → suffix kept exactly where it matches', () => {
  for (let length = 0; length <= 8; length++) {
    for (const conflictAt of [1, 3, 5, 9]) {
      for (const index of [2, 4, 6]) {
        for (const durable of [0, 3, 8]) {
          const rig = new Rig();
          const storage = rig.start();
          const log = storage.createGroup(G1, false);
          for (let at = 1; at <= length; at++) {
            log.append(batch({ base: at, term: at >= conflictAt ? 2 : 1 }));
            if (at === durable) rig.settle(5);
          }
          const context = `length ${length} conflict ${conflictAt} index ${index} durable ${durable}`;
          const received = write(storage.receiveSnapshot(facts(index, 1)), content(2000, index));
          rig.scheduler.runFor(30);
          assert.ok(received.file, context);
          assert.equal(storage.snapshot(G1), null, `${context}: not in force yet`);
          const isKept = length >= index && index < conflictAt;
          assert.equal(log.restartAt(index, 1), isKept, context);
          assert.deepEqual([log.firstIndex, log.previousTerm, log.lastIndex], [index + 1, 1, isKept ? length : index], context);
          const before = contentOf(log);
          log.append(batch({ base: log.lastIndex + 1, term: 3 }));
          rig.settle(30);
          assert.equal(log.durableIndex, log.lastIndex, context);
          const after = contentOf(log);
          assert.deepEqual(after.slice(0, before.length), before, context);
          if (length % 2 === 0) rig.powerCut();
          else rig.close();
          const again = rig.open();
          assert.deepEqual(again.damage, [], context);
          assert.deepEqual(contentOf(logOf(again)), after, context);
          assert.deepEqual([logOf(again).firstIndex, logOf(again).previousTerm], [index + 1, 1], context);
          assert.equal(again.snapshot(G1)?.index, index, context);
        }
      }
    }
  }
});

test('T13: log starts anew while a frame of the old one is being written → its completion makes nothing of the new one durable', () => {
  const rig = new Rig({ storage: { syncMode: 'async' } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  rig.settle();
  const received = write(storage.receiveSnapshot(facts(4, 7)), content(10, 4));
  rig.scheduler.runFor(20);
  assert.ok(received.file);
  appendMany(log, 6);
  storage.flush();
  assert.equal(log.restartAt(4, 7), false);
  rig.scheduler.runFor(10);
  assert.deepEqual([log.lastIndex, log.durableIndex], [4, 0], 'the frame of the old log is durable, the new start was not flushed');
  storage.flush();
  rig.scheduler.runFor(10);
  assert.equal(log.durableIndex, 4);
});

test('T44: received snapshot, power lost before its log started anew → the old log, and the file is gone', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 3);
  rig.settle();
  const received = write(storage.receiveSnapshot(facts(50)), content(3000, 50));
  rig.scheduler.runFor(30);
  assert.ok(received.file);
  rig.powerCut();
  const again = rig.open();
  assert.deepEqual([logOf(again).firstIndex, logOf(again).lastIndex, again.snapshot(G1)], [1, 3, null]);
  assert.deepEqual(snapshotPaths(rig), []);
});

test('T41: a second snapshot is received before the first is in force → the first is dropped; given up after it is complete → gone', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  rig.settle();
  const one = write(storage.receiveSnapshot(facts(10)), content(100, 10));
  rig.scheduler.runFor(20);
  const writer = storage.receiveSnapshot(facts(20));
  const two = write(writer, content(100, 20));
  rig.scheduler.runFor(20);
  assert.ok(one.file && two.file);
  assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000020.q']);
  assert.throws(() => log.restartAt(10, 1), /invariant/);
  writer.abort();
  assert.throws(() => log.restartAt(20, 1), /invariant/);
  rig.scheduler.runFor(20);
  assert.deepEqual(snapshotPaths(rig), []);
  const again = write(storage.receiveSnapshot(facts(20)), content(100, 20));
  rig.scheduler.runFor(20);
  assert.ok(again.file);
  log.restartAt(20, 1);
  rig.settle();
  assert.equal(storage.snapshot(G1)?.index, 20);
});

test('snapshot: group reset → its snapshot is void at once, its file goes once that is durable', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 5);
  rig.settle();
  take(rig, storage, 5);
  const log = storage.resetGroup(G1);
  assert.equal(storage.snapshot(G1), null);
  assert.equal(snapshotPaths(rig).length, 1);
  rig.settle();
  assert.deepEqual(snapshotPaths(rig), []);
  assert.deepEqual([log.firstIndex, log.lastIndex], [1, 0]);
});

test('space: one group under load with a snapshot now and then, beside an idle one → the directory stays small', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  const idle = storage.createGroup(G2, false);
  appendMany(idle, 1);
  let most = 0;
  let written = 0;
  for (let round = 1; round <= 400; round++) {
    written += appendMany(log, 4, { bytes: 500 }).length * 560;
    rig.settle(2);
    if (round % 10 === 0) {
      take(rig, storage, log.durableIndex, 3000);
      log.truncatePrefix(log.durableIndex);
    }
    most = Math.max(most, rig.disk.usedBytes());
  }
  assert.ok(written > 800_000 && most < 120_000, `${written} bytes written, at most ${most} on disk`);
  rig.close();
  assert.equal(logOf(rig.open()).firstIndex, log.firstIndex);
});

test('snapshot: of a group that is not there, or with too many voters → refused', () => {
  const rig = new Rig();
  const storage = rig.start();
  storage.createGroup(G1, false);
  assert.throws(() => storage.createSnapshot({ ...facts(1), group: 9 as GroupId }), /invariant/);
  const voters = Array.from({ length: 300 }, (_, at) => (at + 1) as NodeId);
  assert.throws(() => storage.createSnapshot({ ...facts(1), voters }), /200 voters/);
});
