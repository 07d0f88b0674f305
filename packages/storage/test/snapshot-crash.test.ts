import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Random, SeededRandom, randomBetween, randomChance } from '@quorate/base';
import type { GroupLog, Storage } from '@quorate/storage';
import { CHANGING_OPERATIONS, SimulatedCrash } from '@quorate/testkit';
import { G1, Rig, appendMany, batch, contentOf, logOf } from './rig.js';
import { content, facts, contentOnDisk, snapshotPaths, write } from './snapshot-rig.js';

function untilDeath(act: () => void): void {
  try {
    act();
  } catch (thrown) {
    if (!(thrown instanceof SimulatedCrash)) throw thrown;
  }
}

/** A process that died in a callback goes no further. */
function checkAlive(rig: Rig): void {
  if (!rig.life.process.isAlive) throw new SimulatedCrash('the process is dead');
}

/** What a life was told, and may rely on. */
interface Told {
  /** Highest snapshot that was told to be in force, and whose record was durable. */
  snapshotIndex: number;
  /** Highest index told durable, and the term of what stands there. */
  durableIndex: number;
}

const lengthAt = (index: number): number => 500 + index * 90;

function takeAt(rig: Rig, storage: Storage, told: Told, index: number): void {
  const outcome = write(storage.createSnapshot(facts(index)), content(lengthAt(index), index), 3000);
  rig.settle(10);
  checkAlive(rig);
  if (outcome.file === null) return;
  storage.flush();
  rig.scheduler.runFor(5);
  checkAlive(rig);
  told.snapshotIndex = index;
}

/** Appends, snapshots, compactions, and a snapshot from a leader, with file switches and checkpoints in between. */
function life(rig: Rig, told: Told): void {
  const storage = rig.start();
  const log = storage.group(G1) ?? storage.createGroup(G1, false);
  const note = (): void => {
    told.durableIndex = Math.max(told.durableIndex, log.durableIndex);
  };
  for (let round = 0; round < 4; round++) {
    appendMany(log, 4, { bytes: 700 });
    rig.settle(4);
    note();
    takeAt(rig, storage, told, log.durableIndex);
    log.truncatePrefix(log.batchBaseOf(Math.max(log.firstIndex, log.durableIndex - round)) - 1);
    rig.settle(4);
    checkAlive(rig);
  }
  // Further than the log: what a leader would send. All terms are 1, so that content tells what stands where.
  const index = log.lastIndex + 20;
  const received = write(storage.receiveSnapshot(facts(index)), content(lengthAt(index), index), 3000);
  rig.settle(10);
  checkAlive(rig);
  assert.ok(received.file);
  log.restartAt(index, 1);
  rig.settle(10);
  checkAlive(rig);
  if (log.durableIndex >= index) told.snapshotIndex = index;
  note();
  appendMany(log, 6, { bytes: 700 });
  rig.settle(10);
  note();
  takeAt(rig, storage, told, log.durableIndex - 2);
  log.truncatePrefix(log.durableIndex - 2);
  rig.settle(60);
}

/** Nothing is damaged, nothing told is missing, the snapshot is whole and covers the start of the log. */
function check(rig: Rig, told: Told, context: string): void {
  const { storage } = rig.life;
  assert.equal(rig.life.openError, null, context);
  assert.ok(storage !== null, context);
  assert.deepEqual(storage.damage, [], context);
  const log = storage.group(G1);
  if (log === undefined) {
    assert.deepEqual([told.durableIndex, told.snapshotIndex], [0, 0], context);
    return;
  }
  assert.ok(log.lastIndex >= told.durableIndex, `${context}: told ${told.durableIndex}, found ${log.lastIndex}`);
  const file = storage.snapshot(G1);
  assert.ok((file?.index ?? 0) >= told.snapshotIndex, `${context}: told snapshot ${told.snapshotIndex}, found ${file?.index}`);
  assert.ok((file?.index ?? 0) >= log.firstIndex - 1, `${context}: log from ${log.firstIndex}, snapshot ${file?.index}`);
  assert.ok((file?.index ?? 0) <= log.lastIndex, `${context}: log to ${log.lastIndex}, snapshot ${file?.index}`);
  if (file !== null) assert.deepEqual(contentOnDisk(rig, file), content(lengthAt(file.index), file.index), context);
  for (const entry of contentOf(log)) {
    const index = Number.parseInt(entry, 10);
    assert.equal(entry, `${index}@1:${index & 0xff}`, context);
  }
  assert.equal(snapshotPaths(rig).length, file === null ? 0 : 1, `${context}: ${snapshotPaths(rig).join(', ')}`);
}

for (const [name, isPowerLost] of [
  ['power is lost', true],
  ['the process is killed', false],
] as const) {
  test(`T44: ${name} before and midway through each operation of snapshots, compactions and an install → nothing told is missing`, () => {
    let crashes = 0;
    // After one operation is before the next.
    for (const when of ['before', 'midway'] as const) {
      // A killed process loses less: every third place does.
      for (let ordinal = 0; ; ordinal += isPowerLost ? 1 : 3) {
        const rig = new Rig({ seed: ordinal + 1, storage: { syncMode: ordinal % 2 === 0 ? 'async' : 'adaptive' } });
        const rule = rig.disk.inject({ effect: { type: 'crash', when }, operations: CHANGING_OPERATIONS, skip: ordinal });
        const told: Told = { snapshotIndex: 0, durableIndex: 0 };
        untilDeath(() => life(rig, told));
        if (rule.hits === 0) break;
        rule.remove();
        crashes++;
        if (isPowerLost) rig.powerCut();
        const context = `crash ${when} operation ${ordinal}`;
        rig.tryOpen();
        check(rig, told, context);
        if (ordinal % 8 !== 0) continue;
        // What recovery did is as good: again, and then a life on top of it.
        rig.powerCut();
        rig.tryOpen();
        check(rig, told, `${context}, again`);
        life(rig, told);
        rig.powerCut();
        rig.tryOpen();
        check(rig, told, `${context}, after another life`);
      }
    }
    assert.ok(crashes > (isPowerLost ? 200 : 60), `${crashes} crashes`);
  });
}

test('T35: recovery with snapshots: power lost at each of its writes → the same log and snapshot every time', () => {
  let crashes = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const first = new Rig({ seed });
    const told: Told = { snapshotIndex: 0, durableIndex: 0 };
    life(first, told);
    const storage = first.life.storage as Storage;
    // One that is complete and not in force, one that is being written, one that is no longer needed.
    write(storage.receiveSnapshot(facts(200)), content(4000, 200));
    first.scheduler.runFor(20);
    write(storage.createSnapshot(facts(logOf(storage).durableIndex)), content(400_000, 1));
    first.scheduler.runFor(0.3);
    first.powerCut();
    const image = first.disk.image();
    for (let ordinal = 0; ; ordinal++) {
      const rig = new Rig({ seed: seed * 100 + ordinal });
      rig.restore(image);
      const when = (['before', 'midway', 'after'] as const)[ordinal % 3] as 'before';
      const rule = rig.disk.inject({ effect: { type: 'crash', when }, operations: CHANGING_OPERATIONS, skip: ordinal });
      untilDeath(() => {
        rig.tryOpen();
      });
      if (rule.hits === 0) break;
      rule.remove();
      crashes++;
      rig.powerCut();
      rig.tryOpen();
      check(rig, told, `seed ${seed} ${when} ${ordinal}`);
    }
  }
  assert.ok(crashes > 40, `${crashes} crashes`);
});

/** A log as a plain array, and what a storage may say of it. */
class LogModel {
  entries = new Map<number, string>();
  start = 0;
  last = 0;
}

/** One random step on the log of a group and its model. `told` follows what may be relied on. */
function step(
  rig: Rig,
  storage: Storage,
  log: GroupLog,
  model: LogModel,
  random: Random,
  state: { fill: number; snapshots: Set<number> },
): void {
  const dice = randomBetween(random, 0, 99);
  const term = Math.max(1, log.terms.at(-1)?.term ?? log.previousTerm);
  if (dice < 50) {
    const next = term + (randomChance(random, 0.15) ? 1 : 0);
    state.fill = (state.fill + 1) & 0xff;
    log.append(batch({ base: log.lastIndex + 1, term: next, bytes: randomBetween(random, 1, 600), fill: state.fill }));
    model.entries.set(log.lastIndex, `${log.lastIndex}@${next}:${state.fill}`);
    model.last = log.lastIndex;
  } else if (dice < 58) {
    const bottom = Math.max(log.firstIndex - 1, storage.snapshot(G1)?.index ?? 0);
    const to = randomBetween(random, bottom, log.lastIndex);
    log.truncateSuffix(to);
    model.last = to;
  } else if (dice < 66) {
    // A leader's: at any place, of any term.
    const index = randomBetween(random, Math.max(log.firstIndex, storage.snapshot(G1)?.index ?? 0) + 1, log.lastIndex + 4);
    const present = model.entries.get(index);
    const isThere = index <= model.last && present !== undefined;
    const own = isThere ? Number(present.split('@')[1]?.split(':')[0]) : term;
    const snapshotTerm = own + (randomChance(random, 0.4) ? 1 : 0);
    const received = write(storage.receiveSnapshot(facts(index, snapshotTerm)), content(300, index));
    rig.scheduler.runFor(5);
    if (received.file === null) return;
    const isKept = log.restartAt(index, snapshotTerm);
    assert.equal(isKept, isThere && own === snapshotTerm);
    model.start = index;
    if (!isKept) model.last = index;
  } else if (dice < 72) {
    const index = log.durableIndex;
    if (index <= (storage.snapshot(G1)?.index ?? 0) || index < log.firstIndex) return;
    const entry = model.entries.get(index) as string;
    const outcome = write(storage.createSnapshot(facts(index, Number(entry.split('@')[1]?.split(':')[0]))), content(300, index));
    rig.scheduler.runFor(5);
    if (outcome.file !== null && randomChance(random, 0.7)) {
      log.truncatePrefix(index);
      model.start = Math.max(model.start, index);
    }
  } else if (dice < 86) storage.flush();
  else rig.scheduler.runFor(randomBetween(random, 0, 40) / 10);
}

const contentOfModel = (model: LogModel): string[] =>
  Array.from({ length: Math.max(0, model.last - model.start) }, (_, at) => model.entries.get(model.start + 1 + at) as string);

test('T24: random appends, cuts, snapshots and new starts in any state of the queue → memory, and what is opened again, are what a plain model says', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = new SeededRandom(seed);
    const rig = new Rig({ seed, storage: { syncMode: (['adaptive', 'sync', 'async'] as const)[seed % 3] as 'sync' } });
    const model = new LogModel();
    const state = { fill: 0, snapshots: new Set<number>() };
    rig.start().createGroup(G1, false);
    for (let round = 0; round < 3; round++) {
      const storage = rig.life.storage as Storage;
      const log = logOf(storage);
      for (let left = randomBetween(random, 5, 80); left > 0; left--) {
        step(rig, storage, log, model, random, state);
        assert.deepEqual([log.firstIndex - 1, log.lastIndex], [model.start, model.last], `seed ${seed}`);
      }
      assert.deepEqual(contentOf(log), contentOfModel(model), `seed ${seed} round ${round}`);
      rig.settle(20);
      assert.equal(log.durableIndex, log.lastIndex, `seed ${seed} round ${round}`);
      if (randomChance(random, 0.5)) assert.equal(rig.close(), null);
      else rig.powerCut();
      const again = rig.open();
      assert.deepEqual(again.damage, [], `seed ${seed} round ${round}`);
      assert.deepEqual(contentOf(logOf(again)), contentOfModel(model), `seed ${seed} round ${round}, opened again`);
      assert.deepEqual(rig.inspect().damage, [], `seed ${seed} round ${round}`);
    }
  }
});

test('T44: frames of the log complete all the time → an older snapshot goes only once a durable frame names the newer one', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const rig = new Rig({ seed, storage: { syncMode: 'async' } });
    const storage = rig.start();
    const log = storage.createGroup(G1, false);
    appendMany(log, 6);
    rig.settle();
    const old = write(storage.createSnapshot(facts(3)), content(100, 3));
    rig.settle(20);
    assert.ok(old.file);
    const outcome = write(storage.createSnapshot(facts(6)), content(100, 6));
    for (let left = 400; left > 0 && snapshotPaths(rig).some((path) => path.endsWith('3.q')); left--) {
      appendMany(log, 1);
      storage.flush();
      rig.scheduler.runFor(0.05);
    }
    assert.ok(outcome.file);
    rig.powerCut();
    assert.equal(rig.open().snapshot(G1)?.index, 6, `seed ${seed}`);
  }
});
