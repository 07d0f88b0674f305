import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import type { ReadBatch } from '@quorate/client';
import { append, setUp, wait } from './client-calls.js';
import { Outcome, SERVE } from './scripted-cluster.js';

test('client: an answer that comes after another node was asked → it still counts', () => {
  const { cluster, client } = setUp(81, [1, 2, 3]);
  wait(cluster, [append(cluster, client, 'a')]);
  cluster.node(1).script = (request) => (request.type === 'readStream' ? { do: 'late', ms: 900, when: 'before' } : SERVE);
  const read = new Outcome<ReadBatch>(cluster.scheduler);
  client.read('s', { from: 0, deadlineMs: 1500 }, read.done);
  wait(cluster, [read]);
  assert.equal(read.error, null);
  assert.equal(read.result?.records.length, 1);
  cluster.scheduler.runFor(5000);
  assert.equal(read.settled, 1);
});

test('client: T74: a node that answers a long queue of reads one by one → nobody asks again while it talks, all are answered', () => {
  const { cluster, client } = setUp(82);
  wait(cluster, [append(cluster, client, 'a')]);
  let queue = 0;
  for (const node of cluster.nodes) {
    node.script = (request) => (request.type === 'readStream' ? { do: 'late', ms: 100 * ++queue, when: 'before' } : SERVE);
  }
  const reads = Array.from({ length: 20 }, () => {
    const read = new Outcome<ReadBatch>(cluster.scheduler);
    client.read('s', { from: 0 }, read.done);
    return read;
  });
  wait(cluster, reads);
  assert.ok(reads.every(({ error }) => error === null));
  assert.equal(queue, 20);
});

test('client: a late refusal of a copy that was given up, and a lost connection under another → the call goes on', () => {
  const { cluster, client } = setUp(83, [1, 2, 3]);
  wait(cluster, [append(cluster, client, 'a')]);
  let n = 0;
  cluster.node(1).script = (request) => {
    if (request.type !== 'readStream') return SERVE;
    n += 1;
    if (n === 1) return { do: 'ignore' };
    return n === 2 ? { do: 'cut', when: 'before' } : SERVE;
  };
  const read = new Outcome<ReadBatch>(cluster.scheduler);
  client.read('s', { from: 0 }, read.done);
  wait(cluster, [read]);
  assert.equal(read.error, null);
  cluster.node(1).script = (request) =>
    request.type === 'streamInfo' ? { do: 'refuse', error: new QuorateError('groupStopped', 'stopped') } : SERVE;
  const info = new Outcome<unknown>(cluster.scheduler);
  client.streamInfo('s', { deadlineMs: 1000 }, info.done);
  wait(cluster, [info]);
  assert.equal(info.error?.retry, 'safe');
});

test('client: a node answers everything but one read, which it lost → that read is asked again before its deadline', () => {
  const { cluster, client } = setUp(84);
  wait(cluster, [append(cluster, client, 'a')]);
  let reads = 0;
  cluster.node(1).script = (request) => (request.type === 'readStream' && ++reads === 1 ? { do: 'ignore' } : SERVE);
  const read = new Outcome<ReadBatch>(cluster.scheduler);
  client.read('s', { from: 0, deadlineMs: 5000 }, read.done);
  for (let ms = 0; ms < 5000 && read.settled === 0; ms += 50) {
    client.streamInfo('s', {}, () => {});
    cluster.scheduler.runFor(50);
  }
  assert.equal(read.settled, 1);
  assert.equal(read.error, null);
});

test('client: T74: appends that waited and would not be answered in time → overloaded, not sent; those with time are', () => {
  const { cluster, client } = setUp(85, [1], { stallMs: 10_000 });
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 1000, when: 'before' } : SERVE);
  const of = (name: string): string => name.repeat(60_000);
  const first = append(cluster, client, of('a'), 60_000);
  cluster.scheduler.runFor(100);
  // Until the first answer nothing else goes out; then this, as nothing is on its way.
  const next = append(cluster, client, of('b'), 1500);
  const late = append(cluster, client, of('c'), 1500);
  const patient = append(cluster, client, of('d'), 60_000);
  cluster.scheduler.runUntil(() => first.settled === 1, { withinMs: 3000, what: 'the first answer' });
  cluster.scheduler.runFor(1);
  assert.equal(late.error?.code, 'overloaded');
  assert.equal(late.error.retry, 'safe');
  wait(cluster, [next, patient], 20_000);
  assert.equal(next.error?.code, 'deadlineExceeded');
  assert.equal(patient.error, null);
  cluster.scheduler.runFor(10_000);
  assert.deepEqual(
    cluster.values('s').map(([name]) => name),
    ['a', 'b', 'd'],
  );
  assert.equal(client.appendBytes, 0);
});

test('client: T74: a list of which a part is on its way → the rest goes out, too, also if it will be late: it is not told as not done', () => {
  const { cluster, client } = setUp(86, [1]);
  const list = Array<string>(16).fill('x'.repeat(1_000_000));
  wait(cluster, [append(cluster, client, list, 60_000)]);
  wait(cluster, [append(cluster, client, list, 60_000)]);
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 300, when: 'before' } : SERVE);
  const late = append(cluster, client, list, 700);
  wait(cluster, [late]);
  assert.equal(late.error?.code, 'deadlineExceeded');
  cluster.scheduler.runFor(5000);
  assert.equal(cluster.values('s').length, 48);
});

test('client: T74: a node that needs 600 ms for each append → each but the first is sent once', () => {
  const { cluster, client } = setUp(87);
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 600, when: 'before' } : SERVE);
  wait(cluster, [append(cluster, client, 'first')]);
  const before = cluster.requestsOf('append');
  for (let n = 0; n < 5; n++) wait(cluster, [append(cluster, client, `${n}`)]);
  assert.equal(cluster.requestsOf('append') - before, 5);
});
