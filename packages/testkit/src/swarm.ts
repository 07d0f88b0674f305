import { QuorateError, type Random, SeededRandom, randomBetween, randomChance, randomUnit } from '@quorate/base';
import type { HistoryEvent, HistoryHeader } from '@quorate/checkers';
import { LiveCheck } from './live-check.js';
import { Nemesis } from './nemesis.js';
import type { NemesisAction } from './nemesis-actions.js';
import type { RareBranch } from './rare-branches.js';
import { type ResourcePlan, randomResourcePlan } from './resource-plan.js';
import { type ResourceFigures, ResourceRun } from './resource-run.js';
import type { SimClient } from './sim-client.js';
import type { SimNode } from './sim-node.js';
import { SimCluster } from './sim-cluster.js';
import { randomLinkConditions } from './sim-network.js';

/** What of a run is not left to its seed. The same seed with other options is another run. */
export interface SimulationOptions {
  /** Nodes; default: 3, sometimes 1 or 5, by the seed. */
  readonly nodes?: number;
  /** Virtual time under faults, in ms. Default 8,000. */
  readonly faultMs?: number;
  /** Clients of streams, and as many of resources. */
  readonly clients?: number;
  readonly streams?: number;
  /** What the clients of resources do; default: drawn. */
  readonly plan?: ResourcePlan;
  /** Kinds of faults that may happen; default all. Each run draws a subset of its own. None: no faults at all. */
  readonly actions?: readonly NemesisAction[];
  /** Events after which the run fails instead of going on. Default 2 million. */
  readonly stepsMax?: number;
  /** Log lines of all nodes and clients, for a replay. */
  readonly log?: (line: string) => void;
  /** Given what the clients of resources called and saw, also when the run fails, in the form of docs/formats/history.md. */
  readonly history?: (header: HistoryHeader, events: readonly HistoryEvent[]) => void;
}

/** A run that kept every guarantee, in numbers. */
export interface SimulationResult {
  readonly seed: number;
  /** Equal for equal seeds and options, whatever the machine. */
  readonly traceHash: string;
  readonly virtualMs: number;
  readonly steps: number;
  /** Calls of clients, and those acknowledged. */
  readonly operations: number;
  readonly acknowledged: number;
  readonly records: number;
  /** How often each fault was injected. */
  readonly faults: Readonly<Record<string, number>>;
  readonly resources: ResourceFigures;
  /** Of machines: by all nodes, over all their starts. */
  readonly snapshotsTaken: number;
  readonly snapshotsInstalled: number;
  /** Sessions that the cluster ended for want of contact were proposed so often. */
  readonly expiries: number;
  /** Pairs of states of two nodes at the same index that were compared. */
  readonly statesCompared: number;
  /** How much each rule of the checkers judged. */
  readonly branches: Readonly<Record<RareBranch, number>>;
  readonly judged: Readonly<Record<string, number>>;
}

/** Far more than a sound run takes; one that spins fails in seconds. */
const STEPS_MAX = 2_000_000;

/**
 * One whole run from one seed: a cluster of its own shape, clients that work all the time, and faults of a mix of its own; then everything
 * is mended, and what the streams hold is compared with what the clients saw. Throws with the seed in the message if a guarantee broke.
 */
export function runSimulation(seed: number, options: SimulationOptions = {}): SimulationResult {
  try {
    return run(seed, options);
  } catch (thrown) {
    if (thrown instanceof Error && !thrown.message.includes(`seed ${seed}`)) {
      throw new Error(`simulation failed with seed ${seed}: ${thrown.message}`, { cause: thrown });
    }
    throw thrown;
  }
}

function run(seed: number, options: SimulationOptions): SimulationResult {
  const random = new SeededRandom(seed ^ 0x5eed);
  const cluster = randomCluster(seed, random, options);
  const streams = Array.from({ length: options.streams ?? randomBetween(random, 1, 4) }, (_, i) => `stream-${i}`);
  cluster.startAll();
  cluster.awaitLeader();
  const count = options.clients ?? randomBetween(random, 1, 3);
  const resources = new ResourceRun(cluster, new SeededRandom(random.nextUint32()), options.plan ?? randomResourcePlan(random), streams);
  const { recorder } = resources;
  cluster.history.recorder = recorder;
  const live = new LiveCheck(resources.header(), (fault) => cluster.failLater(fault));
  recorder.onEvent = (event) => {
    cluster.branches.seen(event);
    live.take(event);
  };
  try {
    return work({ seed, cluster, random, streams, count, resources, live, options });
  } finally {
    options.history?.(resources.header(), recorder.events);
  }
}

interface Run {
  readonly seed: number;
  readonly cluster: SimCluster;
  readonly random: Random;
  readonly streams: readonly string[];
  readonly count: number;
  readonly resources: ResourceRun;
  readonly live: LiveCheck;
  readonly options: SimulationOptions;
}

function work({ seed, cluster, random, streams, count, resources, live, options }: Run): SimulationResult {
  startStreams(cluster, random, streams, count);
  resources.start(count);
  const nemesis = options.actions?.length === 0 ? null : new Nemesis(cluster, random, options.actions);
  nemesis?.start();
  cluster.runFor(options.faultMs ?? 8000);
  nemesis?.stop();
  cluster.runFor(2000);
  demandProgress(cluster, random, streams, resources);
  for (const client of cluster.clients) client.stopWork();
  resources.stop();
  const faults = resources.check();
  const final = cluster.check(streams);
  resources.recorder.onEvent = () => {};
  const { faults: found, judged } = live.finish();
  faults.push(...found);
  if (faults.length > 0) throw cluster.fault(`guarantees broken:\n  ${faults.join('\n  ')}\n`);
  const figures = resources.figures();
  return {
    seed,
    traceHash: cluster.scheduler.traceHash,
    virtualMs: cluster.scheduler.nowMs,
    steps: cluster.scheduler.steps,
    operations: figures.resourceCalls,
    acknowledged: cluster.history.acknowledged,
    records: [...final.values()].reduce((sum, values) => sum + values.length, 0),
    faults: nemesis?.counts ?? {},
    resources: figures,
    snapshotsTaken: cluster.logged.get('snapshot taken') ?? 0,
    snapshotsInstalled: cluster.logged.get('snapshot installed') ?? 0,
    expiries: cluster.logged.get('sessions expire') ?? 0,
    statesCompared: cluster.invariants.statesCompared,
    judged,
    branches: { ...cluster.branches.counts, sessionResumed: figures.sessionsResumed },
  };
}

/** Virtual time in which all nodes must be whole after mending, and in which a majority must answer. */
const WHOLE_MS = 60_000;
const PROGRESS_MS = 10_000;

/**
 * Liveness: a majority that can talk to each other makes progress in bounded time. Often a minority stays away meanwhile, paused or cut off; it
 * comes back afterwards.
 */
function demandProgress(cluster: SimCluster, random: Random, streams: readonly string[], resources: ResourceRun): void {
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
      if (cluster.scheduler.nowMs > giveUpAtMs)
        throw cluster.fault(
          `not whole ${WHOLE_MS} ms after mending: ${nodes
            .filter((node) => !isWhole(node))
            .map(describeNode)
            .join('; ')}`,
        );
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

/** Clients that append and read; one that is killed is replaced. */
function startStreams(cluster: SimCluster, random: Random, streams: readonly string[], count: number): void {
  const start = (name: string): SimClient => {
    const client = cluster.client(name);
    client.startWork({
      streams,
      lanes: randomBetween(random, 1, 4),
      pauseMsMax: randomBetween(random, 5, 60),
      valueBytesMax: randomChance(random, 0.2) ? 5000 : 100,
    });
    client.process.onKilled(() => start(`${name}'`));
    return client;
  };
  if (count === 0) throw new QuorateError('invalidArgument', 'a simulation needs a client');
  const creator = cluster.client('creator');
  creator.isSpared = true;
  for (const stream of streams) cluster.await(`creating ${stream}`, 60_000, (done) => creator.createStream(stream, done));
  for (let i = 0; i < count; i++) start(`writer-${i}`);
}

function randomCluster(seed: number, random: Random, options: SimulationOptions): SimCluster {
  const syncMode = (['adaptive', 'sync', 'async'] as const)[randomBetween(random, 0, 2)] ?? 'adaptive';
  const slowMs = randomChance(random, 0.2) ? 20 : 1;
  const { log } = options;
  const cluster: SimCluster = new SimCluster({
    seed,
    stepsMax: options.stepsMax ?? STEPS_MAX,
    nodes: options.nodes ?? [3, 3, 3, 3, 3, 3, 1, 5][randomBetween(random, 0, 7)] ?? 3,
    timerSlackMs: randomUnit(random) * 2,
    link: randomLinkConditions(random),
    diskLatency: { writeMs: [0.01, 0.05 * slowMs], syncMs: [0.1, 0.6 * slowMs] },
    settings: {
      syncMode,
      journalFileBytes: (randomChance(random, 0.5) ? 256 : 1024) * 1024,
      // So small that snapshots are taken all the time, and nodes that were away need one.
      snapshotLogBytes: ([4, 32, 256][randomBetween(random, 0, 2)] ?? 4) * 1024,
    },
    ...(log === undefined
      ? {}
      : {
          logger: (node) => ({
            log: (level, event, fields) =>
              log(`${cluster.scheduler.nowMs.toFixed(3)} ${node} ${level} ${event} ${JSON.stringify(fields ?? {})}`),
          }),
        }),
  });
  return cluster;
}
