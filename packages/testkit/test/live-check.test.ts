import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HistoryEvent, HistoryHeader } from '@quorate/checkers';
import { LiveCheck } from '@quorate/testkit';

const HEADER: HistoryHeader = {
  format: 'quorate-history',
  version: 1,
  source: 'test',
  objects: [
    { name: 'n', kind: 'counter' },
    { name: 's', kind: 'stream' },
  ],
};

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
  const check = new LiveCheck(HEADER, (message) => faults.push([at, message]));
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
  const check = new LiveCheck(HEADER, (message) => faults.push(message));
  for (const event of historyOf(['append', { values: ['a'] }, { offset: 0 }])) check.take(event);
  assert.deepEqual(faults, []);
  assert.match(check.finish().faults.join(), /\(loss\) of s .*was never read/s);
});
