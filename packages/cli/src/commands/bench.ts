import { DEFAULT_GROUP, type ErrorCode, QuorateError } from '@quorate/base';
import type { QuorateClient } from '@quorate/client';
import { LIMIT_SHARE, type RoundResult, spreadsOf } from '../bench/bench-result.js';
import { type LoadResult, gapText, loadText } from '../bench/bench-text.js';
import type { DriverSettings } from '../bench/driver.js';
import { type LoadMeasurement, type Progress, measureLoad } from '../bench/measure-load.js';
import { openDriver } from '../bench/quorate-driver.js';
import { quorateServers } from '../bench/servers.js';
import { measureTransfers } from '../bench/transfer-gap.js';
import { FAILOVER, WORKLOADS, type Workload } from '../bench/workloads.js';
import type { CliIo } from '../cli-io.js';
import { type ConnectFlags, openClient } from '../connection.js';
import { EXIT_CODES, exitCodeOf, exitCodeOfSignal } from '../exit-codes.js';
import { Output } from '../output.js';
import { UsageError } from '../report-error.js';
import { onStopSignals } from '../signals.js';

export interface BenchFlags extends ConnectFlags {
  readonly inFlight: number;
  readonly connections: number;
  readonly processes: number;
  readonly rounds: number;
  /** Operations per second. */
  readonly rate?: number;
  readonly streams: number;
  readonly bytes: number;
  readonly keys: number;
  readonly transfers: number;
  /** Seconds. */
  readonly seconds: number;
  readonly warmup: number;
  readonly systemCalls: boolean;
}

const STALL_MS_MIN = 2000;

/** `quorate bench`: one workload after the other. */
export async function runBench(names: readonly string[], flags: BenchFlags, io: CliIo): Promise<number> {
  const workloads = workloadsOf(names);
  checkFlags(flags);
  const output = new Output(io.stdout, flags.json);
  const controller = new AbortController();
  let code: number = EXIT_CODES.ok.code;
  const stopListening = onStopSignals((signal) => {
    code = exitCodeOfSignal(signal);
    controller.abort();
  });
  try {
    for (const workload of workloads) {
      const run = new WorkloadRun(workload, flags, controller.signal, new ProgressLine(io, flags.json));
      const ended = await run.measure(output);
      if (code === EXIT_CODES.ok.code) code = ended;
      if (controller.signal.aborted) break;
    }
    return code;
  } finally {
    stopListening();
  }
}

/** All if none is named. */
function workloadsOf(names: readonly string[]): readonly Workload[] {
  for (const name of names) {
    if (name === FAILOVER)
      throw new UsageError(
        `"${FAILOVER}" kills servers: only a cluster of its own can be measured so, 'npm run bench -- ${FAILOVER}' in the repository`,
      );
    if (!WORKLOADS.some((workload) => workload.name === name))
      throw new UsageError(`there is no workload "${name}"; there are: ${WORKLOADS.map((workload) => workload.name).join(', ')}`);
  }
  return WORKLOADS.filter(({ name }) => names.length === 0 || names.includes(name));
}

function checkFlags({ inFlight, connections, processes, rate }: BenchFlags): void {
  if (processes > connections)
    throw new UsageError(`--processes: ${processes} client processes need as many --connections, not ${connections}`);
  if (processes > inFlight)
    throw new UsageError(`--processes: ${processes} client processes need as many operations --in-flight, not ${inFlight}`);
  if (rate !== undefined && rate < processes)
    throw new UsageError(`--rate: each of ${processes} client processes needs at least one operation per second`);
}

/** One workload from the start to its printed result. */
class WorkloadRun {
  readonly #workload: Workload;
  readonly #flags: BenchFlags;
  readonly #signal: AbortSignal;
  readonly #progress: ProgressLine;

  constructor(workload: Workload, flags: BenchFlags, signal: AbortSignal, progress: ProgressLine) {
    this.#workload = workload;
    this.#flags = flags;
    this.#signal = signal;
    this.#progress = progress;
  }

  /** Gives the exit code. */
  async measure(output: Output): Promise<number> {
    const { name, operation } = this.#workload;
    await output.text(`${name}: ${this.#workload.doc}`);
    const client = openClient(this.#flags);
    try {
      const measured = operation === null ? await this.#transfers(client) : await this.#load(client, operation);
      this.#progress.clear();
      await output.json(measured.result);
      await output.text(`${measured.text}\n`);
      return measured.result.partial ? partialCode(measured.result.errors) : EXIT_CODES.ok.code;
    } finally {
      this.#progress.clear();
      await client.close();
    }
  }

  async #load(client: QuorateClient, operation: DriverSettings['operation']): Promise<{ result: LoadResult; text: string }> {
    const { inFlight, processes, rate, seconds, warmup, rounds, systemCalls, timeout } = this.#flags;
    const settings = this.#settings(operation);
    const measurement = await measureLoad({
      module: new URL('../bench/quorate-driver.js', import.meta.url).href,
      settings,
      servers: await quorateServers(client),
      inFlight,
      processes,
      rate: rate ?? null,
      seconds,
      warmup,
      rounds,
      countCalls: systemCalls,
      stallMs: Math.max(STALL_MS_MIN, timeout * 1000),
      signal: this.#signal,
      onProgress: (progress) => this.#progress.load(this.#workload.name, progress, this.#flags),
    });
    const result = loadResult(this.#workload, settings, this.#flags, measurement);
    return { result, text: loadText(result) };
  }

  async #transfers(
    client: QuorateClient,
  ): Promise<{ result: { partial: boolean; errors: Readonly<Record<string, number>> }; text: string }> {
    const { transfers, timeout } = this.#flags;
    const driver = await openDriver({ ...this.#settings('put'), connections: 1, isFirst: true });
    try {
      const gaps = await measureTransfers({
        transfer: () => client.transferLeader(DEFAULT_GROUP),
        driver,
        transfers,
        timeoutMs: timeout * 1000,
        signal: this.#signal,
        onProgress: (done) => this.#progress.say(`${this.#workload.name}: ${done} of ${transfers}`),
      });
      if (gaps.operations === 0) throw new QuorateError('unavailable', `no transfer succeeded: ${JSON.stringify(gaps.errors)}`);
      return { result: { workload: this.#workload.name, ...gaps } as typeof gaps, text: gapText(gaps, 'transfers') };
    } finally {
      await driver.close();
    }
  }

  #settings(operation: DriverSettings['operation']): Omit<DriverSettings, 'isFirst'> {
    const { connect, connections, bytes, keys, streams, timeout, cluster } = this.#flags;
    return {
      addresses: connect,
      operation,
      connections,
      bytes: this.#workload.bytes ?? bytes,
      batch: this.#workload.batch,
      keys,
      streams,
      timeoutMs: timeout * 1000,
      ...(cluster === undefined ? {} : { cluster }),
    };
  }
}

function loadResult(
  workload: Workload,
  settings: Omit<DriverSettings, 'isFirst'>,
  flags: BenchFlags,
  { rounds, systemCallsPerOp, notes }: LoadMeasurement,
): LoadResult {
  const spreads = spreadsOf(rounds);
  const medians = Object.fromEntries(Object.entries(spreads).map(([figure, spread]) => [figure, spread?.median ?? null])) as Record<
    keyof typeof spreads,
    number | null
  >;
  const { connections, bytes, batch, keys, streams } = settings;
  return {
    workload: workload.name,
    inFlight: flags.inFlight,
    connections,
    processes: flags.processes,
    rate: flags.rate ?? null,
    bytes,
    batch,
    keys,
    streams,
    warmupSeconds: flags.warmup,
    partial: rounds.some(({ partial }) => partial),
    partialReasons: [...new Set(rounds.flatMap(({ partialReasons }) => partialReasons))],
    ...medians,
    systemCallsPerOp,
    clientIsLimit: (medians.clientCpuShare ?? 0) >= LIMIT_SHARE,
    errors: totalsOf(rounds),
    notes: [...notes, ...notesOf(rounds)],
    spreads,
    rounds,
  };
}

function totalsOf(rounds: readonly RoundResult[]): Readonly<Record<string, number>> {
  const totals: Record<string, number> = {};
  for (const { errors } of rounds) for (const [code, count] of Object.entries(errors)) totals[code] = (totals[code] ?? 0) + count;
  return totals;
}

/** Why a figure is null. */
function notesOf(rounds: readonly RoundResult[]): readonly string[] {
  const isTold = rounds.every(({ serverCpuMicrosPerOp }) => serverCpuMicrosPerOp !== null);
  const hasIo = rounds.every(({ ioCallsPerOp }) => ioCallsPerOp !== null);
  if (!isTold)
    return ['CPU, memory, system calls and bytes written of servers are told only of nodes on this machine, on Linux, that answer'];
  return hasIo ? [] : ['system calls and bytes written: this user may not read /proc/PID/io of the servers'];
}

function partialCode(errors: Readonly<Record<string, number>>): number {
  const [code] = Object.keys(errors);
  return code === undefined ? EXIT_CODES.unavailable.code : exitCodeOf(new QuorateError(code as ErrorCode, 'operations failed'));
}

/** One line on the terminal that says how it goes; nothing where standard error is no terminal. */
class ProgressLine {
  readonly #stream: CliIo['stderr'] | null;
  #isShown = false;

  constructor(io: CliIo, isJson: boolean) {
    this.#stream = io.stderr.isTTY === true && !isJson ? io.stderr : null;
  }

  load(name: string, { round, seconds, opsPerSecond, failed }: Progress, { rounds, ...flags }: BenchFlags): void {
    const stage = round === 0 ? `warming up, ${flags.warmup}` : `round ${round} of ${rounds}, ${flags.seconds}`;
    const failures = failed === 0 ? '' : `, ${failed} failed`;
    this.say(`${name}: ${seconds.toFixed(1)} s of ${stage} s: ${opsPerSecond.toFixed(0)} op/s${failures}`);
  }

  say(text: string): void {
    this.#stream?.write(`\r\u001b[K${text}`);
    this.#isShown = true;
  }

  clear(): void {
    if (this.#isShown) this.#stream?.write('\r\u001b[K');
    this.#isShown = false;
  }
}
