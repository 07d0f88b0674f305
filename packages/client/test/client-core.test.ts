import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, type NodeId, QuorateError, formatAddress, fromUtf8, utf8 } from '@quorate/base';
import type { AppendResult, ClientCore, ReadBatch } from '@quorate/client';
import { addressOf, Outcome, SERVE, ScriptedCluster } from './scripted-cluster.js';

function append(
  cluster: ScriptedCluster,
  client: ClientCore,
  text: string | readonly string[],
  deadlineMs?: number,
): Outcome<AppendResult> & { cancel: () => void } {
  const outcome = new Outcome<AppendResult>(cluster.scheduler);
  const records = (typeof text === 'string' ? [text] : text).map(utf8);
  const pending = client.append('s', records, deadlineMs === undefined ? {} : { deadlineMs }, outcome.done);
  return Object.assign(outcome, { cancel: () => pending.cancel() });
}

function wait(cluster: ScriptedCluster, outcomes: readonly { settled: number }[], withinMs = 20_000): void {
  cluster.scheduler.runUntil(() => outcomes.every((outcome) => outcome.settled > 0), { withinMs, what: 'all calls settle' });
}

function setUp(seed: number, nodes: readonly number[] = [1], options = {}): { cluster: ScriptedCluster; client: ClientCore } {
  const cluster = new ScriptedCluster(seed);
  cluster.create('s');
  return { cluster, client: cluster.client(nodes, options) };
}

test('client: appends of one turn → one request, results in order, records stored in order', () => {
  const { cluster, client } = setUp(1);
  const outcomes = Array.from({ length: 100 }, (_, i) => append(cluster, client, `r${i}`));
  wait(cluster, outcomes);
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    Array.from({ length: 100 }, (_, i) => ({ offset: i, count: 1, lastOffset: i })),
  );
  assert.equal(cluster.requestsOf('append'), 1);
  assert.deepEqual(
    cluster.values('s'),
    Array.from({ length: 100 }, (_, i) => `r${i}`),
  );
  assert.equal(client.openCalls, 0);
  assert.equal(client.appendBytes, 0);
});

test('client: a follower asked first → redirected by its hint, the leader and all members learnt from it', () => {
  const { cluster, client } = setUp(2, [2]);
  const first = append(cluster, client, 'a');
  wait(cluster, [first]);
  assert.equal(first.error, null);
  assert.deepEqual(
    [...client.addresses].sort(),
    [1, 2, 3].map((id) => formatAddress(addressOf(id))),
  );
  const asked = cluster.node(2).requests.length;
  wait(cluster, [append(cluster, client, 'b')]);
  assert.equal(cluster.node(2).requests.length, asked, 'the leader is remembered');
});

test('client: T09: two nodes name each other as leader for ever → the true one is reached within a hop per node', () => {
  const { cluster, client } = setUp(3, [2]);
  cluster.node(2).hint = () => 3 as NodeId;
  cluster.node(3).hint = () => 2 as NodeId;
  const outcome = append(cluster, client, 'a');
  wait(cluster, [outcome], 2000);
  assert.equal(outcome.error, null);
  for (const type of ['findStream', 'append'] as const)
    assert.ok(cluster.requestsOf(type) <= 3, `${cluster.requestsOf(type)} hops of ${type}`);
});

test('client: T09: hints in a circle and no leader anywhere → pauses between rounds, then noLeader or unavailable at the deadline', () => {
  const { cluster, client } = setUp(4, [1, 2, 3]);
  for (const id of [1, 2, 3]) cluster.node(id).hint = () => ((id % 3) + 1) as NodeId;
  const outcome = append(cluster, client, 'a', 2000);
  wait(cluster, [outcome], 3000);
  assert.equal(outcome.error?.code, 'unavailable');
  assert.equal(outcome.error?.retry, 'safe');
  assert.ok(cluster.requestsOf('findStream') < 60, `${cluster.requestsOf('findStream')} requests in 2 s`);
});

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

test('client: the leader moves after it applied but did not answer → the new one gives the first answer', () => {
  const { cluster, client } = setUp(6);
  // It applies as leader, then the leader is another and the answer is lost.
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 60_000, when: 'before' } : SERVE);
  const outcome = append(cluster, client, 'a');
  cluster.scheduler.runFor(50);
  cluster.leader = 3 as NodeId;
  wait(cluster, [outcome], 1000);
  assert.equal(outcome.result?.offset, 0);
  assert.deepEqual(cluster.values('s'), ['a']);
});

test('client: the leader is stopped (SIGSTOP) and another takes over → appends go on within a second, none lost or doubled', () => {
  const { cluster, client } = setUp(7, [1, 2, 3]);
  wait(cluster, [append(cluster, client, 'warm')]);
  cluster.node(1).process.pause();
  const outcomes = ['a', 'b'].map((text) => append(cluster, client, text));
  const startMs = cluster.scheduler.nowMs;
  cluster.scheduler.runFor(300);
  cluster.leader = 2 as NodeId;
  wait(cluster, outcomes, 1000);
  assert.ok(cluster.scheduler.nowMs - startMs < 1000);
  const later = append(cluster, client, 'c');
  cluster.node(1).process.resume();
  wait(cluster, [later]);
  cluster.scheduler.runFor(1000);
  assert.deepEqual(cluster.values('s'), ['warm', 'a', 'b', 'c']);
});

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
    assert.match(error?.message ?? '', /10\.0\.0\.7:7400.*10\.0\.0\.8:7400/);
  }
});

test('client: refused with a safe error until its deadline, with later ones behind it → that error (safe), and it is never stored', () => {
  const { cluster, client } = setUp(11);
  let isFull = true;
  cluster.node(1).script = (request) =>
    request.type === 'append' && isFull ? { do: 'refuse', error: new QuorateError('diskFull', 'no space') } : SERVE;
  const first = append(cluster, client, 'first', 1000);
  cluster.scheduler.runFor(50);
  const second = append(cluster, client, 'second', 9000);
  wait(cluster, [first]);
  assert.equal(first.error?.code, 'diskFull');
  assert.equal(first.error?.retry, 'safe');
  isFull = false;
  wait(cluster, [second]);
  assert.deepEqual(cluster.values('s'), ['second']);
  assert.equal(client.appendBytes, 0);
});

test('client: order under pipelining, with refusals and lost answers in between → the order of the calls, once each', () => {
  const { cluster, client } = setUp(12, [1, 2, 3]);
  let n = 0;
  cluster.node(1).script = (request) => {
    if (request.type !== 'append') return SERVE;
    n += 1;
    if (n % 11 === 5) return { do: 'refuse', error: new QuorateError('overloaded', 'busy') };
    if (n % 17 === 3) return { do: 'cut', when: 'after' };
    if (n % 19 === 7) return { do: 'ignore' };
    return { do: 'late', ms: 2, when: 'before' };
  };
  const outcomes: Outcome<AppendResult>[] = [];
  for (let i = 0; i < 300; i++) {
    outcomes.push(append(cluster, client, `v${i}`, 60_000));
    cluster.scheduler.runFor(0.3);
  }
  wait(cluster, outcomes, 60_000);
  assert.deepEqual(
    cluster.values('s'),
    Array.from({ length: 300 }, (_, i) => `v${i}`),
  );
  outcomes.forEach(({ result, settled }, i) => {
    assert.equal(result?.offset, i);
    assert.equal(settled, 1);
  });
});

test('client: many turns before the first answer → a window of at most as many appends as a stream remembers', () => {
  const { cluster, client } = setUp(13);
  wait(cluster, [append(cluster, client, 'first')]);
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 200, when: 'before' } : SERVE);
  const before = cluster.requestsOf('append');
  const outcomes = Array.from({ length: 200 }, (_, i) => {
    const outcome = append(cluster, client, `v${i}`);
    cluster.scheduler.runFor(0.1);
    return outcome;
  });
  cluster.scheduler.runFor(100);
  assert.equal(cluster.requestsOf('append') - before, LIMITS.appendsPerProducer);
  wait(cluster, outcomes);
  assert.ok(cluster.requestsOf('append') - before < 70, 'what waited travels together');
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

test('client: a malformed answer → the connection is dropped, and the call is asked again', () => {
  const { cluster, client } = setUp(16);
  let n = 0;
  cluster.node(1).script = (request) => {
    n += 1;
    if (n === 1 || n === 3) return { do: 'garbage' };
    if (n === 4) return { do: 'answer', body: { type: 'transferred' } };
    return n === 5 && request.type === 'append' ? { do: 'answer', body: { type: 'appended', offset: 0, count: 7 } } : SERVE;
  };
  const outcome = append(cluster, client, 'a');
  wait(cluster, [outcome]);
  assert.equal(outcome.result?.offset, 0);
  assert.deepEqual(cluster.values('s'), ['a']);
  assert.ok(n >= 6);
  cluster.scheduler.runFor(100);
  assert.equal(cluster.node(1).connections.size, 1, 'the broken connections are gone');
});

test('client: T71: more calls or bytes than it may hold → overloaded (safe) at once; room comes back', () => {
  const { cluster, client } = setUp(17, [1], { callsMax: 10, appendBytesMax: 10_000 });
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 300, when: 'before' } : SERVE);
  const taken = Array.from({ length: 10 }, (_, i) => append(cluster, client, `${i}`));
  const refused = append(cluster, client, 'x');
  wait(cluster, [refused], 1);
  assert.equal(refused.error?.code, 'overloaded');
  wait(cluster, taken);
  const big = append(cluster, client, 'b'.repeat(9000));
  const tooMuch = append(cluster, client, 'c'.repeat(2000));
  wait(cluster, [tooMuch], 1);
  assert.equal(tooMuch.error?.code, 'overloaded');
  wait(cluster, [big]);
  assert.equal(big.error, null);
  const single = append(cluster, client, 'd'.repeat(20_000));
  wait(cluster, [single]);
  assert.equal(single.error, null, 'a single append is never too large for an idle client');
});

test('client: T77: closed with calls in every state → each settles exactly once; afterwards everything is closed', () => {
  const { cluster, client } = setUp(18);
  wait(cluster, [append(cluster, client, 'a')]);
  cluster.node(1).script = () => ({ do: 'late', ms: 500, when: 'before' });
  const sent = append(cluster, client, 'sent');
  const read = new Outcome<ReadBatch>(cluster.scheduler);
  client.read('s', { from: 0 }, read.done);
  const created = new Outcome<unknown>(cluster.scheduler);
  client.createStream('t', {}, created.done);
  cluster.scheduler.runFor(10);
  const unsent = new Outcome<AppendResult>(cluster.scheduler);
  client.append('u', [utf8('waits for the look-up of its stream')], {}, unsent.done);
  let closed = 0;
  client.close(() => closed++);
  client.close(() => closed++);
  const after = append(cluster, client, 'after');
  wait(cluster, [sent, read, created, unsent, after], 100);
  cluster.scheduler.runFor(20_000);
  assert.deepEqual(
    [sent, read, created, unsent, after].map(({ settled, error }) => [settled, error?.code]),
    [
      [1, 'aborted'],
      [1, 'closed'],
      [1, 'aborted'],
      [1, 'closed'],
      [1, 'closed'],
    ],
  );
  assert.equal(closed, 2);
  assert.equal(client.openCalls, 0);
  assert.equal(client.appendBytes, 0);
  assert.equal(cluster.network.openEnds, 0);
});

test('client: T77: cancelled before it was sent, while it flies, and after it settled → aborted once, never again', () => {
  const { cluster, client } = setUp(19);
  const early = append(cluster, client, 'early');
  early.cancel();
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 100, when: 'before' } : SERVE);
  const flying = append(cluster, client, 'flying');
  cluster.scheduler.runFor(50);
  flying.cancel();
  const kept = append(cluster, client, 'kept');
  wait(cluster, [kept]);
  kept.cancel();
  cluster.scheduler.runFor(2000);
  assert.deepEqual(
    [early, flying, kept].map(({ settled, error }) => [settled, error?.code]),
    [
      [1, 'aborted'],
      [1, 'aborted'],
      [1, undefined],
    ],
  );
  assert.deepEqual(cluster.values('s'), ['flying', 'kept'], 'what was cancelled before it was sent is not sent');
});

test('client: wrong cluster id → clusterMismatch at once; another cluster behind the second address → not mixed up', () => {
  const cluster = new ScriptedCluster(20);
  cluster.create('s');
  const wrong = cluster.client([1, 2, 3], { clusterId: 'ffffffffffffffff' as never });
  const outcome = append(cluster, wrong, 'a');
  wait(cluster, [outcome], 1000);
  assert.equal(outcome.error?.code, 'clusterMismatch');
});

test('client: a server of another protocol → protocolMismatch that says what it seems to speak', () => {
  const cluster = new ScriptedCluster(21);
  const process = cluster.scheduler.forNode('web');
  cluster.network.attach(process).listen(
    addressOf(9),
    (connection) => ({ data: () => connection.write(utf8('HTTP/1.1 400 Bad Request\r\n\r\n')), drain: () => {}, closed: () => {} }),
    () => {},
  );
  const outcome = append(cluster, cluster.client([9]), 'a');
  wait(cluster, [outcome], 1000);
  assert.equal(outcome.error?.code, 'protocolMismatch');
  assert.match(outcome.error?.message ?? '', /HTTP/);
});

test('client: bad input → a clear code, told later and once, and nothing is sent', () => {
  const { cluster, client } = setUp(22);
  const cases: [string, (done: Outcome<unknown>['done']) => void][] = [
    ['recordTooLarge', (done) => client.append('s', [new Uint8Array(LIMITS.recordBytesMax + 1)], {}, done)],
    ['invalidArgument', (done) => client.append('s', [], {}, done)],
    ['nameInvalid', (done) => client.append('a\u0000b', [utf8('x')], {}, done)],
    ['nameInvalid', (done) => client.createStream('x'.repeat(256), {}, done)],
    ['invalidArgument', (done) => client.read('s', { from: -1 }, done)],
    ['invalidArgument', (done) => client.read('s', { from: 0, maxRecords: 0 }, done)],
    ['invalidArgument', (done) => client.append('s', [utf8('x')], { deadlineMs: 0 }, done)],
    ['nameInvalid', (done) => client.listStreams({ prefix: 'p'.repeat(300) }, done)],
  ];
  for (const [code, start] of cases) {
    const outcome = new Outcome<unknown>(cluster.scheduler);
    start(outcome.done);
    assert.equal(outcome.settled, 0, 'never from within the call');
    cluster.scheduler.runFor(1);
    assert.equal(outcome.error?.code, code);
    assert.equal(outcome.settled, 1);
  }
  assert.equal(cluster.requestsOf('append') + cluster.requestsOf('findStream'), 0);
});

test('client: a stream that does not exist → streamNotFound for append, read and info; created later, it works', () => {
  const { cluster, client } = setUp(23);
  const missing = [
    new Outcome<unknown>(cluster.scheduler),
    new Outcome<unknown>(cluster.scheduler),
    new Outcome<unknown>(cluster.scheduler),
  ];
  client.append('t', [utf8('x')], {}, missing[0]!.done);
  client.read('t', { from: 0 }, missing[1]!.done);
  client.streamInfo('t', {}, missing[2]!.done);
  wait(cluster, missing, 1000);
  assert.deepEqual(
    missing.map(({ error }) => error?.code),
    ['streamNotFound', 'streamNotFound', 'streamNotFound'],
  );
  const outcomes = [new Outcome<unknown>(cluster.scheduler), new Outcome<unknown>(cluster.scheduler)];
  client.createStream('t', {}, outcomes[0]!.done);
  wait(cluster, outcomes.slice(0, 1));
  client.append('t', [utf8('x')], {}, outcomes[1]!.done);
  wait(cluster, outcomes);
  assert.deepEqual(
    outcomes.map(({ error }) => error),
    [null, null],
  );
});

test('client: a list too long for one batch → several, in order; offset of the first and the last', () => {
  const { cluster, client } = setUp(24);
  const texts = Array.from({ length: 20_000 }, (_, i) => `${i}`);
  const outcome = append(cluster, client, texts);
  wait(cluster, [outcome]);
  assert.deepEqual(outcome.result, { offset: 0, count: 20_000, lastOffset: 19_999 });
  assert.deepEqual(cluster.values('s'), texts);
});

test('client: a node whose disk is broken among sound ones → another node serves; all broken → diskFailed', () => {
  const { cluster, client } = setUp(25, [1, 2, 3]);
  const broken = new QuorateError('diskFailed', 'the disk failed');
  cluster.node(1).script = () => ({ do: 'refuse', error: broken });
  cluster.leader = 2 as NodeId;
  const served = append(cluster, client, 'a');
  wait(cluster, [served]);
  assert.equal(served.error, null);
  for (const node of cluster.nodes) node.script = () => ({ do: 'refuse', error: broken });
  const failed = new Outcome<unknown>(cluster.scheduler);
  client.streamInfo('s', {}, failed.done);
  wait(cluster, [failed], 1000);
  assert.equal(failed.error?.code, 'diskFailed');
});
