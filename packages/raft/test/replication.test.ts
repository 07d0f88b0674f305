import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, concatBytes, crc32c, encodeBatch, nodeId, trustedBatchHeader, utf8 } from '@quorate/base';
import { type AppendRequest, type AppendResponse, Raft, type RaftMessage, type Ready, encodeMessage } from '@quorate/raft';
import { Cluster, type Flight, GROUP, electLeader } from './harness/cluster.js';
import { PlainDisk } from './harness/disk.js';

const n = nodeId;
const isAppend = (flight: Flight): boolean => flight.message.type === 'appendRequest';
const others = (id: number, nodes = 3): number[] => Array.from({ length: nodes }, (_, at) => at + 1).filter((other) => other !== id);

function batch(index: number, term: number, text: string, count = 1): Uint8Array {
  const payload = utf8(text);
  return encodeBatch(
    { kind: 'commands', group: GROUP, term, baseIndex: index, count, loggedTimeMs: 0, payloadChecksum: crc32c(payload) },
    payload,
    crc32c,
  );
}

function append(from: Partial<AppendRequest> & { term: number; prevIndex: number; prevTerm: number }): AppendRequest {
  return { type: 'appendRequest', commitIndex: 0, probe: 1, admitAt: 0, batches: [], ...from };
}

/** One replica by itself, its Readys carried out by hand. */
class Lone {
  readonly disk = new PlainDisk([n(1), n(2), n(3)], false);
  readonly raft: Raft;
  nowMs = 0;
  constructor() {
    this.raft = new Raft({
      options: {
        group: GROUP,
        self: n(1),
        electionTimeoutMinMs: 150,
        electionTimeoutMaxMs: 300,
        heartbeatMs: 30,
        windowMessages: 4,
        windowBytes: 1000,
        appendMessageBytes: 500,
      },
      start: this.disk.start(),
      random: { nextUint32: () => 7 },
      contacts: { heardAtMs: () => null },
      log: this.disk,
      checksum: crc32c,
      nowMs: 0,
    });
  }
  step(from: NodeId, message: RaftMessage): Ready {
    this.raft.step(from, message, this.nowMs);
    return this.ready();
  }
  ready(): Ready {
    const ready = this.raft.ready();
    this.disk.write(ready, 0);
    return ready;
  }
  /** The answers to appends that are to leave now. */
  answers(ready: Ready): AppendResponse[] {
    return ready.sendNow.map((outgoing) => outgoing.message).filter((message) => message.type === 'appendResponse');
  }
}

test('T11: entry of an earlier term is on a majority (figure 3.7) → not committed by counting, only with an entry of the own term', () => {
  const cluster = new Cluster({ nodes: 5, tellsConnections: false, raft: { appendMessageBytes: 1 } });
  cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
  cluster.settle();
  cluster.run(200);
  // (a) node 1 leads and replicates an entry to node 2 only.
  const start = cluster.raft(1).commitIndex;
  cluster.filter = (flight) => flight.to === 2 || flight.to === 1;
  const old = cluster.propose(1, 'old');
  cluster.settle();
  assert.equal(cluster.raft(1).commitIndex, start);
  cluster.filter = () => true;
  // (b) it crashes; node 5 leads with 3 and 4, appends an entry of its own, and crashes before anyone has it.
  cluster.crash(1);
  cluster.nowMs += 1000;
  cluster.filter = (flight) => flight.message.type !== 'appendRequest' && flight.to !== 2;
  cluster.act(5, (raft) => raft.campaign(cluster.nowMs));
  cluster.settle();
  assert.equal(cluster.raft(5).role, 'leader');
  cluster.syncAll(5);
  cluster.crash(5);
  // (c) node 1 leads again and brings the old entry to node 3, not its own no-op: of messages with it only the head arrives.
  cluster.restart(1);
  cluster.filter = (flight) => {
    const { message } = flight;
    if (flight.to === 4 && message.type === 'appendRequest') return false;
    if (message.type !== 'appendRequest' || !message.batches.some((b) => trustedBatchHeader(b).term === message.term)) return true;
    const head = { ...message, batches: [] };
    cluster.flights.push({ ...flight, message: head, bytes: concatBytes(encodeMessage(head)) });
    return false;
  };
  for (let tries = 0; tries < 3 && cluster.raft(1).role !== 'leader'; tries++) {
    cluster.nowMs += 1000;
    cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
    cluster.settle();
  }
  assert.equal(cluster.raft(1).role, 'leader');
  cluster.run(100);
  for (const id of [1, 2, 3])
    assert.ok(cluster.member(id).disk.hasDurable(old?.index ?? 0, old?.term ?? 0), `node ${id} has the old entry`);
  assert.ok(cluster.raft(1).commitIndex < (old?.index ?? 0), 'it is not committed by that');
  // (e) with an entry of its own term on a majority both are.
  cluster.filter = () => true;
  cluster.run(500);
  assert.ok(cluster.raft(1).commitIndex > (old?.index ?? 0));
});

test('T12: leader disk hangs and one of two followers acknowledges → nothing is committed until a second disk has it', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [a, b] = others(leader) as [number, number];
  cluster.member(leader).isDiskHeld = true;
  cluster.filter = (flight) => flight.to !== b && flight.from !== b;
  const proposal = cluster.propose(leader, 'x');
  cluster.run(100);
  assert.ok(cluster.member(a).disk.hasDurable(proposal?.index ?? 0, proposal?.term ?? 0), 'one follower has it');
  assert.equal(proposal?.isAcked, false);
  cluster.member(leader).isDiskHeld = false;
  cluster.run(10);
  assert.equal(proposal?.isAcked, true);
});

test('T12: both followers have it durably, the leader does not → committed without the leader, and it survives the loss of the leader', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  cluster.member(leader).isDiskHeld = true;
  const proposal = cluster.propose(leader, 'x');
  cluster.run(50);
  assert.equal(proposal?.isAcked, true);
  cluster.crash(leader);
  cluster.member(leader).isDiskHeld = false;
  electLeader(cluster);
  cluster.restart(leader);
  cluster.run(1000);
  cluster.checkConverged();
});

test('T13: entry is cut while its sync is under way, and replaced → the late completion of the first does not acknowledge the second', () => {
  const lone = new Lone();
  lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'b')] }));
  const first = lone.disk.completeOne();
  assert.ok(first);
  // Before the completion is told, a leader of term 2 replaces entry 2.
  lone.step(n(3), append({ term: 2, prevIndex: 1, prevTerm: 1, batches: [batch(2, 2, 'B')] }));
  lone.raft.onDurable(first.version, 2, 0);
  assert.equal(lone.raft.durableIndex, 1);
  for (const answer of lone.answers(lone.ready())) assert.ok(answer.matchIndex <= 1, `match ${answer.matchIndex}`);
  lone.disk.completeOne();
  lone.raft.onDurable(3, 2, 0);
  const answers = lone.answers(lone.ready());
  assert.equal(answers.at(-1)?.matchIndex, 2);
  for (const answer of answers.slice(0, -1)) assert.ok(answer.matchIndex <= 1, `match ${answer.matchIndex}`);
});

test('T13: a later term is already durable when the cut happens → still only a completion that knows of the cut counts', () => {
  const lone = new Lone();
  lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'b')] }));
  lone.step(n(3), append({ term: 2, prevIndex: 0, prevTerm: 0 }));
  lone.raft.onDurable(2, 0, 0);
  lone.step(n(3), append({ term: 2, prevIndex: 1, prevTerm: 1, batches: [batch(2, 2, 'B')] }));
  lone.raft.onDurable(2, 2, 0);
  assert.equal(lone.raft.durableIndex, 1);
  lone.raft.onDurable(3, 2, 0);
  assert.equal(lone.raft.durableIndex, 2);
});

test('T13: entries are cut before the host has taken them → durable never runs ahead of what was taken', () => {
  const lone = new Lone();
  lone.raft.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a')] }), 0);
  lone.raft.onDurable(0, 1, 0);
  assert.equal(lone.raft.durableIndex, 0);
});

test('T14: commit index ahead of the entries → follower commits only what this leader verified', () => {
  const lone = new Lone();
  lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'stale'), batch(3, 1, 'stale')] }));
  assert.equal(lone.step(n(3), append({ term: 2, prevIndex: 1, prevTerm: 1, commitIndex: 3 })).commitIndex, 1);
  assert.equal(
    lone.step(n(3), append({ term: 2, prevIndex: 9, prevTerm: 2, commitIndex: 9 })).commitIndex,
    1,
    'a refused request commits nothing',
  );
  assert.equal(lone.step(n(3), append({ term: 2, prevIndex: 1, prevTerm: 1, commitIndex: 3, batches: [batch(2, 2, 'B')] })).commitIndex, 2);
});

test('T16: batches of one less than, just, and one more than the limit of a message → each follower gets every one whole', () => {
  const limit = 600;
  for (const windowBytes of [limit, 2 * limit]) {
    const cluster = new Cluster({ nodes: 3, raft: { appendMessageBytes: limit, windowBytes } });
    const leader = electLeader(cluster);
    const seen: number[] = [];
    cluster.filter = (flight) => {
      if (flight.message.type === 'appendRequest' && flight.message.batches.length > 0) {
        const bytes = flight.message.batches.reduce((sum, b) => sum + b.length, 0);
        seen.push(bytes);
        assert.ok(bytes <= limit || flight.message.batches.length === 1, `${bytes} bytes in ${flight.message.batches.length} batches`);
      }
      return true;
    };
    for (const size of [limit - 1, limit, limit + 1, 100, limit, 100, 100]) cluster.propose(leader, 'x'.repeat(size - 52));
    cluster.run(500);
    assert.ok(cluster.proposals.every((proposal) => proposal.isAcked));
    assert.ok(seen.includes(limit - 1) && seen.includes(limit) && seen.includes(limit + 1));
    cluster.checkConverged();
  }
});

test('T16: window in messages and bytes → never more under way than it allows, except one batch larger than it', () => {
  for (const [windowMessages, windowBytes] of [
    [3, 10_000],
    [100, 250],
  ] as const) {
    const cluster = new Cluster({ nodes: 2, raft: { appendMessageBytes: 100, windowMessages, windowBytes } });
    const leader = electLeader(cluster);
    cluster.run(100);
    for (let i = 0; i < 20; i++) cluster.propose(leader, 'y'.repeat(28)); // 80 bytes each
    const bytes = cluster.flights
      .filter(isAppend)
      .map((flight) => (flight.message.type === 'appendRequest' ? flight.message.batches.length : 0));
    assert.deepEqual(bytes, [1, 1, 1]);
    cluster.run(500);
    cluster.propose(leader, 'z'.repeat(1000));
    cluster.run(100);
    assert.ok(cluster.proposals.every((proposal) => proposal.isAcked));
  }
});

test('T17: old append arrives after newer ones → the suffix stays', () => {
  const lone = new Lone();
  const early = append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a')] });
  lone.step(n(2), early);
  lone.step(n(2), append({ term: 1, prevIndex: 1, prevTerm: 1, batches: [batch(2, 1, 'b'), batch(3, 1, 'c')] }));
  lone.raft.onDurable(1, 3, 0);
  lone.ready();
  const ready = lone.step(n(2), early);
  assert.equal(ready.truncateAfter, null);
  assert.equal(lone.raft.lastIndex, 3);
  assert.equal(lone.answers(ready)[0]?.receivedIndex, 3, 'and the answer still tells of all of it');
});

test('T17: all appends doubled and out of order → acknowledged entries stay, logs converge', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const cluster = new Cluster({ nodes: 3, seed, raft: { appendMessageBytes: 80 } });
    const leader = electLeader(cluster);
    const kept: Flight[] = [];
    for (let i = 0; i < 30; i++) {
      cluster.propose(leader, `v${i}`);
      for (let k = 0; k < 4; k++) {
        const flight = cluster.flights[cluster.random.nextUint32() % Math.max(1, cluster.flights.length)];
        if (flight !== undefined) {
          kept.push(flight);
          cluster.deliver(flight);
        }
        const again = kept[cluster.random.nextUint32() % Math.max(1, kept.length)];
        if (again !== undefined) cluster.deliver(again);
        cluster.sync(1 + (cluster.random.nextUint32() % 3));
      }
    }
    cluster.run(1000);
    assert.ok(
      cluster.proposals.every((proposal) => proposal.isAcked),
      `seed ${seed}`,
    );
    cluster.checkConverged();
  }
});

for (const type of ['appendRequest', 'appendResponse'] as const) {
  test(`T18: the k-th ${type} is lost, for every k, nobody is told → the follower catches up and the window is free again`, () => {
    let k = 0;
    for (let isDropped = true; isDropped; k++) {
      isDropped = false;
      const cluster = new Cluster({
        nodes: 2,
        tellsConnections: false,
        raft: { windowMessages: 2, windowBytes: 300, appendMessageBytes: 100 },
      });
      const leader = electLeader(cluster);
      let count = 0;
      cluster.filter = (flight) => {
        if (flight.message.type !== type || count++ !== k) return true;
        isDropped = true;
        return false;
      };
      for (let i = 0; i < 8; i++) cluster.propose(leader, `v${i}`);
      cluster.run(400);
      assert.ok(
        cluster.proposals.every((proposal) => proposal.isAcked),
        `k = ${k}`,
      );
      cluster.checkConverged();
    }
    assert.ok(k > 5, `${k} losses tried`);
  });
}

test('T18: the only append to an otherwise idle follower is lost, nobody is told → it is sent again', () => {
  const cluster = new Cluster({ nodes: 2, tellsConnections: false });
  const leader = electLeader(cluster);
  cluster.run(500);
  cluster.filter = () => false;
  const proposal = cluster.propose(leader, 'x');
  cluster.filter = () => true;
  cluster.run(100);
  assert.equal(proposal?.isAcked, true);
});

test('T18: follower process restarts between two messages, nobody is told → what it had only in memory is sent again', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [a] = others(leader) as [number, number];
  cluster.member(a).isDiskHeld = true;
  for (let i = 0; i < 5; i++) cluster.propose(leader, `v${i}`);
  cluster.run(50);
  cluster.crash(a);
  cluster.restart(a);
  cluster.member(a).isDiskHeld = false;
  cluster.run(1000);
  cluster.checkConverged();
  assert.equal(cluster.leader, leader);
});

test('T20: leadership moves A, B, A with suffixes that are not flushed → acknowledged entries survive, logs converge', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const cluster = new Cluster({ nodes: 3, seed });
    electLeader(cluster);
    for (let flip = 0; flip < 6; flip++) {
      const leader = electLeader(cluster);
      cluster.run(50);
      for (let i = 0; i < 3; i++) cluster.propose(leader, `${seed}.${flip}.${i}`);
      const held = 1 + (cluster.random.nextUint32() % 3);
      cluster.member(held).isDiskHeld = true;
      cluster.run(cluster.random.nextUint32() % 4);
      cluster.isolate(leader);
      cluster.propose(leader, `${seed}.${flip}.lost`);
      cluster.run(600);
      if (flip % 2 === 0) {
        cluster.crash(held);
        cluster.restart(held);
      }
      cluster.member(held).isDiskHeld = false;
      cluster.heal();
    }
    cluster.run(2000);
    const last = cluster.propose(electLeader(cluster), 'last');
    cluster.run(500);
    assert.equal(last?.isAcked, true, `seed ${seed}`);
    cluster.checkLogMatching();
    cluster.checkConverged();
  }
});

test('T20: follower has a durable suffix of an earlier leader → it acknowledges only what this leader compared', () => {
  const lone = new Lone();
  lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a'), batch(2, 1, 'stale'), batch(3, 1, 'stale')] }));
  lone.raft.onDurable(1, 3, 0);
  lone.ready();
  lone.step(n(3), append({ term: 2, prevIndex: 1, prevTerm: 1 }));
  lone.raft.onDurable(2, 3, 0);
  const answers = lone.answers(lone.ready()).filter((answer) => answer.term === 2 && answer.isAccepted);
  assert.deepEqual(
    answers.map((answer) => [answer.matchIndex, answer.receivedIndex]),
    [[1, 1]],
  );
});

test('T21: leader crashes with a durable tail that nobody has, rejoins → the tail is gone, the new log is there', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  cluster.filter = () => false;
  const lost = cluster.propose(leader, 'tail');
  cluster.run(10);
  assert.ok(cluster.member(leader).disk.hasDurable(lost?.index ?? 0, lost?.term ?? 0));
  cluster.filter = () => true;
  cluster.crash(leader);
  const next = electLeader(cluster);
  const kept = cluster.propose(next, 'kept');
  cluster.run(100);
  cluster.restart(leader);
  cluster.run(1000);
  assert.equal(lost?.isAcked, false);
  assert.equal(kept?.isAcked, true);
  assert.equal(
    cluster.member(leader).disk.batches.some((b) => b.baseIndex === lost?.index && b.term === lost.term),
    false,
  );
  cluster.checkConverged();
});

test('T22: power is cut everywhere just after the first commit of a new leader → everything acknowledged is there afterwards', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const cluster = new Cluster({ nodes: 3, seed, diskMs: 1 + (seed % 7) });
    const leader = electLeader(cluster);
    for (let i = 0; i < 5; i++) cluster.propose(leader, `v${i}`);
    cluster.run(seed % 9);
    cluster.crash(leader);
    cluster.run(5000, () => cluster.leader !== 0 && cluster.raft(cluster.leader).isEstablished);
    for (const member of cluster.members) if (member.raft !== null) cluster.crash(member.id);
    for (const member of cluster.members) cluster.restart(member.id);
    const last = electLeader(cluster);
    cluster.propose(last, 'last');
    cluster.run(1000);
    cluster.checkConverged();
  }
});

test('T22: follower has entries in memory only → it tells what it received at once, what is durable only afterwards', () => {
  const lone = new Lone();
  lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0 }));
  lone.disk.completeOne();
  lone.raft.onDurable(1, 0, 0);
  lone.ready();
  const answers = lone.answers(lone.step(n(2), append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a')] })));
  assert.deepEqual(
    answers.map((answer) => [answer.matchIndex, answer.receivedIndex]),
    [[0, 1]],
  );
  lone.raft.onDurable(1, 1, 0);
  assert.deepEqual(
    lone.answers(lone.ready()).map((answer) => [answer.matchIndex, answer.receivedIndex]),
    [[1, 1]],
  );
});

test('T52: read on a new leader before an entry of its term is committed → answered only afterwards, at that index', () => {
  const cluster = new Cluster({ nodes: 3 });
  const first = electLeader(cluster);
  const proposal = cluster.propose(first, 'x');
  cluster.run(2, () => proposal?.isAcked === true);
  cluster.run(50, () => proposal?.isAcked === true);
  cluster.crash(first);
  cluster.run(5000, () => cluster.leader !== 0);
  const next = cluster.leader;
  assert.equal(cluster.raft(next).isEstablished, false);
  cluster.act(next, (raft) => raft.readIndex(1, cluster.nowMs));
  assert.deepEqual(cluster.member(next).reads, []);
  cluster.run(200);
  assert.equal(cluster.member(next).reads.length, 1);
  assert.ok((cluster.member(next).reads[0]?.index ?? 0) > (proposal?.index ?? 0));
});

test('T55: leader cut off from the majority is asked to read → refused when it steps down, never answered', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  cluster.isolate(leader);
  cluster.act(leader, (raft) => raft.readIndex(5, cluster.nowMs));
  cluster.run(1000);
  assert.deepEqual([cluster.member(leader).reads, cluster.member(leader).readsFailed], [[], [5]]);
});

test('reads: many in one turn → one round of messages, all confirmed at the commit index', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(100);
  const raft = cluster.raft(leader);
  for (let id = 1; id <= 100; id++) raft.readIndex(id, cluster.nowMs);
  cluster.pump(leader);
  assert.equal(cluster.flights.length, 2);
  cluster.run(20);
  assert.deepEqual(
    cluster.member(leader).reads,
    Array.from({ length: 100 }, (_, at) => ({ id: at + 1, index: raft.commitIndex })),
  );
  cluster.act(others(leader)[0] as number, (follower) => follower.readIndex(7, cluster.nowMs));
  assert.deepEqual(cluster.member(others(leader)[0] as number).readsFailed, [7], 'a follower refuses');
});

test('follower with a hanging disk: entries go on coming → it takes no more than its bound, and catches up when the disk returns', () => {
  const cluster = new Cluster({ nodes: 3, raft: { windowBytes: 1000, appendMessageBytes: 500 } });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [slow] = others(leader) as [number, number];
  cluster.member(slow).isDiskHeld = true;
  for (let i = 0; i < 60; i++) {
    cluster.propose(leader, `${i}`.padEnd(200, '.'));
    cluster.run(10);
  }
  const undurable = cluster
    .member(slow)
    .disk.batches.slice(cluster.member(slow).disk.durable.length)
    .reduce((sum, b) => sum + b.bytes.length, 0);
  assert.ok(undurable <= 4 * 1000 + 500, `${undurable} bytes`);
  cluster.member(slow).isDiskHeld = false;
  cluster.run(3000);
  assert.ok(cluster.proposals.every((proposal) => proposal.isAcked));
  cluster.checkConverged();
});

test('follower was down when its leader was elected: it returns with nearly all of a long log → it is sent only what it lacks', () => {
  const cluster = new Cluster({ nodes: 3 });
  const first = electLeader(cluster);
  for (let i = 0; i < 200; i++) cluster.propose(first, `v${i}`);
  cluster.run(500);
  cluster.crash(first);
  const next = electLeader(cluster);
  cluster.propose(next, 'last');
  cluster.run(50);
  let batches = 0;
  cluster.filter = (flight) => {
    if (flight.message.type === 'appendRequest' && flight.to === first) batches += flight.message.batches.length;
    return true;
  };
  cluster.restart(first);
  cluster.run(500);
  cluster.checkConverged();
  assert.ok(batches <= 4, `${batches} batches sent for the 2 that it lacked`);
});

test('conflict inside a batch of the leader: follower hint lies between borders → they meet at the border below', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  const [one, two] = [cluster.member(1), cluster.member(2)];
  // Leader's log: 1..4 in term 2, then 5 of term 4. Follower's: 1, 2 in term 3.
  one.raft = null;
  two.raft = null;
  one.disk.durable.push(
    { bytes: batch(1, 2, 'abcd', 4), baseIndex: 1, lastIndex: 4, term: 2 },
    { bytes: batch(5, 4, 'e'), baseIndex: 5, lastIndex: 5, term: 4 },
  );
  two.disk.durable.push({ bytes: batch(1, 3, 'x', 2), baseIndex: 1, lastIndex: 2, term: 3 });
  for (const member of [one, two]) {
    member.disk.hardState = { term: 4, votedFor: 0, isLearner: false };
    member.disk.crash();
  }
  cluster.start(1);
  cluster.start(2);
  let refusals = 0;
  cluster.filter = ({ from, message }) => {
    if (
      from === 2 &&
      message.type === 'appendResponse' &&
      !message.isAccepted &&
      message.term === cluster.raft(1).term &&
      cluster.leader === 1
    )
      refusals++;
    return true;
  };
  cluster.act(1, (raft) => raft.campaign(cluster.nowMs));
  cluster.run(500);
  assert.equal(cluster.leader, 1);
  cluster.checkConverged();
  assert.equal(refusals, 1);
});
