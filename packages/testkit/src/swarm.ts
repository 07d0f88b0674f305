import type { HistoryEvent, HistoryHeader } from '@quorate/checkers';
import { CallScript } from './call-turns.js';
import { demandProgress } from './demand-progress.js';
import { Nemesis } from './nemesis.js';
import type { RareBranch } from './rare-branches.js';
import { type ResourceFigures, ResourceRun } from './resource-run.js';
import type { RunRecord } from './run-record.js';
import type { SimClient } from './sim-client.js';
import { SimulatorError } from './faults.js';
import { SimCluster } from './sim-cluster.js';
import { type RunEnd, endOf, withSeed } from './simulator-error.js';
import { type ScriptOptions, type SimScript, type StreamClientScript, drawScript } from './sim-script.js';

/** How a run is done, whatever happens in it. */
export interface RunOptions {
  /** Events after which the run fails instead of going on. Default 10 million. */
  readonly stepsMax?: number;
  /** Log lines of all nodes and clients, for a replay. */
  readonly log?: (line: string) => void;
  /** Given what the clients of resources called and saw, also when the run fails, in the form of docs/formats/history.md. */
  readonly history?: (header: HistoryHeader, events: readonly HistoryEvent[]) => void;
  /** Written while the run goes on, for its story. */
  readonly record?: RunRecord;
  /** One more promise, looked at in the end: null if it was kept. For tests of what finds and shrinks failures. */
  readonly rule?: (run: FinishedRun) => string | null;
}

/** What a rule of its own can judge. */
export interface FinishedRun {
  readonly cluster: SimCluster;
  readonly nemesis: Nemesis;
  readonly events: readonly HistoryEvent[];
}

/** What of a run is not left to its seed. The same seed with other options is another run. */
export interface SimulationOptions extends ScriptOptions, RunOptions {
  /** The run, instead of what the seed draws. */
  readonly script?: SimScript;
}

/** A run that kept every guarantee, in numbers. */
export interface SimulationResult {
  readonly seed: number;
  /** Equal for equal seeds and options, whatever the machine. */
  readonly traceHash: string;
  /** Of the cluster. */
  readonly nodes: number;
  readonly virtualMs: number;
  readonly steps: number;
  /** Calls of clients, and those acknowledged. */
  readonly operations: number;
  readonly acknowledged: number;
  readonly records: number;
  /** How often each fault hit something, and what came of them on disks (`DISK_EFFECTS`). */
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
const STEPS_MAX = 10_000_000;

/**
 * One whole run from one seed: a cluster of its own shape, clients that work all the time, and faults of a mix of its own; then everything
 * is mended, and everything that the clients called and saw is judged. Throws with the seed in the message: a `SimulationFault` if a guarantee broke
 * or the product threw, and a `SimulatorError` if the simulator itself did.
 */
export function runSimulation(seed: number, options: SimulationOptions = {}): SimulationResult {
  const outcome = tryScript(options.script ?? drawScript(seed, options), options);
  if (outcome.failure === null) return outcome.result;
  throw withSeed(outcome.failure.thrown, seed);
}

/** How a run failed. */
export interface RunFailure {
  /** By its type: a failure that was found, or an error of the simulator. */
  readonly thrown: RunEnd;
  readonly message: string;
  /** Of virtual time. */
  readonly atMs: number;
  readonly steps: number;
  /** Of all events to the failure. */
  readonly traceHash: string;
  /** When the faults began, in ms of virtual time; null if it failed before. */
  readonly faultsFromMs: number | null;
}

/** A run that kept every guarantee, or how it failed, and the calls that its clients made. */
export type RunOutcome = { readonly calls: CallScript; readonly nemesis: Nemesis } & (
  | { readonly failure: null; readonly result: SimulationResult }
  | { readonly failure: RunFailure; readonly result: null }
);

/** Calls kept of the stack of an error whose place is asked for. */
const STACK_CALLS = 50;

/** Runs a script to its end or its failure. */
export function tryScript(script: SimScript, options: RunOptions = {}): RunOutcome {
  const outcome = tryOnce(script, options);
  if (outcome.failure !== null && outcome.failure.thrown === null) return tryWithStacks(script, options);
  return outcome as RunOutcome;
}

/**
 * Processes that run many seeds keep no stacks, and an exception has no other sign of where it was thrown: the same run again, with stacks,
 * throws it again.
 */
function tryWithStacks(script: SimScript, options: RunOptions): RunOutcome {
  const errors = Error as ErrorConstructor & { stackTraceLimit: number };
  const before = errors.stackTraceLimit;
  errors.stackTraceLimit = STACK_CALLS;
  try {
    const { calls, nemesis, failure, result } = tryOnce(script, options);
    if (failure === null) {
      const text = 'an exception that did not come again when the run was repeated: the simulator is not deterministic';
      const { virtualMs: atMs, steps, traceHash } = result;
      return {
        calls,
        nemesis,
        result: null,
        failure: { thrown: new SimulatorError(text), message: text, atMs, steps, traceHash, faultsFromMs: null },
      };
    }
    const thrown = failure.thrown ?? new SimulatorError(`${failure.message} (nobody knows where it was thrown)`);
    return { calls, nemesis, result: null, failure: { ...failure, thrown, message: thrown.message } };
  } finally {
    errors.stackTraceLimit = before;
  }
}

/** A run; `thrown` null: where the exception that ended it was thrown cannot be told. */
type Attempt = { readonly calls: CallScript; readonly nemesis: Nemesis } & (
  | { readonly failure: null; readonly result: SimulationResult }
  | { readonly failure: Omit<RunFailure, 'thrown'> & { readonly thrown: RunEnd | null }; readonly result: null }
);

function tryOnce(script: SimScript, options: RunOptions): Attempt {
  const run = new ScriptRun(script, options);
  const { calls, nemesis } = run;
  try {
    return { calls, nemesis, failure: null, result: run.run() };
  } catch (caught) {
    const { scheduler } = run.cluster;
    const { nowMs: atMs, steps, traceHash } = scheduler;
    const thrown = endOf(caught);
    const message = thrown?.message ?? (caught instanceof Error ? caught.message : String(caught));
    return { calls, nemesis, result: null, failure: { thrown, message, atMs, steps, traceHash, faultsFromMs: run.faultsFromMs } };
  } finally {
    run.finish();
  }
}

class ScriptRun {
  readonly cluster: SimCluster;
  readonly calls: CallScript;
  readonly nemesis: Nemesis;
  faultsFromMs: number | null = null;
  readonly #script: SimScript;
  readonly #options: RunOptions;
  readonly #resources: ResourceRun;

  constructor(script: SimScript, options: RunOptions) {
    this.#script = script;
    this.#options = options;
    this.cluster = clusterOf(script, options);
    this.calls = new CallScript(script.seed, script.calls, script.kindsOff);
    this.nemesis = new Nemesis(this.cluster, script.faults);
    this.#resources = new ResourceRun(this.cluster, script, this.calls);
  }

  run(): SimulationResult {
    const { cluster, nemesis } = this;
    const script = this.#script;
    const resources = this.#resources;
    cluster.startAll();
    cluster.awaitLeader();
    cluster.judge();
    this.#startStreams();
    resources.start(script.resourceClients);
    this.faultsFromMs = cluster.scheduler.nowMs;
    nemesis.start();
    cluster.runFor(script.faultMs);
    nemesis.stop();
    cluster.runFor(2000);
    demandProgress(cluster, script.streams, resources);
    for (const client of cluster.clients) client.stopWork();
    resources.stop();
    resources.settle();
    const final = cluster.check(script.streams);
    const broken = this.#options.rule?.({ cluster, nemesis, events: cluster.events }) ?? null;
    if (broken !== null) throw cluster.fault(broken);
    const figures = resources.figures();
    return {
      seed: script.seed,
      traceHash: cluster.scheduler.traceHash,
      nodes: script.cluster.nodes,
      virtualMs: cluster.scheduler.nowMs,
      steps: cluster.scheduler.steps,
      operations: figures.resourceCalls,
      acknowledged: cluster.history.acknowledged,
      records: [...final.values()].reduce((sum, values) => sum + values.length, 0),
      faults: nemesis.effects,
      resources: figures,
      snapshotsTaken: cluster.logged.get('snapshot taken') ?? 0,
      snapshotsInstalled: cluster.logged.get('snapshot installed') ?? 0,
      expiries: cluster.logged.get('sessions expire') ?? 0,
      statesCompared: cluster.invariants.statesCompared,
      judged: cluster.judged,
      branches: { ...cluster.branches.counts, sessionResumed: figures.sessionsResumed, sessionDoubted: figures.sessionsDoubted },
    };
  }

  /** Gives away what was recorded, also if the run failed. */
  finish(): void {
    const { history, record } = this.#options;
    const { events, header } = this.cluster;
    history?.(header, events);
    if (record === undefined) return;
    record.nodes = this.cluster.nodes.map(({ name }) => name);
    record.clients = this.cluster.clients.map(({ name }) => name);
    record.faults = this.nemesis.injected;
    record.calls = this.calls.made;
    record.events = events;
    record.streams = this.cluster.history;
    record.endMs = this.cluster.scheduler.nowMs;
  }

  /** Clients that append and read; one that is killed is replaced. */
  #startStreams(): void {
    const { streams, streamClients } = this.#script;
    const creator = this.cluster.client('creator');
    creator.isSpared = true;
    for (const stream of streams) this.cluster.await(`creating ${stream}`, 60_000, (done) => creator.createStream(stream, done));
    for (const script of streamClients) this.#startStreamClient(script);
  }

  #startStreamClient(script: StreamClientScript): SimClient {
    const client = this.cluster.client(script.name);
    const { lanes, ...how } = script;
    client.startWork({ ...how, streams: this.#script.streams, script: { calls: this.calls, lanes } });
    client.process.onKilled(() => this.#startStreamClient({ ...script, name: `${script.name}'` }));
    return client;
  }
}

function clusterOf({ seed, cluster: shape }: SimScript, { stepsMax, log, record, history, rule }: RunOptions): SimCluster {
  const { nodes, timerSlackMs, link, diskLatency, syncMode, journalFileBytes, snapshotLogBytes } = shape;
  const logs = log !== undefined || record !== undefined;
  const cluster: SimCluster = new SimCluster({
    seed,
    stepsMax: stepsMax ?? STEPS_MAX,
    nodes,
    keepsEvents: history !== undefined || record !== undefined || rule !== undefined,
    timerSlackMs,
    link,
    diskLatency,
    settings: { syncMode, journalFileBytes, snapshotLogBytes },
    ...(record === undefined ? {} : { record }),
    ...(logs
      ? {
          logger: (who) => ({
            log: (level, event, fields = {}) => {
              const { nowMs } = cluster.scheduler;
              log?.(`${nowMs.toFixed(3)} ${who} ${level} ${event} ${JSON.stringify(fields)}`);
              record?.logged.add({ atMs: nowMs, who, level, event, fields });
            },
          }),
        }
      : {}),
  });
  return cluster;
}
