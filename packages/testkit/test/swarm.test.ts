import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type HistoryEvent, checkHistory } from '@quorate/checkers';
import { SimulationFault, type SimulationResult, runSimulation } from '@quorate/testkit';
import { COMMON, FAULT_MS, testSeeds } from './swarm-seeds.js';

// `npm test` runs these fifty seeds: twenty here, twenty in swarm-more-seeds.test.ts, ten of certain shapes in swarm-shapes.test.ts.
testSeeds('faults drawn at random', { first: 1, last: 20, must: COMMON }, () => ({ faultMs: FAULT_MS }));

test('swarm: the history of a run without faults, judged by the checkers → sound, and every rule had something to judge', () => {
  let events: readonly HistoryEvent[] = [];
  let verdict: ReturnType<typeof checkHistory> | null = null;
  const history: Parameters<typeof runSimulation>[1] = {
    nodes: 3,
    clients: 1,
    faultMs: 1000,
    actions: [],
    history: (header, recorded) => {
      events = recorded;
      verdict = checkHistory(header, recorded);
    },
  };
  runSimulation(9, history);
  const { ok, problems, stats } = verdict as unknown as ReturnType<typeof checkHistory>;
  assert.ok(ok, JSON.stringify(problems, null, 1));
  assert.ok(events.length > 100 && (stats['calls'] ?? 0) > 50, JSON.stringify(stats));
});

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
