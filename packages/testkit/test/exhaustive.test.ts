import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CrashScript,
  crashEverywhere,
  describeGraph,
  directionsOf,
  failEverywhere,
  graphOfPairs,
  hasQuorumPlace,
  pairGraphs,
  runConnectivity,
} from '@quorate/testkit';

/** A short script; `npm run exhaustive` has a long one and hits every call of it. */
const SCRIPT = { seed: 1, length: 45 };

test('exhaustive: T24, T70: power lost at calls of a script, nothing, everything or a part of what was not synced left → all that was acknowledged is there', () => {
  for (const seed of [1, 2, 3]) {
    const { calls } = crashEverywhere({ ...SCRIPT, seed, from: 8 * seed, every: 19, depth: 1 });
    assert.ok(calls >= 3, `seed ${seed}: ${calls} calls`);
  }
});

test('exhaustive: T26: power lost while checkpoints are slow and dead files of the journal are used again → nothing acknowledged is missing', () => {
  const script = new CrashScript(1, 200);
  script.run({ effect: { type: 'slow', ms: 0 }, times: 1 });
  const numbers = script.node.disk.paths().filter((path) => /^journal\/[0-9]/u.test(path));
  assert.ok(numbers.length < Number(numbers.at(-1)?.slice(8, 18)), 'some are used again under other numbers, or removed');
  assert.equal(crashEverywhere({ seed: 1, length: 200, from: 244, to: 290, every: 9, depth: 1 }).calls, 6);
});

test('exhaustive: T35: power lost at a call of a script, at every call of the recovery, and of a recovery from that → nothing acknowledged is missing', () => {
  const { calls, recoveries, secondRecoveries } = crashEverywhere({ ...SCRIPT, from: 40, to: 41 });
  assert.equal(calls, 1);
  assert.ok(recoveries >= 5 && secondRecoveries >= 5, `${recoveries} and ${secondRecoveries}`);
});

test('exhaustive: calls to the disk fail, each once in a run of its own → the script comes to its end and nothing is missing', () => {
  for (const kind of ['io', 'full'] as const) {
    for (const from of [3, 70]) assert.equal(failEverywhere({ ...SCRIPT, from, to: from + 4 }, kind).calls, 4, `${kind} from call ${from}`);
  }
});

test('exhaustive: a record that was acknowledged is not on the disk → told, with what is missing', () => {
  const script = new CrashScript(1, 12);
  script.run({ effect: { type: 'slow', ms: 0 }, times: 1 });
  script.finish();
  const { outcome } = script;
  const more = { ...outcome, records: [...outcome.records, 'never written'] };
  assert.throws(() => script.recovered().check({ ...outcome, late: outcome.late + 1 }), /acknowledged and lost.*\n.*late/);
  assert.throws(() => script.recovered().check(more), /acknowledged and lost.*\n.*records/);
  assert.throws(() => script.recovered().check({ ...outcome, total: outcome.total - 1 }), /acknowledged and lost.*\n.*total/);
  script.recovered().check(outcome);
});

test('graphs: directions, pairs and quorums → as counted by hand', () => {
  assert.equal(directionsOf(3).length, 6);
  assert.equal(pairGraphs(3).length, 6);
  assert.equal(pairGraphs(5).length, 90);
  const hub = graphOfPairs(5, (a) => a === 0);
  assert.equal(describeGraph(5, hub), '0-1 0-2 0-3 0-4');
  assert.ok(hasQuorumPlace(5, hub));
  assert.ok(
    !hasQuorumPlace(
      5,
      graphOfPairs(5, (a, b) => b === a + 1 && a % 2 === 0),
    ),
  );
  assert.ok(
    !hasQuorumPlace(
      3,
      directionsOf(3).reduce((graph, { from, to }, bit) => (to === (from + 1) % 3 ? graph | (1 << bit) : graph), 0),
    ),
    'a ring of single directions',
  );
});

test('graphs: the leader alone, a chain, a bridge, single directions → acknowledged exactly where a quorum is connected', () => {
  const isolated = graphOfPairs(3, (a) => a !== 0);
  const chain = graphOfPairs(3, (a, b) => b === a + 1);
  const nothing = 0;
  const oneWayOut = directionsOf(3).reduce(
    (graph, { from, to }, bit) => (from === 0 || (from !== 0 && to !== 0) ? graph | (1 << bit) : graph),
    0,
  );
  for (const graph of [isolated, chain, nothing, oneWayOut]) {
    const result = runConnectivity(graph, { seed: 1, nodes: 3, graphMs: 4500 });
    assert.equal(result.lateAcknowledged > 0, result.hasQuorum, describeGraph(3, graph));
  }
  const bridge = graphOfPairs(5, (a, b) => b === 4 || (a < 2 && b < 2) || (a === 2 && b === 3));
  assert.ok(runConnectivity(bridge, { seed: 1, nodes: 5, graphMs: 4500 }).lateAcknowledged > 0, 'a bridge');
});
