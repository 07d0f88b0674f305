import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QuorateError, Term } from '@quorate/base';
import { TermMap } from '@quorate/raft';
import fc from 'fast-check';

type Step = { append: { count: number; termStep: number } } | { truncate: number };
const steps = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({ append: fc.record({ count: fc.integer({ min: 1, max: 5 }), termStep: fc.integer({ min: 0, max: 3 }) }) }),
    },
    { weight: 1, arbitrary: fc.record({ truncate: fc.nat({ max: 60 }) }) },
  ) as fc.Arbitrary<Step>,
  { maxLength: 40, size: 'max' },
);

test('term map: any appends and cuts → same as a plain array of terms', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10 }), fc.integer({ min: 0, max: 3 }), steps, (firstIndex, previousTerm, list) => {
      const map = new TermMap({ firstIndex, previousTerm, lastIndex: firstIndex - 1, runs: [] });
      const model: Term[] = [];
      for (const step of list) {
        if ('append' in step) {
          const term = (model.at(-1) ?? previousTerm) + step.append.termStep;
          const first = firstIndex + model.length;
          map.append(first, first + step.append.count - 1, term);
          for (let i = 0; i < step.append.count; i++) model.push(term);
        } else {
          const keep = Math.min(step.truncate, model.length);
          map.truncateAfter(firstIndex - 1 + keep);
          model.length = keep;
        }
        const lastIndex = firstIndex - 1 + model.length;
        assert.equal(map.lastIndex, lastIndex);
        assert.equal(map.lastTerm, model.at(-1) ?? previousTerm);
        for (let index = firstIndex - 3; index <= lastIndex + 2; index++) {
          const expected = index === firstIndex - 1 ? previousTerm : model[index - firstIndex];
          assert.equal(map.termAt(index), expected, `term at ${index}`);
        }
        for (let term = 0; term <= map.lastTerm + 1; term++) {
          for (const index of [firstIndex, lastIndex, lastIndex - 1, lastIndex + 5]) {
            let expected = Math.min(index, lastIndex);
            while (expected >= firstIndex && (model[expected - firstIndex] as number) > term) expected--;
            assert.equal(map.lastIndexOfTermAtMost(index, term), Math.max(expected, firstIndex - 1));
          }
        }
      }
      const again = new TermMap({ firstIndex, previousTerm, lastIndex: map.lastIndex, runs: map.runs });
      assert.deepEqual(again.runs, map.runs);
    }),
  );
});

test('term map: gap, decreasing term, cut before the start → invariantBroken', () => {
  const map = new TermMap({ firstIndex: 5, previousTerm: 2, lastIndex: 6, runs: [{ firstIndex: 5, term: 3 }] });
  for (const wrong of [() => map.append(8, 8, 3), () => map.append(7, 7, 2), () => map.append(7, 6, 3), () => map.truncateAfter(3)]) {
    assert.throws(wrong, (error: QuorateError) => error.code === 'invariantBroken');
  }
});
