import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type LogIndex, nodeId } from '@quorate/base';
import { type SnapshotRequest, configurationOf } from '@quorate/raft';
import { Cluster, type Flight, electLeader, others } from './harness/cluster.js';
import { stored } from './harness/disk.js';
import { LoneReplica, append, batch } from './harness/lone-replica.js';
import { PlainMachine } from './harness/machine.js';

const n = nodeId;

/** A leader with a compacted log, and a follower that was away; both run. */
function behind(options: { seed?: number; entries?: number; bytes?: number; hasContacts?: boolean; tellsConnections?: boolean } = {}): {
  cluster: Cluster;
  leader: number;
  away: number;
} {
  const { seed = 1, entries = 10, bytes = 200, ...rest } = options;
  const cluster = new Cluster({ nodes: 3, seed, ...rest });
  const leader = electLeader(cluster);
  cluster.run(100);
  const away = others(leader)[0] as number;
  cluster.crash(away);
  for (let i = 0; i < entries; i++) cluster.propose(leader, `missed ${i}`);
  cluster.run(200);
  assert.ok(cluster.compact(leader, { bytes }) > 0);
  return { cluster, leader, away };
}

const pieces = (flights: readonly Flight[]): Flight[] => flights.filter((flight) => flight.message.type === 'snapshotRequest');

test('snapshot: follower needs entries that are compacted → it gets the snapshot in pieces, then the entries after it', () => {
  const { cluster, leader, away } = behind();
  const sent: number[] = [];
  cluster.filter = ({ message }) => {
    if (message.type === 'snapshotRequest') sent.push(message.bytes.length);
    return true;
  };
  cluster.propose(leader, 'after');
  cluster.run(50);
  cluster.restart(away);
  cluster.run(300);
  assert.equal(cluster.member(away).installs, 1);
  assert.deepEqual(sent.slice(0, 4), [64, 64, 64, 8]);
  assert.equal(cluster.member(leader).openReaders, 0);
  cluster.checkConverged();
});

test('snapshot: an empty one → installed all the same', () => {
  const { cluster, leader, away } = behind();
  const snapshot = cluster.member(leader).disk.origin.snapshot;
  assert.ok(snapshot);
  cluster.restart(away);
  const { head, ...rest } = snapshot;
  cluster.act(away, (raft) =>
    raft.step(
      n(leader),
      {
        type: 'snapshotRequest',
        term: raft.term,
        snapshotIndex: rest.index,
        snapshotTerm: rest.term,
        offset: 0,
        isLast: true,
        bytes: new Uint8Array(0),
        head: { ...head, length: 0 },
      },
      cluster.nowMs,
    ),
  );
  assert.equal(cluster.member(away).jobs.length, 1);
});

test('T38: follower with a shorter, longer or conflicting log × index of the snapshot → the right suffix stays, all converge', () => {
  let kept = 0;
  let dropped = 0;
  for (let length = 0; length <= 12; length++) {
    for (let conflictAt = 1; conflictAt <= length + 1; conflictAt += 2) {
      for (let index = 2; index <= 10; index += 2) {
        const cluster = new Cluster({ nodes: 3, tellsConnections: false });
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

function snapshotOf(batches: readonly Uint8Array[], index: LogIndex) {
  const machine = new PlainMachine();
  for (const entry of batches.slice(0, index)) machine.apply(stored(entry));
  return machine.snapshot([n(1), n(2), n(3)], 100);
}

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

test('T39: transfer cut at each piece, by a crash of the follower, of the leader, or of the connection → it converges', () => {
  for (const cut of ['follower', 'leader', 'connection', 'lost', 'answer lost'] as const) {
    for (let piece = 1; piece <= 8; piece++) {
      const { cluster, leader, away } = behind({ seed: piece, bytes: 400, tellsConnections: cut !== 'lost' && cut !== 'answer lost' });
      const other = others(leader).find((id) => id !== away) as number;
      cluster.compact(other, { bytes: 400 });
      let count = 0;
      let isCut = false;
      cluster.filter = ({ from, message }) => {
        const isPiece = cut === 'answer lost' ? message.type === 'snapshotResponse' : message.type === 'snapshotRequest';
        if (!isPiece || (cut === 'answer lost' && from !== away)) return true;
        count++;
        if (count === piece) isCut = true;
        return !(isCut && count === piece && (cut === 'lost' || cut === 'answer lost'));
      };
      cluster.restart(away);
      cluster.run(400, () => isCut);
      const context = `${cut} at ${piece}`;
      assert.ok(isCut || piece >= 7, context);
      if (cut === 'follower' || cut === 'leader') {
        const id = cut === 'leader' ? leader : away;
        cluster.crash(id);
        if (cut === 'leader') cluster.run(600);
        cluster.restart(id);
      } else if (cut === 'connection') {
        cluster.cut(leader, away);
        cluster.run(20);
        cluster.heal();
      }
      cluster.run(5000);
      cluster.propose(electLeader(cluster), 'end');
      cluster.run(300);
      cluster.checkConverged();
      assert.equal(cluster.member(electLeader(cluster)).openReaders, 0, context);
      assert.deepEqual(cluster.faults, [], context);
    }
  }
});

test('T39: pieces doubled, late and in any order → installed once, the machine as every other', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const { cluster, leader, away } = behind({ seed, bytes: 300 });
    const old: Flight[] = [];
    cluster.filter = (flight) => {
      if (flight.message.type === 'snapshotRequest' || flight.message.type === 'snapshotResponse') old.push(flight);
      return true;
    };
    cluster.restart(away);
    for (let step = 0; step < 200; step++) {
      cluster.run(1);
      const again = old[cluster.random.nextUint32() % Math.max(1, old.length)];
      if (again !== undefined && cluster.member(away).raft !== null) cluster.deliver(again);
    }
    cluster.run(3000);
    assert.equal(cluster.member(away).installs, 1, `seed ${seed}`);
    cluster.propose(leader, 'end');
    cluster.run(200);
    cluster.checkConverged();
  }
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

test('T41: follower that is further than the snapshot → says that it is here, keeps its log', () => {
  const { cluster, leader, away } = behind();
  cluster.restart(away);
  const kept = pieces(cluster.flights);
  cluster.filter = (flight) => {
    kept.push(...pieces([flight]));
    return true;
  };
  cluster.run(300);
  cluster.propose(leader, 'more');
  cluster.run(100);
  const before = cluster.member(away).disk.lastIndex;
  for (const flight of kept) cluster.deliver(flight);
  cluster.run(100);
  assert.deepEqual([cluster.member(away).installs, cluster.member(away).disk.lastIndex], [1, before]);
  cluster.checkConverged();
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

test('snapshot: it cannot be stored, no space → begun anew later, and nothing else is touched', () => {
  const { cluster, leader, away } = behind();
  cluster.member(away).failures = 2;
  cluster.restart(away);
  cluster.run(6000);
  assert.deepEqual([cluster.member(away).failures, cluster.member(away).installs, cluster.leader], [0, 1, leader]);
  cluster.checkConverged();
});

test('snapshot: one that takes long to store, from a live leader → the follower starts no election', () => {
  for (const hasContacts of [true, false]) {
    const { cluster, leader, away } = behind({ hasContacts, bytes: 3000 });
    const { term } = cluster.raft(leader);
    cluster.member(away).diskMs = 120;
    cluster.restart(away);
    cluster.run(9000);
    assert.deepEqual(
      [cluster.leader, cluster.raft(leader).term, cluster.member(away).installs],
      [leader, term, 1],
      `contacts ${hasContacts}`,
    );
    cluster.checkConverged();
  }
});

test('T73: a snapshot of many pieces on its way → one piece at a time, so that nothing waits behind it', () => {
  const { cluster, leader, away } = behind({ bytes: 6400 });
  let most = 0;
  cluster.restart(away);
  for (let step = 0; step < 3000; step++) {
    cluster.run(0.2);
    most = Math.max(most, pieces(cluster.flights).length);
  }
  assert.equal(most, 1);
  assert.equal(cluster.member(away).installs, 1);
  assert.equal(cluster.leader, leader);
});

test('T43: slow follower under load, snapshots taken all the time as far as it allows → one snapshot, then it keeps up', () => {
  const { cluster, leader, away } = behind({ bytes: 2000 });
  cluster.member(away).diskMs = 8;
  cluster.restart(away);
  let longest = 0;
  for (let round = 0; round < 300; round++) {
    for (let i = 0; i < 5; i++) cluster.propose(leader, `load ${round}.${i}`);
    cluster.run(5);
    const { disk } = cluster.member(leader);
    longest = Math.max(longest, disk.batches.length);
    if (round % 10 === 0) cluster.compact(leader, { index: cluster.raft(leader).compactableIndex, bytes: 2000 });
  }
  cluster.run(500);
  assert.equal(cluster.member(away).installs, 1);
  assert.ok(longest > 50, 'the log was kept for it meanwhile');
  assert.ok(cluster.raft(leader).compactableIndex === cluster.raft(leader).commitIndex);
  cluster.checkConverged();
});

test('T43: log compacted beyond what a connected follower was sent → it gets a newer snapshot, and converges when the load ends', () => {
  const { cluster, leader, away } = behind({ bytes: 2000 });
  cluster.member(away).diskMs = 8;
  cluster.restart(away);
  for (let round = 0; round < 100; round++) {
    for (let i = 0; i < 5; i++) cluster.propose(leader, `load ${round}.${i}`);
    cluster.run(10);
    if (round % 10 === 0) cluster.compact(leader, { bytes: 2000 });
  }
  cluster.run(3000);
  assert.ok(cluster.member(away).installs > 1);
  assert.equal(cluster.member(leader).openReaders, 0);
  cluster.checkConverged();
});

test('snapshot: the follower is a learner that lost everything → fed by the snapshot, admitted behind a barrier', () => {
  const { cluster, leader, away } = behind();
  cluster.wipe(away);
  cluster.restart(away);
  cluster.run(300);
  assert.equal(cluster.raft(away).isLearner, true);
  cluster.act(leader, (raft) => {
    const proposed = raft.proposeNoop(cluster.nowMs);
    if (proposed !== 'notLeader') raft.learnerBarrier(n(away), proposed.index);
  });
  cluster.run(200);
  assert.equal(cluster.raft(away).isLearner, false);
  cluster.checkConverged();
});

test('snapshot: all logs compacted, all restart → configuration and logged time come from the snapshot', () => {
  const { cluster, leader, away } = behind();
  cluster.restart(away);
  cluster.run(300);
  for (const id of [1, 2, 3]) cluster.compact(id);
  const time = cluster.member(leader).disk.origin.snapshot?.head.loggedTimeMs ?? 0;
  for (const id of [1, 2, 3]) cluster.crash(id);
  for (const id of [1, 2, 3]) cluster.restart(id);
  const next = electLeader(cluster);
  assert.deepEqual(cluster.raft(next).configuration.voters, [1, 2, 3]);
  assert.ok(cluster.raft(next).loggedTimeMs(cluster.nowMs) >= time);
  cluster.run(200);
  cluster.checkConverged();
});

test('logged time: asked before a proposal → the time that the proposal gets', () => {
  const cluster = new Cluster({ nodes: 1 });
  electLeader(cluster);
  cluster.run(1234.5);
  const expected = cluster.raft(1).loggedTimeMs(cluster.nowMs);
  cluster.act(1, (raft) => raft.propose({ payload: new Uint8Array(0), payloadChecksum: 0, count: 1 }, cluster.nowMs));
  cluster.run(50);
  const last = cluster.member(1).disk.batches.at(-1);
  assert.ok(last);
  assert.equal(new DataView(last.bytes.buffer, last.bytes.byteOffset).getBigUint64(28, true), BigInt(expected));
});
