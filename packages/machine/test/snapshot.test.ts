import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, groupId, randomBetween, readU32 } from '@quorate/base';
import { Machine, MachineLoader } from '@quorate/machine';
import { FRAME_HEAD_BYTES } from '../dist/snapshot-codec.js';
import { Driver, add, cell, load, snapshotOf, thrownBy } from './driver.js';

/** A machine with something in every table. */
function prepared(): Driver {
  const driver = new Driver();
  const [session, watcher] = [driver.open(), driver.open()];
  const [a, b] = [driver.openCell(session, 'a'), driver.openCell(session, 'b')];
  driver.run(watcher, cell(a, 'watch', { isOn: true }));
  driver.run(session, cell(a, 'take', {}), cell(b, 'delay', { id: 1, afterMs: 10, repeats: 3 }));
  const token = { epoch: 1, index: 4 };
  driver.run(
    session,
    cell(a, 'add', { amount: 3, fence: { group: groupId(9), resource: 1, token } }),
    cell(a, 'emit', { count: 20, size: 300 }),
  );
  driver.noop(5);
  return driver;
}

test('T40: a snapshot taken, the machine goes on, then the snapshot is written → it shows the moment when it was taken', () => {
  const driver = prepared();
  const { hash, appliedIndex } = driver.machine;
  const whole = snapshotOf(driver.machine);
  const snapshot = driver.machine.snapshot();
  assert.deepEqual([snapshot.index, snapshot.term, snapshot.hash], [appliedIndex, 2, hash]);
  const pieces: Uint8Array[] = [];
  for (let piece = snapshot.next(1000); piece !== null; piece = snapshot.next(1000)) {
    pieces.push(piece.slice());
    driver.run(1, add(3, 1), add(4, 1), cell(4, 'delay', { id: pieces.length, afterMs: 1, repeats: 0 }));
    driver.tick(driver.machine.timeMs + 5);
  }
  snapshot.release();
  assert.ok(pieces.length > 5);
  assert.deepEqual(Buffer.concat(pieces), Buffer.from(whole));
  const loaded = load(Uint8Array.from(Buffer.concat(pieces)), driver.options());
  assert.deepEqual([loaded.hash, loaded.appliedIndex, loaded.appliedTerm, loaded.timeMs], [hash, appliedIndex, 2, 5]);
});

test('snapshot: pieces of one length → all but the last are exactly as long, from one buffer, with an entry longer than a piece too', () => {
  const driver = prepared();
  for (const pieceBytes of [64, 1000]) {
    const whole = snapshotOf(driver.machine, pieceBytes);
    const snapshot = driver.machine.snapshot();
    const buffers = new Set<ArrayBufferLike>();
    const pieces: Uint8Array[] = [];
    for (let piece = snapshot.next(pieceBytes); piece !== null; piece = snapshot.next(pieceBytes)) {
      buffers.add(piece.buffer);
      pieces.push(piece.slice());
    }
    snapshot.release();
    assert.deepEqual(
      pieces.slice(0, -1).map((piece) => piece.length),
      pieces.slice(1).map(() => pieceBytes),
    );
    assert.ok(pieces.length > 5);
    assert.ok(buffers.size <= 8, `${buffers.size} buffers for ${pieces.length} pieces`);
    const largest = Math.max(...[...buffers].map((buffer) => buffer.byteLength));
    assert.ok(largest <= 20_000, `a buffer of ${largest} bytes for pieces of ${pieceBytes} and entries of 7000`);
    assert.deepEqual(Uint8Array.from(Buffer.concat(pieces)), whole);
    assert.equal(load(whole, driver.options()).hash, driver.machine.hash);
  }
});

test('loader: fed at once, worked off entry by entry → no call takes in more than it may, and the machine is the same', () => {
  const driver = prepared();
  const whole = snapshotOf(driver.machine);
  const loader = new MachineLoader();
  loader.feed(whole.subarray(0, 700));
  loader.feed(whole.subarray(700));
  let calls = 0;
  for (let before = 0; loader.work(3); before = loader.entries, calls++) assert.ok(loader.entries - before <= 3);
  assert.ok(calls >= loader.entries / 3 && loader.entries > 20, `${calls} calls for ${loader.entries} entries`);
  assert.equal(loader.work(3), false);
  assert.equal(loader.finish(driver.options()).hash, driver.machine.hash);
});

test('T41: two snapshots at once, one given up → each shows its own moment', () => {
  const driver = prepared();
  const first = driver.machine.snapshot();
  first.next(100);
  driver.run(1, add(3, 1));
  const { hash } = driver.machine;
  const second = driver.machine.snapshot();
  driver.run(1, add(3, 1));
  first.release();
  assert.equal(first.next(100), null);
  assert.notEqual(first.hash, second.hash);
  const loader = new MachineLoader();
  for (let piece = second.next(1); piece !== null; piece = second.next(1)) loader.push(piece);
  second.release();
  assert.equal(loader.finish(driver.options()).hash, hash);
});

test('snapshot: of an empty machine → an empty machine', () => {
  const driver = new Driver();
  const { hash } = driver.machine;
  driver.reload();
  assert.deepEqual([driver.machine.hash, driver.machine.appliedIndex], [hash, 0]);
  driver.open();
});

test('T39: a snapshot that is cut at any byte → dataDamaged', () => {
  const driver = prepared();
  const whole = snapshotOf(driver.machine, 500);
  for (let length = 0; length < whole.length; length += length < 200 || whole.length - length < 200 ? 1 : 37) {
    const error = thrownBy(() => load(whole.slice(0, length), driver.options()));
    assert.equal(error.code, 'dataDamaged');
    assert.match(error.message, /cut off before its end|no header/);
  }
});

test('T39: a snapshot with any bit flipped → an error that says where, never a machine', () => {
  const driver = prepared();
  const whole = snapshotOf(driver.machine, 500);
  const random = new SeededRandom(5);
  for (let i = 0; i < 600; i++) {
    const damaged = whole.slice();
    const at = i < 100 ? i : randomBetween(random, 0, whole.length - 1);
    damaged[at] = (damaged[at] as number) ^ (1 << randomBetween(random, 0, 7));
    const error = thrownBy(() => load(damaged, driver.options()));
    assert.equal(error.code, 'dataDamaged', `bit of byte ${at}: ${error.message}`);
    assert.ok((error.details['offset'] as number) <= at, 'not behind the damage');
    assert.ok(whole.length - (error.details['offset'] as number) > 0);
  }
});

test('T39: frames of a snapshot doubled, left out, swapped, or of another → dataDamaged', () => {
  const driver = prepared();
  const framesOf = (machine: Machine): Uint8Array[] => {
    const whole = snapshotOf(machine, 500);
    const frames: Uint8Array[] = [];
    for (let at = 0, end = 0; at < whole.length; at = end) {
      end = at + FRAME_HEAD_BYTES + readU32(whole, at + 1);
      frames.push(whole.subarray(at, end));
    }
    return frames;
  };
  const frames = framesOf(driver.machine);
  assert.ok(frames.length > 6, 'several frames of entries');
  driver.run(1, add(3, 1));
  const later = framesOf(driver.machine);
  const variants: Uint8Array[][] = [frames.toReversed(), [...frames, ...frames], [...frames, frames.at(-1) as Uint8Array]];
  for (let i = 0; i < frames.length; i++) {
    variants.push(frames.filter((_, at) => at !== i));
    variants.push(frames.flatMap((frame, at) => (at === i ? [frame, frame] : [frame])));
    if (i > 0) variants.push(frames.map((frame, at) => (at === i ? frames[at - 1] : at === i - 1 ? frames[at + 1] : frame) as Uint8Array));
  }
  variants.push([later[0] as Uint8Array, ...frames.slice(1)], [...frames.slice(0, -1), later.at(-1) as Uint8Array]);
  for (const variant of variants) {
    const error = thrownBy(() => load(Uint8Array.from(Buffer.concat(variant)), driver.options()));
    assert.equal(error.code, 'dataDamaged', error.message);
  }
});

test('snapshot: for another group → invalidArgument; the loader is used up after an error and after the end', () => {
  const driver = prepared();
  const whole = snapshotOf(driver.machine);
  const other = { ...driver.options(), group: groupId(2) };
  assert.equal(thrownBy(() => load(whole, other)).code, 'invalidArgument');
  const loader = new MachineLoader();
  const damage = thrownBy(() => loader.push(new Uint8Array(100)));
  assert.equal(damage.code, 'dataDamaged');
  assert.equal(
    thrownBy(() => loader.push(whole)),
    damage,
  );
  assert.equal(
    thrownBy(() => loader.finish(driver.options())),
    damage,
  );
  const whole2 = new MachineLoader();
  whole2.push(whole);
  assert.ok(whole2.entries > 20);
  assert.ok(whole2.finish(driver.options()) instanceof Machine);
  assert.equal(thrownBy(() => whole2.finish(driver.options())).code, 'invariantBroken');
});
