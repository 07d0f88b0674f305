import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId } from '@quorate/base';
import { G1, IDENTITY, Rig, appendMany, batch, contentOf, logOf } from './rig.js';
import { isDiskError } from './script.js';

test('T13: storage: an append in flight is cut off and another takes its index → the late completion does not make it durable', () => {
  const rig = new Rig({ storage: { syncMode: 'async' } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 4);
  rig.settle();
  assert.equal(log.durableIndex, 4);
  rig.disk.inject({ effect: { type: 'slow', ms: 50 }, operations: ['sync'], path: /0000000001/ });
  log.append(batch({ base: 5, term: 1, fill: 1 }));
  storage.flush();
  log.truncateSuffix(4);
  log.append(batch({ base: 5, term: 2, fill: 2 }));
  rig.disk.inject({ effect: { type: 'slow', ms: 500 }, operations: ['sync'], path: /0000000001/ });
  storage.flush();
  const before = storage.durableSequence;
  rig.scheduler.runUntil(() => storage.durableSequence > before, { withinMs: 400, what: 'the first frame is synced' });
  rig.scheduler.runFor(5);
  assert.equal(log.durableIndex, 4);
  assert.ok(
    rig.life.durable.every(({ durableIndex }) => durableIndex <= 4),
    'nobody was told of index 5',
  );
  rig.scheduler.runFor(1000);
  assert.equal(log.durableIndex, 5);
  assert.deepEqual(contentOf(log).at(-1), '5@2:2');
});

test('T13: storage: cut below what is durable, the event still on its way → it tells the lower index', () => {
  const rig = new Rig({ storage: { syncMode: 'sync' } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  appendMany(log, 5);
  storage.flush();
  log.truncateSuffix(2);
  log.append(batch({ base: 3, term: 2 }));
  rig.scheduler.runFor(50);
  assert.deepEqual(rig.life.durable, [{ group: G1, hardStateVersion: 0, durableIndex: 2 }]);
});

/** A life with file switches, checkpoints, a clean end and a second life that reads; stops at the first error. */
function script(rig: Rig): void {
  if (!rig.tryOpen() || rig.life.storage === null) return;
  const { storage } = rig.life;
  storage.setIdentity(IDENTITY);
  const log = storage.createGroup(G1, false);
  for (let round = 0; round < 8; round++) {
    appendMany(log, 4, { bytes: 700 });
    log.setHardState({ term: log.hardState.term + 1, votedFor: 1 as NodeId, isLearner: false }, round + 1);
    rig.settle(4);
    if (log.durableIndex > 12) log.truncatePrefix(log.durableIndex - 4);
    assert.ok(contentOf(log).length > 0);
  }
  rig.settle(300);
}

/** True if a call of the storage threw, or opening it gave an error. */
function runScript(rig: Rig): boolean {
  try {
    script(rig);
    return rig.life.openError !== null;
  } catch (thrown) {
    if (!isDiskError(thrown)) throw thrown;
    return true;
  }
}

function checkTold(rig: Rig, told: Rig['life'], context: string): void {
  assert.equal(rig.life.openError, null, context);
  const { storage } = rig.life;
  assert.ok(storage !== null, context);
  assert.deepEqual(storage.damage, [], context);
  const last = told.durable.at(-1);
  if (last === undefined) return;
  const log = logOf(storage);
  assert.ok(log.lastIndex >= last.durableIndex, `${context}: told ${last.durableIndex}, found ${log.lastIndex}`);
  assert.ok(log.hardState.term >= last.hardStateVersion, context);
  for (const entry of contentOf(log)) assert.match(entry, /^(\d+)@1:\d+$/, context);
}

test('T25: storage: the n-th sync fails, for each n → told once, nothing durable afterwards, nothing told is lost', () => {
  const counts = { thrown: 0, told: 0 };
  for (const syncMode of ['sync', 'async'] as const) {
    for (let n = 0; ; n++) {
      const rig = new Rig({ seed: n + 1, storage: { syncMode } });
      const rule = rig.disk.inject({ effect: { type: 'fail', kind: 'io' }, operations: ['sync', 'syncDirectory'], skip: n });
      const hasThrown = runScript(rig);
      if (rule.hits === 0) break;
      const told = rig.life;
      counts[hasThrown ? 'thrown' : 'told']++;
      // A failed sync that nobody hears of was believed, or tried again: what it should have kept may be lost all the same.
      assert.equal(told.failures.length, hasThrown ? 0 : 1, `${syncMode}, n ${n}: told once, by the call that made it or by an event`);
      if (!hasThrown && told.storage !== null) {
        assert.equal(told.failures[0]?.code, 'diskFailed');
        const toldAtFailure = told.durable.length;
        const log = told.storage.group(G1);
        const durableIndex = log?.durableIndex;
        if (log !== undefined) appendMany(log, 2);
        rig.settle(500);
        assert.equal(told.durable.length, toldAtFailure, `n ${n}: nothing becomes durable after a failed sync`);
        assert.equal(log?.durableIndex, durableIndex);
      }
      rig.powerCut();
      rig.tryOpen();
      checkTold(rig, told, `${syncMode} sync ${n}`);
    }
  }
  assert.ok(counts.thrown > 5 && counts.told > 20, `${counts.thrown} and ${counts.told} syncs failed`);
});

test('T25: storage: a frame whose sync failed, the process started again, then power lost → what recovery read is really there', () => {
  let kept = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const rig = new Rig({ seed, storage: { syncMode: 'sync' } });
    const log = rig.start().createGroup(G1, false);
    rig.settle();
    rig.disk.inject({ effect: { type: 'fail', kind: 'io' }, operations: ['sync'], path: /0000000001/ });
    appendMany(log, 3, { bytes: 500 });
    rig.settle();
    assert.equal(rig.life.failures.length, 1);
    rig.kill();
    const recovered = contentOf(logOf(rig.open()));
    kept += recovered.length;
    appendMany(logOf(rig.life.storage as NonNullable<typeof rig.life.storage>), 1);
    rig.settle();
    rig.powerCut();
    const again = rig.open();
    assert.deepEqual(again.damage, [], `seed ${seed}`);
    assert.deepEqual(contentOf(logOf(again)).slice(0, recovered.length), recovered, `seed ${seed}`);
  }
  assert.ok(kept > 0, 'the frame was read back from memory at least once');
});

test('T33: storage: each call fails once, by ordinal, with EIO or without space → an error or a retry, never a lie', () => {
  const counts = { io: 0, full: 0 };
  for (const [kind, syncMode] of [
    ['io', 'adaptive'],
    ['full', 'adaptive'],
    ['io', 'async'],
    ['full', 'async'],
  ] as const) {
    for (let ordinal = 0; ; ordinal++) {
      const rig = new Rig({ seed: ordinal + 1, storage: { syncMode } });
      const rule = rig.disk.inject({ effect: { type: 'fail', kind }, skip: ordinal });
      runScript(rig);
      if (rule.hits === 0) break;
      counts[kind]++;
      const told = rig.life;
      const context = `${syncMode}: ${kind} at ${ordinal}`;
      if (told.storage === null) assert.ok(told.openError !== null, `${context}: opening tells its error`);
      // Without space for one call: all goes on. A sync that finds none is a failed sync all the same.
      if (kind === 'full' && told.failures.length === 0 && told.storage?.group(G1) !== undefined && told.damaged.length === 0) {
        assert.equal(logOf(told.storage).durableIndex, logOf(told.storage).lastIndex, `${context}: all is durable in the end`);
        assert.equal(told.fulls.at(-1) ?? false, false, `${context}: space is back`);
      }
      rig.powerCut();
      rig.tryOpen();
      checkTold(rig, told, context);
    }
  }
  assert.ok(counts.io > 100 && counts.full > 100, JSON.stringify(counts));
});

test('T25: storage: a sync fails, the next life starts on a full disk → what it takes for durable survives a power cut, or it does not start', () => {
  const outcomes = { opened: 0, refused: 0 };
  for (let seed = 1; seed <= 20; seed++) {
    for (const isReadyFileThere of [true, false]) {
      const rig = new Rig({ seed, storage: { syncMode: 'async' } });
      const log = rig.start().createGroup(G1, false);
      appendMany(log, 3, { bytes: 300 });
      rig.settle();
      rig.disk.inject({ effect: { type: 'fail', kind: 'io' }, operations: ['sync'], path: /\.q$/, times: 1 });
      appendMany(log, 1, { bytes: 300 });
      rig.settle();
      assert.equal(rig.life.failures.length, 1);
      rig.kill();
      if (!isReadyFileThere) rig.disk.attach(rig.scheduler.forNode('operator')).removeNow('journal/0000000002.q');
      rig.disk.capacityBytes = rig.disk.usedBytes();
      rig.tryOpen();
      const { storage, openError } = rig.life;
      if (storage === null) {
        outcomes.refused++;
        assert.equal(openError?.code, 'diskFull');
        rig.disk.capacityBytes = 1_000_000;
        assert.equal(logOf(rig.open()).lastIndex >= 3, true);
        continue;
      }
      outcomes.opened++;
      const again = logOf(storage);
      appendMany(again, 1, { bytes: 100 });
      rig.settle(200);
      const { durableIndex } = again;
      rig.powerCut();
      rig.disk.capacityBytes = 1_000_000;
      const last = rig.open();
      assert.deepEqual(last.damage, [], `seed ${seed}`);
      assert.ok(logOf(last).lastIndex >= durableIndex, `seed ${seed}: ${logOf(last).lastIndex} of ${durableIndex} that were durable`);
    }
  }
  assert.deepEqual(outcomes, { opened: 20, refused: 20 });
});

test('T32: storage: a budget of bytes from 0 up → refuses early, keeps the order, goes on when space returns', () => {
  let refused = 0;
  for (let files = 0; files <= 5; files++) {
    for (const extra of [0, 1, 511, 4096]) {
      const capacityBytes = 1000 + files * 8192 + extra;
      const rig = new Rig({ capacityBytes, seed: files * 10 + 1 });
      const storage = rig.open();
      const context = `budget ${capacityBytes}`;
      try {
        storage.setIdentity(IDENTITY);
      } catch (thrown) {
        assert.ok(isDiskError(thrown), context);
        assert.equal((thrown as { code: string }).code, 'diskFull', context);
        rig.disk.capacityBytes = 1_000_000;
        storage.setIdentity(IDENTITY);
      }
      const log = storage.createGroup(G1, false);
      for (let round = 0; round < 20; round++) {
        appendMany(log, 2, { bytes: 900 });
        rig.settle(10);
      }
      if (log.durableIndex < 40) {
        refused++;
        assert.deepEqual(rig.life.fulls, [true], `${context}: told once`);
        assert.deepEqual(rig.life.failures, [], context);
        rig.disk.capacityBytes = 1_000_000;
        rig.scheduler.runFor(10_000);
        assert.deepEqual(rig.life.fulls, [true, false], `${context}: told when space is back`);
      }
      assert.equal(log.durableIndex, 40, context);
      rig.powerCut();
      const again = rig.open();
      assert.deepEqual(again.damage, [], context);
      assert.deepEqual(
        contentOf(logOf(again)),
        Array.from({ length: 40 }, (_, i) => `${i + 1}@1:${i + 1}`),
        context,
      );
    }
  }
  assert.ok(refused > 5, `${refused} budgets were too small`);
});

test('T32: storage: a write into the present file without space, partly done → written again at the same place, nothing durable in between', () => {
  for (const syncMode of ['sync', 'async'] as const) {
    const rig = new Rig({ storage: { syncMode } });
    const storage = rig.start();
    const log = storage.createGroup(G1, false);
    rig.settle();
    rig.disk.inject({ effect: { type: 'fail', kind: 'full' }, operations: ['write'], path: /0000000001/, times: 4 });
    appendMany(log, 2, { bytes: 700 });
    storage.flush();
    appendMany(log, 2, { bytes: 700 });
    rig.settle(60);
    assert.deepEqual([rig.life.fulls, log.durableIndex], [[true], 0]);
    rig.scheduler.runFor(5000);
    assert.deepEqual([rig.life.fulls, log.durableIndex, rig.life.failures], [[true, false], 4, []]);
    rig.powerCut();
    assert.equal(contentOf(logOf(rig.open())).length, 4);
  }
});

test('T32: storage: closed while there is no space → diskFull, not opened before there is some, and what was durable is there', () => {
  const rig = new Rig({ capacityBytes: 20_000 });
  const log = rig.start().createGroup(G1, false);
  appendMany(log, 30, { bytes: 900 });
  rig.settle(500);
  const durable = log.durableIndex;
  assert.ok(durable < 30);
  assert.equal(rig.close()?.code, 'diskFull');
  rig.tryOpen();
  assert.equal(rig.life.openError?.code, 'diskFull');
  rig.disk.capacityBytes = 1_000_000;
  assert.equal(contentOf(logOf(rig.open())).length, durable);
});

test('T25: storage: closed after the disk failed, with a call under way → closes, and only after that call', () => {
  const rig = new Rig({ storage: { syncMode: 'async' } });
  const log = rig.start().createGroup(G1, false);
  rig.disk.inject({ effect: { type: 'fail', kind: 'io' }, operations: ['sync'], path: /0000000001/ });
  appendMany(log, 1);
  rig.settle();
  assert.equal(rig.life.failures.length, 1);
  assert.equal(rig.close(), null);
  rig.start();
});
