import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@quorate/base';
import { Cluster, type Flight, electLeader, others } from './harness/cluster.js';
import { LoneReplica, append, batch } from './harness/lone-replica.js';

const isAppend = (flight: Flight): boolean => flight.message.type === 'appendRequest';

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
  const lone = new LoneReplica();
  const early = append({ term: 1, prevIndex: 0, prevTerm: 0, batches: [batch(1, 1, 'a')] });
  lone.step(nodeId(2), early);
  lone.step(nodeId(2), append({ term: 1, prevIndex: 1, prevTerm: 1, batches: [batch(2, 1, 'b'), batch(3, 1, 'c')] }));
  lone.raft.onDurable(1, 3, 0);
  lone.ready();
  const ready = lone.step(nodeId(2), early);
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

test('append flow: a follower lacks megabytes and the window is wide → at most 512 KiB and a batch in one turn, the rest in the next ones', () => {
  const cluster = new Cluster({ nodes: 2, raft: { windowBytes: 16_000_000, appendMessageBytes: 2_000_000 } });
  const leader = electLeader(cluster);
  cluster.run(100);
  const { raft } = cluster.member(leader);
  assert.ok(raft);
  const ready = raft.ready.bind(raft);
  const turns: number[] = [];
  raft.ready = () => {
    const facts = ready();
    let bytes = 0;
    for (const { message } of facts.sendNow) {
      if (message.type === 'appendRequest') for (const batch of message.batches) bytes += batch.length;
    }
    if (bytes > 0) turns.push(bytes);
    return facts;
  };
  const other = leader === 1 ? 2 : 1;
  cluster.filter = (flight) => flight.to !== other;
  for (let i = 0; i < 40; i++) cluster.propose(leader, `${i}`.padEnd(100_000, 'x'));
  cluster.filter = () => true;
  turns.length = 0;
  cluster.run(200);
  assert.ok(Math.max(...turns) <= 524_288 + 100_100, `${Math.max(...turns)} bytes in a turn`);
  assert.ok(turns.length >= 7, `${turns.length} turns`);
  cluster.checkConverged();
  assert.ok(cluster.proposals.every((proposal) => proposal.isAcked));
});

test('T18: disk of a follower hangs under a window of entries → it tells at half a window, by messages or bytes, that they have come', () => {
  for (const raft of [{ windowMessages: 4 }, { windowBytes: 4 * 80, appendMessageBytes: 80 }]) {
    const cluster = new Cluster({ nodes: 3, raft });
    const leader = electLeader(cluster);
    cluster.run(100);
    const [slow] = others(leader) as [number, number];
    cluster.member(slow).isDiskHeld = true;
    const answers: number[] = [];
    for (let i = 0; i < 4; i++) {
      cluster.propose(leader, 'y'.repeat(28)); // 80 bytes each
      const flight = cluster.flights.find(
        ({ to, message }) => to === slow && message.type === 'appendRequest' && message.batches.length > 0,
      );
      cluster.deliver(flight as Flight);
      answers.push(cluster.flights.filter(({ from, message }) => from === slow && message.type === 'appendResponse').length);
    }
    assert.deepEqual(answers, [0, 1, 1, 2]);
  }
});

test('commit index: entries follow in time → it goes out with them; none follow → by itself when it is due', () => {
  const cluster = new Cluster({ nodes: 3, raft: { commitTellMs: 5 } });
  const leader = electLeader(cluster);
  cluster.run(100);
  const [peer] = others(leader) as [number, number];
  const sent: number[] = [];
  cluster.filter = ({ to, message }) => {
    if (to === peer && message.type === 'appendRequest') sent.push(message.batches.length);
    return true;
  };
  for (let i = 0; i < 10; i++) {
    const proposal = cluster.propose(leader, `v${i}`);
    cluster.run(50, () => proposal?.isAcked === true);
  }
  assert.deepEqual(sent, new Array(10).fill(1), 'one message for each entry');
  const { commitIndex } = cluster.raft(leader);
  assert.equal(cluster.raft(peer).commitIndex, commitIndex - 1);
  const dueMs = cluster.raft(leader).nextDeadlineMs;
  assert.ok(dueMs > cluster.nowMs && dueMs <= cluster.nowMs + 5, `due in ${dueMs - cluster.nowMs} ms`);
  cluster.run(15, () => cluster.raft(peer).commitIndex === commitIndex);
  assert.equal(cluster.raft(peer).commitIndex, commitIndex);
  cluster.run(100);
  assert.deepEqual(sent.slice(10), [0], 'and nothing else');
});
