import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Disk, type DiskFault, SECTOR_BYTES, SeededRandom } from '@quorate/base';
import { type DiskEffect, type DiskOperation, SimDisk, SimScheduler, SimulatedCrash } from '@quorate/testkit';
import { durableFile, filled, isFault, machine } from './disk-machine.js';

test('T25: a sync fails, the next succeeds → what the first should have written may be lost at a power cut', () => {
  const left = new Set<number>();
  for (let seed = 1; seed <= 30; seed++) {
    const { disk, view } = machine(seed);
    const file = durableFile(view, 'f', filled(SECTOR_BYTES, 1));
    file.writeNow(0, [filled(SECTOR_BYTES, 2)]);
    disk.inject({ operations: ['sync'], effect: { type: 'fail', kind: 'io' } });
    assert.throws(() => file.syncNow(), isFault('io'));
    file.syncNow();
    assert.equal(file.readNow(0, 1)[0], 2);
    disk.powerCut(new SeededRandom(seed), { tornChance: 0 });
    left.add(disk.contentOf('f')[0] as number);
  }
  assert.deepEqual(
    [...left].sort((a, b) => a - b),
    [1, 2],
  );

  const { disk, view } = machine(1);
  const file = durableFile(view, 'f', filled(SECTOR_BYTES, 1));
  file.writeNow(0, [filled(SECTOR_BYTES, 2)]);
  disk.inject({ operations: ['sync'], effect: { type: 'fail', kind: 'io' } });
  assert.throws(() => file.syncNow(), isFault('io'));
  file.writeNow(0, [filled(SECTOR_BYTES, 3)]);
  file.syncNow();
  for (let seed = 1; seed <= 30; seed++) {
    const image = disk.powerCutImage(new SeededRandom(seed));
    assert.equal(image.files.get('f')?.read(0, 1)[0], 3, 'written again and synced: durable');
  }
});

test('T32: a byte budget → the write is short at exactly that byte, overwrites go on, space helps', () => {
  for (const budget of [0, 1, 511, 512, 700, 999]) {
    const { scheduler, disk, view } = machine(1, budget);
    const file = view.open('f', 'create');
    assert.throws(() => file.writeNow(0, [filled(1000, 1)]), isFault('full'));
    assert.equal(file.size(), budget);
    if (budget > 0) file.writeNow(0, [filled(budget, 2)]);
    let told: DiskFault | null = null;
    file.write(budget, [filled(1, 1)], (error) => {
      told = error;
    });
    scheduler.runFor(10);
    assert.ok(isFault('full')(told));
    disk.capacityBytes = 1000;
    file.writeNow(0, [filled(1000, 3)]);
    assert.equal(disk.usedBytes(), 1000);
  }
});

test('disk: rules by kind, path and ordinal → hit exactly the operations they name', () => {
  const { disk, view } = machine();
  const a = view.open('a', 'create');
  const b = view.open('b', 'create');
  const rule = disk.inject({ operations: ['write'], path: /^b$/, skip: 1, times: 2, effect: { type: 'fail', kind: 'io' } });
  for (let i = 0; i < 5; i++) a.writeNow(i, [filled(1, 1)]);
  const outcomes = [0, 1, 2, 3].map((i) => {
    try {
      b.writeNow(i, [filled(1, 1)]);
      return 'ok';
    } catch {
      return 'failed';
    }
  });
  assert.deepEqual(outcomes, ['ok', 'failed', 'failed', 'ok']);
  assert.equal(rule.hits, 2);
  const forEver = disk.inject({ effect: { type: 'fail', kind: 'full' }, times: Number.POSITIVE_INFINITY });
  for (let i = 0; i < 5; i++) assert.throws(() => view.list(''), isFault('full'));
  forEver.remove();
  assert.deepEqual(view.list(''), ['a', 'b']);
});

test('disk: a crash at each operation → the process is dead from there, nothing after it happens', () => {
  const script = (view: Disk): void => {
    view.makeDirectory('d');
    const file = view.open('d/f', 'create');
    file.writeNow(0, [filled(600, 1)]);
    file.syncNow();
    view.syncDirectory('d');
    view.syncDirectory('');
    view.rename('d/f', 'd/g');
    view.removeNow('d/g');
  };
  const whole = machine();
  script(whole.view);
  assert.equal(whole.disk.rules.changes, 8);
  for (const when of ['before', 'midway', 'after'] as const) {
    for (let skip = 0; skip < 8; skip++) {
      const scheduler = new SimScheduler();
      const disk = new SimDisk({ random: new SeededRandom(skip) });
      const process = scheduler.forNode('a');
      const view = disk.attach(process);
      const rule = disk.inject({ skip, effect: { type: 'crash', when } });
      assert.throws(() => script(view), SimulatedCrash);
      assert.equal(rule.hits, 1);
      assert.equal(disk.rules.operations, skip + 1);
      assert.equal(process.isAlive, false);
      assert.throws(() => view.open('x', 'create'), SimulatedCrash);
      disk.powerCut();
      const after = disk.attach(scheduler.forNode('a'));
      const isDurable = skip > 5 || (skip === 5 && when === 'after');
      if (isDurable && skip < 6) assert.deepEqual(after.list('d'), ['f']);
      if (skip === 0 && when === 'before') assert.deepEqual(after.list(''), []);
    }
  }
});

test('disk: an asynchronous write or sync told to crash → no callback, the process is dead', () => {
  for (const operation of ['write', 'sync'] as const satisfies DiskOperation[]) {
    for (const when of ['midway', 'after'] as const) {
      const scheduler = new SimScheduler();
      const disk = new SimDisk();
      const process = scheduler.forNode('a');
      const file = disk.attach(process).open('f', 'create');
      disk.inject({ operations: [operation], effect: { type: 'crash', when } });
      const done = (): void => assert.fail('completed');
      if (operation === 'write') file.write(0, [filled(1000, 1)], done);
      else file.sync(done);
      scheduler.runFor(100);
      assert.equal(process.isAlive, false);
      if (operation === 'write' && when === 'after') assert.equal(disk.contentOf('f').length, 1000);
    }
  }
});

test('disk: lost and misdirected writes, lost syncs → reported as done', () => {
  const { disk, view } = machine();
  const file = durableFile(view, 'f', filled(2000, 1));
  const other = durableFile(view, 'g', filled(2000, 1));
  const during = (effect: DiskEffect, action: () => void): void => {
    const rule = disk.inject({ effect });
    action();
    assert.equal(rule.hits, 1);
  };
  during({ type: 'lost' }, () => file.writeNow(0, [filled(5, 2)]));
  assert.equal(file.readNow(0, 1)[0], 1);
  during({ type: 'misdirect', position: 1000 }, () => file.writeNow(0, [filled(5, 3)]));
  assert.deepEqual([...file.readNow(999, 7)], [1, 3, 3, 3, 3, 3, 1]);
  during({ type: 'misdirect', path: 'g', position: 7 }, () => file.writeNow(0, [filled(1, 4)]));
  assert.equal(other.readNow(7, 1)[0], 4);
  file.writeNow(0, [filled(SECTOR_BYTES, 5)]);
  during({ type: 'lost' }, () => file.syncNow());
  assert.equal(disk.state.find('f').unsyncedSectors, 2);
});

test('disk: flips and images → a flip changes one bit for good, a restored image is the disk as it was', () => {
  const { disk, view } = machine();
  const file = durableFile(view, 'f', filled(10_000, 1));
  const image = disk.image();
  disk.flipBit('f', 5000, 3);
  assert.equal(file.readNow(5000, 1)[0], 9);
  file.writeNow(0, [filled(10_000, 7)]);
  view.open('later', 'create');
  assert.ok(
    image.files
      .get('f')
      ?.read(0, 10_000)
      .every((byte) => byte === 1),
    'the image does not change',
  );
  disk.restore(image);
  assert.throws(() => view.list(''), SimulatedCrash);
  assert.deepEqual(disk.paths(), ['f']);
  const again = disk.attach(new SimScheduler().forNode('a')).open('f', 'open');
  again.writeNow(0, [filled(10_000, 8)]);
  assert.ok(
    image.files
      .get('f')
      ?.read(0, 10_000)
      .every((byte) => byte === 1),
  );
});

test('T26: a name put in place by callback, power cut or kill in between → either name while it is under way, the new one once it is done', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const { scheduler, disk, view } = machine(seed);
    durableFile(view, 'old', filled(1, 1)).close();
    durableFile(view, 'new', filled(1, 2)).close();
    let isDone = false;
    view.putInPlace('new', 'old', (fault) => {
      assert.equal(fault, null);
      isDone = true;
    });
    scheduler.runFor((seed % 20) / 4);
    const isKill = seed % 3 === 0;
    if (isKill) disk.processCrash();
    else disk.powerCut(new SeededRandom(seed));
    const found = `${disk.paths().join()}=${disk.contentOf('old')[0]}`;
    outcomes.add(`${isKill ? 'kill' : 'cut'} ${isDone ? 'done' : 'under way'} ${found}`);
    scheduler.runFor(10);
    assert.equal(`${disk.paths().join()}=${disk.contentOf('old')[0]}`, found, 'nothing happens after death');
  }
  assert.deepEqual([...outcomes].sort(), [
    'cut done old=2',
    'cut under way new,old=1',
    'cut under way old=2',
    'kill done old=2',
    'kill under way new,old=1',
    'kill under way old=2',
  ]);
});

test('disk: a file created or removed by callback, the process killed meanwhile → it was done or not', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    const { disk, view } = machine(seed);
    durableFile(view, 'f', filled(1, 1)).close();
    view.create('g', () => assert.fail('completes after death'));
    view.remove('f', () => assert.fail('completes after death'));
    disk.processCrash();
    outcomes.add(disk.paths().join());
  }
  assert.deepEqual([...outcomes].sort(), ['', 'f', 'f,g', 'g']);
});

test('T25: a folder that cannot be synced when a name is put in place, for whatever reason → a final fault; a rename without space → nothing changed', () => {
  for (const kind of ['io', 'full'] as const) {
    const { scheduler, disk, view } = machine();
    durableFile(view, 'f', filled(1, 1)).close();
    const faults: (DiskFault | null)[] = [];
    disk.inject({ effect: { type: 'fail', kind }, operations: ['rename'] });
    view.putInPlace('f', 'g', (fault) => faults.push(fault));
    scheduler.runFor(10);
    assert.deepEqual([faults[0]?.kind, disk.paths()], [kind, ['f']]);
    disk.inject({ effect: { type: 'fail', kind }, operations: ['syncDirectory'] });
    view.putInPlace('f', 'g', (fault) => faults.push(fault));
    scheduler.runFor(10);
    assert.equal(faults[1]?.kind, 'io');
  }
});

test('disk: a crash at each part of a call on names → the process is dead, the call is told to nobody', () => {
  const calls: Record<string, (view: Disk, done: () => void) => void> = {
    create: (view, done) => view.create('g', done),
    rename: (view, done) => view.putInPlace('f', 'g', done),
    syncDirectory: (view, done) => view.putInPlace('f', 'g', done),
    remove: (view, done) => view.remove('f', done),
  };
  for (const [operation, call] of Object.entries(calls)) {
    for (const when of ['before', 'midway', 'after'] as const) {
      const { scheduler, disk, view } = machine();
      durableFile(view, 'f', filled(1, 1)).close();
      const rule = disk.inject({ effect: { type: 'crash', when }, operations: [operation as 'create'] });
      try {
        call(view, () => assert.fail('told'));
        scheduler.runFor(10);
      } catch (thrown) {
        if (!(thrown instanceof SimulatedCrash)) throw thrown;
      }
      assert.equal(rule.hits, 1);
      assert.throws(() => view.list(''), SimulatedCrash);
      if (when === 'after' && operation !== 'create') assert.deepEqual(disk.paths(), operation === 'remove' ? [] : ['g']);
    }
  }
});

test('disk: a misdirected read → it gives what is elsewhere, as much as was asked for, once; the medium is as it was', () => {
  const { disk, view } = machine();
  const file = durableFile(
    view,
    'f',
    Uint8Array.from({ length: 200 }, (_, at) => at),
  );
  const rule = disk.inject({ operations: ['read'], effect: { type: 'misdirect', position: 50 } });
  assert.deepEqual([...file.readNow(0, 3)], [50, 51, 52]);
  assert.deepEqual([...file.readNow(0, 3)], [0, 1, 2]);
  disk.inject({ operations: ['read'], effect: { type: 'misdirect', position: 100_000 } });
  assert.deepEqual([...file.readNow(0, 3)], [197, 198, 199]);
  assert.equal(rule.hits, 1);
});

test('T25: no sync succeeds any more → each fails, also in the next process, until the rule is removed', () => {
  const { scheduler, disk, view } = machine();
  const file = durableFile(view, 'f', filled(10, 1));
  const rule = disk.inject({
    operations: ['sync', 'syncDirectory'],
    times: Number.POSITIVE_INFINITY,
    effect: { type: 'fail', kind: 'io' },
  });
  for (let i = 0; i < 3; i++) assert.throws(() => file.syncNow(), isFault('io'));
  disk.processCrash();
  const next = disk.attach(scheduler.forNode('a'));
  assert.throws(() => next.open('f', 'open').syncNow(), isFault('io'));
  assert.throws(() => next.syncDirectory(''), isFault('io'));
  rule.remove();
  next.open('f', 'open').syncNow();
});

/** A read of 3 bytes at 0 by callback: what it told, and when. */
function readLater({ scheduler, view }: ReturnType<typeof machine>, path: string): string[] {
  const told: string[] = [];
  const into = new Uint8Array(3);
  view
    .open(path, 'read')
    .read(0, into, (fault, bytes) => told.push(`${fault?.kind ?? into.subarray(0, bytes).join()} at ${scheduler.nowMs}`));
  return told;
}

test('disk: a read by callback → what is on the medium when it completes; slow, failing and misdirected ones; rot shows', () => {
  const made = machine();
  const { scheduler, disk, view } = made;
  disk.latency = { writeMs: [2, 2], syncMs: [9, 9] };
  durableFile(view, 'f', Uint8Array.of(50, 51, 52, 60, 61, 62));
  durableFile(view, 'other', Uint8Array.of(1, 2, 3, 4, 5));
  // Synchronous writes and syncs kept the process busy.
  scheduler.runFor(100);
  const expected = (effect: DiskEffect | null, outcome: string, afterMs: number): void => {
    const rule = effect === null ? null : disk.inject({ operations: ['read'], path: /^f$/, effect });
    const at = scheduler.nowMs;
    const told = readLater(made, 'f');
    assert.deepEqual(told, [], 'never within the call');
    scheduler.runFor(100);
    assert.deepEqual(told, [`${outcome} at ${at + afterMs}`]);
    assert.ok(rule === null || rule.hits === 1);
  };
  expected(null, '50,51,52', 2);
  expected({ type: 'slow', ms: 30 }, '50,51,52', 32);
  expected({ type: 'fail', kind: 'io', ms: 5 }, 'io', 7);
  expected({ type: 'misdirect', position: 3 }, '60,61,62', 2);
  expected({ type: 'misdirect', path: 'other', position: 1 }, '2,3,4', 2);
  expected(null, '50,51,52', 2);
  disk.flipBit('f', 1, 0);
  expected(null, '50,50,52', 2);
  const told = readLater(made, 'f');
  disk.flipBit('f', 2, 0);
  scheduler.runFor(10);
  assert.match(told.join(), /^50,50,53 /, 'as it is at the end of the read');
});

test('disk: the process dies in a read by callback, by a rule or otherwise → it never completes, later calls find it dead', () => {
  for (const how of ['before', 'midway', 'after', 'killed'] as const) {
    const made = machine();
    const { scheduler, disk, view } = made;
    durableFile(view, 'f', Uint8Array.of(1, 2, 3));
    if (how !== 'killed') disk.inject({ operations: ['read'], effect: { type: 'crash', when: how } });
    let told: string[] = [];
    try {
      told = readLater(made, 'f');
      if (how === 'killed') disk.processCrash();
      scheduler.runFor(10);
    } catch (thrown) {
      assert.ok(thrown instanceof SimulatedCrash);
    }
    scheduler.runFor(10);
    assert.deepEqual(told, [], how);
    assert.throws(() => view.list(''), SimulatedCrash, how);
  }
});
