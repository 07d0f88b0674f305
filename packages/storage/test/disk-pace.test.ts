import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Disk } from '@quorate/base';
import type { GroupLog, Storage } from '@quorate/storage';
import type { DiskOperation } from '@quorate/testkit';
import { G1, Rig, type RigOptions, appendMany, logOf } from './rig.js';
import { content, facts, take, write } from './snapshot-rig.js';

/** What a write takes at most unless a test says otherwise; a sync takes more. */
const WRITE_MS = 0.05;

/** Counts the calls that the process waits in, each of which stalls it: syncs (and whatever else takes as long), and writes. */
function countStalls(rig: Rig): { count: number; writes: number } {
  const stalls = { count: 0, writes: 0 };
  const { process } = rig.life;
  const stall = process.stall.bind(process);
  process.stall = (ms) => {
    if (ms > WRITE_MS) stalls.count++;
    else stalls.writes++;
    stall(ms);
  };
  return stalls;
}

function storageOf(rig: Rig): Storage {
  assert.ok(rig.life.storage !== null);
  return rig.life.storage;
}

/** Frames one after the other, each told durable before the next. */
function frames(rig: Rig, log: GroupLog, count: number): void {
  for (let left = count; left > 0; left--) {
    appendMany(log, 1);
    storageOf(rig).flush();
    rig.scheduler.runUntil(() => log.durableIndex === log.lastIndex, { withinMs: 5000, what: 'a frame is durable' });
  }
}

/** A storage with a group, its next file ready, and a snapshot at 5. */
function served(options: RigOptions = {}): { rig: Rig; log: GroupLog } {
  const rig = new Rig({ storage: { journalFileBytes: 1_048_576 }, ...options });
  const log = rig.start().createGroup(G1, false);
  appendMany(log, 5);
  rig.settle(200);
  return { rig, log };
}

test('adaptive sync: a quick disk with nothing else to do → the process waits for its syncs after a few', () => {
  const { rig, log } = served();
  frames(rig, log, 20);
  const stalls = countStalls(rig);
  frames(rig, log, 20);
  assert.deepEqual(stalls, { count: 20, writes: 20 });
});

test('adaptive sync: a slow disk, from the first sync of a life → the process never waits', () => {
  for (const syncMs of [
    [1.05, 2],
    [5, 70],
  ] as const) {
    const { rig } = served();
    assert.equal(rig.close(), null);
    rig.disk.latency = { writeMs: [0.01, 0.05], syncMs };
    const log = logOf(rig.open());
    const stalls = countStalls(rig);
    frames(rig, log, 60);
    assert.equal(stalls.count, 0);
  }
});

test('adaptive sync: syncs are slow, writes are not → a small frame is written at once, a large one by callback', () => {
  const { rig, log } = served();
  rig.disk.latency = { writeMs: [0.01, WRITE_MS], syncMs: [2, 6] };
  frames(rig, log, 20);
  const stalls = countStalls(rig);
  frames(rig, log, 20);
  assert.deepEqual(stalls, { count: 0, writes: 20 });
  appendMany(log, 1, { bytes: 70_000 });
  storageOf(rig).flush();
  assert.deepEqual(stalls, { count: 0, writes: 20 });
});

test('adaptive sync: writes go to the disk and are slow, syncs have nothing left to do → hardly any write is waited for', () => {
  for (const writeMs of [
    [1.05, 2],
    [3, 20],
  ] as const) {
    const { rig, log } = served();
    rig.disk.latency = { writeMs, syncMs: [0.01, 0.02] };
    frames(rig, log, 20);
    const stalls = countStalls(rig);
    frames(rig, log, 200);
    // One now and then, to learn whether it is as before.
    assert.ok(stalls.count <= 40, JSON.stringify(stalls));
  }
});

for (const { what, operation, ms, waits } of [
  { what: 'a sync of 9 ms', operation: 'sync', ms: 9, waits: 1 },
  { what: 'one write of 40 ms', operation: 'write', ms: 40, waits: 30 },
] as const) {
  test(`adaptive sync: ${what} where syncs take some ms anyway → others may be writing much, no write is waited for until some syncs later`, () => {
    const { rig, log } = served();
    rig.disk.latency = { writeMs: [0.01, WRITE_MS], syncMs: [2, 6] };
    frames(rig, log, 20);
    const slow = rig.disk.inject({ effect: { type: 'slow', ms }, operations: [operation], path: /journal/ });
    frames(rig, log, 1);
    assert.equal(slow.hits, 1);
    const stalls = countStalls(rig);
    frames(rig, log, waits);
    assert.deepEqual(stalls, { count: 0, writes: 0 });
    frames(rig, log, 60);
    assert.equal(stalls.count, 0);
    assert.ok(stalls.writes > 0, 'they are again');
  });
}

test('adaptive sync: one sync of 68 ms, of the journal or of a snapshot → the process does not wait until some were quick', () => {
  for (const path of [/journal/, /snapshots/]) {
    const { rig, log } = served();
    frames(rig, log, 20);
    const slow = rig.disk.inject({ effect: { type: 'slow', ms: 68 }, operations: ['sync'], path });
    if (path.source === 'snapshots') take(rig, storageOf(rig), 5, 1000);
    else frames(rig, log, 1);
    assert.equal(slow.hits, 1);
    const stalls = countStalls(rig);
    frames(rig, log, 20);
    assert.equal(stalls.count, 0, path.source);
    frames(rig, log, 80);
    assert.ok(stalls.count > 0, `${path.source}: it waits again`);
  }
});

/** What keeps a disk busy: the call that is slow, and how it comes about. */
const WORKS: Record<string, { operation: DiskOperation; path: RegExp; begin: (rig: Rig, log: GroupLog) => void }> = {
  snapshot: {
    operation: 'write',
    path: /snapshots/,
    begin: (rig) => void write(storageOf(rig).createSnapshot(facts(5)), content(1000, 1)),
  },
  'a snapshot that gets its name': {
    operation: 'rename',
    path: /snapshots/,
    begin: (rig) => void write(storageOf(rig).createSnapshot(facts(5)), content(1000, 1)),
  },
  'a snapshot that is read': {
    operation: 'read',
    path: /snapshots/,
    begin(rig) {
      take(rig, storageOf(rig), 5, 1000);
      const reader = storageOf(rig).snapshot(G1)?.open();
      reader?.read(0, 1000, () => reader.close());
    },
  },
  removal: {
    operation: 'remove',
    path: /snapshots/,
    begin: (rig) => void [3, 5].map((index) => take(rig, storageOf(rig), index, 1000)),
  },
  'a file of zeros': { operation: 'write', path: /next/, begin: (_rig, log) => void appendMany(log, 20, { bytes: 60_000 }) },
  checkpoint: { operation: 'create', path: /checkpoint/, begin: (_rig, log) => void appendMany(log, 20, { bytes: 60_000 }) },
};

for (const [name, { operation, path, begin }] of Object.entries(WORKS)) {
  test(`adaptive sync: ${name} keeps a quick disk busy → the process does not wait meanwhile`, () => {
    const { rig, log } = served();
    frames(rig, log, 20);
    const rule = rig.disk.inject({ effect: { type: 'slow', ms: 400 }, operations: [operation], path });
    begin(rig, log);
    storageOf(rig).flush();
    rig.scheduler.runUntil(() => rule.hits === 1, { withinMs: 1000, what: `${name} is under way` });
    rig.scheduler.runFor(20);
    // What was slow before is forgotten by then.
    frames(rig, log, 100);
    const stalls = countStalls(rig);
    frames(rig, log, 20);
    assert.deepEqual(stalls, { count: 0, writes: 0 });
    rig.scheduler.runFor(500);
    frames(rig, log, 120);
    assert.ok(stalls.count > 0, 'it waits again');
  });
}

test('adaptive sync: a snapshot is read in pieces and then stays open → the process does not wait between two pieces, and again after a second', () => {
  const { rig, log } = served();
  take(rig, storageOf(rig), 5, 1000);
  frames(rig, log, 100);
  const reader = storageOf(rig).snapshot(G1)?.open();
  const stalls = countStalls(rig);
  for (let at = 0; at < 1000; at += 500) {
    reader?.read(at, 500, () => {});
    rig.scheduler.runFor(600);
    frames(rig, log, 20);
  }
  assert.deepEqual(stalls, { count: 0, writes: 0 });
  rig.scheduler.runFor(1000);
  frames(rig, log, 20);
  assert.ok(stalls.count > 0, 'it waits again');
  reader?.close();
});

test('adaptive sync: a read of a snapshot that takes seconds → the process does not wait meanwhile', () => {
  const { rig, log } = served();
  take(rig, storageOf(rig), 5, 1000);
  frames(rig, log, 100);
  rig.disk.inject({ effect: { type: 'slow', ms: 3000 }, operations: ['read'], path: /snapshots/ });
  const reader = storageOf(rig).snapshot(G1)?.open();
  reader?.read(0, 1000, () => reader.close());
  rig.scheduler.runFor(2500);
  const stalls = countStalls(rig);
  frames(rig, log, 20);
  assert.deepEqual(stalls, { count: 0, writes: 0 });
});

test('adaptive sync: the disk still gives back the space of a removed file → the process does not wait meanwhile', () => {
  const rig = new Rig({ storage: { journalFileBytes: 1_048_576 } });
  const state = { isFreeing: false };
  const attach = rig.disk.attach.bind(rig.disk);
  rig.disk.attach = (user) => {
    const disk = attach(user);
    return Object.defineProperty(disk, 'isFreeing', { get: () => state.isFreeing });
  };
  const log = rig.start().createGroup(G1, false);
  rig.settle(200);
  frames(rig, log, 20);
  const stalls = countStalls(rig);
  state.isFreeing = true;
  frames(rig, log, 20);
  assert.deepEqual(stalls, { count: 0, writes: 0 });
  state.isFreeing = false;
  frames(rig, log, 1);
  assert.ok(stalls.count > 0);
});

/** The disk of each process; once `isServing` only calls that complete by callback, or that touch no name, may be made. */
function guarded(rig: Rig): { isServing: boolean } {
  const guard = { isServing: false };
  const attach = rig.disk.attach.bind(rig.disk);
  rig.disk.attach = (user) =>
    new Proxy(attach(user), {
      get(disk, key) {
        const isName = ['list', 'makeDirectory', 'rename', 'removeNow', 'syncDirectory'].includes(String(key));
        if (guard.isServing && isName) assert.fail(`${String(key)} while serving`);
        const value = Reflect.get(disk, key) as unknown;
        if (typeof value !== 'function') return value;
        return (...args: Parameters<Disk['open']>) => {
          if (guard.isServing && key === 'open' && args[1] === 'create') assert.fail(`open of a new ${args[0]} while serving`);
          return Reflect.apply(value, disk, args) as unknown;
        };
      },
    });
  return guard;
}

test('storage: file switches, dead files used again and removed, checkpoints, snapshots taken, received and replaced → no synchronous call on names', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const rig = new Rig({ seed });
    const guard = guarded(rig);
    const storage = rig.start();
    guard.isServing = true;
    const log = storage.createGroup(G1, false);
    for (let round = 1; round <= 40; round++) {
      appendMany(log, 4, { bytes: 700 });
      rig.settle(5);
      if (round % 8 !== 0) continue;
      take(rig, storage, log.durableIndex, 3000);
      log.truncatePrefix(log.durableIndex);
    }
    const received = write(storage.receiveSnapshot(facts(log.lastIndex + 10)), content(3000, 1));
    rig.settle(50);
    assert.ok(received.file);
    log.restartAt(received.file.index, 1);
    rig.settle(200);
    const given = write(storage.receiveSnapshot(facts(log.lastIndex + 10)), content(3000, 1));
    rig.settle(50);
    assert.ok(given.file);
    assert.deepEqual(rig.life.failures, []);
    assert.ok(rig.disk.paths().filter((path) => path.startsWith('journal/')).length <= 8, rig.disk.paths().join());
    assert.equal(rig.close(), null);
    guard.isServing = false;
    assert.deepEqual(rig.open().damage, []);
  }
});
