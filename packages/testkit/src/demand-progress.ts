import { randomBetween, randomChance } from '@quorate/base';
import { randomByName } from './random-by-name.js';
import type { ResourceRun } from './resource-run.js';
import type { SimCluster } from './sim-cluster.js';
import type { SimNode } from './sim-node.js';

/** Virtual time in which all nodes must be whole after mending, and in which a majority must answer. */
const WHOLE_MS = 60_000;
const PROGRESS_MS = 10_000;

/**
 * Liveness: a majority that can talk to each other makes progress in bounded time. Often a minority stays away meanwhile, paused or cut off; it
 * comes back afterwards.
 */
export function demandProgress(cluster: SimCluster, streams: readonly string[], resources: ResourceRun): void {
  const random = randomByName(cluster.seed, 'progress');
  const { nodes } = cluster;
  const away = randomChance(random, 0.5) ? (nodes.length - 1) >> 1 : 0;
  const isPausing = randomChance(random, 0.5);
  const first = randomBetween(random, 0, nodes.length - 1);
  const gone = Array.from({ length: away }, (_, i) => nodes[(first + i) % nodes.length] as SimNode);
  const isWhole = (node: SimNode): boolean => {
    const status = node.status();
    return status !== null && status.groups.length > 0 && status.groups.every(({ isLearner, role }) => !isLearner && role !== 'stopped');
  };
  if (away > 0) {
    const giveUpAtMs = cluster.scheduler.nowMs + WHOLE_MS;
    while (!nodes.every(isWhole)) {
      if (cluster.scheduler.nowMs > giveUpAtMs) {
        const missing = nodes.filter((node) => !isWhole(node)).map(describeNode);
        throw cluster.fault(`not whole ${WHOLE_MS} ms after mending: ${missing.join('; ')}`);
      }
      cluster.runFor(50);
    }
    cluster.branches.reached('minorityAway');
  }
  for (const node of gone) {
    if (isPausing) node.pause();
    else for (const other of [...nodes, ...cluster.clients]) if (other !== node) cluster.network.cut(node.name, other.name, 'reset');
  }
  const client = cluster.client(`progress-${cluster.clients.length}`);
  client.isSpared = true;
  for (const stream of streams) {
    cluster.await(`progress of ${stream} without ${gone.map(({ name }) => name).join() || 'nobody'}`, PROGRESS_MS, (done) =>
      client.append(stream, { deadlineMs: PROGRESS_MS }, done),
    );
  }
  resources.demandProgress(client, PROGRESS_MS);
  cluster.healAll();
}

/** Why a node is not whole, as far as it can be seen. */
function describeNode(node: SimNode): string {
  const groups = (node.status()?.groups ?? []).filter(({ isLearner, role }) => isLearner || role === 'stopped');
  const waiting = groups.map(({ group, role, isLearner }) => `group ${group} is ${isLearner ? 'a learner' : role}`).join(', ');
  return `${node.name} ${node.isUp ? 'runs' : 'does not run'}${node.failure === null ? '' : `, failed with ${node.failure.code}: ${node.failure.message}`} ${waiting}`;
}
