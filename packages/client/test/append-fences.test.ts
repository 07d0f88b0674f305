import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, QuorateError, groupId } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import { type AppendHeader, checkAppendPayload } from '@quorate/streams';
import { append, setUp, wait } from './client-calls.js';
import { SERVE, type ScriptedCluster } from './scripted-cluster.js';

const OTHER_PRODUCER = 'eeeeeeeeeeeeeeee';

function token(index: number): Fence {
  return { group: groupId(1), resource: 5, token: { epoch: 1, index } };
}

/** The headers of all copies that node 1, which leads, was sent. */
function copies(cluster: ScriptedCluster): AppendHeader[] {
  return cluster.node(1).requests.flatMap((request) => (request.type === 'append' ? [checkAppendPayload(request.payload)] : []));
}

const codes = (outcomes: readonly ReturnType<typeof append>[]): (string | number | undefined)[] =>
  outcomes.map(({ error, result }) => error?.code ?? result?.offset);

test('client: appends of one turn under several fences → a payload for each run of one fence; refused ones end as fenced (never), the others are stored in order', () => {
  const { cluster, client } = setUp(1);
  cluster.appendAs('s', OTHER_PRODUCER, 'newer', token(20));
  const fences = [undefined, token(10), token(10), token(20), token(30), token(20), undefined];
  const outcomes = fences.map((fence, at) => append(cluster, client, `${at}`, undefined, fence));
  wait(cluster, outcomes);
  assert.deepEqual(codes(outcomes), [1, 'fenced', 'fenced', 2, 3, 'fenced', 4]);
  assert.deepEqual(cluster.values('s'), ['newer', '0', '3', '4', '6']);
  assert.equal(outcomes[1]?.error?.retry, 'never');
  assert.equal(outcomes[1]?.error?.details['seenIndex'], 20);
  const sent = copies(cluster);
  assert.deepEqual(
    sent.map(({ firstNumber, count, fence }) => [firstNumber, count, fence?.token.index]),
    [
      [0, 1, undefined],
      [1, 2, 10],
      [3, 1, 20],
      [4, 1, 30],
      [5, 1, 20],
      [6, 1, undefined],
    ],
  );
  assert.equal(new Set(sent.map(({ producer, epoch }) => `${producer}/${epoch}`)).size, 1, 'a refusal costs no new producer');
  assert.deepEqual([client.openCalls, client.appendBytes], [0, 0]);
});

test('client: T63: stored, the answer lost, a newer token seen meanwhile → the resend gets the old answer', () => {
  const { cluster, client } = setUp(2);
  let cuts = 0;
  cluster.node(1).script = (request) => {
    if (request.type !== 'append' || cuts++ > 0) return SERVE;
    cluster.node(1).process.timers.set(1, () => cluster.appendAs('s', OTHER_PRODUCER, 'newer', token(20)));
    return { do: 'cut', when: 'after' };
  };
  const outcome = append(cluster, client, 'old', undefined, token(10));
  wait(cluster, [outcome]);
  assert.deepEqual(codes([outcome]), [0]);
  assert.deepEqual(cluster.values('s'), ['old', 'newer']);
  assert.ok(copies(cluster).length >= 2);
});

test('client: T63: refused, the answer lost → the resend is refused the same; what was behind it is stored under the same producer', () => {
  const { cluster, client } = setUp(3);
  cluster.appendAs('s', OTHER_PRODUCER, 'newer', token(20));
  let cuts = 0;
  cluster.node(1).script = (request) => (request.type === 'append' && cuts++ < 2 ? { do: 'cut', when: 'after' } : SERVE);
  const outcomes = [append(cluster, client, 'late', undefined, token(10)), append(cluster, client, 'free')];
  wait(cluster, outcomes);
  assert.deepEqual(codes(outcomes), ['fenced', 1]);
  assert.deepEqual(cluster.values('s'), ['newer', 'free']);
  assert.equal(new Set(copies(cluster).map(({ producer, epoch }) => `${producer}/${epoch}`)).size, 1);
});

test('client: a refusal of an older copy comes while the next copy is under way → it counts: settled once, later appends go on', () => {
  const { cluster, client } = setUp(4);
  cluster.appendAs('s', OTHER_PRODUCER, 'newer', token(20));
  let count = 0;
  cluster.node(1).script = (request) =>
    request.type !== 'append' ? SERVE : count++ === 0 ? { do: 'late', ms: 600, when: 'before' } : { do: 'ignore' };
  const late = append(cluster, client, 'late', undefined, token(10));
  wait(cluster, [late], 1500);
  assert.deepEqual([late.settled, late.error?.code], [1, 'fenced']);
  cluster.node(1).script = () => SERVE;
  const next = append(cluster, client, 'next', undefined, token(20));
  wait(cluster, [next]);
  assert.deepEqual(cluster.values('s'), ['newer', 'next']);
  assert.deepEqual([late.settled, client.appendBytes], [1, 0]);
});

test('client: T63: a fenced append ends without an outcome, the next holder writes, then its copy arrives → never stored', () => {
  const { cluster, client } = setUp(5);
  let count = 0;
  cluster.node(1).script = (request) =>
    request.type !== 'append' ? SERVE : count++ === 0 ? { do: 'late', ms: 3000, when: 'after' } : { do: 'ignore' };
  const lost = append(cluster, client, 'late', 1000, token(10));
  wait(cluster, [lost]);
  assert.equal(lost.error?.code, 'deadlineExceeded');
  cluster.appendAs('s', OTHER_PRODUCER, 'newer', token(20));
  cluster.scheduler.runFor(5000);
  assert.deepEqual(cluster.values('s'), ['newer']);
});

test('client: a list too long for one payload under an old fence → fenced, none of it stored; nothing is left over', () => {
  const { cluster, client } = setUp(6);
  cluster.appendAs('s', OTHER_PRODUCER, 'newer', token(20));
  const long = append(
    cluster,
    client,
    Array.from({ length: LIMITS.batchRecordsMax + 10 }, (_, at) => `${at}`),
    undefined,
    token(10),
  );
  const next = append(cluster, client, 'next');
  wait(cluster, [long, next]);
  assert.deepEqual(codes([long, next]), ['fenced', 1]);
  cluster.scheduler.runFor(1000);
  assert.deepEqual(cluster.values('s'), ['newer', 'next']);
  assert.deepEqual([client.openCalls, client.appendBytes], [0, 0]);
});

test('client: the first payload of a long list is refused for good while the others are under way → nothing of it is stored later; who comes behind is', () => {
  const { cluster, client } = setUp(9);
  const first = append(cluster, client, 'first');
  wait(cluster, [first]);
  let count = 0;
  cluster.node(1).script = (request) =>
    request.type === 'append' && count++ === 0 ? { do: 'refuse', error: new QuorateError('kindMismatch', 'no locks there') } : SERVE;
  const list = Array.from({ length: 2 * LIMITS.batchRecordsMax + 10 }, (_, at) => `${at}`);
  const long = append(cluster, client, list, undefined, token(10));
  const next = append(cluster, client, 'next');
  wait(cluster, [long, next]);
  cluster.scheduler.runFor(1000);
  assert.deepEqual(codes([long, next]), ['kindMismatch', 1]);
  assert.ok(count > 3, 'all of them were on their way');
  assert.deepEqual(cluster.values('s'), ['first', 'next']);
  assert.deepEqual([client.openCalls, client.appendBytes], [0, 0]);
});

test('client: one of two calls in a fenced payload ends at its deadline before it was taken → the other is stored, still under its fence', () => {
  const { cluster, client } = setUp(8);
  let isFull = true;
  cluster.node(1).script = (request) =>
    request.type === 'append' && isFull ? { do: 'refuse', error: new QuorateError('diskFull', 'no space') } : SERVE;
  const outcomes = [append(cluster, client, 'short', 500, token(10)), append(cluster, client, 'long', 9000, token(10))];
  wait(cluster, outcomes.slice(0, 1));
  isFull = false;
  wait(cluster, outcomes);
  assert.deepEqual(codes(outcomes), ['diskFull', 0]);
  assert.deepEqual(cluster.values('s'), ['long']);
  const { fence, count } = copies(cluster).at(-1) as AppendHeader;
  assert.deepEqual([fence, count], [token(10), 1]);
});

test('client: the fence changed by its caller after the call → the one of the call counts; no fence at all → invalidArgument, nothing is sent', () => {
  const { cluster, client } = setUp(7);
  const given = { group: groupId(1), resource: 5, token: { epoch: 1, index: 10 } };
  const outcome = append(cluster, client, 'a', undefined, given);
  given.token.index = 99;
  wait(cluster, [outcome]);
  assert.deepEqual(
    copies(cluster).map(({ fence }) => fence?.token.index),
    [10],
  );
  for (const bad of ['1.10', { ...token(1), resource: 0 }, { ...token(1), token: { epoch: 1, index: -1 } }, {}]) {
    const refused = append(cluster, client, 'b', undefined, bad as Fence);
    wait(cluster, [refused]);
    assert.equal(refused.error?.code, 'invalidArgument', JSON.stringify(bad));
    assert.match(refused.error?.message ?? '', /^fence/);
  }
  assert.equal(copies(cluster).length, 1);
  assert.deepEqual([client.openCalls, client.appendBytes], [0, 0]);
});
