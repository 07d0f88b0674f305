import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, SeededRandom, randomBetween, randomChance } from '@quorate/base';
import { CHANGING_OPERATIONS, type DiskImage, SimulatedCrash } from '@quorate/testkit';
import { G1, Rig, appendMany, contentOf, logOf } from './rig.js';
import { Walk } from './script.js';

/** Calls that end because the simulated process died inside them. */
function untilDeath(act: () => void): void {
  try {
    act();
  } catch (thrown) {
    if (!(thrown instanceof SimulatedCrash)) throw thrown;
  }
}

test('T24: storage: random operations, crashes and power cuts → what was told to be durable is there, nothing is there that never was', () => {
  for (let seed = 1; seed <= 120; seed++) {
    const rig = new Rig({ seed });
    const random = new SeededRandom(seed);
    rig.open({ syncMode: (['adaptive', 'sync', 'async'] as const)[seed % 3] as 'sync' });
    for (let life = 0; life < 4; life++) {
      const walk = new Walk(rig, random);
      const { storage } = rig.life;
      assert.ok(storage !== null);
      walk.begin(storage);
      for (let step = randomBetween(random, 5, 150); step > 0; step--) walk.step(storage);
      const end = randomBetween(random, 0, 3);
      if (end === 0) {
        assert.equal(rig.close(), null);
        walk.listen();
      } else if (end === 1) rig.kill();
      else rig.powerCut();
      const context = `seed ${seed} life ${life} end ${end}`;
      rig.tryOpen();
      assert.equal(rig.life.openError, null, context);
      assert.ok(rig.life.storage !== null, context);
      // A storage that died before its identity was durable starts anew; nothing was told then.
      walk.model.check(rig.life.storage, context);
      if (randomChance(random, 0.3)) {
        rig.powerCut();
        walk.model.check(rig.open(), `${context}, power cut after recovery`);
      }
    }
  }
});

/** A short life that switches files, checkpoints and uses a dead file again. */
function shortLife(rig: Rig): void {
  const storage = rig.start();
  const log = storage.group(G1) ?? storage.createGroup(G1, false);
  for (let round = 0; round < 9; round++) {
    appendMany(log, 4, { bytes: 700 });
    log.setHardState({ term: log.hardState.term + 1, votedFor: 1 as NodeId, isLearner: false }, round + 1);
    rig.settle(4);
    if (log.durableIndex > 12) log.truncatePrefix(log.durableIndex - 4);
  }
  rig.settle(100);
}

/** What was told durable in a life that may have ended early, as `check` of what a later one finds. */
function checkTold(rig: Rig, told: Rig['life'], context: string): void {
  const storage = rig.life.storage;
  assert.equal(rig.life.openError, null, context);
  assert.ok(storage !== null, context);
  assert.deepEqual(storage.damage, [], context);
  const toldSequence = told.storage?.durableSequence ?? 0;
  assert.ok(storage.recoveredSequence >= toldSequence, `${context}: peers may know ${toldSequence}, found ${storage.recoveredSequence}`);
  const last = told.durable.at(-1);
  if (last === undefined) return;
  const log = logOf(storage);
  assert.ok(log.lastIndex >= last.durableIndex, `${context}: told ${last.durableIndex}, found ${log.lastIndex}`);
  assert.ok(log.hardState.term >= last.hardStateVersion, `${context}: told term ${last.hardStateVersion}, found ${log.hardState.term}`);
  for (const entry of contentOf(log)) {
    const index = Number.parseInt(entry, 10);
    assert.equal(entry, `${index}@1:${index & 0xff}`, context);
  }
}

test('T26: storage: power lost before, midway and after each operation of a life with file switches and checkpoints → nothing told is missing', () => {
  let crashes = 0;
  for (const when of ['before', 'midway', 'after'] as const) {
    for (let ordinal = 0; ; ordinal++) {
      const rig = new Rig({ seed: ordinal + 1 });
      const rule = rig.disk.inject({ effect: { type: 'crash', when }, operations: CHANGING_OPERATIONS, skip: ordinal });
      untilDeath(() => {
        if (rig.tryOpen()) shortLife(rig);
      });
      const told = rig.life;
      if (rule.hits === 0) break;
      rule.remove();
      crashes++;
      rig.powerCut();
      rig.tryOpen();
      checkTold(rig, told, `crash ${when} operation ${ordinal}`);
    }
  }
  assert.ok(crashes > 200, `${crashes} crashes`);
});

test('T26: storage: a process killed at each operation, a second one writes, then power is lost → nothing told is missing', () => {
  let crashes = 0;
  for (const when of ['before', 'after'] as const) {
    for (let ordinal = 0; ; ordinal++) {
      const rig = new Rig({ seed: ordinal + 1 });
      const rule = rig.disk.inject({ effect: { type: 'crash', when }, operations: CHANGING_OPERATIONS, skip: ordinal });
      untilDeath(() => {
        if (rig.tryOpen()) shortLife(rig);
      });
      if (rule.hits === 0) break;
      rule.remove();
      crashes++;
      const storage = rig.start();
      const log = storage.group(G1) ?? storage.createGroup(G1, false);
      const context = `killed ${when} operation ${ordinal}`;
      for (let round = 0; round < 1 + (ordinal % 5); round++) {
        appendMany(log, 3, { bytes: 700 });
        rig.settle(4);
      }
      const told = rig.life;
      rig.powerCut();
      rig.tryOpen();
      checkTold(rig, told, context);
    }
  }
  assert.ok(crashes > 150, `${crashes} crashes`);
});

test('T26: storage: killed between a rename and the sync of its folder, a second process writes, then power is lost → no name is gone', () => {
  for (const path of [/identity/, /journal/, /checkpoint/]) {
    for (let seed = 1; seed <= 15; seed++) {
      const rig = new Rig({ seed });
      const rule = rig.disk.inject({
        effect: { type: 'crash', when: 'after' },
        operations: ['rename'],
        path,
        skip: path.source === 'journal' ? seed % 4 : 0,
      });
      untilDeath(() => {
        if (rig.tryOpen()) shortLife(rig);
      });
      assert.equal(rule.hits, 1);
      const storage = rig.start();
      const log = storage.group(G1) ?? storage.createGroup(G1, false);
      appendMany(log, 6, { bytes: 700 });
      rig.settle(4);
      const told = rig.life;
      assert.ok(told.durable.length > 0);
      rig.powerCut();
      rig.tryOpen();
      checkTold(rig, told, `${path.source} seed ${seed}`);
    }
  }
});

test('T26: storage: a checkpoint takes long to get its name → until that is durable no dead file is used again or removed', () => {
  for (const operation of ['rename', 'syncDirectory'] as const) {
    for (let seed = 1; seed <= 10; seed++) {
      const rig = new Rig({ seed });
      const storage = rig.start();
      const log = storage.createGroup(G1, false);
      // The second one: the files that it frees are listed by the first.
      const slow = rig.disk.inject({
        effect: { type: 'slow', ms: 300 },
        operations: [operation],
        path: operation === 'rename' ? /checkpoint/ : /^$/,
        skip: operation === 'rename' ? 1 : 2,
      });
      let before: string[] = [];
      for (let round = 0; round < 40; round++) {
        appendMany(log, 4, { bytes: 700 });
        if (slow.hits === 0) before = rig.disk.paths().filter((path) => path.endsWith('.q'));
        rig.settle(4);
        if (log.durableIndex > 12) log.truncatePrefix(log.durableIndex - 4);
      }
      assert.equal(slow.hits, 1);
      const left = rig.disk.paths();
      assert.ok(before.length > 2);
      for (const path of before) assert.ok(left.includes(path), `${operation} seed ${seed}: ${path} of ${before.join()}`);
      const told = rig.life;
      rig.powerCut();
      rig.tryOpen();
      checkTold(rig, told, `${operation} seed ${seed}`);
    }
  }
});

/** A disk whose process died with a frame half written, after others were told durable. */
function tornImage(seed: number): { image: DiskImage; told: Rig['life'] } {
  const rig = new Rig({ seed, storage: { syncMode: 'async' } });
  shortLife(rig);
  const storage = rig.life.storage;
  assert.ok(storage !== null);
  // One frame that is durable and that no later one vouches for, then one that is cut off.
  appendMany(logOf(storage), 2, { bytes: 900 });
  rig.settle(3);
  assert.equal(logOf(storage).durableIndex, logOf(storage).lastIndex);
  appendMany(logOf(storage), 2, { bytes: 900 });
  storage.flush();
  const told = rig.life;
  if (seed % 2 === 0) rig.kill();
  else rig.powerCut();
  return { image: rig.disk.image(), told };
}

test('T35: recovery: power lost at each of its writes, three deep → the same log every time', () => {
  let crashes = 0;
  let rescues = 0;
  for (let seed = 1; seed <= 16; seed++) {
    const { image, told } = tornImage(seed);
    const random = new SeededRandom(seed);
    const dive = (from: DiskImage, depth: number, path: string): void => {
      for (let ordinal = 0; ; ordinal++) {
        const rig = new Rig({ seed: randomBetween(random, 1, 1_000_000) });
        rig.restore(from);
        const when = (['before', 'midway', 'after'] as const)[randomBetween(random, 0, 2)] as 'before';
        const rule = rig.disk.inject({ effect: { type: 'crash', when }, operations: CHANGING_OPERATIONS, skip: ordinal });
        untilDeath(() => {
          rig.tryOpen();
        });
        rescues += rig.disk.paths().includes('journal/rescue') ? 1 : 0;
        if (rule.hits === 0) return;
        rule.remove();
        crashes++;
        rig.powerCut();
        const here = `${path} ${when} ${ordinal}`;
        const left = rig.disk.image();
        rig.tryOpen();
        checkTold(rig, told, `seed ${seed}${here}`);
        if (depth < 3 && randomChance(random, depth === 1 ? 1 : 0.3)) dive(left, depth + 1, `${here} /`);
      }
    };
    dive(image, 1, '');
  }
  assert.ok(crashes > 200, `${crashes} crashes`);
  assert.ok(rescues > 0, 'the copy of the last frame was in use');
});

test('T35: recovery: power lost while the closing marker is written again, its sector torn → its sequence is still known (T37)', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const rig = new Rig({ seed });
    appendMany(rig.start().createGroup(G1, false), 3);
    rig.close();
    const told = rig.life.storage?.durableSequence;
    const rule = rig.disk.inject({ effect: { type: 'crash', when: 'before' }, operations: ['sync'], path: /0000000001/ });
    untilDeath(() => {
      rig.tryOpen();
    });
    assert.equal(rule.hits, 1);
    rig.disk.powerCut(rig.random, { tornChance: 1 });
    assert.equal(rig.open().recoveredSequence, told, `seed ${seed}`);
  }
});

test('T14: storage: hard state and batches of one flush, power lost while it is written → both or neither', () => {
  const found = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const rig = new Rig({ seed, storage: { syncMode: 'async' } });
    const log = rig.start().createGroup(G1, false);
    rig.settle();
    log.setHardState({ term: 4, votedFor: 2 as NodeId, isLearner: false }, 1);
    appendMany(log, 3, { term: 4, bytes: 600 });
    rig.life.storage?.flush();
    rig.scheduler.runFor(randomBetween(rig.random, 0, 30) / 100);
    rig.powerCut();
    const back = logOf(rig.open());
    found.add(`term ${back.hardState.term} last ${back.lastIndex}`);
  }
  assert.deepEqual([...found].sort(), ['term 0 last 0', 'term 4 last 3']);
});

test('T24: storage: a process killed after its frame was written but not synced, then power lost after recovery → what recovery gave is kept', () => {
  let kept = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const rig = new Rig({ seed, storage: { syncMode: 'async' } });
    const log = rig.start().createGroup(G1, false);
    rig.settle();
    appendMany(log, 3, { bytes: 600 });
    rig.life.storage?.flush();
    rig.scheduler.runFor(0.08);
    rig.kill();
    const first = logOf(rig.open());
    const recovered = contentOf(first);
    assert.equal(first.durableIndex, first.lastIndex);
    kept += first.lastIndex > 0 ? 1 : 0;
    rig.powerCut();
    assert.deepEqual(contentOf(logOf(rig.open())), recovered, `seed ${seed}`);
  }
  assert.ok(kept > 10, `${kept} frames were whole`);
});
