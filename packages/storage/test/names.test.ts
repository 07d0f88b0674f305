import assert from 'node:assert/strict';
import { test } from 'node:test';
import { G1, Rig, appendMany, logOf } from './rig.js';
import { content, facts, readAll, snapshotPaths, take, write } from './snapshot-rig.js';

const PATH_9 = 'snapshots/0000000001-0000000000000009.q';

test('space: a snapshot is replaced, its removal takes a second → everything else goes on, then it is gone', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 5);
  rig.settle();
  take(rig, storage, 3);
  const slow = rig.disk.inject({ effect: { type: 'slow', ms: 1000 }, operations: ['remove'], path: /0000000003\.q/ });
  take(rig, storage, 5);
  appendMany(log, 3);
  rig.settle(10);
  assert.deepEqual([slow.hits, log.durableIndex, snapshotPaths(rig).length], [1, 8, 2]);
  rig.scheduler.runFor(1000);
  assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000005.q']);
});

test('space: closed while a removal is under way → closes after it, for the next life may give the name again', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 5);
  rig.settle();
  take(rig, storage, 3);
  rig.disk.inject({ effect: { type: 'slow', ms: 1000 }, operations: ['remove'], path: /0000000003\.q/ });
  take(rig, storage, 5);
  let isClosed = false;
  storage.close(() => {
    isClosed = true;
  });
  rig.scheduler.runFor(500);
  assert.deepEqual([isClosed, rig.disk.lockHolder === null], [false, false]);
  rig.scheduler.runFor(1000);
  assert.deepEqual([isClosed, rig.disk.lockHolder, snapshotPaths(rig)], [true, null, ['snapshots/0000000001-0000000000000005.q']]);
});

test('space: more dead journal files than are kept, one slow to remove → closes after it, and the rest goes in the next life', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  for (let round = 0; round < 20; round++) {
    appendMany(log, 4, { bytes: 900 });
    rig.settle(10);
  }
  const files = rig.disk.paths().filter((path) => path.endsWith('.q')).length;
  const slow = rig.disk.inject({ effect: { type: 'slow', ms: 1000 }, operations: ['remove'], path: /journal/ });
  log.truncatePrefix(log.durableIndex);
  appendMany(log, 8, { bytes: 900 });
  rig.settle(50);
  assert.ok(files > 8 && slow.hits === 1, `${files} files, ${slow.hits}`);
  let isClosed = false;
  storage.close(() => {
    isClosed = true;
  });
  rig.scheduler.runFor(500);
  assert.equal(isClosed, false);
  rig.scheduler.runFor(1000);
  assert.equal(isClosed, true);
  rig.kill();
  const again = rig.open();
  appendMany(logOf(again), 8, { bytes: 900 });
  rig.settle(500);
  const left = rig.disk.paths().filter((path) => path.startsWith('journal/'));
  assert.ok(left.length <= 6, left.join());
  assert.deepEqual([again.damage, logOf(again).durableIndex], [[], 96]);
});

test('space: a log is cut again and again by many files → they are used again, none is removed or filled with zeros; no space for a snapshot → they go', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  const removed = rig.disk.inject({ effect: { type: 'slow', ms: 0 }, operations: ['remove'], path: /journal/, times: 1000 });
  const made = rig.disk.inject({ effect: { type: 'slow', ms: 0 }, operations: ['create'], path: /journal/, times: 1000 });
  const counts: [number, number][] = [];
  for (let cycle = 0; cycle < 6; cycle++) {
    const before = [removed.hits, made.hits] as const;
    for (let round = 0; round < 20; round++) {
      appendMany(log, 4, { bytes: 900 });
      rig.settle(10);
    }
    log.truncatePrefix(log.durableIndex);
    appendMany(log, 8, { bytes: 900 });
    rig.settle(100);
    counts.push([removed.hits - before[0], made.hits - before[1]]);
  }
  const [first = [0, 0], second = [0, 0], ...later] = counts;
  assert.ok(first[0] > 5 && second[1] > 5, JSON.stringify(counts));
  for (const [removals, creations] of later.slice(1)) assert.ok(removals <= 1 && creations <= 1, JSON.stringify(counts));
  const filesOf = (): number => rig.disk.paths().filter((path) => path.startsWith('journal/')).length;
  const kept = filesOf();
  rig.disk.inject({ effect: { type: 'fail', kind: 'full' }, operations: ['write'], path: /snapshots/ });
  assert.equal(log.durableIndex, log.lastIndex);
  const outcome = write(storage.createSnapshot(facts(log.durableIndex)), content(50_000, 1));
  rig.settle(500);
  assert.equal(outcome.error?.code, 'diskFull');
  assert.ok(kept > 10 && filesOf() <= 5, `${kept} files, then ${filesOf()}`);
});

test('T32: no space to rename a dead journal file that is used again → it keeps its number and is used the next time', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  const rule = rig.disk.inject({ effect: { type: 'fail', kind: 'full' }, operations: ['rename'], path: /journal\/0/ });
  const round = (): void => {
    appendMany(log, 4, { bytes: 900 });
    rig.settle(10);
    log.truncatePrefix(log.durableIndex);
  };
  for (let left = 60; left > 0 && rule.hits === 0; left--) round();
  assert.equal(rule.hits, 1);
  const oldest = rig.disk.paths().find((path) => path.startsWith('journal/0'));
  rig.scheduler.runFor(500);
  for (let left = 20; left > 0; left--) round();
  assert.deepEqual([rig.disk.paths().includes(oldest ?? ''), rig.life.failures, rig.life.fulls], [false, [], [true, false]]);
});

test('space: killed, or power lost, while a removal is under way → the next open removes it', () => {
  for (const end of ['kill', 'powerCut'] as const) {
    for (let seed = 1; seed <= 10; seed++) {
      const rig = new Rig({ seed });
      const storage = rig.start();
      appendMany(storage.createGroup(G1, false), 5);
      rig.settle();
      take(rig, storage, 3);
      const slow = rig.disk.inject({ effect: { type: 'slow', ms: 1000 }, operations: ['remove'], path: /0000000003\.q/ });
      take(rig, storage, 5);
      assert.equal(slow.hits, 1);
      rig[end]();
      const again = rig.open();
      assert.deepEqual([again.damage, again.snapshot(G1)?.index], [[], 5], end);
      assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000005.q'], end);
    }
  }
});

test('T32: no space even to remove a file → tried again, nothing else is disturbed', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 5);
  rig.settle();
  take(rig, storage, 3);
  const rule = rig.disk.inject({ effect: { type: 'fail', kind: 'full' }, operations: ['remove'], times: 3 });
  take(rig, storage, 5);
  appendMany(log, 1);
  rig.settle(5000);
  assert.deepEqual([rule.hits, rig.life.failures, log.durableIndex], [3, [], 6]);
  assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000005.q']);
});

test('T39: a received snapshot is given up, its removal is slow, the same is received again → the second is whole and stays', () => {
  for (const slowMs of [0, 0.2, 1, 5, 300]) {
    const rig = new Rig();
    const storage = rig.start();
    const log = storage.createGroup(G1, false);
    rig.settle();
    const writer = storage.receiveSnapshot(facts(9));
    write(writer, content(200_000, 1));
    rig.settle(200);
    assert.deepEqual(snapshotPaths(rig), [PATH_9]);
    rig.disk.inject({ effect: { type: 'slow', ms: slowMs }, operations: ['remove'], path: /0000000009\.q/ });
    writer.abort();
    const again = write(storage.receiveSnapshot(facts(9)), content(150_000, 2));
    rig.scheduler.runFor(1000);
    assert.ok(again.file, `slow by ${slowMs} ms`);
    log.restartAt(9, 1);
    rig.settle(1000);
    assert.deepEqual(snapshotPaths(rig), [PATH_9], `slow by ${slowMs} ms`);
    assert.deepEqual(readAll(rig, storage.snapshot(G1) as NonNullable<typeof again.file>), content(150_000, 2));
    rig.powerCut();
    assert.deepEqual([rig.open().damage, logOf(rig.life.storage as typeof storage).firstIndex], [[], 10]);
  }
});

test('T32, T39: a received snapshot is given up, its removal finds no space while the same is received again → the second is whole and stays', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  rig.settle();
  const writer = storage.receiveSnapshot(facts(9));
  write(writer, content(2000, 1));
  rig.settle(200);
  const full = rig.disk.inject({ effect: { type: 'fail', kind: 'full', ms: 300 }, operations: ['remove'], path: /0000000009\.q/ });
  writer.abort();
  const again = write(storage.receiveSnapshot(facts(9)), content(3000, 2));
  rig.scheduler.runFor(500);
  assert.deepEqual([full.hits, again.file?.index], [1, 9]);
  log.restartAt(9, 1);
  // Longer than the pause after which a removal is tried again.
  rig.settle(3000);
  assert.deepEqual(snapshotPaths(rig), [PATH_9]);
  rig.powerCut();
  assert.deepEqual([rig.open().damage, logOf(rig.life.storage as typeof storage).firstIndex], [[], 10]);
});

test('T39: a received snapshot is given up, its removal waits for another one, the same is received again → the second stays', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 5);
  rig.settle();
  take(rig, storage, 3);
  const slow = rig.disk.inject({ effect: { type: 'slow', ms: 1000 }, operations: ['remove'], path: /0000000003\.q/ });
  take(rig, storage, 5);
  assert.equal(slow.hits, 1);
  const writer = storage.receiveSnapshot(facts(9));
  write(writer, content(2000, 1));
  rig.scheduler.runFor(50);
  writer.abort();
  const again = write(storage.receiveSnapshot(facts(9)), content(3000, 2));
  rig.scheduler.runFor(50);
  assert.ok(again.file);
  rig.scheduler.runFor(2000);
  log.restartAt(9, 1);
  rig.settle(100);
  assert.deepEqual(readAll(rig, storage.snapshot(G1) as NonNullable<typeof again.file>), content(3000, 2));
  assert.deepEqual(snapshotPaths(rig), [PATH_9]);
});

test('T39: a received snapshot is given up while it gets its name, the same is received at once → the second is whole and stays', () => {
  for (const operation of ['rename', 'syncDirectory'] as const) {
    const rig = new Rig();
    const storage = rig.start();
    const log = storage.createGroup(G1, false);
    rig.settle();
    const slow = rig.disk.inject({ effect: { type: 'slow', ms: 100 }, operations: [operation], path: /snapshots/ });
    const writer = storage.receiveSnapshot(facts(9));
    const first = write(writer, content(2000, 1));
    rig.scheduler.runFor(50);
    assert.deepEqual([slow.hits, first.isDone], [1, false]);
    writer.abort();
    const second = write(storage.receiveSnapshot(facts(9)), content(3000, 2));
    rig.scheduler.runFor(1000);
    assert.equal(first.error?.code, 'aborted');
    assert.ok(second.file);
    log.restartAt(9, 1);
    rig.settle(100);
    assert.deepEqual(snapshotPaths(rig), [PATH_9]);
    assert.deepEqual(readAll(rig, storage.snapshot(G1) as NonNullable<typeof second.file>), content(3000, 2));
  }
});

test('T41: a snapshot of the same index is received while an own one gets its name → the own one is in force, the other is not kept', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 9);
  rig.settle();
  rig.disk.inject({ effect: { type: 'slow', ms: 100 }, operations: ['rename'], path: /snapshots/ });
  const own = write(storage.createSnapshot(facts(9)), content(2000, 1));
  rig.scheduler.runFor(20);
  const received = write(storage.receiveSnapshot(facts(9)), content(3000, 2));
  rig.scheduler.runFor(50);
  assert.deepEqual([own.isDone, received.isDone], [false, false]);
  rig.settle(200);
  assert.deepEqual([own.file?.index, received.error, received.file], [9, null, null]);
  assert.deepEqual(snapshotPaths(rig), [PATH_9]);
  assert.deepEqual(readAll(rig, storage.snapshot(G1) as NonNullable<typeof own.file>), content(2000, 1));
});

test('T41: an own snapshot of an index that was received and is about to be installed → what was received stays as it is', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 9);
  rig.settle();
  const received = write(storage.receiveSnapshot(facts(9)), content(3000, 2));
  rig.settle(50);
  assert.ok(received.file);
  const own = write(storage.createSnapshot(facts(9)), content(2000, 1));
  rig.settle(50);
  assert.deepEqual([own.isDone, own.error, own.file], [true, null, null]);
  assert.equal(log.restartAt(9, 1), true);
  rig.settle(50);
  assert.deepEqual(readAll(rig, storage.snapshot(G1) as NonNullable<typeof own.file>), content(3000, 2));
  assert.deepEqual(snapshotPaths(rig), [PATH_9]);
});

test('T44: a reset group receives a snapshot of the index that it had → the removal of the older file does not take the new one', () => {
  const rig = new Rig({ storage: { syncMode: 'async' } });
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 9);
  rig.settle();
  take(rig, storage, 9, 2000);
  const log = storage.resetGroup(G1);
  rig.disk.inject({ effect: { type: 'slow', ms: 500 }, operations: ['sync'], path: /journal\/.*q$/ });
  storage.flush();
  const received = write(storage.receiveSnapshot(facts(9)), content(3000, 2));
  rig.scheduler.runFor(100);
  assert.ok(received.file, 'in place while the reset is not durable');
  rig.settle(1000);
  log.restartAt(9, 1);
  rig.settle(50);
  assert.deepEqual(snapshotPaths(rig), [PATH_9]);
  assert.deepEqual(readAll(rig, storage.snapshot(G1) as NonNullable<typeof received.file>), content(3000, 2));
});

test('T44: the reset becomes durable while the new snapshot of that index gets its name → it is not taken for the older file', () => {
  for (const operation of ['rename', 'syncDirectory'] as const) {
    for (const slowMs of [0, 0.05, 0.5, 50]) {
      const rig = new Rig({ storage: { syncMode: 'async' } });
      const storage = rig.start();
      appendMany(storage.createGroup(G1, false), 9);
      rig.settle();
      take(rig, storage, 9, 2000);
      const log = storage.resetGroup(G1);
      const put = rig.disk.inject({ effect: { type: 'slow', ms: 100 }, operations: [operation], path: /snapshots/ });
      rig.disk.inject({ effect: { type: 'slow', ms: slowMs }, operations: ['remove'] });
      const received = write(storage.receiveSnapshot(facts(9)), content(3000, 2));
      rig.scheduler.runUntil(() => put.hits === 1, { withinMs: 50, what: 'it gets its name' });
      rig.settle(50);
      assert.equal(received.isDone, false);
      rig.scheduler.runFor(200);
      log.restartAt(9, 1);
      rig.settle(50);
      assert.deepEqual(snapshotPaths(rig), [PATH_9]);
      assert.deepEqual(readAll(rig, storage.snapshot(G1) as NonNullable<typeof received.file>), content(3000, 2));
    }
  }
});

test('T40: the log is cut below the index of an own snapshot that is getting its name → not in force, and its file goes', () => {
  const rig = new Rig();
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 9);
  rig.settle();
  const slow = rig.disk.inject({ effect: { type: 'slow', ms: 100 }, operations: ['rename'], path: /snapshots/ });
  const own = write(storage.createSnapshot(facts(9)), content(2000, 1));
  rig.scheduler.runFor(50);
  assert.equal(slow.hits, 1);
  log.truncateSuffix(6);
  rig.settle(200);
  assert.deepEqual([own.error?.code, storage.snapshot(G1), snapshotPaths(rig)], ['aborted', null, []]);
  rig.powerCut();
  assert.deepEqual(rig.open().damage, []);
});

test('snapshot: the log is reset, or the storage closed, while a snapshot gets its name → not in force, and gone at the latest at the next open', () => {
  for (const what of ['reset', 'close'] as const) {
    const rig = new Rig();
    const storage = rig.start();
    appendMany(storage.createGroup(G1, false), 9);
    rig.settle();
    rig.disk.inject({ effect: { type: 'slow', ms: 100 }, operations: ['syncDirectory'], path: /snapshots/ });
    const own = write(storage.createSnapshot(facts(9)), content(2000, 1));
    rig.scheduler.runFor(50);
    assert.deepEqual([own.isDone, snapshotPaths(rig)], [false, [PATH_9]]);
    if (what === 'reset') {
      storage.resetGroup(G1);
      rig.settle(500);
      assert.deepEqual([own.error?.code, storage.snapshot(G1), snapshotPaths(rig)], ['aborted', null, []]);
    } else {
      assert.equal(rig.close(), null);
      assert.equal(own.error?.code, 'closed');
    }
    if (what === 'reset') rig.kill();
    assert.deepEqual([rig.open().snapshot(G1), snapshotPaths(rig)], [null, []]);
  }
});

test('T26: the sync of the folder fails when a snapshot gets its name, with EIO or without space → final: the node is told once', () => {
  for (const kind of ['io', 'full'] as const) {
    const rig = new Rig();
    const storage = rig.start();
    appendMany(storage.createGroup(G1, false), 9);
    rig.settle();
    rig.disk.inject({ effect: { type: 'fail', kind }, operations: ['syncDirectory'], path: /snapshots/ });
    const own = write(storage.createSnapshot(facts(9)), content(2000, 1));
    rig.settle(100);
    assert.deepEqual([own.error?.code, rig.life.failures.map(({ code }) => code)], ['diskFailed', ['diskFailed']], kind);
    assert.equal(storage.snapshot(G1), null);
  }
});

test('T32: no space to give a snapshot its name → given up, nothing is left of it, the next one succeeds', () => {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 9);
  rig.settle();
  rig.disk.inject({ effect: { type: 'fail', kind: 'full' }, operations: ['rename'], path: /snapshots/ });
  const own = write(storage.createSnapshot(facts(9)), content(2000, 1));
  rig.settle(100);
  assert.deepEqual([own.error?.code, rig.life.failures, snapshotPaths(rig)], ['diskFull', [], []]);
  take(rig, storage, 9, 2000);
});
