import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type FaultStep,
  NEMESIS_ACTIONS,
  type NemesisAction,
  type SimScript,
  drawFaultPlan,
  drawScript,
  tryScript,
} from '@quorate/testkit';
import { SeededRandom } from '@quorate/base';

const VICTIM = 2;

/** Each three times: what another node or a client is hit by as well may be drawn so that it does not fit. */
const TIMES = 3;

/** A run with these faults only, one after the other on the node of that number, each with time to recover. */
function scriptOf(actions: readonly NemesisAction[], node: number): SimScript {
  const all = actions.flatMap((action) => Array.from({ length: TIMES }, () => action));
  const script = drawScript(7, { nodes: 3, clients: 1, streams: 1, faultMs: 500 + 250 * all.length, actions: [] });
  const steps = all.map((action, at): FaultStep => ({ id: at + 1, atMs: 500 + 250 * at, action, node, seed: 11 + at }));
  return { ...script, faults: { steps, victim: VICTIM } };
}

function injected(actions: readonly NemesisAction[], node: number) {
  const { failure, result, nemesis } = tryScript(scriptOf(actions, node));
  assert.equal(failure, null, failure?.message);
  return { result, nemesis };
}

test('swarm: each fault of the network, of clocks and of calls, one at a time → injected, counted, and all promises hold', () => {
  // Those first after which the node runs on: the others take it away for a while.
  const actions = [
    'clockDrift',
    'clockJump',
    'clockFreeze',
    'wallJump',
    'loss',
    'halfOpen',
    'duplicateConnection',
    'failWrite',
    'crashInNetwork',
  ] as const;
  const { result, nemesis } = injected(actions, 1);
  for (const action of actions) assert.ok((nemesis.counts[action] ?? 0) > 0, `${action}: ${JSON.stringify(nemesis.counts)}`);
  for (const [name, count] of Object.entries(nemesis.counts)) assert.equal(result?.faults[name], count, name);
});

test('swarm: syncs of a disk fail for ever → the node stops, gets an empty disk, and is let in again as a new incarnation', () => {
  const { result } = injected(['failSyncForever'], VICTIM);
  assert.ok((result?.faults['failSyncForever'] ?? 0) > 0);
  for (const branch of ['nodeFailed', 'newIncarnation', 'incarnationAdmitted', 'learnerAdmitted'] as const)
    assert.ok((result?.branches[branch] ?? 0) > 0, branch);
});

test('swarm: a node reads something from elsewhere as it starts → found as damage, and all promises hold', () => {
  const { result } = injected(['misdirectRead', 'misdirectRead'], VICTIM);
  assert.ok((result?.faults['misdirectRead'] ?? 0) >= 2);
  assert.ok((result?.branches.damageFound ?? 0) > 0);
});

test('swarm: plans of faults over many seeds → each kind is drawn', () => {
  const drawn = new Set<string>();
  for (let seed = 1; seed <= 40; seed++)
    for (const { action } of drawFaultPlan(new SeededRandom(seed), { durationMs: 8000 }).steps) drawn.add(action);
  assert.deepEqual([...drawn].sort(), [...NEMESIS_ACTIONS].sort());
});
