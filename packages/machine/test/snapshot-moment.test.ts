import assert from 'node:assert/strict';
import test from 'node:test';
import { MachineLoader } from '@quorate/machine';
import { Driver, add, cell, openCell } from './driver.js';

/** A machine with cells of one session; the same each time. */
function prepared(): { driver: Driver; session: number; cells: number[] } {
  const driver = new Driver();
  const session = driver.open();
  for (let i = 0; i < 40; i++) driver.run(session, openCell(`cell ${i}`));
  return { driver, session, cells: driver.machine.resources().map(({ resource }) => resource) };
}

/** All that the machine holds, written in one go. */
function written(driver: Driver): Buffer {
  const snapshot = driver.machine.snapshot();
  const pieces: Uint8Array[] = [];
  for (let piece = snapshot.next(1_000_000); piece !== null; piece = snapshot.next(1_000_000)) pieces.push(piece.slice());
  snapshot.release();
  return Buffer.concat(pieces);
}

test('T40: snapshots one after the other of a machine that goes on, of what was changed since the one before too → each shows its moment', () => {
  const { driver, session, cells } = prepared();
  const change = (of: Driver, round: number): void => {
    const [a, b] = [cells[(round * 7) % cells.length] as number, cells[(round * 11) % cells.length] as number];
    of.run(session, add(a, 1), add(b, 2), cell(a, 'delay', { id: round % 5, afterMs: 2, repeats: 0 }));
    of.tick(of.machine.timeMs + 1);
  };
  for (let rounds = 0; rounds < 12; rounds++) {
    // Another machine that applied the same, and of which no snapshot was ever taken, says what this one must show.
    const other = prepared().driver;
    for (let round = 0; round < rounds; round++) change(other, round);
    const snapshot = driver.machine.snapshot();
    const pieces: Uint8Array[] = [(snapshot.next(500) as Uint8Array).slice()];
    change(driver, rounds);
    for (let piece = snapshot.next(500); piece !== null; piece = snapshot.next(500)) pieces.push(piece.slice());
    snapshot.release();
    assert.equal(snapshot.hash, other.machine.hash, `after ${rounds} changes`);
    const whole = written(other);
    const content = Buffer.concat(pieces);
    assert.ok(pieces.length > 5 && whole.length > 1000);
    assert.deepEqual(entriesOf(content, driver), entriesOf(whole, other), `after ${rounds} changes`);
  }
});

/** The state that a snapshot leads to: framing depends on the size of the pieces. */
function entriesOf(content: Buffer, driver: Driver): string {
  const loader = new MachineLoader();
  loader.push(content);
  return loader.finish(driver.options()).hash;
}
