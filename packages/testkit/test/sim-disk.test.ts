import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type QuorateError, SECTOR_BYTES, SeededRandom, bytesEqual, randomBetween } from '@quorate/base';
import { SimDisk, SimScheduler, SimulatedCrash } from '@quorate/testkit';
import { durableFile, filled, isFault, machine } from './disk-machine.js';

test('disk: power cut → synced bytes stay, each unsynced sector is old, new or in between', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const { disk, view } = machine(seed);
    const file = durableFile(view, 'f', filled(4 * SECTOR_BYTES, 1));
    file.writeNow(SECTOR_BYTES, [filled(2 * SECTOR_BYTES, 2)]);
    file.writeNow(SECTOR_BYTES, [filled(SECTOR_BYTES, 3)]);
    disk.powerCut(new SeededRandom(seed), { tornChance: 0 });
    const left = disk.contentOf('f');
    assert.equal(left.length, 4 * SECTOR_BYTES);
    const sectors = [0, 1, 2, 3].map((i) => left.subarray(i * SECTOR_BYTES, (i + 1) * SECTOR_BYTES));
    for (const sector of sectors)
      assert.ok(
        sector.every((byte) => byte === sector[0]),
        `seed ${seed}: a sector is torn`,
      );
    const values = sectors.map((sector) => sector[0]);
    assert.equal(values[0], 1);
    assert.equal(values[3], 1);
    outcomes.add(values.join(''));
  }
  assert.deepEqual([...outcomes].sort(), ['1111', '1121', '1211', '1221', '1311', '1321']);
});

test('disk: power cut with tearing → only sectors that were being written may hold rubbish', () => {
  let torn = 0;
  for (let seed = 1; seed <= 50; seed++) {
    const { disk, view } = machine(seed);
    const file = durableFile(view, 'f', filled(3 * SECTOR_BYTES, 1));
    file.writeNow(SECTOR_BYTES + 10, [filled(10, 2)]);
    disk.powerCut(new SeededRandom(seed), { tornChance: 1 });
    const left = disk.contentOf('f');
    assert.ok(left.subarray(0, SECTOR_BYTES).every((byte) => byte === 1) && left.subarray(2 * SECTOR_BYTES).every((byte) => byte === 1));
    if (!left.subarray(SECTOR_BYTES, 2 * SECTOR_BYTES).every((byte) => byte === 1 || byte === 2)) torn++;
  }
  assert.ok(torn > 10);
});

test('disk: power cut → an unsynced size is any of those since the last sync, a lost truncation brings bytes back', () => {
  const sizes = new Set<number>();
  for (let seed = 1; seed <= 100; seed++) {
    const { disk, view } = machine(seed);
    const file = durableFile(view, 'f', filled(1000, 1));
    disk.state.find('f').truncate(100);
    file.writeNow(100, [filled(50, 2)]);
    disk.powerCut(new SeededRandom(seed), { tornChance: 0 });
    const left = disk.contentOf('f');
    sizes.add(left.length);
    assert.ok(
      left.subarray(0, 100).every((byte) => byte === 1),
      `seed ${seed}`,
    );
    assert.ok(
      left.subarray(150).every((byte) => byte === 0 || byte === 1),
      `seed ${seed}`,
    );
  }
  assert.deepEqual(
    [...sizes].sort((a, b) => a - b),
    [100, 150, 1000],
  );
});

test('T26: names without a directory sync → any subset survives a power cut; with it all do', () => {
  const outcomes = new Set<string>();
  for (let seed = 1; seed <= 200; seed++) {
    const { disk, view } = machine(seed);
    durableFile(view, 'kept', filled(1, 1));
    durableFile(view, 'removed', filled(1, 2));
    durableFile(view, 'old', filled(1, 3));
    view.removeNow('removed');
    view.rename('old', 'new');
    view.open('created', 'create').close();
    disk.powerCut(new SeededRandom(seed));
    outcomes.add(disk.paths().join(' '));
  }
  const expected: string[] = [];
  for (const created of ['created ', '']) {
    for (const name of ['new', 'old']) {
      for (const removed of [' removed', '']) expected.push(`${created}kept ${name}${removed}`);
    }
  }
  assert.deepEqual([...outcomes].sort(), expected.sort());

  const { disk, view } = machine(3);
  durableFile(view, 'old', filled(1, 3));
  view.rename('old', 'new');
  view.makeDirectory('sub/deep');
  for (const directory of ['', 'sub']) view.syncDirectory(directory);
  view.open('sub/deep/lost', 'create').syncNow();
  let hadLost = 0;
  for (let seed = 1; seed <= 30; seed++) {
    const image = disk.powerCutImage(new SeededRandom(seed));
    assert.deepEqual(image.directories, ['sub', 'sub/deep']);
    assert.ok(image.files.has('new') && !image.files.has('old'));
    if (!image.files.has('sub/deep/lost')) hadLost++;
  }
  assert.ok(hadLost > 0, 'syncing a file does not sync its name');
});

test('disk: a folder whose own name was not synced → is lost with all that is in it', () => {
  const lost = new Set<boolean>();
  for (let seed = 1; seed <= 50; seed++) {
    const { disk, view } = machine(seed);
    view.makeDirectory('sub');
    view.open('sub/f', 'create').syncNow();
    view.syncDirectory('sub');
    disk.powerCut(new SeededRandom(seed));
    lost.add(disk.paths().length === 0);
  }
  assert.equal(lost.size, 2);
});

test('disk: SIGKILL → everything written stays, a write under way stays up to any byte, the lock is free', () => {
  const lengths = new Set<number>();
  for (let seed = 1; seed <= 30; seed++) {
    const scheduler = new SimScheduler();
    const disk = new SimDisk({ random: new SeededRandom(seed) });
    const process = scheduler.forNode('a');
    const view = disk.attach(process);
    let locks = 0;
    view.lock((error) => {
      assert.equal(error, null);
      locks++;
    });
    scheduler.runFor(1);
    const file = view.open('f', 'create');
    file.writeNow(0, [filled(100, 1)]);
    let calls = 0;
    file.write(100, [filled(100, 2), filled(100, 3)], () => calls++);
    process.kill();
    assert.throws(() => file.readNow(0, 1), SimulatedCrash);
    assert.throws(() => view.list(''), SimulatedCrash);
    scheduler.runFor(100);
    assert.equal(calls, 0);
    const left = disk.contentOf('f');
    assert.ok(
      bytesEqual(
        left,
        Uint8Array.from({ length: left.length }, (_, i) => Math.floor(i / 100) + 1),
      ),
    );
    lengths.add(left.length);
    disk.attach(scheduler.forNode('a')).lock((error) => {
      assert.equal(error, null);
      locks++;
    });
    scheduler.runFor(1);
    assert.equal(locks, 2);
  }
  assert.ok(lengths.size > 20);
});

test('disk: callbacks → in virtual time, after the latency, once; a second call meanwhile is refused', () => {
  const { scheduler, disk, view } = machine();
  disk.latency = { writeMs: [3, 3], syncMs: [7, 7] };
  const file = view.open('f', 'create');
  const log: string[] = [];
  file.write(0, [filled(10, 1)], (error) => {
    log.push(`write ${error} ${scheduler.nowMs}`);
    file.sync((syncError) => log.push(`sync ${syncError} ${scheduler.nowMs}`));
    assert.throws(() => file.writeNow(0, [filled(1, 1)]), isFault('io'));
  });
  assert.throws(() => file.syncNow(), isFault('io'));
  scheduler.runFor(100);
  assert.deepEqual(log, ['write null 3', 'sync null 10']);
});

test('disk: a sync under way at the power cut → nothing of it is promised', () => {
  const left = new Set<number>();
  for (let seed = 1; seed <= 30; seed++) {
    const { scheduler, disk, view } = machine(seed);
    disk.latency = { writeMs: [0, 0], syncMs: [10, 10] };
    const file = durableFile(view, 'f', filled(SECTOR_BYTES, 1));
    file.writeNow(0, [filled(SECTOR_BYTES, 2)]);
    file.sync(() => assert.fail('completed after the power cut'));
    scheduler.runFor(5);
    disk.powerCut(new SeededRandom(seed), { tornChance: 0 });
    left.add(disk.contentOf('f')[0] as number);
    scheduler.runFor(20);
  }
  assert.deepEqual(
    [...left].sort((a, b) => a - b),
    [1, 2],
  );
});

test('disk: a 64 MiB file of zeros → costs no memory, recycled content costs what was written', () => {
  const { disk, view } = machine();
  const file = view.open('journal', 'create');
  const zeros = new Uint8Array(1_048_576);
  for (let i = 0; i < 64; i++) file.writeNow(i * zeros.length, [zeros]);
  file.syncNow();
  assert.equal(file.size(), 67_108_864);
  assert.equal(disk.state.find('journal').content.heldBytes, 0);
  file.writeNow(1_000_000, [filled(4096, 1)]);
  assert.ok(disk.state.find('journal').content.heldBytes <= 8192);
});

test('disk: random writes, truncations and syncs against a plain array → reads agree, power cuts keep what was synced', () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = new SeededRandom(seed);
    const { disk, view } = machine(seed);
    const file = durableFile(view, 'f', new Uint8Array(0));
    let model = new Uint8Array(0);
    let synced = model;
    let dirty = new Set<number>();
    for (let step = 0; step < 60; step++) {
      const choice = randomBetween(random, 0, 9);
      if (choice < 6) {
        const position = randomBetween(random, 0, 20_000);
        const bytes = filled(randomBetween(random, 1, 6000), choice === 0 ? 0 : randomBetween(random, 1, 255));
        file.writeNow(position, [bytes]);
        const grown = new Uint8Array(Math.max(model.length, position + bytes.length));
        grown.set(model);
        grown.set(bytes, position);
        for (let at = Math.min(position, model.length); at < position + bytes.length; at++) dirty.add(Math.floor(at / SECTOR_BYTES));
        model = grown;
      } else if (choice < 8) {
        const length = randomBetween(random, 0, 25_000);
        disk.state.find('f').truncate(length);
        const cut = new Uint8Array(length);
        cut.set(model.subarray(0, length));
        for (let at = Math.min(length, model.length); at < Math.max(length, model.length); at++) dirty.add(Math.floor(at / SECTOR_BYTES));
        model = cut;
      } else {
        file.syncNow();
        synced = model;
        dirty = new Set();
      }
      assert.ok(bytesEqual(file.readNow(0, 100_000), model), `seed ${seed}, step ${step}`);
      const left = disk.powerCutImage(random).files.get('f')?.read(0, 100_000) as Uint8Array;
      for (let sector = 0; (sector + 1) * SECTOR_BYTES <= synced.length; sector++) {
        if (dirty.has(sector)) continue;
        const range = [sector * SECTOR_BYTES, (sector + 1) * SECTOR_BYTES] as const;
        assert.ok(
          bytesEqual(left.subarray(...range), synced.subarray(...range)),
          `seed ${seed}, step ${step}: synced sector ${sector} changed`,
        );
      }
    }
  }
});

test('disk: lock while another process holds it → directoryInUse', () => {
  const { scheduler, disk, view } = machine();
  const codes: (string | undefined)[] = [];
  view.lock((error) => codes.push((error as QuorateError | null)?.code));
  disk.attach(scheduler.forNode('b')).lock((error) => codes.push((error as QuorateError | null)?.code));
  scheduler.runFor(1);
  assert.deepEqual(codes, [undefined, 'directoryInUse']);
});
