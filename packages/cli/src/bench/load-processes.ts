import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type ErrorCode, QuorateError } from '@quorate/base';
import type { DriverSettings } from './driver.js';
import type { ClientReport, LoadAnswer, LoadRequest } from './load-messages.js';

const PROGRAM = fileURLToPath(new URL('./load-process.js', import.meta.url));
/** A client process that is asked for its figures or to stop answers well within this time, however busy. */
const ANSWER_MS_MAX = 10_000;
/** Filling a map with a million entries takes its time; a cluster that is down is told by the driver itself. */
const OPEN_MS_MAX = 300_000;

/** A load over several client processes. */
export interface LoadProcessesOptions {
  /** URL of a module that exports `openDriver`. */
  readonly module: string;
  /** `connections` are those of all processes together. */
  readonly settings: Omit<DriverSettings, 'isFirst'>;
  readonly processes: number;
  /** Over all processes. */
  readonly inFlight: number;
  /** Over all processes; null: closed loop. */
  readonly rate: number | null;
}

/** One client process and what it said last. */
class LoadProcess {
  readonly child: ChildProcess = fork(PROGRAM, [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
  acknowledged = 0;
  failed = 0;
  #answered: ((answer: LoadAnswer | null) => void) | null = null;

  constructor() {
    this.child.on('message', (answer: LoadAnswer) => {
      if (answer.type === 'progress') {
        this.acknowledged = answer.acknowledged;
        this.failed = answer.failed;
      } else this.#answer(answer);
    });
    this.child.on('exit', () => this.#answer(null));
    this.child.on('error', () => this.#answer(null));
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  tell(request: LoadRequest): void {
    if (this.child.connected) this.child.send(request, () => {});
  }

  /** Null: it ended, or did not answer in time. */
  async ask(request: LoadRequest, withinMs: number): Promise<LoadAnswer | null> {
    if (!this.child.connected) return null;
    const answer = new Promise<LoadAnswer | null>((resolve) => (this.#answered = resolve));
    const timer = setTimeout(() => this.#answer(null), withinMs);
    this.tell(request);
    return answer.finally(() => clearTimeout(timer));
  }

  #answer(answer: LoadAnswer | null): void {
    this.#answered?.(answer);
    this.#answered = null;
  }
}

/** The client processes of a load. Whatever happens, `close` ends them all. */
export class LoadProcesses {
  readonly #processes: readonly LoadProcess[];

  private constructor(processes: readonly LoadProcess[]) {
    this.#processes = processes;
  }

  /** Starts them, the first before the others. What a driver was refused is thrown. */
  static async open({ module, settings, processes, inFlight, rate }: LoadProcessesOptions): Promise<LoadProcesses> {
    const all = new LoadProcesses(Array.from({ length: processes }, () => new LoadProcess()));
    const openOne = async (index: number): Promise<void> => {
      const load = { inFlight: share(inFlight, processes, index), rate: rate === null ? null : rate / processes };
      const own = { ...settings, connections: share(settings.connections, processes, index), isFirst: index === 0 };
      const answer = await (all.#processes[index] as LoadProcess).ask({ type: 'open', module, settings: own, load }, OPEN_MS_MAX);
      if (answer?.type === 'failed') throw new QuorateError(answer.code as ErrorCode, answer.message);
      if (answer?.type !== 'opened') throw new QuorateError('unavailable', 'a client process ended or hung before it began');
    };
    try {
      await openOne(0);
      await Promise.all(all.#processes.slice(1).map((_, index) => openOne(index + 1)));
      return all;
    } catch (thrown) {
      await all.close();
      throw thrown;
    }
  }

  /** Since the start, over all of them, as they said last. */
  get acknowledged(): number {
    return this.#processes.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  }
  get failed(): number {
    return this.#processes.reduce((sum, { failed }) => sum + failed, 0);
  }
  /** One has ended by itself. */
  get hasEnded(): boolean {
    return this.#processes.some((process) => process.hasEnded);
  }

  start(): void {
    for (const process of this.#processes) process.tell({ type: 'start' });
  }
  beginMeasure(): void {
    for (const process of this.#processes) process.tell({ type: 'beginMeasure' });
  }
  /** Of those that still answer. */
  async endMeasure(): Promise<readonly ClientReport[]> {
    const answers = await Promise.all(this.#processes.map((process) => process.ask({ type: 'endMeasure' }, ANSWER_MS_MAX)));
    return answers.flatMap((answer) => (answer?.type === 'report' ? [answer.report] : []));
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#processes.map(async (process) => {
        if (process.hasEnded) return;
        const ended = once(process.child, 'exit');
        const timer = setTimeout(() => process.child.kill('SIGKILL'), ANSWER_MS_MAX);
        process.tell({ type: 'stop' });
        await ended;
        clearTimeout(timer);
      }),
    );
  }
}

/** The first ones take what does not divide. */
function share(total: number, processes: number, index: number): number {
  return Math.floor(total / processes) + (index < total % processes ? 1 : 0);
}
