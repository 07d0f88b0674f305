import { QuorateError, type Random, randomBetween, randomChance, randomUnit } from '@quorate/base';
import { type FaultPlan, drawFaultPlan } from './fault-plan.js';
import type { NemesisAction } from './nemesis-actions.js';
import { randomByName } from './random-by-name.js';
import { type ResourceCallKind, type ResourcePlan, randomResourcePlan } from './resource-plan.js';
import type { DiskLatency } from './sim-disk.js';
import type { LinkConditions } from './sim-link.js';
import { randomLinkConditions } from './sim-network.js';

/** What a simulated cluster is like. */
export interface ClusterShape {
  readonly nodes: number;
  readonly syncMode: 'adaptive' | 'sync' | 'async';
  /** Random lateness of timers, at most, in ms. */
  readonly timerSlackMs: number;
  readonly link: Partial<LinkConditions>;
  readonly diskLatency: DiskLatency;
  readonly journalFileBytes: number;
  readonly snapshotLogBytes: number;
}

/** A client of streams; one that is killed is replaced by the same with another name (`'` added). */
export interface StreamClientScript {
  readonly name: string;
  /** Numbers of its lanes: calls open at a time. */
  readonly lanes: readonly number[];
  readonly pauseMsMax: number;
  /** As in `ResourcePlan`. */
  readonly burstMs: number;
  /** Most records of one append. */
  readonly recordsMax: number;
  readonly valueBytesMax: number;
}

/** A client of resources. */
export interface ResourceClientScript {
  readonly name: string;
  readonly lanes: readonly number[];
  /** Numbers of its watches. */
  readonly watches: readonly number[];
  readonly sessionTtlMs: number;
  /** Absent: the default of clients. */
  readonly disconnectGraceMs?: number;
}

/** One call that a client makes, in a script that names them all. */
export interface ScriptedCall {
  /** `CLIENT/LANE/TURN`; everything about the call is drawn from it. */
  readonly id: string;
  /** Not before this moment of virtual time. */
  readonly atMs: number;
}

/**
 * All that one run of the simulator is: nothing in it is drawn any more, except from the names of what is in it. So a part that is left out
 * changes nothing about what the others do by themselves.
 */
export interface SimScript {
  readonly seed: number;
  readonly cluster: ClusterShape;
  /** Time under faults, in ms of virtual time. */
  readonly faultMs: number;
  readonly faults: FaultPlan;
  readonly streams: readonly string[];
  readonly streamClients: readonly StreamClientScript[];
  readonly plan: ResourcePlan;
  readonly resourceClients: readonly ResourceClientScript[];
  /** Kinds of calls that are left out. */
  readonly kindsOff: readonly ResourceCallKind[];
  /** Null: clients make calls all the time. Otherwise just these, in order of time. */
  readonly calls: readonly ScriptedCall[] | null;
}

/** What of a script is not left to its seed. */
export interface ScriptOptions {
  /** Nodes; default: 3, sometimes 1 or 5, by the seed. */
  readonly nodes?: number;
  /** Virtual time under faults, in ms. Default 60,000. */
  readonly faultMs?: number;
  /** Clients of streams, and as many of resources. */
  readonly clients?: number;
  readonly streams?: number;
  /** What the clients of resources do; default: drawn. */
  readonly plan?: ResourcePlan;
  /** Kinds of faults that may happen; default all. Each run draws a subset of its own. None: no faults at all. */
  readonly actions?: readonly NemesisAction[];
}

/** The script of a seed. */
export function drawScript(seed: number, options: ScriptOptions = {}): SimScript {
  const random = (name: string): Random => randomByName(seed, name);
  const faultMs = options.faultMs ?? 60_000;
  const clients = options.clients ?? randomBetween(random('clients'), 1, 3);
  if (clients === 0) throw new QuorateError('invalidArgument', `seed ${seed}: a simulation needs a client`);
  const plan = options.plan ?? randomResourcePlan(random('plan'), clients);
  const { actions } = options;
  const streamClients = numbers(clients).map((at) => drawStreamClient(random(`writer-${at}`), `writer-${at}`, clients));
  return {
    seed,
    cluster: drawShape(random('cluster'), streamClients, options.nodes),
    faultMs,
    faults: drawFaultPlan(random('faults'), { durationMs: faultMs, ...(actions === undefined ? {} : { actions }) }),
    streams: numbers(options.streams ?? randomBetween(random('streams'), 1, 4)).map((at) => `stream-${at}`),
    streamClients,
    plan,
    resourceClients: numbers(clients).map((at) => drawResourceClient(random(`client-${at}`), `client-${at}`, plan)),
    kindsOff: [],
    calls: null,
  };
}

/** Files of the journal, in KiB: of clients that write little at once, and of others. All that a client writes at once has to fit one. */
const SMALL_FILES = [256, 256, 1024, 2560];
const LARGE_FILES = [1024, 1024, 1024, 2560];
const SMALL_WRITE_BYTES = 65_536;

function drawShape(random: Random, streamClients: readonly StreamClientScript[], nodes: number | undefined): ClusterShape {
  const areSmall = streamClients.every(
    ({ lanes, recordsMax, valueBytesMax }) => lanes.length * recordsMax * valueBytesMax <= SMALL_WRITE_BYTES,
  );
  const slowMs = randomChance(random, 0.2) ? 20 : 1;
  return {
    nodes: nodes ?? [3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 1, 5][randomBetween(random, 0, 11)] ?? 3,
    syncMode: (['adaptive', 'sync', 'async'] as const)[randomBetween(random, 0, 2)] ?? 'adaptive',
    timerSlackMs: randomUnit(random) * 2,
    link: randomLinkConditions(random),
    diskLatency: { writeMs: [0.01, 0.05 * slowMs], syncMs: [0.1, 0.6 * slowMs] },
    // So small that files follow one another, and that a full disk is met: it is when the next file is due.
    journalFileBytes: ((areSmall ? SMALL_FILES : LARGE_FILES)[randomBetween(random, 0, 3)] ?? 1024) * 1024,
    // So small that snapshots are taken all the time, and nodes that were away need one.
    snapshotLogBytes: ([4, 32, 256][randomBetween(random, 0, 2)] ?? 4) * 1024,
  };
}

/** Per second of virtual time, about: records that all clients of streams append, if they append many at once; and calls, if few. */
const RECORD_RATES = [520, 840, 1240];
const SINGLE_RATES = [10, 20, 40];

function drawStreamClient(random: Random, name: string, clients: number): StreamClientScript {
  const draw = (rates: readonly number[]): number => (rates[randomBetween(random, 0, rates.length - 1)] as number) / clients;
  if (randomChance(random, 0.2)) {
    const lanes = numbers(randomBetween(random, 1, 4));
    const valueBytesMax = randomChance(random, 0.2) ? 5000 : 100;
    return { name, lanes, pauseMsMax: Math.ceil((lanes.length * 2000) / draw(SINGLE_RATES)), burstMs: 0, recordsMax: 3, valueBytesMax };
  }
  const lanes = numbers(randomBetween(random, 1, 2));
  const recordsMax = [256, 512, 768][randomBetween(random, 0, 2)] ?? 512;
  const burstMs = Math.ceil((lanes.length * recordsMax * 500) / draw(RECORD_RATES));
  return { name, lanes, pauseMsMax: burstMs / 2, burstMs, recordsMax, valueBytesMax: randomChance(random, 0.1) ? 400 : 40 };
}

function drawResourceClient(random: Random, name: string, plan: ResourcePlan): ResourceClientScript {
  const sessionTtlMs = [300, 1000, 10_000][randomBetween(random, 0, 2)] ?? 1000;
  return {
    name,
    lanes: numbers(plan.lanes),
    watches: numbers(plan.watches),
    sessionTtlMs,
    ...(randomBetween(random, 0, 3) === 0 ? { disconnectGraceMs: Math.floor(sessionTtlMs / 3) } : {}),
  };
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at);
}
