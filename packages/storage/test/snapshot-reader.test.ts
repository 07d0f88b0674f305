import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, SeededRandom, randomBetween } from '@quorate/base';
import type { SnapshotFile } from '@quorate/storage';
import { G1, Rig, appendMany } from './rig.js';
import { content, readAll, readPiece, snapshotPaths, take } from './snapshot-rig.js';

const LENGTH = 400_000;
const NAME = /^snapshots\//;

/** A snapshot at 5 of a log that has more. */
function stored(): { readonly rig: Rig; readonly file: SnapshotFile } {
  const rig = new Rig();
  const storage = rig.start();
  appendMany(storage.createGroup(G1, false), 9);
  rig.settle();
  return { rig, file: take(rig, storage, 5, LENGTH) };
}

test('snapshot reader: pieces asked for in order, of any length → each is read once, while the one before is with its user', () => {
  const { rig, file } = stored();
  const reader = file.open();
  let reads = 0;
  const rule = rig.disk.inject({ effect: { type: 'slow', ms: 0 }, operations: ['read'], path: NAME, times: Number.POSITIVE_INFINITY });
  for (let at = 0; at < LENGTH; at += 65_536) {
    const piece = readPiece(rig, reader, at, 65_536);
    assert.deepEqual(piece, content(LENGTH, 5).slice(at, at + 65_536));
    reads++;
    rig.scheduler.runFor(1);
    assert.equal(rule.hits, Math.min(reads + 1, 7), 'the next one is on its way before it is asked for');
  }
  reader.close();
});

test('snapshot reader: a piece is used for long, while the one behind it comes → it does not change before the next is asked for', () => {
  const { rig, file } = stored();
  const expected = content(LENGTH, 5);
  const reader = file.open();
  let places = 0;
  const memories = new Set<ArrayBufferLike>();
  for (let at = 0; at < LENGTH; at += 65_536) {
    reader.read(at, 65_536, (error, bytes) => {
      assert.equal(error, null);
      memories.add(bytes.buffer);
      rig.life.process.timers.set(20, () => {
        assert.ok(Buffer.compare(bytes, expected.subarray(at, at + bytes.length)) === 0, `the piece at ${at}`);
        places++;
      });
    });
    rig.scheduler.runFor(50);
  }
  reader.close();
  assert.deepEqual([places, memories.size], [7, 2], 'two buffers, over and over');
});

test('snapshot reader: any places and lengths, at any time → the bytes of those places', () => {
  const { rig, file } = stored();
  const expected = content(LENGTH, 5);
  const random = new SeededRandom(7);
  const reader = file.open();
  let at = 0;
  for (let i = 0; i < 300; i++) {
    // Mostly where it was left, as who reads all of it does; else anywhere, before the piece that is read ahead has come or after.
    if (randomBetween(random, 0, 3) === 0 || at >= LENGTH) at = randomBetween(random, 0, LENGTH - 1);
    if (randomBetween(random, 0, 1) === 0) rig.scheduler.runFor(1);
    const bytes = randomBetween(random, 1, 150_000);
    const piece = readPiece(rig, reader, at, bytes);
    assert.ok(piece instanceof Uint8Array);
    assert.deepEqual(piece, expected.slice(at, at + bytes), `${bytes} bytes at ${at}`);
    at += piece.length;
  }
  reader.close();
});

test('snapshot reader: two users at once, of different pieces → each gets its own', () => {
  const { rig, file } = stored();
  const expected = content(LENGTH, 5);
  const told: string[] = [];
  const readers = [file.open(), file.open()];
  for (const [who, reader] of readers.entries()) {
    const next = (at: number): void => {
      if (at >= LENGTH) return void told.push(`${who} has all`);
      reader.read(at, 50_000 + who * 30_000, (error, bytes) => {
        assert.equal(error, null);
        assert.ok(Buffer.compare(bytes, expected.subarray(at, at + bytes.length)) === 0, `reader ${who} at ${at}`);
        next(at + bytes.length);
      });
    };
    next(0);
  }
  rig.scheduler.runFor(100);
  assert.deepEqual(told.sort(), ['0 has all', '1 has all']);
});

for (const [what, effect] of [
  ['fails', { type: 'fail', kind: 'io' }],
  ['gives what is elsewhere', { type: 'misdirect', position: 512 + 65_544 }],
] as const) {
  test(`T30: the read of a piece ahead ${what} → dataDamaged when that piece is asked for, not before; the next attempt reads it anew`, () => {
    const { rig, file } = stored();
    const reader = file.open();
    const rule = rig.disk.inject({ effect, operations: ['read'], path: NAME, skip: 3 });
    for (const at of [0, 65_536, 131_072]) assert.ok(readPiece(rig, reader, at, 65_536) instanceof Uint8Array);
    rig.scheduler.runFor(5);
    assert.deepEqual([rule.hits, rig.life.damaged.length], [1, 0]);
    const error = readPiece(rig, reader, 196_608, 65_536);
    assert.ok(error instanceof QuorateError && error.code === 'dataDamaged', String(error));
    assert.equal(error.details['offset'], 512 + 3 * 65_544);
    rig.scheduler.runFor(1);
    assert.deepEqual(
      rig.life.damaged.map(({ groups }) => groups),
      [[G1]],
    );
    assert.deepEqual(readPiece(rig, reader, 196_608, 65_536), content(LENGTH, 5).slice(196_608, 262_144));
    reader.close();
  });
}

test('snapshot reader: a disk that takes long → the storage goes on meanwhile, and the piece comes', () => {
  const { rig, file } = stored();
  rig.disk.inject({ effect: { type: 'slow', ms: 400 }, operations: ['read'], path: NAME });
  const reader = file.open();
  let isHere = false;
  reader.read(0, 10, (error, bytes) => {
    assert.deepEqual([error, bytes.slice()], [null, content(LENGTH, 5).slice(0, 10)]);
    isHere = true;
  });
  const log = rig.life.storage?.group(G1);
  assert.ok(log);
  const since = rig.scheduler.nowMs;
  appendMany(log, 3);
  rig.settle(100);
  assert.equal(log.durableIndex, 12, 'the journal does not wait for it');
  assert.equal(isHere, false);
  rig.scheduler.runFor(310);
  assert.ok(isHere && rig.scheduler.nowMs - since < 500);
});

test('snapshot reader: closed while a piece is on its way, of a file that is to go → nothing is told, and the file goes once the read has ended', () => {
  const { rig, file } = stored();
  const storage = rig.life.storage;
  assert.ok(storage);
  rig.disk.inject({ effect: { type: 'slow', ms: 1000 }, operations: ['read'], path: NAME });
  const reader = file.open();
  reader.read(0, 10, () => assert.fail('a closed reader tells nothing'));
  take(rig, storage, 9, 1000);
  reader.close();
  reader.close();
  rig.scheduler.runFor(500);
  assert.equal(snapshotPaths(rig).length, 2, 'a file is not removed while it is read');
  rig.scheduler.runFor(1000);
  assert.deepEqual(snapshotPaths(rig), ['snapshots/0000000001-0000000000000009.q']);
});

test('snapshot reader: the storage is closed while a piece is on its way → it closes, nothing is told', () => {
  const { rig, file } = stored();
  rig.disk.inject({ effect: { type: 'slow', ms: 50 }, operations: ['read'], path: NAME });
  file.open().read(0, 10, () => assert.fail('a closed reader tells nothing'));
  assert.equal(rig.close(), null);
  assert.deepEqual(readAll(rig, rig.open().snapshot(G1) as SnapshotFile), content(LENGTH, 5));
});
