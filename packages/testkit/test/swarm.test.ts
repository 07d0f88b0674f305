import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulationFault, runSimulation } from '@quorate/testkit';

for (let seed = 1; seed <= 4; seed++) {
  test(`swarm: seed ${seed}, faults drawn at random → every guarantee holds after mending`, () => {
    const result = runSimulation(seed, { faultMs: 4000 });
    assert.ok(result.acknowledged > 0 && result.records >= result.acknowledged, JSON.stringify(result));
    assert.ok(Object.values(result.faults).reduce((sum, count) => sum + count, 0) > 0, 'no fault was injected');
  });
}

test('swarm: same seed twice → the same run to the last event; another seed → another', () => {
  const options = { faultMs: 1500 };
  assert.deepEqual(runSimulation(101, options), runSimulation(101, options));
  assert.notEqual(runSimulation(101, options).traceHash, runSimulation(102, options).traceHash);
});

test('swarm: a run that fails → the message has the seed', () => {
  assert.throws(
    () => runSimulation(77, { nodes: 3, clients: 0 }),
    (error: unknown) => error instanceof Error && error.message.includes('seed 77'),
  );
  assert.throws(
    () => runSimulation(78, { nodes: 3, faultMs: 100, stepsMax: 2000 }),
    (error: unknown) => error instanceof SimulationFault && error.message.includes('seed 78'),
  );
});
