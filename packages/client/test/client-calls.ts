import { utf8 } from '@quorate/base';
import type { AppendResult, ClientCore } from '@quorate/client';
import type { Fence } from '@quorate/machine';
import { Outcome, ScriptedCluster } from './scripted-cluster.js';

/** Appends to stream "s"; what comes of it, and how to cancel it. */
export function append(
  cluster: ScriptedCluster,
  client: ClientCore,
  text: string | readonly string[],
  deadlineMs?: number,
  fence?: Fence,
): Outcome<AppendResult> & { cancel: () => void } {
  const outcome = new Outcome<AppendResult>(cluster.scheduler);
  const records = (typeof text === 'string' ? [text] : text).map(utf8);
  const pending = client.append(
    's',
    records,
    { ...(deadlineMs === undefined ? {} : { deadlineMs }), ...(fence === undefined ? {} : { fence }) },
    outcome.done,
  );
  return Object.assign(outcome, { cancel: () => pending.cancel() });
}

/** Lets virtual time pass until all are settled. */
export function wait(cluster: ScriptedCluster, outcomes: readonly { settled: number }[], withinMs = 20_000): void {
  cluster.scheduler.runUntil(() => outcomes.every((outcome) => outcome.settled > 0), { withinMs, what: 'all calls settle' });
}

/** A cluster with stream "s", and a client that knows some of its nodes. */
export function setUp(seed: number, nodes: readonly number[] = [1], options = {}): { cluster: ScriptedCluster; client: ClientCore } {
  const cluster = new ScriptedCluster(seed);
  cluster.create('s');
  return { cluster, client: cluster.client(nodes, options) };
}
