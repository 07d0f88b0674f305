import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryEvent, HistoryHeader } from '@quorate/checkers';
import { LiveCheck, SimCluster, SimulationFault } from '@quorate/testkit';
import { STREAM, append, ready } from './ready-cluster.js';

const HEADER: HistoryHeader = { format: 'quorate-history', version: 1, source: 'test', objects: [{ name: 'counter/c', kind: 'counter' }] };

const COUNTER_AND_STREAM: HistoryHeader = {
  ...HEADER,
  objects: [
    { name: 'n', kind: 'counter' },
    { name: 's', kind: 'stream' },
  ],
};

function called(process: number, timeMs: number, value: number): HistoryEvent[] {
  return [
    { type: 'invoke', timeMs, process, client: `c${process}`, object: 'counter/c', op: 'add', args: { delta: 1 } },
    { type: 'ok', timeMs, process, result: value },
  ];
}

/** Calls one after the other, of one process; `s` takes `append`, `n` the others. */
function historyOf(...calls: readonly (readonly [op: string, args: object, result: unknown])[]): HistoryEvent[] {
  return calls.flatMap(([op, args, result], at): HistoryEvent[] => [
    { type: 'invoke', timeMs: at, process: 0, object: op === 'append' ? 's' : 'n', op, args } as HistoryEvent,
    { type: 'ok', timeMs: at, process: 0, result } as HistoryEvent,
  ]);
}

test('live check: an answer in the middle of a run is wrong → told with that event, once, and the rest is judged too', () => {
  const faults: [at: number, message: string][] = [];
  let at = 0;
  const check = new LiveCheck(COUNTER_AND_STREAM, (message) => faults.push([at, message]));
  const events = historyOf(
    ['add', { delta: 1 }, 1],
    ['get', {}, 5],
    ['append', { values: ['a'] }, { offset: 4 }],
    ['append', { values: ['b'] }, { offset: 3 }],
  );
  for (const event of events) {
    at++;
    check.take(event);
  }
  assert.deepEqual(
    faults.map(([when]) => when),
    [4],
  );
  assert.match(faults[0]?.[1] ?? '', /violation \(linearizability\) of n at line 5 of the history: no order of the calls/);
  const { faults: all, judged } = check.finish();
  assert.ok(
    all.some((fault) => fault.includes('(appendOrder) of s')),
    all.join('\n'),
  );
  assert.equal(judged['calls'], 4);
});

test('live check: what only the end shows is wrong, a record that nobody read → told by finish, nothing before', () => {
  const faults: string[] = [];
  const check = new LiveCheck(COUNTER_AND_STREAM, (message) => faults.push(message));
  for (const event of historyOf(['append', { values: ['a'] }, { offset: 0 }])) check.take(event);
  assert.deepEqual(faults, []);
  assert.match(check.finish().faults.join(), /\(loss\) of s .*was never read/s);
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
