import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_GROUP, LIMITS, QuorateError, utf8 } from '@quorate/base';
import type { AppendResult, ReadBatch } from '@quorate/client';
import { Outcome, SERVE } from './scripted-cluster.js';
import { append, setUp, wait } from './client-calls.js';

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

test('client: T77: failed with calls in every state → each settles once at once, with that error or unknown because of it; so do later ones', () => {
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
  const failure = new QuorateError('diskFailed', 'the disk of the only node failed');
  client.fail(failure);
  client.fail(new QuorateError('invariantBroken', 'too late'));
  const after = append(cluster, client, 'after');
  assert.throws(() => client.sessions(DEFAULT_GROUP), failure);
  wait(cluster, [sent, read, created, unsent, after], 1);
  cluster.scheduler.runFor(20_000);
  assert.deepEqual(
    [sent, read, created, unsent, after].map(({ settled, error }) => [
      settled,
      error?.retry,
      error === failure || error?.cause === failure,
    ]),
    [
      [1, 'unknown', true],
      [1, 'never', true],
      [1, 'unknown', true],
      [1, 'never', true],
      [1, 'never', true],
    ],
  );
  assert.equal(client.appendBytes, 0);
  assert.equal(cluster.network.openEnds, 0);
  let closed = 0;
  client.close(() => closed++);
  cluster.scheduler.runFor(1);
  assert.equal(closed, 1);
});

test('client: other calls given up → cancelled if nothing was sent or it reads, aborted if it may have changed something', () => {
  const { cluster, client } = setUp(37);
  const ends: string[] = [];
  const told = (what: string) => (error: QuorateError | null) => ends.push(`${what} ${error?.code} ${error?.retry}`);
  client.createStream('unsent', {}, told('unsent')).cancel();
  cluster.node(1).script = () => ({ do: 'late', ms: 1000, when: 'before' });
  const sent = client.createStream('sent', {}, told('sent'));
  const read = client.listStreams({}, told('read'));
  cluster.scheduler.runFor(50);
  sent.cancel();
  read.cancel();
  cluster.scheduler.runFor(5000);
  assert.deepEqual(ends, ['unsent cancelled never', 'sent aborted unknown', 'read cancelled never']);
  cluster.node(1).script = () => SERVE;
  const listed = new Outcome<{ readonly streams: readonly { readonly name: string }[] }>(cluster.scheduler);
  client.listStreams({}, listed.done);
  wait(cluster, [listed]);
  assert.deepEqual(
    listed.result?.streams.map(({ name }) => name),
    ['s', 'sent'],
  );
});

test('client: T77: cancelled before it was sent, while it flies, and after it settled → cancelled, aborted, nothing; never again', () => {
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
      [1, 'cancelled'],
      [1, 'aborted'],
      [1, undefined],
    ],
  );
  assert.deepEqual(cluster.values('s'), ['flying', 'kept'], 'what was cancelled before it was sent is not sent');
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
