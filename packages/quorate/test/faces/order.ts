import assert from 'node:assert/strict';
import type { FaceTests } from './face-test.js';

const MANY = 40;

export const orderTests: FaceTests = {
  'order: calls of one turn on several resources, reads between them → in the order in which they were made': async ({ a, b, name }) => {
    const [first, second, counter] = [a.map<number>(`${name}-1`), a.map<number>(`${name}-2`), a.counter(`${name}-3`)];
    const rounds = await Promise.all(
      Array.from({ length: MANY }, (_, at) =>
        Promise.all([counter.add(), first.set('x', at), second.set('x', at), counter.get()] as const),
      ),
    );
    for (const [at, [added, one, two, seen]] of rounds.entries()) {
      assert.deepEqual([added, one.version, two.version], [at + 1, at + 1, at + 1]);
      assert.ok(seen > at && seen <= MANY, 'a read sees all that was called before it');
    }
    assert.equal((await b.map<number>(`${name}-2`).get('x'))?.value, MANY - 1);
  },

  'order: a write, read by its client sequentially and by the other linearizably → seen by both at once': async ({ a, b, name }) => {
    for (let at = 0; at < MANY; at++) {
      await a.map<number>(name).set('x', at);
      assert.equal((await a.map<number>(name).get('x', { consistency: 'sequential' }))?.value, at);
      assert.equal((await b.map<number>(name).get('x'))?.value, at);
    }
  },
};
