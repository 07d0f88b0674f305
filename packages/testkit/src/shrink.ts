import { failureKind } from './failure-kind.js';
import type { FaultStep } from './fault-plan.js';
import type { Nemesis } from './nemesis.js';
import { RESOURCE_CALL_KINDS, type ResourceCallKind } from './resource-plan.js';
import type { ResourceClientScript, ScriptedCall, SimScript, StreamClientScript } from './sim-script.js';
import { type RunFailure, type RunOptions, type RunOutcome, tryScript } from './swarm.js';

/** How long a shrinker may take, and whom it tells. */
export interface ShrinkOptions {
  /** Real time, in ms, by the clock given. */
  readonly limitMs: number;
  readonly nowMs: () => number;
  /** Told after each run: what is being tried, runs so far, and how large the smallest script is. */
  readonly progress?: (stage: string, runs: number, size: ScriptSize) => void;
  /** Of each run: the rule that is broken, if it is not one that always holds. */
  readonly rule?: NonNullable<RunOptions['rule']>;
}

/** What a reader of a script has to read. */
export interface ScriptSize {
  readonly nodes: number;
  readonly faultMs: number;
  readonly faults: number;
  readonly clients: number;
  /** Lanes and watches of all clients. */
  readonly lanes: number;
  /** Calls made until it failed. */
  readonly calls: number;
}

/** The smallest script that was found, and how it fails. */
export interface Shrunk {
  readonly script: SimScript;
  readonly failure: RunFailure;
  readonly kind: string;
  readonly size: ScriptSize;
  readonly before: ScriptSize;
  readonly runs: number;
  /** True: nothing more could be taken away; false: the time was over. */
  readonly isDone: boolean;
}

/** Makes a failing script smaller while it goes on failing in the same way. Null if it does not fail at all. */
export function shrinkScript(script: SimScript, options: ShrinkOptions): Shrunk | null {
  const first = tryScript(script, ruleOf(options));
  if (first.failure === null) return null;
  return new Shrinker(script, first, options).shrink();
}

/** Thrown when the time is over: all stages end, what was found stays. */
class TimeIsOver extends Error {}

/** Time after the moment of a failure that a shortened run still has, in ms: the failure may come a little later in it. */
const REST_MS = 5;
/** A smaller run that takes far more events than the one it comes from is of no use. */
const STEPS_FACTOR = 2;

class Shrinker {
  readonly #options: ShrinkOptions;
  readonly #kind: string;
  readonly #endMs: number;
  readonly #before: ScriptSize;
  #script: SimScript;
  #failure: RunFailure;
  #made: readonly ScriptedCall[];
  #injected: ReadonlySet<number>;
  #runs = 1;
  #stage = '';

  constructor(script: SimScript, { failure, calls, nemesis }: RunOutcome & { readonly failure: RunFailure }, options: ShrinkOptions) {
    this.#options = options;
    this.#script = script;
    this.#failure = failure;
    this.#made = calls.made;
    this.#injected = injectedBy(nemesis);
    this.#kind = failureKind(failure.message);
    this.#endMs = options.nowMs() + options.limitMs;
    this.#before = this.#size();
  }

  shrink(): Shrunk {
    let isDone = false;
    try {
      // What was taken away late may make room for more of what was tried early.
      for (let before = ''; before !== JSON.stringify(this.#script); ) {
        before = JSON.stringify(this.#script);
        this.#round();
      }
      isDone = true;
    } catch (thrown) {
      if (!(thrown instanceof TimeIsOver)) throw thrown;
    }
    const { script, failure, kind, runs } = { script: this.#script, failure: this.#failure, kind: this.#kind, runs: this.#runs };
    return { script, failure, kind, runs, isDone, size: this.#size(), before: this.#before };
  }

  /** What makes runs short comes first: then all that follows is quicker. */
  #round(): void {
    this.#shorten();
    // While there are faults to choose from: in a smaller cluster they hit others.
    this.#fewerNodes();
    this.#fewerFaults();
    this.#shorten();
    this.#fewerClients();
    this.#fewerObjects();
    this.#simplerCluster();
    this.#fewerCalls();
  }

  /** Runs a candidate; keeps it if it fails in the same way. */
  #try(change: Partial<SimScript>): boolean {
    const { nowMs, progress } = this.#options;
    if (nowMs() >= this.#endMs) throw new TimeIsOver();
    const script = { ...this.#script, ...change };
    this.#runs++;
    const stepsMax = Math.max(20_000, this.#failure.steps * STEPS_FACTOR);
    const { failure, calls, nemesis } = tryScript(script, { ...ruleOf(this.#options), stepsMax });
    const isSame = failure !== null && failureKind(failure.message) === this.#kind;
    if (isSame) {
      this.#script = script;
      this.#failure = failure;
      this.#made = calls.made;
      this.#injected = injectedBy(nemesis);
    }
    progress?.(this.#stage, this.#runs, this.#size());
    return isSame;
  }

  #size(): ScriptSize {
    const { cluster, faultMs, faults, streamClients, resourceClients } = this.#script;
    const lanesOf = ({ lanes, watches }: { lanes: readonly number[]; watches?: readonly number[] }): number =>
      lanes.length + (watches?.length ?? 0);
    const clients = [...streamClients, ...resourceClients];
    const lanes = clients.reduce((sum, client) => sum + lanesOf(client), 0);
    return { nodes: cluster.nodes, faultMs, faults: faults.steps.length, clients: clients.length, lanes, calls: this.#made.length };
  }

  #shorten(): void {
    this.#stage = 'time';
    const { faultsFromMs, atMs } = this.#failure;
    const { faultMs } = this.#script;
    // A failure while the faults go on: what is after it cannot matter.
    const needed = faultsFromMs === null ? 0 : Math.ceil(atMs - faultsFromMs) + REST_MS;
    if (needed < faultMs && this.#try(this.#cutAt(needed))) return;
    // Found out in the end: what was needed may be over with the last fault.
    const last = Math.max(0, ...this.#script.faults.steps.map((step) => Math.ceil(step.atMs))) + REST_MS;
    if (last < faultMs && this.#try(this.#cutAt(last))) return;
    for (let part = 0.125; part < 1; part = part * 2 > 0.9 ? 1 : Math.min(part * 2, part + 0.25)) {
      const shorter = Math.floor(faultMs * part);
      if (shorter < faultMs && this.#try(this.#cutAt(shorter))) return;
    }
  }

  #cutAt(faultMs: number): Partial<SimScript> {
    const { faults } = this.#script;
    return { faultMs, faults: { ...faults, steps: faults.steps.filter((step) => step.atMs < faultMs) } };
  }

  #fewerNodes(): void {
    this.#stage = 'nodes';
    const { cluster } = this.#script;
    for (const nodes of [1, 3]) if (nodes < cluster.nodes && this.#try({ cluster: { ...cluster, nodes } })) return;
  }

  #fewerFaults(): void {
    this.#stage = 'faults';
    const withSteps = (steps: readonly FaultStep[]): Partial<SimScript> => ({ faults: { ...this.#script.faults, steps } });
    // Those that did not fit their moment, or came after the failure.
    const injected = this.#script.faults.steps.filter(({ id }) => this.#injected.has(id));
    if (injected.length < this.#script.faults.steps.length) this.#try(withSteps(injected));
    this.#fewer(this.#script.faults.steps, withSteps);
  }

  #fewerClients(): void {
    this.#stage = 'clients';
    this.#fewer(this.#script.streamClients, (streamClients) => ({ streamClients }));
    this.#fewer(this.#script.resourceClients, (resourceClients) => ({ resourceClients }));
    this.#stage = 'kinds of calls';
    this.#fewer(this.#kindsOn(), (kinds) => ({ kindsOff: RESOURCE_CALL_KINDS.filter((kind) => !kinds.includes(kind)) }));
    this.#stage = 'lanes';
    this.#script.streamClients.forEach(({ lanes }, at) => {
      const change = (part: Partial<StreamClientScript>): Partial<SimScript> => ({
        streamClients: this.#script.streamClients.map((client, index) => (index === at ? { ...client, ...part } : client)),
      });
      this.#fewer(lanes, (fewer) => change({ lanes: fewer }));
    });
    this.#script.resourceClients.forEach(({ lanes, watches }, at) => {
      const change = (part: Partial<ResourceClientScript>): Partial<SimScript> => ({
        resourceClients: this.#script.resourceClients.map((client, index) => (index === at ? { ...client, ...part } : client)),
      });
      this.#fewer(watches, (fewer) => change({ watches: fewer }));
      this.#fewer(lanes, (fewer) => change({ lanes: fewer }));
    });
  }

  /** Kinds that were made at all: the others are off without a run. */
  #kindsOn(): ResourceCallKind[] {
    return RESOURCE_CALL_KINDS.filter((kind) => this.#script.plan.weights[kind] > 0 && !this.#script.kindsOff.includes(kind));
  }

  #fewerObjects(): void {
    this.#stage = 'objects';
    const { streams } = this.#script;
    if (!(streams.length > 0 && this.#script.streamClients.length === 0 && this.#try({ streams: [] })) && streams.length > 1)
      this.#try({ streams: streams.slice(0, 1) });
    for (const part of ['maps', 'keys', 'counters', 'locks', 'elections'] as const) {
      const { plan } = this.#script;
      // Each is looked at in the end, and clients need one to speak of.
      if (plan[part].length > 1) this.#try({ plan: { ...plan, [part]: plan[part].slice(0, 1) } });
    }
  }

  #simplerCluster(): void {
    this.#stage = 'cluster';
    const simpler = (part: Partial<SimScript['cluster']>): void => {
      const cluster = { ...this.#script.cluster, ...part };
      if (JSON.stringify(cluster) !== JSON.stringify(this.#script.cluster)) this.#try({ cluster });
    };
    simpler({ link: { latencyMs: 0.25, jitterMs: 0, chunkChance: 0 } });
    simpler({ diskLatency: { writeMs: [0.05, 0.05], syncMs: [0.5, 0.5] } });
    simpler({ timerSlackMs: 0 });
    simpler({ syncMode: 'adaptive' });
    simpler({ journalFileBytes: 2_621_440 });
    simpler({ snapshotLogBytes: 1_048_576 });
  }

  /** Names all calls that were made, then takes away. */
  #fewerCalls(): void {
    this.#stage = 'calls';
    if (this.#script.calls !== null) {
      // What was not made until it failed changes nothing.
      const made = new Set(this.#made.map(({ id }) => id));
      const calls = this.#script.calls.filter(({ id }) => made.has(id));
      if (calls.length < this.#script.calls.length) this.#try({ calls });
    }
    const named = this.#script.calls !== null || this.#try({ calls: this.#made.map(({ id, atMs }) => ({ id, atMs })) });
    if (named) this.#fewer(this.#script.calls ?? [], (calls) => ({ calls }));
  }

  /** Delta debugging: none, then without each half, quarter … single one, as long as something can go. */
  #fewer<T>(all: readonly T[], change: (kept: readonly T[]) => Partial<SimScript>): void {
    if (all.length === 0 || this.#try(change([]))) return;
    let kept = all;
    for (let size = kept.length >> 1; size >= 1; size >>= 1) {
      for (let at = 0; at < kept.length && kept.length > 1; ) {
        const without = [...kept.slice(0, at), ...kept.slice(at + size)];
        if (without.length > 0 && this.#try(change(without))) kept = without;
        else at += size;
      }
    }
  }
}

function injectedBy({ injected }: Nemesis): ReadonlySet<number> {
  return new Set(injected.map(({ id }) => id));
}

function ruleOf({ rule }: ShrinkOptions): RunOptions {
  return rule === undefined ? {} : { rule };
}
