import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@quorate/base';
import { Cluster, type Flight, electLeader, others } from './harness/cluster.js';

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
  for (let step = 0; step < 6000; step++) {
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
