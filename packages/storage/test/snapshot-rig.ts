import assert from 'node:assert/strict';
import type { NodeId, QuorateError } from '@quorate/base';
import type { SnapshotFacts, SnapshotFile, SnapshotFileReader, SnapshotWriter, Storage } from '@quorate/storage';
import { G1, type Rig } from './rig.js';

/** Bytes that differ from place to place and from seed to seed. */
export function content(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16) * 101 + seed * 13) & 0xff;
  return bytes;
}

export function facts(index: number, term = 1): SnapshotFacts {
  return { group: G1, index, term, voters: [1, 2, 3] as NodeId[], loggedTimeMs: 1000 + index };
}

export interface Outcome {
  error: QuorateError | null;
  file: SnapshotFile | null;
  isDone: boolean;
}

/** Writes all of a snapshot in pieces, one after the other; the outcome fills in as the simulation runs. */
export function write(writer: SnapshotWriter, bytes: Uint8Array, pieceBytes = 40_000): Outcome {
  const outcome: Outcome = { error: null, file: null, isDone: false };
  const finish = (): void =>
    writer.finish((error, file) => {
      assert.equal(outcome.isDone, false, 'finish calls back once');
      Object.assign(outcome, { error, file, isDone: true });
    });
  const step = (at: number): void => {
    if (at >= bytes.length) return finish();
    writer.write(bytes.subarray(at, at + pieceBytes), (error) => {
      if (error === null) return step(at + pieceBytes);
      Object.assign(outcome, { error, isDone: true });
    });
  };
  step(0);
  return outcome;
}

/** Takes a snapshot at an index that is durable, and waits for it. */
export function take(rig: Rig, storage: Storage, index: number, length = 100_000): SnapshotFile {
  const outcome = write(storage.createSnapshot(facts(index)), content(length, index));
  rig.settle(200);
  assert.equal(outcome.error, null);
  assert.ok(outcome.file !== null, 'the snapshot is there');
  return outcome.file;
}

/** One piece, once the disk has given it; time passes. */
export function readPiece(rig: Rig, reader: SnapshotFileReader, at: number, bytes: number): Uint8Array | QuorateError {
  let outcome: Uint8Array | QuorateError | null = null;
  reader.read(at, bytes, (error, piece) => {
    assert.equal(outcome, null, 'a read calls back once');
    outcome = error ?? piece.slice();
  });
  assert.equal(outcome, null, 'never within the call');
  rig.scheduler.runUntil(() => outcome !== null, { withinMs: 1000, what: 'a piece of a snapshot' });
  return outcome as unknown as Uint8Array | QuorateError;
}

/** All of a snapshot, read in pieces; time passes. */
export function readAll(rig: Rig, file: SnapshotFile, pieceBytes = 30_000): Uint8Array {
  const bytes = new Uint8Array(file.length);
  const reader = file.open();
  for (let at = 0; at < file.length; ) {
    const piece = readPiece(rig, reader, at, pieceBytes);
    assert.ok(piece instanceof Uint8Array && piece.length > 0);
    bytes.set(piece, at);
    at += piece.length;
  }
  reader.close();
  return bytes;
}

/** All of a snapshot as it stands on the disk at this moment, its checksums unread. */
export function contentOnDisk(rig: Rig, file: SnapshotFile): Uint8Array {
  const raw = rig.disk.contentOf(`snapshots/${String(file.group).padStart(10, '0')}-${String(file.index).padStart(16, '0')}.q`);
  const bytes = new Uint8Array(file.length);
  for (let at = 0, from = 512 + 8; at < file.length; at += 65_536, from += 65_544)
    bytes.set(raw.subarray(from, from + Math.min(65_536, file.length - at)), at);
  return bytes;
}

export function snapshotPaths(rig: Rig): string[] {
  return rig.disk.paths().filter((path) => path.startsWith('snapshots/'));
}
