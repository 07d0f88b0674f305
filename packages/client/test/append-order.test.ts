import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS, QuorateError } from '@quorate/base';
import type { AppendResult } from '@quorate/client';
import { type Outcome, SERVE } from './scripted-cluster.js';
import { append, setUp, wait } from './client-calls.js';

test('client: appends of one turn → one request, results in order, records stored in order', () => {
  const { cluster, client } = setUp(1);
  const outcomes = Array.from({ length: 100 }, (_, i) => append(cluster, client, `r${i}`));
  wait(cluster, outcomes);
  assert.deepEqual(
    outcomes.map(({ result }) => result),
    Array.from({ length: 100 }, (_, i) => ({ offset: i, count: 1, lastOffset: i })),
  );
  const toLeader = cluster.node(1).requests.filter(({ type }) => type === 'append');
  assert.equal(toLeader.length, 1);
  assert.deepEqual(
    cluster.values('s'),
    Array.from({ length: 100 }, (_, i) => `r${i}`),
  );
  assert.equal(client.openCalls, 0);
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

test('client: a list too long for one batch → several, in order; offset of the first and the last', () => {
  const { cluster, client } = setUp(24);
  const texts = Array.from({ length: 20_000 }, (_, i) => `${i}`);
  const outcome = append(cluster, client, texts);
  wait(cluster, [outcome]);
  assert.deepEqual(outcome.result, { offset: 0, count: 20_000, lastOffset: 19_999 });
  assert.deepEqual(cluster.values('s'), texts);
});
