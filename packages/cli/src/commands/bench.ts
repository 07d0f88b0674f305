import { setTimeout as delay } from 'node:timers/promises';
import { QuorateError } from '@quorate/base';
import type { QuorateClient } from '@quorate/client';
import { AppendLoad } from '../bench/append-load.js';
import type { Histogram } from '../bench/histogram.js';
import { type ProcessUsage, usageOf } from '../bench/process-usage.js';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, openClient } from '../connection.js';
import { EXIT_CODES } from '../exit-codes.js';
import { Output, table } from '../output.js';

export interface BenchFlags extends ConnectFlags {
  readonly inFlight: number;
  readonly connections: number;
  readonly streams: number;
  readonly bytes: number;
  /** Seconds. */
  readonly seconds: number;
  readonly warmup: number;
}

/** One node at one moment. */
interface NodeSample {
  readonly node: number;
  readonly syncs: number;
  readonly usage: ProcessUsage | null;
}

/** All nodes and this process at one moment. */
interface Sample {
  readonly atMs: number;
  readonly clientMicros: number;
  readonly nodes: readonly NodeSample[];
}

/** What is measured, as `--json` prints it. Null: not available here. */
export interface BenchResult {
  readonly inFlight: number;
  readonly connections: number;
  readonly streams: number;
  readonly recordBytes: number;
  readonly seconds: number;
  readonly appends: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Summed over all nodes. */
  readonly serverMicrosPerAppend: number | null;
  readonly clientMicrosPerAppend: number;
  /** Summed over all nodes. */
  readonly syncsPerAppend: number;
  /** Per node, at the end. */
  readonly residentBytes: readonly (number | null)[];
  readonly errors: Readonly<Record<string, number>>;
}

/** `quorate bench`: appends for a while and prints what it took. */
export async function runBench(flags: BenchFlags, io: CliIo): Promise<number> {
  const output = new Output(io.stdout, flags.json);
  const clients = Array.from({ length: flags.connections }, () => openClient(flags));
  try {
    const streams = await prepareStreams(clients, flags.streams);
    const result = await measure(clients, streams, flags);
    await output.json(result);
    await output.text(resultText(result));
    return EXIT_CODES.ok.code;
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function prepareStreams(clients: readonly QuorateClient[], count: number): Promise<readonly string[]> {
  const names = Array.from({ length: count }, (_, index) => `bench-${index}`);
  const creator = clients[0] as QuorateClient;
  await Promise.all(names.map((name) => creator.stream(name).create()));
  // Every connection finds the leaders before the clock runs.
  await Promise.all(clients.flatMap((client) => names.map((name) => client.stream(name).info())));
  return names;
}

async function measure(clients: readonly QuorateClient[], streams: readonly string[], flags: BenchFlags): Promise<BenchResult> {
  const observer = clients[0] as QuorateClient;
  const { members } = await observer.status();
  const addresses = members.map((member) => member.address);
  const load = new AppendLoad({ clients, streams, inFlight: flags.inFlight, recordBytes: flags.bytes });
  load.start();
  await delay(flags.warmup * 1000);
  const before = await sample(observer, addresses);
  load.beginMeasure();
  const startMs = performance.now();
  await delay(flags.seconds * 1000);
  const histogram = load.endMeasure();
  const elapsedMs = performance.now() - startMs;
  const after = await sample(observer, addresses);
  await load.stop();
  const errors = Object.fromEntries(load.errors);
  if (histogram.count === 0)
    throw new QuorateError('unavailable', `no append was acknowledged in ${flags.seconds} s; errors: ${JSON.stringify(errors)}`);
  return { ...resultOf({ flags, histogram, before, after, elapsedMs }), errors };
}

async function sample(client: QuorateClient, addresses: readonly string[]): Promise<Sample> {
  const nodes = await Promise.all(
    addresses.map(async (address): Promise<NodeSample> => {
      const status = await client.status({ address });
      return { node: status.nodeId, syncs: status.metrics['syncs'] ?? 0, usage: usageOf(status.pid, address) };
    }),
  );
  const { user, system } = process.cpuUsage();
  return { atMs: performance.now(), clientMicros: user + system, nodes };
}

function resultOf(facts: {
  flags: BenchFlags;
  histogram: Histogram;
  before: Sample;
  after: Sample;
  elapsedMs: number;
}): Omit<BenchResult, 'errors'> {
  const { flags, histogram, before, after, elapsedMs } = facts;
  const perSecond = histogram.count / (elapsedMs / 1000);
  // The samples are a little further apart than the measured time: relate them to what was appended in theirs.
  const appendsBetween = (perSecond * (after.atMs - before.atMs)) / 1000;
  const micros = after.nodes.map((node, index) => difference(node.usage, before.nodes[index]?.usage ?? null));
  const syncs = sum(after.nodes.map((node, index) => node.syncs - (before.nodes[index]?.syncs ?? 0)));
  return {
    inFlight: flags.inFlight,
    connections: flags.connections,
    streams: flags.streams,
    recordBytes: flags.bytes,
    seconds: elapsedMs / 1000,
    appends: histogram.count,
    perSecond,
    p50Ms: histogram.percentile(0.5),
    p99Ms: histogram.percentile(0.99),
    maxMs: histogram.maxMs,
    serverMicrosPerAppend: micros.some((value) => value === null) ? null : sum(micros.map((value) => value ?? 0)) / appendsBetween,
    clientMicrosPerAppend: (after.clientMicros - before.clientMicros) / appendsBetween,
    syncsPerAppend: syncs / appendsBetween,
    residentBytes: after.nodes.map((node) => node.usage?.residentBytes ?? null),
  };
}

function difference(after: ProcessUsage | null, before: ProcessUsage | null): number | null {
  return after === null || before === null ? null : after.cpuMicros - before.cpuMicros;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function resultText(result: BenchResult): string {
  const resident = result.residentBytes.map((bytes) => (bytes === null ? 'not available' : `${(bytes / 1_048_576).toFixed(0)} MiB`));
  const rows: (readonly [string, string])[] = [
    [
      'appends',
      `${result.appends} of ${result.recordBytes} bytes in ${result.seconds.toFixed(1)} s; ${result.inFlight} in flight over ${result.connections} connections, ${result.streams} streams`,
    ],
    ['op/s', result.perSecond.toFixed(0)],
    ['p50', `${result.p50Ms.toFixed(2)} ms`],
    ['p99', `${result.p99Ms.toFixed(2)} ms`],
    ['max', `${result.maxMs.toFixed(2)} ms`],
    [
      'server CPU per op',
      result.serverMicrosPerAppend === null ? 'not available' : `${result.serverMicrosPerAppend.toFixed(1)} µs over all nodes`,
    ],
    ['client CPU per op', `${result.clientMicrosPerAppend.toFixed(1)} µs`],
    ['syncs per op', `${result.syncsPerAppend.toFixed(3)} over all nodes`],
    ['memory per node', resident.join(', ')],
  ];
  const failures = Object.entries(result.errors).map(([code, count]) => `${count} × ${code}`);
  if (failures.length > 0) rows.push(['failed', failures.join(', ')]);
  return table(rows);
}
