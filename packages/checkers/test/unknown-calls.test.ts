import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Call, CallTracker } from '@quorate/checkers';
import { NONE_USED, UnknownCalls, type UsedCalls, isAtMost, using } from '../dist/linearizability/unknown-calls.js';
import { Script } from './script.js';

function additions(...deltas: number[]): Call[] {
  const script = new Script({ name: 'n', kind: 'counter' });
  for (const [process, delta] of deltas.entries()) script.invoke(process, 'add', { delta }).info(process);
  const calls: Call[] = [];
  const tracker = new CallTracker(script.header, { invoked: (call) => calls.push(call) });
  for (const event of script.events) tracker.take(event);
  return calls;
}

test('unknown calls: equal ones → one class, available as often as they were called', () => {
  const unknown = new UnknownCalls();
  for (const call of additions(1, 1, 2)) unknown.add(call);
  assert.equal(unknown.size, 2);
  const [one, two] = [...unknown.available(NONE_USED)] as [number, number];
  assert.deepEqual([...unknown.available(using(NONE_USED, two))], [one]);
  assert.deepEqual([...unknown.available(using(using(NONE_USED, one), one))], [two]);
});

test('unknown calls: what every past used → forgotten, with its class once nothing is left; the rest stays with the pasts', () => {
  const unknown = new UnknownCalls();
  for (const call of additions(1, 1, 2, 3)) unknown.add(call);
  const [one, two] = [...unknown.available(NONE_USED)] as [number, number];
  const pasts: { used: UsedCalls }[] = [
    { used: using(using(NONE_USED, one), two) },
    { used: using(using(using(NONE_USED, one), one), two) },
  ];
  unknown.settle(pasts);
  assert.equal(unknown.size, 2);
  assert.deepEqual(pasts, [{ used: NONE_USED }, { used: using(NONE_USED, one) }]);
  unknown.settle([{ used: using(NONE_USED, one) }]);
  assert.equal(unknown.size, 1);
});

test('unknown calls: a past that used less → can do all that one that used more can', () => {
  assert.ok(isAtMost(NONE_USED, using(NONE_USED, 1)));
  assert.ok(isAtMost(using(NONE_USED, 1), using(using(NONE_USED, 0), 1)));
  assert.ok(!isAtMost(using(NONE_USED, 1), using(NONE_USED, 2)));
  assert.ok(!isAtMost(using(using(NONE_USED, 1), 1), using(using(NONE_USED, 1), 2)));
});

test('unknown calls: ten thousand of which half happened → judged with few pasts, without going back over all of them', () => {
  const script = new Script({ name: 'n', kind: 'counter' });
  let value = 0;
  for (let round = 0; round < 10_000; round++) {
    script.invoke(0, 'add', { delta: 1 }).info(0);
    if (round % 2 === 0) value++;
    script.call(1, 'get', {}, value);
  }
  const verdict = script.verdict();
  assert.ok(verdict.ok, verdict.problems[0]?.text ?? '');
  assert.equal(verdict.stats['linearizability.pastsMost'], 1);
});
