import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryEvent, HistoryHeader } from '@quorate/checkers';
import { LiveCheck, SimCluster, SimulationFault } from '@quorate/testkit';
import { STREAM, append, ready } from './ready-cluster.js';

const HEADER: HistoryHeader = { format: 'quorate-history', version: 1, source: 'test', objects: [{ name: 'counter/c', kind: 'counter' }] };

function called(process: number, timeMs: number, value: number): HistoryEvent[] {
  return [
    { type: 'invoke', timeMs, process, client: `c${process}`, object: 'counter/c', op: 'add', args: { delta: 1 } },
    { type: 'ok', timeMs, process, result: value },
  ];
}

test('live check: a history goes wrong in the middle → told once, with rule and object, at the first event that shows it', () => {
  const told: string[] = [];
  const check = new LiveCheck(HEADER, (fault) => told.push(fault));
  const events = [1, 2, 2, 2].flatMap((value, at) => called(at, at, value));
  const toldAfter = events.map((event) => {
    check.take(event);
    return told.length;
  });
  assert.equal(told.length, 1);
  assert.ok(toldAfter.indexOf(1) <= 6, `told after ${toldAfter.indexOf(1)} events`);
  assert.match(told[0] ?? '', /^violation \(\w+\) of counter\/c at line \d+ of the history: /);
  assert.ok(check.finish().faults.length > 0);
});

test('live check: a good history → nothing is told, and what each rule judged is counted', () => {
  const check = new LiveCheck(HEADER, assert.fail);
  for (const event of [1, 2, 3].flatMap((value, at) => called(at, at, value))) check.take(event);
  const { faults, judged } = check.finish();
  assert.deepEqual(faults, []);
  assert.equal(judged['calls'], 3);
});

test('cluster: an append is told of that stands nowhere → the check of its history finds the loss, judged while it is made or afterwards', () => {
  for (const isLive of [true, false]) {
    const setup = ready(1);
    const { cluster } = setup;
    cluster.history.recorder.declare({ name: `stream/${STREAM}`, kind: 'stream' });
    if (isLive) cluster.judge();
    append(setup);
    const invented = cluster.history.beginAppend({ client: 'liar', stream: STREAM, values: ['nothing'], nowMs: cluster.scheduler.nowMs });
    cluster.history.endAppend(invented, cluster.scheduler.nowMs, null, 1);
    assert.throws(
      () => cluster.check([STREAM]),
      (error: unknown) => error instanceof SimulationFault && /loss/.test(error.message),
    );
  }
});

test('T77: a call that is settled twice, or never → the check of its history says so', () => {
  const twice = ready(1);
  append(twice);
  const [first] = twice.cluster.history.appends;
  assert.ok(first !== undefined);
  twice.cluster.history.endAppend(first, 0, null, first.offset);
  assert.throws(() => twice.cluster.check([STREAM]), /T77: append of client to orders settled 2 times/);
  const never = new SimCluster({ seed: 1, nodes: 1 });
  never.startAll();
  never.history.beginRead({ client: 'client', stream: STREAM, fromOffset: 0 });
  assert.throws(() => never.check([], 100), /T77: 1 open calls settle/);
});
