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

/** A key that is written by 200 calls of which nobody knows, between answers that tell only that something was written or removed. */
function manyWays(lastVersion: number): Script {
  const script = new Script({ name: 'm', kind: 'map' });
  let version = 1;
  script.call(0, 'set', { key: 'k', value: 'v0' }, { version, previousVersion: null });
  for (let round = 1; round <= 100; round++) {
    script.invoke(1, 'set', { key: 'k', value: `a${round}`, ttlMs: 5 }).info(1);
    script.invoke(1, 'setIfAbsent', { key: 'k', value: `b${round}`, ttlMs: 5 }).info(1);
    version += 2;
    // Something was written at the version before; what of all that, nobody was told.
    script.invoke(2, 'setIfAbsent', { key: 'k', value: `c${round}` });
    script.call(0, 'set', { key: 'k', value: `d${round}` }, { version, previousVersion: version - 1 });
    script.ok(2, { isSet: false, version: version - 1 });
  }
  return script.call(0, 'get', { key: 'k' }, { value: 'd100', version: lastVersion });
}

test('unknown calls: a key with 200 unknown writes, any of which may be what was met → one past, judged in no time', () => {
  const verdict = manyWays(201).verdict();
  assert.deepEqual(
    verdict.problems.filter(({ rule }) => rule === 'linearizability'),
    [],
  );
  assert.ok((verdict.stats['linearizability.pastsMost'] ?? 99) <= 2, JSON.stringify(verdict.stats));
});

test('unknown calls: the same, but the last answer has an old version → found, not given up', () => {
  const { problems } = manyWays(199).verdict();
  assert.deepEqual(
    problems.filter(({ rule }) => rule === 'linearizability').map(({ type }) => type),
    ['violation'],
  );
});
