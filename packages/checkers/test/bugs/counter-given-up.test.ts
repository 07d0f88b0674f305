import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Script } from '../script.js';

// Found by seed 2512793286 of the simulation: the checker gave up on a counter that many calls added to at once, behind some of unknown outcome: it tried
// them in every order.

/** A hundred additions that are open at once and are answered backwards, with three before them of which nobody knows. */
function longChain(): Script {
  const script = new Script({ name: 'n', kind: 'counter' });
  for (let process = 100; process < 103; process++) script.invoke(process, 'add', { delta: 1 }).info(process);
  for (let process = 0; process < 100; process++) script.invoke(process, 'add', { delta: 1 });
  for (let process = 99; process >= 0; process--) script.ok(process, process < 50 ? process + 2 : process + 4);
  return script;
}

test('counter: a hundred additions open at once, unknown ones anywhere between → the sums say in which order they were; not given up', () => {
  const verdict = longChain().call(0, 'get', {}, 103).verdict();
  assert.deepEqual(verdict.problems, []);
});

test('counter: the same additions, one sum that was never → found, not given up', () => {
  const { problems } = longChain().call(0, 'get', {}, 104).verdict();
  assert.deepEqual(
    problems.map(({ type }) => type),
    ['violation'],
  );
});

test('counter: one that is lowered while additions are open → no order is taken from their sums', () => {
  const script = new Script({ name: 'n', kind: 'counter' });
  script.invoke(0, 'add', { delta: 1 }).invoke(1, 'add', { delta: 1 }).invoke(2, 'add', { delta: -1 }).invoke(3, 'add', { delta: 5 });
  // 1, 6, 5, 6: the second addition has a sum that was there before.
  script.ok(0, 1).ok(3, 6).ok(1, 6).ok(2, 5);
  assert.deepEqual(script.verdict().problems, []);
});
