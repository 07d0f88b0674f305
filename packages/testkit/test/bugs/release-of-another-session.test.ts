import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom } from '@quorate/base';
import { COUNTER } from '@quorate/resources';
import {
  CallScript,
  HolderWatch,
  type ResourcePlan,
  ResourceWorkload,
  RESOURCE_CALL_KINDS,
  SimCluster,
  randomResourcePlan,
} from '@quorate/testkit';

const TTL_MS = 1000;
const NO_CALLS = Object.fromEntries(RESOURCE_CALL_KINDS.map((kind) => [kind, 0])) as ResourcePlan['weights'];
const PLAN: ResourcePlan = {
  ...randomResourcePlan(new SeededRandom(1)),
  locks: ['lock-0'],
  lanes: 1,
  watches: 0,
  pauseMsMax: 5,
  holdMsMax: 50,
  burstMs: 0,
  deadlineMs: 60_000,
  weights: { ...NO_CALLS, lock: 1 },
};

// Found by seed 3667897367 of the simulation: a release waited behind a resource that was being opened until its session was lost, and was sent in
// the next one, which holds nothing and is told so. The history had it as a lock that was no longer held, while the cluster had not ended the first
// session yet.
test('recording: a release waits until another session sends it and is told notHeld → unknown, for that says nothing of the session that held', () => {
  const cluster = new SimCluster({ seed: 1 });
  cluster.startAll();
  cluster.awaitLeader();
  const client = cluster.client('c', { sessionTtlMs: TTL_MS, deadlineMs: 60_000 });
  const { recorder } = cluster.history;
  recorder.declare({ name: 'lock/lock-0', kind: 'lock' });
  recorder.declare({ name: 'map/guarded-lock-0', kind: 'map' });
  const workload = new ResourceWorkload({
    client,
    plan: PLAN,
    script: { name: 'c', lanes: [0], watches: [], sessionTtlMs: TTL_MS },
    calls: new CallScript(1, null, []),
    recorder,
    holders: new HolderWatch(assert.fail),
    streams: [],
    append: null,
  });
  workload.start();
  cluster.runUntil(() => workload.holds > 0, 20_000, 'the lock is held');
  for (const node of cluster.nodes) cluster.network.cut('c', node.name, 'reset');
  client.face.resources.client.handle(COUNTER, 'opened').command('add', { delta: 1, fence: null }, { deadlineMs: 60_000 }, () => {});
  workload.stop();
  cluster.runFor(3 * TTL_MS);
  cluster.healAll();
  cluster.runUntil(() => recorder.open === 0 && workload.holds === 0, 60_000, 'calls settle');
  const told = cluster.events.flatMap((event) => ('process' in event ? [event.type === 'invoke' ? event.op : event.type] : []));
  assert.deepEqual(told, ['tryAcquire', 'ok', 'release', 'info']);
  assert.ok(
    cluster.events.some((event) => event.type === 'session' && event.state === 'lost'),
    'the session was lost before the release was answered',
  );
  cluster.check([]);
});
