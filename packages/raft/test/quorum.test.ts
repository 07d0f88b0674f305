import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VOTERS_MAX, quorumSize, quorumValue } from '@quorate/raft';
import fc from 'fast-check';

test('quorum: any values → the highest that a majority has reached', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 9 }), (values) => {
      const result = quorumValue([...values]);
      const reached = (value: number): number => values.filter((other) => other >= value).length;
      assert.ok(reached(result) >= quorumSize(values.length));
      assert.ok(reached(result + 1) < quorumSize(values.length));
    }),
  );
  assert.equal(quorumValue([]), Number.NEGATIVE_INFINITY);
});

test('quorum: any two majorities of a group → share a member', () => {
  for (let n = 1; n <= VOTERS_MAX; n++) assert.ok(2 * quorumSize(n) > n && quorumSize(n) <= n);
});
