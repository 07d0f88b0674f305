import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@quorate/base';
import type { HistoryEvent } from '@quorate/checkers';
import {
  CallScript,
  HolderWatch,
  type ResourcePlan,
  ResourceWorkload,
  RESOURCE_CALL_KINDS,
  type SimClient,
  SimCluster,
  randomResourcePlan,
} from '@quorate/testkit';

const NO_CALLS = Object.fromEntries(RESOURCE_CALL_KINDS.map((kind) => [kind, 0])) as ResourcePlan['weights'];
const PLAN: ResourcePlan = {
  ...randomResourcePlan(new SeededRandom(1)),
  locks: ['lock-0'],
  weights: { ...NO_CALLS, lock: 1 },
  lanes: 1,
  watches: 0,
  pauseMsMax: 5,
  holdMsMax: 200,
  deadlineMs: 100,
};

/** A client that takes and releases a lock all the time and is cut off while it holds it; what was recorded. */
function cutOffHolding(seed: number): {
  readonly cluster: SimCluster;
  readonly client: SimClient;
  readonly events: readonly HistoryEvent[];
} {
  const cluster = new SimCluster({ seed });
  cluster.startAll();
  cluster.awaitLeader();
  const client = cluster.client('c', { sessionTtlMs: 1000 });
  const { recorder } = cluster.history;
  recorder.declare({ name: 'lock/lock-0', kind: 'lock' });
  recorder.declare({ name: 'map/guarded-lock-0', kind: 'map' });
  const workload = new ResourceWorkload({
    client,
    plan: PLAN,
    script: { name: 'c', lanes: [0], watches: [], sessionTtlMs: 1000 },
    calls: new CallScript(seed, null, []),
    recorder,
    holders: new HolderWatch(assert.fail),
    streams: [],
    append: null,
  });
  workload.start();
  cluster.runUntil(() => workload.holds > 0, 20_000, 'the lock is held');
  for (const node of cluster.nodes) cluster.network.cut('c', node.name, 'reset');
  cluster.runFor(5000);
  cluster.healAll();
  cluster.runFor(5000);
  workload.stop();
  cluster.runUntil(() => recorder.open === 0 && workload.holds === 0, 60_000, 'calls settle');
  return { cluster, client, events: cluster.events };
}

test('recording: a release that the client gives up while it is cut off → unknown, for it goes on; the history is sound', () => {
  let unknown = 0;
  for (let seed = 1; seed <= 4; seed++) {
    const { cluster, events } = cutOffHolding(seed);
    const open = new Map<number, string>();
    for (const event of events) {
      if (event.type === 'invoke') open.set(event.process, event.op);
      else if (event.type === 'info' && open.get(event.process) === 'release') unknown++;
      else if (event.type === 'fail' && open.get(event.process) === 'release') assert.equal(event.error, 'notHeld', `seed ${seed}`);
    }
    cluster.check([]);
  }
  assert.ok(unknown > 0, 'no release was given up');
});

test('recording: the first session is lost → recorded, so that whoever is granted the lock next does not seem to take it', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const { events } = cutOffHolding(seed);
    const lost = events.find((event) => event.type === 'session');
    assert.ok(
      lost?.type === 'session' && lost.state === 'lost' && lost.client === 'c' && lost.session.includes('session 0'),
      `seed ${seed}`,
    );
  }
});
