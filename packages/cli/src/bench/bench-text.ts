import type { Figure, RoundResult, Spread } from './bench-result.js';
import { histogramText } from './histogram.js';
import type { GapResult } from './transfer-gap.js';
import { table } from '../output.js';

/** A load as `--json` prints it: each figure is the median of the rounds. */
export type LoadResult = {
  readonly workload: string;
  readonly inFlight: number;
  readonly connections: number;
  readonly processes: number;
  readonly rate: number | null;
  readonly bytes: number;
  readonly batch: number;
  readonly keys: number;
  readonly streams: number;
  readonly warmupSeconds: number;
  /** True if one of the rounds is. */
  readonly partial: boolean;
  readonly partialReasons: readonly string[];
  /** Over all servers and all kinds, counted apart; null: not asked for, or not possible. */
  readonly systemCallsPerOp: number | null;
  /** The busiest client process used so much of its core that it, not the servers, may be the limit. */
  readonly clientIsLimit: boolean;
  /** Why a figure is null. */
  readonly notes: readonly string[];
  readonly spreads: Readonly<Record<Figure, Spread | null>>;
  readonly rounds: readonly RoundResult[];
  readonly errors: Readonly<Record<string, number>>;
} & Readonly<Record<Figure, number | null>>;

/** A load for people. */
export function loadText(result: LoadResult): string {
  const { rounds, spreads } = result;
  const last = rounds.at(-1);
  const ms = (spread: Spread | null): string => withSpread(spread, (value) => `${value.toFixed(2)} ms`);
  const mebibytes = (bytes: number | null): string => (bytes === null ? 'not available' : `${(bytes / 1_048_576).toFixed(0)} MiB`);
  const delays = last?.eventLoopDelayP999Ms.map((value, index) => `${value ?? '?'} / ${last.eventLoopDelayMaxMs[index] ?? '?'} ms`) ?? [];
  const rows: (readonly [string, string])[] = [
    ['load', loadOf(result)],
    ['operations', withSpread(spreads.operations, (value) => value.toFixed(0))],
    ['op/s', withSpread(spreads.opsPerSecond, (value) => value.toFixed(0))],
    ['payload', withSpread(spreads.payloadMegabytesPerSecond, (value) => `${value.toFixed(2)} MB/s`)],
    ['p50', ms(spreads.p50Ms)],
    ['p99', ms(spreads.p99Ms)],
    ['p99.9', ms(spreads.p999Ms)],
    ['max', ms(spreads.maxMs)],
    ['server CPU per op', withSpread(spreads.serverCpuMicrosPerOp, (value) => `${value.toFixed(1)} µs over all nodes`)],
    ['client CPU per op', withSpread(spreads.clientCpuMicrosPerOp, (value) => `${value.toFixed(1)} µs`)],
    [
      'busiest client',
      `${((result.clientCpuShare ?? 0) * 100).toFixed(0)} % of a core${result.clientIsLimit ? ': it may be the limit' : ''}`,
    ],
    ['syncs per op', withSpread(spreads.syncsPerOp, (value) => `${value.toFixed(4)} over all nodes`)],
    ['reads and writes per op', withSpread(spreads.ioCallsPerOp, (value) => `${value.toFixed(3)} system calls over all nodes`)],
    ...(result.systemCallsPerOp === null
      ? []
      : [['system calls per op', `${result.systemCallsPerOp.toFixed(3)} of all kinds, counted apart`] as const]),
    ['stored per payload byte', withSpread(spreads.storageBytesPerPayloadByte, (value) => `${value.toFixed(2)} bytes over all nodes`)],
    [
      'disk per payload byte',
      withSpread(spreads.diskBytesPerPayloadByte, (value) => `${value.toFixed(2)} bytes over all nodes, in whole pages`),
    ],
    ['memory per node', last?.residentBytes.map(mebibytes).join(', ') ?? ''],
    ['event loop held up', `${delays.join(', ')} (99.9th percentile / longest of each node)`],
  ];
  if ((result.behind ?? 0) > 0)
    rows.push(['behind', `${result.behind} operations were due and did not begin: more than the cluster can do`]);
  for (const note of result.notes) rows.push(['note', note]);
  return [table([...rows, ...failureRows(result)]), ...(last === undefined ? [] : histogramText(last.histogram))].join('\n');
}

function loadOf({ inFlight, connections, processes, bytes, batch, rate, rounds }: LoadResult): string {
  const records = batch === 1 ? `${bytes} bytes` : `${batch} × ${bytes} bytes`;
  const paced = rate === null ? '' : `, ${rate} op/s asked for`;
  const clients = `${inFlight} in flight over ${connections} connections of ${processes} client ${processes === 1 ? 'process' : 'processes'}`;
  return `${records}; ${clients}${paced}; ${rounds.length} × ${(rounds[0]?.seconds ?? 0).toFixed(1)} s`;
}

/** Gaps for people. `what`: the changes of the leader. */
export function gapText(result: GapResult, what: string): string {
  const rows: (readonly [string, string])[] = [
    [what, String(result.operations)],
    ['p50', `${result.p50Ms.toFixed(1)} ms without an acknowledgement`],
    ['p99', `${result.p99Ms.toFixed(1)} ms`],
    ['max', `${result.maxMs.toFixed(1)} ms`],
    ...failureRows(result),
  ];
  return [table(rows), ...(result.operations === 0 ? [] : histogramText(result.histogram))].join('\n');
}

interface Failures {
  readonly partialReasons: readonly string[];
  readonly errors: Readonly<Record<string, number>>;
}

function failureRows({ partialReasons, errors }: Failures): (readonly [string, string])[] {
  const failed = Object.entries(errors).map(([code, count]) => `${count} × ${code}`);
  return [
    ...(failed.length === 0 ? [] : [['failed', failed.join(', ')] as const]),
    ...(partialReasons.length === 0 ? [] : [['PARTIAL', partialReasons.join('; ')] as const]),
  ];
}

function withSpread(spread: Spread | null, text: (value: number) => string): string {
  if (spread === null) return 'not available';
  if (spread.min === spread.max) return text(spread.median);
  return `${text(spread.median)} (${trimmed(spread.min)} to ${trimmed(spread.max)})`;
}

function trimmed(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
