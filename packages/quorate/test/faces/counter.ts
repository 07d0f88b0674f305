import assert from 'node:assert/strict';
import { coded } from '../harness/coded.js';
import type { FaceTests } from './face-test.js';

export const tests: FaceTests = {
  'counter: add, set, compareAndSet by both clients → the value of each moment': async ({ a, b, name }) => {
    const mine = a.counter(name);
    const theirs = b.counter(name);
    assert.deepEqual([await mine.get(), await mine.add(), await theirs.add(41), await mine.add(-2)], [0, 1, 42, 40]);
    assert.deepEqual(
      [await theirs.set(7), await mine.compareAndSet(7, 8), await theirs.compareAndSet(7, 9), await theirs.get()],
      [40, true, false, 8],
    );
  },

  'counter: a thousand adds of both clients at once → exact': async ({ a, b, name }) => {
    const sums = await Promise.all([a, b].flatMap((client) => Array.from({ length: 500 }, () => client.counter(name).add())));
    assert.deepEqual(
      sums.toSorted((x, y) => x - y),
      Array.from({ length: 1000 }, (_, at) => at + 1),
    );
  },

  'counter: beyond what it holds → counterOverflow, and nothing was added': async ({ a, name }) => {
    const counter = a.counter(name);
    await counter.set(Number.MAX_SAFE_INTEGER);
    await assert.rejects(counter.add(), coded('counterOverflow', 'never'));
    assert.equal(await counter.get(), Number.MAX_SAFE_INTEGER);
    await counter.set(-Number.MAX_SAFE_INTEGER);
    await assert.rejects(counter.add(-1), coded('counterOverflow', 'never'));
  },
};
