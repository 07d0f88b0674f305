import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Disk, DiskFault, SeededRandom, bytesEqual, randomBetween, randomChance } from '@quorate/base';
import { RecordingDisk, SimDisk, SimScheduler, captureImage, writeImage } from '@quorate/testkit';

const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

function recorder(seed = 1): { scheduler: SimScheduler; sim: SimDisk; disk: RecordingDisk } {
  const scheduler = new SimScheduler();
  const sim = new SimDisk({ random: new SeededRandom(seed) });
  return { scheduler, sim, disk: new RecordingDisk(sim.attach(scheduler.forNode('a'))) };
}

/** A toy log: records of 200 bytes, each acknowledged by a mark after the sync that covers it. */
function writeLog(disk: RecordingDisk, records: number): void {
  const file = disk.open('log', 'create');
  disk.syncDirectory('');
  for (let i = 0; i < records; i++) {
    file.writeNow(i * 200, [filled(100, i), filled(100, i)]);
    file.syncNow();
    disk.mark(`record ${i}`);
  }
  file.close();
}

test('recording: 1,000 crash images of a log that syncs before each ack → every marked record is there', () => {
  const { disk } = recorder();
  writeLog(disk, 100);
  let images = 0;
  let lastAt = 0;
  const marksSeen = new Set<number>();
  for (const { image, marks, atOperation } of disk.crashImages({ random: new SeededRandom(5), count: 1000, tornChance: 0 })) {
    images++;
    assert.ok(atOperation >= lastAt);
    lastAt = atOperation;
    marksSeen.add(marks);
    const content = image.files.get('log');
    assert.ok(content !== undefined || marks === 0);
    for (let i = 0; i < marks; i++)
      assert.ok(
        content?.read(i * 200, 200).every((byte) => byte === i),
        `record ${i} at operation ${atOperation}`,
      );
  }
  assert.equal(images, 1000);
  assert.equal(marksSeen.size, 101);
});

test('recording: a log that acks before its sync → some crash image lacks a marked record', () => {
  const { disk } = recorder();
  const file = disk.open('log', 'create');
  disk.syncDirectory('');
  for (let i = 1; i <= 50; i++) {
    file.writeNow(i * 512, [filled(512, i)]);
    disk.mark(`record ${i}`);
    file.syncNow();
  }
  let missing = 0;
  for (const { image, marks } of disk.crashImages({ random: new SeededRandom(5), count: 200 })) {
    for (let i = 1; i <= marks; i++)
      if (
        image.files
          .get('log')
          ?.read(i * 512, 512)
          .every((byte) => byte === i) !== true
      )
        missing++;
  }
  assert.ok(missing > 0);
});

test('recording: random operations with renames, reopened files and asynchronous calls → the last image without loss is the disk itself', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new SeededRandom(seed);
    const { scheduler, sim, disk } = recorder(seed);
    disk.makeDirectory('d');
    let names: string[] = [];
    for (let step = 0; step < 60; step++) {
      const name = `d/${randomBetween(random, 0, 5)}`;
      const other = `d/${randomBetween(random, 0, 5)}`;
      if (!names.includes(name)) {
        disk.open(name, 'create').close();
        names.push(name);
      } else if (randomChance(random, 0.1)) {
        disk.rename(name, other);
        names = names.filter((candidate) => candidate !== name && candidate !== other).concat(name === other ? [name] : [other]);
      } else if (randomChance(random, 0.1)) {
        disk.removeNow(name);
        names = names.filter((candidate) => candidate !== name);
      } else {
        const file = disk.open(name, 'open');
        const bytes = filled(randomBetween(random, 1, 2000), randomBetween(random, 0, 3));
        file.write(randomBetween(random, 0, 2000), [bytes], (error) => {
          assert.equal(error, null);
          file.sync((syncError) => {
            assert.equal(syncError, null);
            file.close();
          });
          bytes.fill(0xaa);
        });
        scheduler.runFor(10);
      }
    }
    disk.syncDirectory('');
    disk.syncDirectory('d');
    const { image } = disk.crashImage({ random, atOperation: disk.operations.length });
    assert.deepEqual([...image.files.keys()].sort(), sim.paths(), `seed ${seed}`);
    for (const [path, content] of image.files)
      assert.ok(bytesEqual(content.read(0, content.size), sim.contentOf(path)), `seed ${seed}: ${path}`);
  }
});

test('recording: a short write on a full disk, then a sync → images hold what was really written', () => {
  const { sim, disk } = recorder();
  const file = disk.open('f', 'create');
  disk.syncDirectory('');
  sim.capacityBytes = 700;
  assert.throws(() => file.writeNow(0, [filled(1000, 1)]), DiskFault);
  file.syncNow();
  const { image } = disk.crashImage({ random: new SeededRandom(1), atOperation: disk.operations.length });
  assert.equal(image.files.get('f')?.size, 700);
});

test('recording: a failed sync → later good syncs prove nothing in the images either', () => {
  const { sim, disk } = recorder();
  const file = disk.open('f', 'create');
  disk.syncDirectory('');
  file.writeNow(0, [filled(512, 1)]);
  sim.inject({ operations: ['sync'], effect: { type: 'fail', kind: 'io' } });
  assert.throws(() => file.syncNow(), DiskFault);
  file.syncNow();
  const first = new Set<number | undefined>();
  for (let seed = 1; seed <= 30; seed++) {
    first.add(
      disk
        .crashImage({ random: new SeededRandom(seed), atOperation: disk.operations.length, tornChance: 0 })
        .image.files.get('f')
        ?.read(0, 1)[0],
    );
  }
  assert.ok(first.has(1) && first.size > 1);
});

test('recording: more bytes than the bound, zeros apart → stops, says so, keeps what it has', () => {
  const scheduler = new SimScheduler();
  const disk = new RecordingDisk(new SimDisk().attach(scheduler.forNode('a')), { recordedBytesMax: 10_000 });
  const file = disk.open('f', 'create');
  for (let i = 0; i < 64; i++) file.writeNow(i * 1_048_576, [new Uint8Array(1_048_576)]);
  assert.equal(disk.recordedBytes, 0);
  for (let i = 0; i < 20; i++) {
    file.writeNow(i * 1000, [filled(1000, 1)]);
    disk.mark(`${i}`);
  }
  assert.ok(disk.isStopped);
  assert.ok(disk.recordedBytes <= 11_000);
  assert.equal(disk.marks.length, 10);
  assert.equal(file.readNow(19_999, 1)[0], 1, 'the disk itself goes on');
});

test('images: captured from a disk and written to another → the same files', () => {
  const { disk } = recorder();
  disk.makeDirectory('d/e');
  const file = disk.open('d/e/f', 'create');
  file.writeNow(100_000, [filled(5000, 3)]);
  file.writeNow(199_999, [new Uint8Array(1)]);
  disk.open('empty', 'create').close();
  const image = captureImage(disk);
  assert.deepEqual(image.directories, ['d', 'd/e']);
  const other: Disk = new SimDisk().attach(new SimScheduler().forNode('b'));
  writeImage(image, other);
  const copy = captureImage(other);
  assert.deepEqual([...copy.files.keys()].sort(), ['d/e/f', 'empty']);
  assert.ok(bytesEqual(copy.files.get('d/e/f')?.read(0, 300_000) as Uint8Array, file.readNow(0, 300_000)));
});

test('recording: names put in place, created and removed by callback → images hold either name before the mark, the new one after it', () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 60; seed++) {
    const { scheduler, sim, disk } = recorder(seed);
    const old = disk.open('state', 'create');
    old.writeNow(0, [filled(10, 1)]);
    old.syncNow();
    disk.syncDirectory('');
    disk.mark('old');
    disk.create('state.new', (_createFault, file) => {
      assert.ok(file);
      file.write(0, [filled(20, 2)], () =>
        file.sync(() => {
          file.close();
          disk.putInPlace('state.new', 'state', () => {
            disk.mark('new');
            // What has the name already is emptied.
            disk.create('state', (_fault, again) =>
              again?.write(0, [filled(5, 3)], () =>
                again.sync(() => {
                  again.close();
                  disk.mark('emptied');
                  disk.remove('state', () => disk.mark('removed'));
                }),
              ),
            );
          });
        }),
      );
    });
    scheduler.runFor(50);
    assert.deepEqual([disk.marks.map(({ label }) => label), sim.paths()], [['old', 'new', 'emptied', 'removed'], []]);
    for (const { image, marks } of disk.crashImages({ random: new SeededRandom(seed), count: 60, tornChance: 0 })) {
      const state = image.files.get('state');
      seen.add(`${marks}: ${state?.read(0, 1)[0] ?? 'none'}${marks === 3 && state !== undefined ? ` of ${state.size} bytes` : ''}`);
    }
  }
  // Emptied and not synced: old bytes, new ones, or none.
  const expected = [
    '0: none',
    '0: 1',
    '0: 0',
    '1: 1',
    '1: 2',
    '2: 2',
    '2: 0',
    '2: 3',
    '2: none',
    '3: 3 of 5 bytes',
    '3: none',
    '4: 3',
    '4: none',
  ];
  for (const found of seen) assert.ok(expected.includes(found), found);
  for (const needed of ['1: 1', '1: 2', '2: 2', '2: 3', '3: 3 of 5 bytes', '4: none']) assert.ok(seen.has(needed), needed);
});
