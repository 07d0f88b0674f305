import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SILENT_LOGGER, crc32c } from '@quorate/base';
import { MemoryDisk, type Storage, type StorageOptions, diskCompliance, openStorage } from '@quorate/storage';
import { SimScheduler } from '@quorate/testkit';
import { FILE_BYTES, G1, IDENTITY, appendMany, contentOf, logOf } from './rig.js';

for (const { title, run } of diskCompliance()) {
  test(`MemoryDisk: ${title}`, () => {
    const scheduler = new SimScheduler();
    const disk = new MemoryDisk({ defer: scheduler.forNode('a').timers.defer });
    const outcomes: (Error | null)[] = [];
    run(disk, (error) => outcomes.push(error));
    scheduler.runFor(1);
    assert.deepEqual(outcomes, [null]);
  });
}

test('storage on a memory disk: closed and opened again → identity and log are there', () => {
  const scheduler = new SimScheduler();
  const { timers } = scheduler.forNode('a');
  const disk = new MemoryDisk({ defer: timers.defer });
  const events: StorageOptions['events'] = { durable: () => {}, failed: () => {}, full: () => {}, damaged: () => {} };
  const open = (): Storage => {
    let opened: Storage | null = null;
    openStorage({ disk, timers, checksum: crc32c, logger: SILENT_LOGGER, events, journalFileBytes: FILE_BYTES }, (error, storage) => {
      assert.equal(error, null);
      opened = storage;
    });
    scheduler.runFor(10);
    assert.ok(opened !== null);
    return opened;
  };
  const first = open();
  assert.equal(first.identity, null);
  first.setIdentity(IDENTITY);
  appendMany(first.createGroup(G1, false), 100);
  const expected = contentOf(logOf(first));
  let isClosed = false;
  first.close((error) => {
    assert.equal(error, null);
    isClosed = true;
  });
  scheduler.runFor(1000);
  assert.ok(isClosed);
  const second = open();
  assert.deepEqual(second.identity, IDENTITY);
  assert.deepEqual(contentOf(logOf(second)), expected);
  assert.equal(logOf(second).durableIndex, 100);
});
