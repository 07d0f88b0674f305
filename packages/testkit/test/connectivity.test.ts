import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ConnectivityResult,
  describeGraph,
  directionsOf,
  graphOfPairs,
  graphProblem,
  hasQuorumPlace,
  mustProgress,
  pairGraphs,
  runConnectivity,
} from '@quorate/testkit';

const GRAPHS_OF_THREE = Array.from({ length: 64 }, (_, graph) => graph);
/** So long that a leader which nobody acknowledges has left, and another one serves, well before the last third. */
const GRAPH_MS = 3000;

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

test('graphs: three nodes, all 64 ways in which the directions work → appends go on where two have both to each other, and nowhere else', () => {
  const problems = GRAPHS_OF_THREE.map((graph) => graphProblem(3, runConnectivity(graph, { seed: 1, nodes: 3, graphMs: GRAPH_MS })));
  assert.deepEqual(
    problems.filter((problem) => problem !== null),
    [],
  );
  // 64 less the 27 in which no pair has both directions.
  assert.equal(GRAPHS_OF_THREE.filter((graph) => mustProgress(3, graph)).length, 37);
});

test('graphs: no progress or a late one where it must be, an acknowledgement without a quorum → told with the graph; five nodes need not get on', () => {
  const chain = graphOfPairs(3, (a, b) => b === a + 1);
  const chainOfFive = graphOfPairs(5, (a, b) => b === a + 1);
  const result = (some: Partial<ConnectivityResult>): ConnectivityResult => {
    const base = { graph: chain, hasQuorum: true, resumedMs: null, lateAcknowledged: 0, leaderships: 1, mendedMs: 10 };
    return { ...base, ...some };
  };
  assert.equal(graphProblem(3, result({})), 'no progress: 0-1 1-2');
  assert.equal(graphProblem(3, result({ resumedMs: 5 })), 'no progress: 0-1 1-2', 'it began, and stopped');
  assert.equal(graphProblem(3, result({ resumedMs: 5, lateAcknowledged: 1 })), null);
  assert.equal(graphProblem(3, result({ resumedMs: 1501, lateAcknowledged: 1 })), 'progress only after 1501 ms: 0-1 1-2');
  assert.equal(graphProblem(3, result({ graph: 0, hasQuorum: false })), null);
  assert.equal(graphProblem(3, result({ graph: 0, hasQuorum: false, resumedMs: 5 })), 'acknowledged without a quorum: no cable');
  assert.equal(graphProblem(5, result({ graph: chainOfFive })), null);
});

test('graphs: five nodes, a bridge → acknowledged', () => {
  const bridge = graphOfPairs(5, (a, b) => b === 4 || (a < 2 && b < 2) || (a === 2 && b === 3));
  assert.ok(runConnectivity(bridge, { seed: 1, nodes: 5, graphMs: 4500 }).lateAcknowledged > 0, describeGraph(5, bridge));
});
