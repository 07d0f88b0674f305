import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lengthOfParts } from '@quorate/base';
import type { GroupLog, Storage } from '@quorate/storage';
import { FILE_BYTES, G1, G2, Rig, appendMany } from './rig.js';

/** More than a file holds, and more than stays in memory. */
const COUNT = 60;
const BATCH_BYTES = 400;
const JOURNAL = /^journal\//;

/** A log of several files, of which only the newest batches are in memory. */
function stored(): { readonly rig: Rig; readonly storage: Storage; readonly log: GroupLog; readonly batches: readonly Uint8Array[] } {
  const rig = new Rig({ storage: { recentBatchesBytes: 4 * BATCH_BYTES } });
  const storage = rig.start();
  const log = storage.createGroup(G1, false);
  const batches: Uint8Array[] = [];
  for (let base = 1; base <= COUNT; base += 5) {
    batches.push(...appendMany(log, 5, { bytes: BATCH_BYTES }));
    rig.settle();
  }
  return { rig, storage, log, batches };
}

/** What a fetch gave; undefined: nothing yet. */
function fetching(log: GroupLog, from: number, maxBytes: number): { got: readonly Uint8Array[] | null | undefined } {
  const fetched: { got: readonly Uint8Array[] | null | undefined } = { got: undefined };
  let isWithin = true;
  log.readLater(from, maxBytes, (batches) => {
    assert.equal(isWithin, false, 'never within the call');
    assert.equal(fetched.got, undefined, 'once');
    fetched.got = batches;
  });
  isWithin = false;
  return fetched;
}

test('read later: the whole of a log in pieces of any size → what read gives, and nothing that is in memory', () => {
  const { rig, log, batches } = stored();
  for (const maxBytes of [1, 1000, 5000, 100 * FILE_BYTES]) {
    const all: Uint8Array[] = [];
    for (let index = 1; log.bytesTogether(index, maxBytes) > 0; index = all.length + 1) {
      const bytes = log.bytesTogether(index, maxBytes);
      const fetched = fetching(log, index, maxBytes);
      rig.scheduler.runFor(5);
      assert.ok(Array.isArray(fetched.got) && fetched.got.length > 0);
      // Records stand between some of the batches.
      assert.ok(bytes <= Math.max(maxBytes, BATCH_BYTES + 100) && lengthOfParts(fetched.got) <= bytes);
      all.push(...fetched.got);
    }
    assert.deepEqual(all, batches.slice(0, all.length));
    assert.ok(all.length > COUNT / 2 && all.length < COUNT, `${all.length} from the disk`);
  }
});

test('read later: a disk that takes long → the journal does not wait; two logs get their pieces one after the other', () => {
  const { rig, storage, log, batches } = stored();
  const other = storage.createGroup(G2, false);
  const others = appendMany(other, 20, { group: G2, bytes: BATCH_BYTES });
  rig.settle();
  rig.disk.inject({ effect: { type: 'slow', ms: 100 }, operations: ['read'], path: JOURNAL, times: 2 });
  const [first, second] = [fetching(log, 1, 1000), fetching(other, 1, 1000)];
  appendMany(log, 1);
  rig.settle(50);
  assert.equal(log.durableIndex, COUNT + 1);
  assert.deepEqual([first.got, second.got], [undefined, undefined]);
  rig.scheduler.runFor(60);
  assert.deepEqual([first.got, second.got], [batches.slice(0, 2), undefined]);
  rig.scheduler.runFor(110);
  assert.deepEqual(second.got, others.slice(0, 2));
});

test('T30: read later: the disk fails, or gives what is elsewhere → the damage is told with its place, and no batch given', () => {
  for (const effect of [
    { type: 'fail', kind: 'io' },
    { type: 'misdirect', position: 512 },
  ] as const) {
    const { rig, log } = stored();
    rig.disk.inject({ effect, operations: ['read'], path: JOURNAL });
    const fetched = fetching(log, 10, 1000);
    rig.scheduler.runFor(5);
    assert.deepEqual(fetched.got, []);
    assert.deepEqual(
      rig.life.damaged.map(({ file, groups }) => [file?.startsWith('journal/'), groups]),
      [[true, [G1]]],
    );
  }
});

test('read later: the files die, are used again and removed, while one is read and others are to be → null for all, no damage is told', () => {
  const changes: Record<string, (log: GroupLog, storage: Storage) => void> = {
    'prefix dropped': (log) => log.truncatePrefix(50),
    'group reset': (_log, storage) => void storage.resetGroup(G1),
  };
  for (const [what, change] of Object.entries(changes)) {
    const { rig, storage, log } = stored();
    const rule = rig.disk.inject({ effect: { type: 'slow', ms: 300 }, operations: ['read'], path: JOURNAL });
    const changed = rig.disk.inject({ effect: { type: 'slow', ms: 0 }, operations: ['rename', 'remove'], path: JOURNAL, times: 1000 });
    const fetched = [1, 2, 20].map((index) => fetching(log, index, 5000));
    change(log, storage);
    rig.settle(30);
    const now = storage.group(G1) as GroupLog;
    for (let i = 0; i < 30; i++) {
      appendMany(now, 3, { bytes: BATCH_BYTES, fill: 200 });
      rig.settle(5);
    }
    assert.ok(changed.hits > 1, `${what}: ${changed.hits} files had other names or none`);
    rig.scheduler.runFor(400);
    assert.deepEqual(
      fetched.map(({ got }) => got),
      [null, null, null],
      what,
    );
    assert.deepEqual([rule.hits, rig.life.damaged], [1, []], what);
    assert.equal(rig.close(), null);
  }
});

test('read later: batches of many groups lie between → one read gives no more than what stands together, within the bytes that were asked for', () => {
  const rig = new Rig({ storage: { recentBatchesBytes: 1 } });
  const storage = rig.start();
  const logs = [G1, G2].map((group) => storage.createGroup(group, false));
  for (let i = 0; i < 10; i++) {
    logs.forEach((log, at) => appendMany(log, 1, { group: log.group, bytes: at === 0 ? 100 : 1000 }));
    rig.settle();
  }
  const [small] = logs as [GroupLog];
  assert.ok(small.bytesTogether(1, 100_000) <= FILE_BYTES);
  assert.ok(small.bytesTogether(1, 3000) <= 3000);
  const fetched = fetching(small, 1, 3000);
  rig.scheduler.runFor(5);
  assert.ok(
    fetched.got !== null && fetched.got !== undefined && fetched.got.length >= 1 && fetched.got.length <= 3,
    String(fetched.got?.length),
  );
});

test('read later: the suffix is cut and replaced while it is read → only what still stands where it was read', () => {
  const { rig, log, batches } = stored();
  rig.disk.inject({ effect: { type: 'slow', ms: 100 }, operations: ['read'], path: JOURNAL, times: 2 });
  const [fromFirst, fromFifth] = [fetching(log, 1, 100 * FILE_BYTES), fetching(log, 5, 100 * FILE_BYTES)];
  log.truncateSuffix(3);
  appendMany(log, 10, { term: 2, bytes: BATCH_BYTES, fill: 9 });
  rig.settle(50);
  rig.scheduler.runFor(200);
  assert.deepEqual(fromFirst.got, batches.slice(0, 3));
  assert.equal(fromFifth.got, null);
  assert.deepEqual(rig.life.damaged, []);
});

test('read later: the storage is closed while it reads → it closes, nothing is told; afterwards refused', () => {
  const { rig, log } = stored();
  rig.disk.inject({ effect: { type: 'slow', ms: 200 }, operations: ['read'], path: JOURNAL });
  const fetched = [fetching(log, 1, 1000), fetching(log, 10, 1000)];
  assert.equal(rig.close(), null);
  rig.scheduler.runFor(500);
  assert.deepEqual(
    fetched.map(({ got }) => got),
    [undefined, undefined],
  );
  assert.throws(() => log.readLater(1, 1000, () => {}), /closed/);
});
