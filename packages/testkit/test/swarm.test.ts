import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimulationFault, type SimulationResult, runSimulation } from '@quorate/testkit';

for (let seed = 1; seed <= 4; seed++) {
  test(`swarm: seed ${seed}, faults drawn at random → every guarantee holds after mending`, () => {
    const result = runSimulation(seed, { faultMs: 4000 });
    assert.ok(result.acknowledged > 0 && result.records >= result.acknowledged, JSON.stringify(result));
    assert.ok(Object.values(result.faults).reduce((sum, count) => sum + count, 0) > 0, 'no fault was injected');
  });
}

test('swarm: two seeds, each twice → for each the same log line by line and the same hash of all events; the two differ', () => {
  const run = (seed: number): { log: string[]; result: SimulationResult } => {
    const log: string[] = [];
    return { log, result: runSimulation(seed, { faultMs: 1500, log: (line) => log.push(line) }) };
  };
  const [first, second] = [101, 102].map((seed) => {
    const once = run(seed);
    assert.deepEqual(run(seed), once, `seed ${seed}`);
    assert.ok(once.log.length > 20, `seed ${seed}: ${once.log.length} lines`);
    assert.match(once.result.traceHash, /^[0-9a-f]{16}$/);
    return once;
  });
  assert.notEqual(first?.result.traceHash, second?.result.traceHash);
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
