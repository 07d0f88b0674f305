/**
 * What one round of a workload gave, as `--json` prints it. The names are stable: what is there keeps its meaning and unit. Null: not told here;
 * `notes` of the result says why.
 */
export interface RoundResult {
  /** True: the figures are of a part of the round only, or operations failed; `partialReasons` says which. */
  readonly partial: boolean;
  readonly partialReasons: readonly string[];
  /** What was measured. */
  readonly seconds: number;
  /** Acknowledged operations (calls; an append of a batch is one). */
  readonly operations: number;
  readonly opsPerSecond: number;
  /** Values or records, in 10^6 bytes per second. */
  readonly payloadMegabytesPerSecond: number;
  /** Latency. With a rate from the moment each operation was due. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
  readonly meanMs: number;
  /** With a rate: operations that were due and did not begin, as too many were under way. Their wait is part of the latency. */
  readonly behind: number;
  /** User and system time of all servers together. */
  readonly serverCpuMicrosPerOp: number | null;
  /** User and system time of all client processes together. */
  readonly clientCpuMicrosPerOp: number;
  /** Of one core, of the busiest client process: near 1 it is the clients that are measured. */
  readonly clientCpuShare: number;
  /** Over all servers, as they count them. */
  readonly syncsPerOp: number | null;
  /** System calls that read or write files or sockets, over all servers. */
  readonly ioCallsPerOp: number | null;
  /** Bytes that the storage of all servers together wrote, per byte of payload, as they count them. */
  readonly storageBytesPerPayloadByte: number | null;
  /** Bytes that the system wrote to disks for all servers together, per byte of payload: whole pages, and files filled beforehand. */
  readonly diskBytesPerPayloadByte: number | null;
  /** Of each server at the end. */
  readonly residentBytes: readonly (number | null)[];
  /** Of each server: how long its event loop was held up. */
  readonly eventLoopDelayP999Ms: readonly (number | null)[];
  readonly eventLoopDelayMaxMs: readonly (number | null)[];
  /** Failed operations by code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Latency: `[upToMs, count]`, bounds by powers of two. */
  readonly histogram: readonly (readonly [upToMs: number, count: number])[];
}

/** A client process that uses more than this share of a core is near its limit. */
export const LIMIT_SHARE = 0.9;

/** Names of the figures of a round that are one number. */
export const FIGURES = [
  'seconds',
  'operations',
  'opsPerSecond',
  'payloadMegabytesPerSecond',
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'maxMs',
  'meanMs',
  'behind',
  'serverCpuMicrosPerOp',
  'clientCpuMicrosPerOp',
  'clientCpuShare',
  'syncsPerOp',
  'ioCallsPerOp',
  'storageBytesPerPayloadByte',
  'diskBytesPerPayloadByte',
] as const;
/** One of them. */
export type Figure = (typeof FIGURES)[number];

/** Least, middle and greatest of all rounds. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  readonly max: number;
}

/** The spread of each figure over some rounds; null where a round does not tell it. */
export function spreadsOf(rounds: readonly RoundResult[]): Readonly<Record<Figure, Spread | null>> {
  return Object.fromEntries(FIGURES.map((figure) => [figure, spreadOf(rounds.map((round) => round[figure]))])) as Record<
    Figure,
    Spread | null
  >;
}

/** Null if one is null, or there is none. The median of an even number is the mean of the two in the middle. */
export function spreadOf(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value): value is number => value !== null).sort((a, b) => a - b);
  if (known.length === 0 || known.length < values.length) return null;
  const middle = (known.length - 1) / 2;
  const median = ((known[Math.floor(middle)] as number) + (known[Math.ceil(middle)] as number)) / 2;
  return { min: known[0] as number, median, max: known.at(-1) as number };
}
