import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogIndex, nodeId } from '@quorate/base';
import { type SnapshotRequest, configurationOf } from '@quorate/raft';
import { Cluster } from './harness/cluster.js';
import { stored } from './harness/disk.js';
import { LoneReplica, append, batch } from './harness/lone-replica.js';
import { type PlainSnapshot, PlainMachine } from './harness/machine.js';

const n = nodeId;

test('T38: follower with a shorter, longer or conflicting log × index of the snapshot → the right suffix stays, all converge', () => {
  let kept = 0;
  let dropped = 0;
  for (let length = 0; length <= 12; length++) {
    for (let conflictAt = 1; conflictAt <= length + 1; conflictAt += 2) {
      for (let index = 2; index <= 10; index += 2) {
        const cluster = new Cluster({ nodes: 3, tellsConnections: false, raft: { leaseMs: 0 } });
        // Leader's log: 1..10 of term 2. Follower's: the same up to `conflictAt`, then term 1 (older) entries of a leader that nobody followed.
        for (const member of cluster.members) {
          member.raft = null;
          const last = member.id === 2 ? length : 10;
          for (let at = 1; at <= last; at++) {
            const isOther = member.id === 2 && at >= conflictAt;
            member.disk.durable.push(stored(batch(at, isOther ? 3 : 2, isOther ? 'other' : `v${at}`)));
          }
          member.disk.hardState = { term: 4, votedFor: 0, isLearner: false };
          member.disk.crash();
        }
        const machine = new PlainMachine();
        for (const entry of cluster.member(1).disk.batches.slice(0, index)) machine.apply(entry);
        const before = cluster.member(2).disk.batches.at(-1)?.lastIndex ?? 0;
        cluster.member(1).disk.compact(machine.snapshot(cluster.voters, 100), index);
        // Node 3 votes for node 1, whose log is as long; node 2 cannot win against them with what was never committed.
        cluster.start(1);
        cluster.start(3);
        cluster.start(2);
        if (conflictAt <= length && length > index) dropped++;
        cluster.member(3).disk.frames.length = 0;
        const context = `length ${before} conflict ${conflictAt} snapshot ${index}`;
        // A conflicting log of a later term would win the election: keep it quiet until the others have a leader.
        cluster.isolate(2);
        cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
        cluster.run(100);
        assert.equal(cluster.leader, 1, context);
        cluster.heal();
        cluster.nowMs += 1;
        cluster.run(400);
        const { disk, installs } = cluster.member(2);
        const needs = conflictAt <= index || length < index;
        assert.equal(installs, needs ? 1 : 0, context);
        if (!needs) kept++;
        assert.ok(
          disk.batches.every((entry) => entry.term !== 3),
          `${context}: nothing of the other log is left`,
        );
        cluster.checkConverged();
        assert.deepEqual(cluster.faults, [], context);
      }
    }
  }
  assert.ok(kept > 20 && dropped > 20, `${kept} kept, ${dropped} dropped`);
});

test('T38: snapshot at an index that the log holds, with entries after it that are not committed → they stay', () => {
  for (const storedUpTo of [0, 3, 5, 8]) {
    const lone = new LoneReplica();
    const batches = [1, 2, 3, 4, 5, 6, 7, 8].map((index) => batch(index, 1, `v${index}`));
    lone.raft.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: batches.slice(0, storedUpTo) }), 0);
    lone.raft.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0 }), 0);
    lone.ready();
    lone.raft.step(
      n(2),
      append({ term: 1, prevIndex: storedUpTo, prevTerm: storedUpTo === 0 ? 0 : 1, batches: batches.slice(storedUpTo) }),
      0,
    );
    lone.disk.received = snapshotOf(batches, 5);
    assert.equal(lone.raft.snapshotInstalled(5, 1, { configuration: configurationOf([n(1), n(2), n(3)]), loggedTimeMs: 50 }, 0), true);
    lone.ready();
    assert.deepEqual(
      lone.disk.batches.map((entry) => entry.baseIndex),
      [6, 7, 8],
      `stored up to ${storedUpTo}`,
    );
    assert.deepEqual([lone.raft.commitIndex, lone.raft.lastIndex], [5, 8]);
  }
});

function snapshotOf(batches: readonly Uint8Array[], index: LogIndex): PlainSnapshot {
  const machine = new PlainMachine();
  for (const entry of batches.slice(0, index)) machine.apply(stored(entry));
  return machine.snapshot([n(1), n(2), n(3)], 100);
}

test('T38: the log was cut and grew anew, and the host has neither yet, when a snapshot is installed → the host ends with the new entries', () => {
  const lone = new LoneReplica();
  lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [1, 2, 3, 4, 5, 6, 7].map((index) => batch(index, 1, 'old')) }));
  const next = [1, 2, 3, 4, 5, 6].map((index) => batch(index, index <= 2 ? 1 : 2, index <= 2 ? 'old' : 'new'));
  lone.raft.step(n(3), append({ term: 2, prevIndex: 2, prevTerm: 1, batches: next.slice(2) }), 0);
  lone.disk.received = snapshotOf(next, 5);
  assert.equal(lone.raft.snapshotInstalled(5, 2, { configuration: configurationOf([n(1), n(2), n(3)]), loggedTimeMs: 50 }, 0), true);
  lone.ready();
  assert.deepEqual(
    lone.disk.batches.map((entry) => `${entry.baseIndex}@${entry.term}`),
    ['6@2'],
  );
});

test('T22: the old log is durable, the snapshot is not → nothing beyond what was committed is acknowledged', () => {
  const lone = new LoneReplica();
  lone.step(
    n(2),
    append({ term: 1, prevIndex: 0, prevTerm: 0, commitIndex: 2, batches: [1, 2, 3, 4, 5, 6].map((at) => batch(at, 1, 'old')) }),
  );
  lone.raft.onDurable(1, 6, 0);
  lone.ready();
  lone.step(n(3), append({ term: 2, prevIndex: 9, prevTerm: 2 }));
  lone.disk.received = snapshotOf(
    [1, 2, 3, 4].map((at) => batch(at, 2, 'new')),
    4,
  );
  assert.equal(lone.raft.snapshotInstalled(4, 2, { configuration: configurationOf([n(1), n(2), n(3)]), loggedTimeMs: 0 }, 0), true);
  assert.equal(lone.raft.durableIndex, 2);
});

test('T41: a snapshot is whole and being installed → pieces of another one wait', () => {
  const lone = new LoneReplica();
  const head = { length: 10, configuration: configurationOf([n(1), n(2), n(3)]), loggedTimeMs: 0 };
  const piece = { type: 'snapshotRequest', snapshotTerm: 1, offset: 0, isLast: true, bytes: new Uint8Array(10), head } as const;
  assert.equal(lone.step(n(2), { ...piece, term: 1, snapshotIndex: 5 }).snapshotPiece?.isLast, true);
  lone.raft.snapshotStored(5, 10, 0);
  const ready = lone.step(n(3), { ...piece, term: 2, snapshotIndex: 8 });
  assert.deepEqual([ready.snapshotPiece, ready.isSnapshotAbandoned], [null, false]);
  lone.disk.received = {
    ...snapshotOf(
      [1, 2, 3, 4, 5].map((at) => batch(at, 1, 'x')),
      5,
    ),
  };
  assert.equal(lone.raft.snapshotInstalled(5, 1, head, 0), true);
  lone.ready();
  assert.equal(lone.step(n(3), { ...piece, term: 2, snapshotIndex: 8 }).snapshotPiece?.index, 8);
});

test('T13: snapshot installed over a longer log → a completion from before says nothing about the new one', () => {
  const lone = new LoneReplica();
  lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [1, 2, 3, 4, 5, 6].map((at) => batch(at, 1, 'old')) }));
  const content = [1, 2, 3, 4].map((at) => batch(at, 2, 'new'));
  lone.step(n(3), append({ term: 2, prevIndex: 9, prevTerm: 2 }));
  lone.disk.received = snapshotOf(content, 4);
  assert.equal(lone.raft.snapshotInstalled(4, 2, { configuration: configurationOf([n(1), n(2), n(3)]), loggedTimeMs: 0 }, 0), true);
  const ready = lone.ready();
  assert.deepEqual(ready.restart, { index: 4, term: 2 });
  const version = ready.hardState?.version ?? 0;
  lone.raft.onDurable(version - 1, 6, 0);
  assert.equal(lone.raft.durableIndex, 0, 'the old log is durable, the new start is not');
  const early = lone.ready();
  assert.ok(early.sendNow.every(({ message }) => message.type !== 'snapshotResponse'));
  assert.ok(lone.answers(early).every((answer) => !answer.isAccepted || answer.matchIndex === 0));
  lone.raft.onDurable(version, 4, 0);
  assert.equal(lone.raft.durableIndex, 4);
  assert.equal(lone.answers(lone.ready()).at(-1)?.matchIndex, 4);
});

test('T39: a piece that leaves a gap, is too long, or lacks its head → dropped, nothing is stored', () => {
  const lone = new LoneReplica();
  const head = { length: 100, configuration: configurationOf([n(1), n(2), n(3)]), loggedTimeMs: 0 };
  const piece = (change: Partial<SnapshotRequest>): SnapshotRequest => ({
    type: 'snapshotRequest',
    term: 1,
    snapshotIndex: 9,
    snapshotTerm: 1,
    offset: 0,
    isLast: false,
    bytes: new Uint8Array(40),
    ...change,
  });
  assert.equal(lone.step(n(2), piece({})).snapshotPiece, null, 'no head');
  assert.equal(lone.step(n(2), piece({ head, bytes: new Uint8Array(101) })).snapshotPiece, null, 'longer than its head says');
  assert.equal(lone.step(n(2), piece({ head, isLast: true })).snapshotPiece, null, 'last, but not whole');
  const first = lone.step(n(2), piece({ head }));
  assert.equal(first.snapshotPiece?.bytes.length, 40);
  assert.equal(lone.step(n(2), piece({ offset: 40 })).snapshotPiece, null, 'before the first is stored');
  lone.raft.snapshotStored(9, 40, 0);
  assert.equal(lone.step(n(2), piece({ offset: 80, isLast: true, bytes: new Uint8Array(20) })).snapshotPiece, null, 'a gap');
  assert.equal(lone.step(n(2), piece({ offset: 40, bytes: new Uint8Array(61) })).snapshotPiece, null, 'too long');
  assert.equal(lone.step(n(2), piece({ offset: 40, isLast: true, bytes: new Uint8Array(60) })).snapshotPiece?.isLast, true);
});

test('T41: entries come while the snapshot is stored, and reach beyond it → the snapshot is given up', () => {
  const lone = new LoneReplica();
  const head = { length: 100, configuration: configurationOf([n(1), n(2), n(3)]), loggedTimeMs: 0 };
  lone.step(n(2), {
    type: 'snapshotRequest',
    term: 1,
    snapshotIndex: 2,
    snapshotTerm: 1,
    offset: 0,
    isLast: false,
    bytes: new Uint8Array(40),
    head,
  });
  const ready = lone.step(
    n(2),
    append({ term: 1, prevIndex: 0, prevTerm: 0, commitIndex: 3, batches: [1, 2, 3].map((at) => batch(at, 1, 'x')) }),
  );
  assert.equal(ready.isSnapshotAbandoned, true);
  assert.equal(lone.raft.snapshotInstalled(2, 1, head, 0), false);
});
