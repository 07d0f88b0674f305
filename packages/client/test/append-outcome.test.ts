import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, QuorateError, fromUtf8 } from '@quorate/base';
import { SERVE } from './scripted-cluster.js';
import { append, setUp, wait } from './client-calls.js';

for (const when of ['before', 'after'] as const) {
  test(`client: connection lost ${when} the append was applied → stored exactly once`, () => {
    const { cluster, client } = setUp(5);
    let cuts = 0;
    cluster.node(1).script = (request) => (request.type === 'append' && cuts++ < 2 ? { do: 'cut', when } : SERVE);
    const outcomes = ['a', 'b', 'c'].map((text) => append(cluster, client, text));
    wait(cluster, outcomes);
    assert.deepEqual(
      outcomes.map(({ result }) => result?.offset),
      [0, 1, 2],
    );
    assert.deepEqual(cluster.values('s'), ['a', 'b', 'c']);
    assert.equal(cuts, 3);
  });
}

test('client: T63: the answer never comes → deadlineExceeded (unknown); the next append works, and the old copy is fenced when it arrives late', () => {
  const { cluster, client } = setUp(8);
  let appends = 0;
  cluster.node(1).script = (request) => {
    if (request.type !== 'append') return SERVE;
    appends += 1;
    return appends === 1 ? { do: 'late', ms: 3000, when: 'after' } : { do: 'ignore' };
  };
  const lost = append(cluster, client, 'old', 1000);
  wait(cluster, [lost]);
  assert.equal(lost.error?.code, 'deadlineExceeded');
  assert.equal(lost.error?.retry, 'unknown');
  cluster.node(1).script = () => SERVE;
  const next = append(cluster, client, 'new');
  wait(cluster, [next], 1500);
  assert.equal(next.error, null);
  cluster.scheduler.runFor(5000);
  assert.deepEqual(cluster.values('s'), ['new'], 'the late copy is of an older epoch');
  assert.equal(client.appendBytes, 0);
});

test('client: one append ends at its deadline while later ones wait → the later ones are stored once and in order', () => {
  const { cluster, client } = setUp(9);
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'ignore' } : SERVE);
  const short = append(cluster, client, 'short', 500);
  cluster.scheduler.runFor(100);
  const long = append(cluster, client, 'long', 8000);
  wait(cluster, [short]);
  assert.equal(short.error?.code, 'deadlineExceeded');
  cluster.node(1).script = () => SERVE;
  wait(cluster, [long]);
  assert.equal(long.error, null);
  const values = cluster.values('s');
  assert.deepEqual(
    values.filter((value) => value === 'long'),
    ['long'],
  );
  assert.ok(values.length === 1 || values[0] === 'short');
});

test('client: nobody can be reached until the deadline → unavailable (safe) with the causes; it is never stored afterwards', () => {
  const { cluster, client } = setUp(10, [7, 8]);
  const early = append(cluster, client, 'x', 800);
  cluster.scheduler.runFor(200);
  const later = append(cluster, client, 'y', 800);
  wait(cluster, [early, later]);
  for (const { error } of [early, later]) {
    assert.equal(error?.code, 'unavailable');
    assert.equal(error?.retry, 'safe');
    for (const address of ['10.0.0.7:7400', '10.0.0.8:7400']) assert.ok(error?.message.includes(address), error?.message);
  }
});

test('client: refused with a safe error until its deadline, with later ones behind it → that error (safe), and it is never stored', () => {
  let refused = 0;
  for (let seed = 11; seed <= 16; seed++) {
    const { cluster, client } = setUp(seed);
    let isFull = true;
    cluster.node(1).script = (request) =>
      request.type === 'append' && isFull ? { do: 'refuse', error: new QuorateError('diskFull', 'no space') } : SERVE;
    const first = append(cluster, client, 'first', 1000);
    cluster.scheduler.runFor(50);
    const second = append(cluster, client, 'second', 9000);
    wait(cluster, [first]);
    isFull = false;
    wait(cluster, [second]);
    // A copy that is on its way at the deadline may yet be stored: then nobody knows.
    if (first.error?.code === 'deadlineExceeded') {
      assert.equal(first.error.retry, 'unknown', `seed ${seed}`);
      continue;
    }
    refused++;
    assert.equal(first.error?.code, 'diskFull', `seed ${seed}`);
    assert.equal(first.error?.retry, 'safe', `seed ${seed}`);
    assert.deepEqual(cluster.values('s'), ['second'], `seed ${seed}`);
    assert.equal(client.appendBytes, 0);
  }
  assert.ok(refused >= 3, `${refused} were refused for certain`);
});

test('client: given up while refused with a safe error, others around it → cancelled, and never stored; a call already stored in part, or on its way, → aborted', () => {
  const { cluster, client } = setUp(36);
  wait(cluster, [append(cluster, client, 'warm')]);
  let isBusy = true;
  cluster.node(1).script = (request) =>
    isBusy && request.type === 'append' ? { do: 'refuse', error: new QuorateError('overloaded', 'later') } : SERVE;
  const [a, b, c] = [append(cluster, client, 'A'), append(cluster, client, 'B'), append(cluster, client, 'C')];
  cluster.scheduler.runFor(20);
  b.cancel();
  b.cancel();
  cluster.scheduler.runFor(20);
  assert.deepEqual([b.settled, b.error?.code, b.error?.retry], [1, 'cancelled', 'never']);
  isBusy = false;
  wait(cluster, [a, c]);
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 100, when: 'before' } : SERVE);
  const flying = append(cluster, client, 'D');
  cluster.scheduler.runFor(50);
  flying.cancel();
  assert.deepEqual([flying.error?.code, flying.error?.retry], ['aborted', 'unknown']);
  cluster.scheduler.runFor(5000);
  assert.deepEqual(cluster.values('s'), ['warm', 'A', 'C', 'D']);
});

test('client: T62: its producer was forgotten → it goes on under a new one; nothing is lost or doubled', () => {
  const { cluster, client } = setUp(14);
  wait(cluster, [append(cluster, client, 'a')]);
  let refusals = 0;
  cluster.node(1).script = (request) =>
    request.type === 'append' && refusals++ === 0 ? { do: 'refuse', error: new QuorateError('producerUnknown', 'forgotten') } : SERVE;
  const outcome = append(cluster, client, 'b');
  wait(cluster, [outcome]);
  assert.equal(outcome.result?.offset, 1);
  assert.deepEqual(cluster.values('s'), ['a', 'b']);
});

test('client: T63: its producer was forgotten and an earlier copy may have been stored → unknown, not sent again', () => {
  const { cluster, client } = setUp(15);
  wait(cluster, [append(cluster, client, 'a')]);
  let copies = 0;
  cluster.node(1).script = (request) => {
    if (request.type !== 'append') return SERVE;
    copies += 1;
    if (copies === 1) return { do: 'cut', when: 'after' };
    return copies === 2 ? { do: 'refuse', error: new QuorateError('producerUnknown', 'forgotten') } : SERVE;
  };
  const unknown = append(cluster, client, 'b');
  wait(cluster, [unknown]);
  assert.equal(unknown.error?.code, 'producerUnknown');
  assert.equal(unknown.error?.retry, 'unknown');
  wait(cluster, [append(cluster, client, 'c')]);
  assert.deepEqual(cluster.values('s'), ['a', 'b', 'c']);
});

test('client: T63: an append refused for certain ends while a copy of the next one is still on its way → the next one is stored once', () => {
  const { cluster, client } = setUp(26);
  wait(cluster, [append(cluster, client, 'warm')]);
  let isBusy = true;
  let copies = 0;
  const holds = (request: { type: string; payload?: Uint8Array }, text: string): boolean =>
    request.type === 'append' && fromUtf8((request.payload ?? new Uint8Array(0)).subarray(28)) === text;
  cluster.node(1).script = (request) => {
    if (isBusy && holds(request, 'B')) return { do: 'refuse', error: new QuorateError('overloaded', 'busy') };
    if (holds(request, 'C') && copies++ === 0) return { do: 'late', ms: 3000, when: 'after' };
    return SERVE;
  };
  const b = append(cluster, client, 'B', 100);
  cluster.scheduler.runFor(0.1);
  const c = append(cluster, client, 'C', 9000);
  wait(cluster, [b]);
  assert.equal(b.error?.retry, 'unknown', 'it cannot be taken back: its numbers hold the place of those behind it');
  isBusy = false;
  wait(cluster, [c]);
  cluster.scheduler.runFor(5000);
  assert.deepEqual(cluster.values('s'), ['warm', 'B', 'C']);
});

test('client: T63: a late refusal of a copy under old numbers → says nothing about the copy under the new ones', () => {
  const { cluster, client } = setUp(27);
  wait(cluster, [append(cluster, client, 'warm')]);
  let n = 0;
  cluster.node(1).script = (request) => {
    if (request.type !== 'append') return SERVE;
    n += 1;
    if (n === 1) return { do: 'refuse', error: new QuorateError('producerUnknown', 'forgotten') };
    // The old copy of B is refused as out of order, late; the new one is stored and never answered.
    if (n === 2) return { do: 'late', ms: 100, when: 'after' };
    return n === 3 ? SERVE : { do: 'late', ms: 60_000, when: 'before' };
  };
  const h = append(cluster, client, 'H');
  cluster.scheduler.runFor(0.1);
  const b = append(cluster, client, 'B', 300);
  wait(cluster, [h, b]);
  assert.equal(h.error, null);
  assert.equal(b.error?.code, 'deadlineExceeded');
  assert.deepEqual(cluster.values('s'), ['warm', 'H', 'B']);
});

test('client: T62: a node that says producerUnknown for ever → pauses between new producers, an error at the deadline', () => {
  const { cluster, client } = setUp(28);
  cluster.node(1).script = (request) =>
    request.type === 'append' ? { do: 'refuse', error: new QuorateError('producerUnknown', 'who?') } : SERVE;
  const outcome = append(cluster, client, 'a', 3000);
  wait(cluster, [outcome]);
  assert.notEqual(outcome.error, null);
  assert.ok(cluster.requestsOf('append') < 60, `${cluster.requestsOf('append')} requests in 3 s`);
});

test('client: T63: the answer is lost and the producer evicted before the second copy arrives → unknown, and stored once', () => {
  for (const warm of [true, false]) {
    const { cluster, client } = setUp(29);
    cluster.evictProducersAbove('s', 3);
    if (warm) wait(cluster, [append(cluster, client, 'warm')]);
    let copies = 0;
    cluster.node(1).script = (request) => {
      if (request.type !== 'append') return SERVE;
      copies += 1;
      if (copies === 1) return { do: 'cut', when: 'after' };
      // What others append meanwhile takes the place of this producer.
      if (copies === 2) for (let i = 0; i < 3; i++) cluster.appendAs('s', `${i}`.repeat(16), `other ${i}`);
      return SERVE;
    };
    const lost = append(cluster, client, 'x');
    const withIt = append(cluster, client, ['y', 'z']);
    cluster.scheduler.runFor(0.1);
    const behind = append(cluster, client, 'behind');
    wait(cluster, [lost, withIt, behind]);
    for (const { error } of [lost, withIt]) assert.equal(error?.code, 'producerUnknown');
    if (behind.error !== null) assert.equal(behind.error.retry, 'unknown');
    wait(cluster, [append(cluster, client, 'next')]);
    const stored = cluster.values('s').filter((value) => !value.startsWith('other'));
    assert.ok(stored.filter((value) => value === 'behind').length <= 1);
    if (behind.error === null) assert.equal(stored.at(-2), 'behind');
    const rest = stored.filter((value) => value !== 'behind');
    assert.deepEqual(rest, [...(warm ? ['warm'] : []), 'x', 'y', 'z', 'next']);
  }
});

test('client: T63: two in flight, the first refused (safe), the second refused as out of order or taken → both once, in the order of the calls', () => {
  for (const firstCopy of ['refused', 'taken, answer lost'] as const) {
    const { cluster, client } = setUp(30);
    wait(cluster, [append(cluster, client, 'warm')]);
    let n = 0;
    cluster.node(1).script = (request) => {
      if (request.type !== 'append') return SERVE;
      n += 1;
      const busy = { do: 'refuse', error: new QuorateError('overloaded', 'busy') } as const;
      if (firstCopy === 'refused') return n === 1 ? busy : SERVE;
      // The first is taken and never answered, its second copy is refused, and the one behind it is taken at once.
      if (n === 1) return { do: 'late', ms: 60_000, when: 'before' };
      return n === 3 ? busy : SERVE;
    };
    const first = append(cluster, client, 'first');
    cluster.scheduler.runFor(0.1);
    const second = append(cluster, client, 'second');
    wait(cluster, [first, second]);
    assert.deepEqual([first.result?.offset, second.result?.offset], [1, 2], firstCopy);
    assert.deepEqual(cluster.values('s'), ['warm', 'first', 'second'], firstCopy);
  }
});

test('client: T63: a new epoch begins while copies of the old one are on their way to two nodes → nothing of the old one is stored behind the new', () => {
  const { cluster, client } = setUp(31, [1, 2, 3], { stallMs: 100 });
  wait(cluster, [append(cluster, client, 'warm')]);
  // Every copy of the old appends hangs, on each node that leads for a while.
  let isOld = true;
  for (const node of cluster.nodes) {
    node.script = (request) => (request.type === 'append' && isOld ? { do: 'late', ms: 2000, when: 'after' } : SERVE);
  }
  const old = [append(cluster, client, 'old 1', 400)];
  cluster.scheduler.runFor(0.1);
  old.push(append(cluster, client, 'old 2', 400));
  cluster.scheduler.runFor(120);
  cluster.leader = 2 as NodeId;
  wait(cluster, old);
  assert.ok(old.every(({ error }) => error?.code === 'deadlineExceeded'));
  isOld = false;
  const fresh = ['new 1', 'new 2', 'new 3'].map((text) => append(cluster, client, text));
  wait(cluster, fresh, 1500);
  cluster.leader = 1 as NodeId;
  cluster.scheduler.runFor(5000);
  assert.deepEqual(cluster.values('s'), ['warm', 'new 1', 'new 2', 'new 3']);
  assert.deepEqual(
    fresh.map(({ result }) => result?.offset),
    [1, 2, 3],
  );
  assert.equal(client.appendBytes, 0);
});

test('client: T63: one behind the head is refused for good while the head is on its way → the head is not told so', () => {
  const { cluster, client } = setUp(32);
  wait(cluster, [append(cluster, client, 'warm')]);
  let n = 0;
  cluster.node(1).script = (request) => {
    if (request.type !== 'append') return SERVE;
    n += 1;
    if (n === 1) return { do: 'late', ms: 60_000, when: 'before' };
    return n === 2 ? { do: 'refuse', error: new QuorateError('malformedFrame', 'not an append') } : SERVE;
  };
  const head = append(cluster, client, 'head');
  cluster.scheduler.runFor(0.1);
  const behind = append(cluster, client, 'behind');
  wait(cluster, [head, behind]);
  assert.deepEqual([head.result?.offset, behind.result?.offset], [1, 2]);
  assert.deepEqual(cluster.values('s'), ['warm', 'head', 'behind']);
});

test('client: a late refusal of a copy of an earlier generation → the copy under way is not disturbed', () => {
  const { cluster, client } = setUp(33, [1, 2, 3]);
  wait(cluster, [append(cluster, client, 'warm')]);
  const before = cluster.requestsOf('append');
  // The old leader wakes up and says that it leads no more, while the new one is about to answer.
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 500, when: 'after' } : SERVE);
  for (const id of [2, 3])
    cluster.node(id).script = (request) => (request.type === 'append' ? { do: 'late', ms: 200, when: 'before' } : SERVE);
  const outcome = append(cluster, client, 'a');
  cluster.scheduler.runFor(300);
  cluster.leader = 2 as NodeId;
  wait(cluster, [outcome]);
  assert.equal(outcome.result?.offset, 1);
  const copies = cluster.requestsOf('append') - before;
  assert.ok(copies <= 3, `${copies} copies: the stalled one, at most one to a follower, one to the leader`);
});
