import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type GroupId, type NodeId, QuorateError, utf8 } from '@quorate/base';
import type { AppendResult, ReadBatch } from '@quorate/client';
import { append, setUp, wait } from './client-calls.js';
import { Outcome, SERVE } from './scripted-cluster.js';

test('client: T71: its calls fill it up while the name of a stream is looked up → the call that looked it up goes on, nothing is thrown', () => {
  const { cluster, client } = setUp(41, [1], { callsMax: 2 });
  cluster.create('t');
  const read = new Outcome<ReadBatch>(cluster.scheduler);
  client.read('s', { from: 0 }, read.done);
  // Two calls wait, and with the look-up for the append three requests.
  const appended = new Outcome<AppendResult>(cluster.scheduler);
  client.append('t', [utf8('x')], {}, appended.done);
  wait(cluster, [read, appended], 1000);
  assert.deepEqual([read.error, appended.error], [null, null]);
});

test('client: 8192 small appends refused by a full disk until their deadline → all end as not done, with the work of one pass over them', () => {
  const { cluster, client } = setUp(42);
  wait(cluster, [append(cluster, client, 'warm')]);
  let isFull = true;
  cluster.node(1).script = (request) =>
    request.type === 'append' && isFull ? { do: 'refuse', error: new QuorateError('diskFull', 'no space') } : SERVE;
  const kept = append(cluster, client, 'first', 60_000);
  const expiring = Array.from({ length: 8000 }, () => append(cluster, client, 'x'.repeat(100), 500));
  const last = append(cluster, client, 'last', 60_000);
  cluster.scheduler.runFor(400);
  const before = process.cpuUsage();
  wait(cluster, expiring, 200);
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 2_000_000, `${(user + system) / 1e6} s of CPU`);
  assert.ok(expiring.every(({ error, settled }) => error?.code === 'diskFull' && settled === 1));
  isFull = false;
  wait(cluster, [kept, last]);
  assert.deepEqual(cluster.values('s'), ['warm', 'first', 'last']);
  assert.equal(client.appendBytes, 0);
});

test('client: statuses of more addresses than it keeps were asked for → overloaded for the next such one, streams still work', () => {
  const { cluster, client } = setUp(43);
  const asked = Array.from({ length: 600 }, (_, i) => {
    const outcome = new Outcome<unknown>(cluster.scheduler);
    client.status({ address: { host: `192.168.${i >> 8}.${i & 255}`, port: 7400 }, deadlineMs: 50 }, outcome.done);
    return outcome;
  });
  wait(cluster, asked, 1000);
  assert.equal(asked.at(-1)?.error?.code, 'overloaded');
  const appended = append(cluster, client, 'x');
  wait(cluster, [appended], 1000);
  assert.equal(appended.error, null);
});

test('client: numbers that no frame can carry, before the first connection stands → invalidArgument, nothing is thrown', () => {
  const { cluster, client } = setUp(44);
  for (const [group, to] of [
    [-1, 0],
    [2 ** 32, 0],
    [Number.NaN, 0],
    [1.5, 0],
    [1, 70_000],
    [1, -1],
  ] as const) {
    const outcome = new Outcome<unknown>(cluster.scheduler);
    client.transferLeader(group as GroupId, to as NodeId, { deadlineMs: 500 }, outcome.done);
    wait(cluster, [outcome], 600);
    assert.equal(outcome.error?.code, 'invalidArgument', `${group}, ${to}`);
  }
});
