import assert from 'node:assert/strict';
import type { LogIndex } from '@quorate/base';
import type { Ready } from '@quorate/raft';
import type { Member } from './member.js';
import { PlainMachine, PlainReader } from './machine.js';

/** What the work on snapshots needs of its cluster. */
export interface SnapshotScene {
  readonly nowMs: number;
  trace(line: string): void;
  /** The machine of a member is at its applied index now. */
  reached(member: Member): void;
}

/** A snapshot as the replica of a member reads it. */
export function openSnapshot(member: Member): PlainReader | null {
  const { snapshot } = member.disk.origin;
  if (snapshot === null) return null;
  member.openReaders++;
  return new PlainReader(snapshot, () => member.openReaders--);
}

/**
 * A node takes a snapshot of what it applied, as far as that is durable there, and drops its log up to it, or up to `index`. Its index; 0: there
 * is nothing to take.
 */
export function takeSnapshot(scene: SnapshotScene, member: Member, options: { index?: LogIndex; bytes?: number }): LogIndex {
  const { disk, machine, raft } = member;
  assert.ok(raft !== null, `node ${member.id} runs`);
  const isDurable = machine.appliedIndex <= Math.min(disk.durableIndex, raft.durableIndex);
  if (!isDurable || machine.appliedIndex <= (disk.origin.snapshot?.index ?? 0)) return 0;
  const wanted = Math.min(options.index ?? machine.appliedIndex, machine.appliedIndex);
  const border = [...disk.batches].reverse().find((batch) => batch.lastIndex <= wanted)?.lastIndex ?? disk.origin.index;
  raft.compacted(border);
  disk.compact(machine.snapshot(raft.configuration.voters, options.bytes ?? 200), border);
  scene.trace(`${member.id} takes a snapshot at ${machine.appliedIndex}, log from ${border + 1}`);
  return machine.appliedIndex;
}

/** Carries out what a Ready says of a snapshot being received: each step a little later, one after the other. */
export function receiveSnapshot(scene: SnapshotScene, member: Member, ready: Ready): void {
  const piece = ready.snapshotPiece;
  if (ready.isSnapshotAbandoned) {
    scene.trace(`${member.id} gives up the snapshot that it received`);
    member.receiver.abandon();
    dropReceiving(member);
  }
  if (piece === null) return;
  if (piece.offset === 0) dropReceiving(member);
  later(scene, member, 'receive', () => {
    if (member.failures > 0) {
      member.failures--;
      member.receiver.abandon();
      scene.trace(`${member.id} cannot store the snapshot at ${piece.index}`);
      member.raft?.snapshotFailed(piece.index);
      return;
    }
    const storedBytes = member.receiver.store(piece);
    if (piece.isLast) later(scene, member, 'receive', () => install(scene, member));
    member.raft?.snapshotStored(piece.index, storedBytes, scene.nowMs);
  });
}

/** Reads what a Ready asks for, each piece a little later. */
export function readSnapshots(scene: SnapshotScene, member: Member, ready: Ready): void {
  for (const fact of ready.snapshotReads) {
    const reader = fact.reader as PlainReader;
    later(scene, member, 'send', () => {
      if (!reader.isOpen) return;
      const isFailing = member.failures > 0;
      if (isFailing) member.failures--;
      member.raft?.snapshotRead(fact, isFailing ? null : reader.read(fact.offset, fact.maxBytes), scene.nowMs);
    });
  }
}

function dropReceiving(member: Member): void {
  member.jobs = member.jobs.filter(({ what }) => what === 'send');
}

function later(scene: SnapshotScene, member: Member, what: 'send' | 'receive', run: () => void): void {
  member.jobs.push({ what, dueMs: scene.nowMs + member.diskMs, run });
}

function install(scene: SnapshotScene, member: Member): void {
  const snapshot = member.receiver.finish();
  const machine = PlainMachine.from(snapshot);
  if (member.raft?.snapshotInstalled(snapshot.index, snapshot.term, snapshot.head, scene.nowMs) !== true) {
    scene.trace(`${member.id} needs no snapshot at ${snapshot.index} any longer`);
    return;
  }
  assert.ok(snapshot.index > member.machine.appliedIndex, 'a machine never goes back');
  scene.trace(`${member.id} installs the snapshot at ${snapshot.index}`);
  member.disk.received = snapshot;
  member.machine = machine;
  member.commitIndex = snapshot.index;
  member.installs++;
  scene.reached(member);
}
