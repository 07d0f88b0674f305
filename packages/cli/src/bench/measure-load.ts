import { setTimeout as delay } from 'node:timers/promises';
import { QuorateError } from '@quorate/base';
import type { RoundResult } from './bench-result.js';
import { Histogram } from './histogram.js';
import type { ClientReport } from './load-messages.js';
import { LoadProcesses, type LoadProcessesOptions } from './load-processes.js';
import type { ServerSample, Servers } from './servers.js';
import { countSystemCalls } from './system-calls.js';

/** Between two looks at how a round goes. */
const LOOK_MS = 100;
/** How long system calls are counted. */
const COUNT_SECONDS = 1;

/** How a load is measured. */
export interface MeasureOptions extends LoadProcessesOptions {
  readonly servers: Servers;
  readonly seconds: number;
  readonly warmup: number;
  readonly rounds: number;
  /** A round ends when nothing was acknowledged for so long. */
  readonly stallMs: number;
  /** Counts the system calls of the servers too, for a second after the last round, which is not measured otherwise. */
  readonly countCalls?: boolean;
  /** Ends the round that is going on; it is partial then. */
  readonly signal?: AbortSignal;
  /** Told now and then. */
  readonly onProgress?: (progress: Progress) => void;
  /** Told after each round. */
  readonly onRound?: (round: RoundResult) => void;
}

/** How a measurement goes at one moment. */
export interface Progress {
  /** 0: warming up. */
  readonly round: number;
  /** Of the warm-up or round, since its start. */
  readonly seconds: number;
  readonly opsPerSecond: number;
  readonly failed: number;
}

/** What `measureLoad` gives. */
export interface LoadMeasurement {
  readonly rounds: readonly RoundResult[];
  /** Over all servers; null: not asked for, or not possible. */
  readonly systemCallsPerOp: number | null;
  /** Why they could not be counted. */
  readonly notes: readonly string[];
}

/**
 * Opens client processes, warms up, measures one round after the other and ends the processes. After a partial round there is no other. Rejects if
 * the system cannot be reached at the start or not one operation was acknowledged.
 */
export async function measureLoad(options: MeasureOptions): Promise<LoadMeasurement> {
  const pool = await LoadProcesses.open(options);
  try {
    pool.start();
    const early = await watch(pool, options, 0);
    const rounds: RoundResult[] = [];
    for (let round = 1; round <= options.rounds; round++) {
      const result = await measureRound(pool, options, round, early);
      if (result.operations === 0 && rounds.length === 0) throw nothingDone(result);
      rounds.push(result);
      options.onRound?.(result);
      if (result.partial) break;
    }
    const calls = options.countCalls === true && rounds.at(-1)?.partial === false ? await callsPerOp(pool, options.servers) : null;
    return {
      rounds,
      systemCallsPerOp: typeof calls === 'number' ? calls : null,
      notes: typeof calls === 'string' ? [`systemCallsPerOp: ${calls}`] : [],
    };
  } finally {
    await pool.close();
  }
}

/** Or why they could not be counted. */
async function callsPerOp(pool: LoadProcesses, servers: Servers): Promise<number | string> {
  let operations = 0;
  const counted = await countSystemCalls(await servers.pids(), async () => {
    pool.beginMeasure();
    await delay(COUNT_SECONDS * 1000);
    operations = sum((await pool.endMeasure()).map((report) => report.operations));
  });
  if ('reason' in counted) return counted.reason;
  return operations === 0 ? 'nothing was acknowledged while they were counted' : counted.calls / operations;
}

function nothingDone({ seconds, errors, partialReasons }: RoundResult): QuorateError {
  const why = [...Object.entries(errors).map(([code, count]) => `${count} × ${code}`), ...partialReasons].join('; ');
  return new QuorateError('unavailable', `no operation was acknowledged in ${seconds.toFixed(1)} s${why === '' ? '' : `: ${why}`}`);
}

async function measureRound(pool: LoadProcesses, options: MeasureOptions, round: number, early: string | null): Promise<RoundResult> {
  const before = early === null ? await sampleOf(options.servers) : null;
  pool.beginMeasure();
  const reason = early ?? (await watch(pool, options, round));
  const reports = await pool.endMeasure();
  const after = before === null ? null : await sampleOf(options.servers);
  const reasons = reason === null ? [] : [reason];
  if (reports.length < options.processes && reason === null) reasons.push('a client process ended');
  if (before === null || after === null) reasons.push('the servers did not all tell their figures');
  return roundResult({ options, reports, before, after, reasons });
}

/** Waits for the end of the warm-up (round 0) or of a round. Why it ended early; null: it did not. */
async function watch(pool: LoadProcesses, options: MeasureOptions, round: number): Promise<string | null> {
  const { seconds, warmup, stallMs, signal, onProgress } = options;
  const startMs = performance.now();
  const endMs = startMs + (round === 0 ? warmup : seconds) * 1000;
  const failedBefore = pool.failed;
  let [acknowledged, sinceMs] = [pool.acknowledged, startMs];
  const acknowledgedBefore = acknowledged;
  for (let nowMs = startMs; nowMs < endMs; nowMs = performance.now()) {
    await delay(Math.min(LOOK_MS, endMs - nowMs));
    if (signal?.aborted === true) return 'interrupted';
    if (pool.hasEnded) return 'a client process ended';
    if (pool.acknowledged > acknowledged) [acknowledged, sinceMs] = [pool.acknowledged, performance.now()];
    const failed = pool.failed - failedBefore;
    if (performance.now() - sinceMs > stallMs) return `nothing was acknowledged for ${(stallMs / 1000).toFixed(1)} s`;
    const passed = (performance.now() - startMs) / 1000;
    onProgress?.({ round, seconds: passed, opsPerSecond: (acknowledged - acknowledgedBefore) / passed, failed });
  }
  return null;
}

/** A sample and when it was taken; null: a server does not answer. */
interface TimedSample {
  readonly atMs: number;
  readonly servers: readonly ServerSample[];
}

async function sampleOf(servers: Servers): Promise<TimedSample | null> {
  try {
    const samples = await servers.sample();
    return { atMs: performance.now(), servers: samples };
  } catch {
    return null;
  }
}

interface RoundFacts {
  readonly options: MeasureOptions;
  readonly reports: readonly ClientReport[];
  readonly before: TimedSample | null;
  readonly after: TimedSample | null;
  readonly reasons: readonly string[];
}

function roundResult({ options, reports, before, after, reasons }: RoundFacts): RoundResult {
  const latency = new Histogram();
  const errors: Record<string, number> = {};
  for (const report of reports) {
    latency.merge(report.latency);
    for (const [code, count] of Object.entries(report.errors)) errors[code] = (errors[code] ?? 0) + count;
  }
  const operations = sum(reports.map((report) => report.operations));
  const opsPerSecond = sum(reports.map((report) => (report.operations * 1000) / Math.max(1, report.elapsedMs)));
  const { bytes, batch, operation } = options.settings;
  const payloadBytes = operation === 'append' ? bytes * batch : bytes;
  const partialReasons = Object.keys(errors).length === 0 ? reasons : [...reasons, 'operations failed'];
  return {
    partial: partialReasons.length > 0,
    partialReasons,
    seconds: Math.max(0, ...reports.map((report) => report.elapsedMs)) / 1000,
    operations,
    opsPerSecond,
    payloadMegabytesPerSecond: (opsPerSecond * payloadBytes) / 1e6,
    p50Ms: latency.percentile(0.5),
    p99Ms: latency.percentile(0.99),
    p999Ms: latency.percentile(0.999),
    maxMs: latency.maxMs,
    meanMs: latency.meanMs,
    behind: sum(reports.map((report) => report.behind)),
    clientCpuMicrosPerOp: sum(reports.map((report) => report.cpuMicros)) / Math.max(1, operations),
    clientCpuShare: Math.max(0, ...reports.map((report) => report.cpuMicros / (Math.max(1, report.elapsedMs) * 1000))),
    ...serverFigures({ before, after, opsPerSecond, payloadBytes: operation === 'read' ? 0 : payloadBytes }),
    errors,
    histogram: latency.rows(),
  };
}

type ServerFigure =
  | 'serverCpuMicrosPerOp'
  | 'syncsPerOp'
  | 'ioCallsPerOp'
  | 'storageBytesPerPayloadByte'
  | 'diskBytesPerPayloadByte'
  | 'residentBytes'
  | 'eventLoopDelayP999Ms'
  | 'eventLoopDelayMaxMs';

function serverFigures(facts: {
  readonly before: TimedSample | null;
  readonly after: TimedSample | null;
  readonly opsPerSecond: number;
  /** Of an operation; 0: it writes nothing. */
  readonly payloadBytes: number;
}): Pick<RoundResult, ServerFigure> {
  const { before, after, opsPerSecond, payloadBytes } = facts;
  // The samples are a little further apart than the measured time: relate them to what was done in theirs.
  const operations = before === null || after === null ? 0 : (opsPerSecond * (after.atMs - before.atMs)) / 1000;
  const grownBy = (figure: (server: ServerSample) => number | null): number | null => {
    if (before === null || after === null || operations === 0) return null;
    const grown = after.servers.map((server, index) => difference(figure(server), figure(before.servers[index] as ServerSample)));
    return grown.includes(null) ? null : sum(grown as number[]);
  };
  const per = (total: number | null, count: number): number | null => (total === null || count === 0 ? null : total / count);
  const servers = after?.servers ?? [];
  return {
    serverCpuMicrosPerOp: per(
      grownBy(({ usage }) => usage?.cpuMicros ?? null),
      operations,
    ),
    syncsPerOp: per(
      grownBy(({ syncs }) => syncs),
      operations,
    ),
    ioCallsPerOp: per(
      grownBy(({ usage }) => usage?.ioCalls ?? null),
      operations,
    ),
    storageBytesPerPayloadByte: per(
      grownBy(({ storageBytes }) => storageBytes),
      operations * payloadBytes,
    ),
    diskBytesPerPayloadByte: per(
      grownBy(({ usage }) => usage?.diskBytes ?? null),
      operations * payloadBytes,
    ),
    residentBytes: servers.map(({ usage }) => usage?.residentBytes ?? null),
    eventLoopDelayP999Ms: servers.map(({ loopDelayP999Ms }) => loopDelayP999Ms),
    eventLoopDelayMaxMs: servers.map(({ loopDelayMaxMs }) => loopDelayMaxMs),
  };
}

function difference(after: number | null, before: number | null): number | null {
  return after === null || before === null ? null : after - before;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
