import {
  type Address,
  type Logger,
  type Offset,
  type QuorateError,
  type Random,
  SeededRandom,
  crc32c,
  fromUtf8,
  randomBetween,
  randomUnit,
  utf8,
} from '@quorate/base';
import type { HistoryFields } from '@quorate/checkers';
import { ClientCore, QuorateClient, type SessionOptions } from '@quorate/client';
import type { Fence } from '@quorate/machine';
import { CallPulse } from './call-pulse.js';
import { CallScript, type CallTurns } from './call-turns.js';
import type { AppendRecord, History } from './history.js';
import type { SimScheduler } from './scheduler.js';
import type { SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';

/** What a client does by itself until told to stop. */
export interface Workload {
  readonly streams: readonly string[];
  /** Calls open at a time. Default 2. */
  readonly lanes?: number;
  /** Longest pause between two calls of a lane, in ms. Default 5. */
  readonly pauseMsMax?: number;
  /** The lanes call together, at multiples of so many ms. Default 0: each at its own time. */
  readonly burstMs?: number;
  /** Most records in one append. Default 3. */
  readonly recordsMax?: number;
  /** Longest value in bytes. Default 100. */
  readonly valueBytesMax?: number;
  /** Part of the calls that read. Default 0.1. */
  readonly readShare?: number;
  /** Names its calls, draws each from its name, and may leave some out. Default: all are drawn in their order. */
  readonly script?: { readonly calls: CallScript; readonly lanes: readonly number[] };
}

/** Times of a client in ms; the defaults are those of `ClientOptions` and `SessionOptions`. */
export interface SimClientOptions extends Pick<SessionOptions, 'sessionTtlMs' | 'disconnectGraceMs' | 'readFrom'> {
  readonly deadlineMs?: number;
  readonly logger?: Logger;
}

/** What one read of the workload gets at most: what it reads in the middle was read before, mostly. */
const READ_BYTES_MAX = 4096;

type AppendDone = (error: QuorateError | null, append: AppendRecord) => void;

/** A client in a process of its own; all that it appends and reads is noted in the history. */
export class SimClient {
  readonly name: string;
  readonly process: SimProcess;
  readonly core: ClientCore;
  /** The client that users have, with promises: somebody must let them have their turn after each event of `process`. */
  readonly face: QuorateClient;
  /** No fault is injected into it. */
  isSpared = false;
  readonly #history: History;
  readonly #random: Random;
  readonly #scheduler: SimScheduler;
  #workload: Workload | null = null;

  constructor(init: {
    readonly name: string;
    readonly scheduler: SimScheduler;
    readonly network: SimNetwork;
    readonly addresses: readonly Address[];
    readonly random: Random;
    readonly history: History;
    readonly options?: SimClientOptions;
  }) {
    this.name = init.name;
    this.process = init.scheduler.forNode(init.name);
    this.#history = init.history;
    this.#random = init.random;
    this.#scheduler = init.scheduler;
    const options = {
      network: init.network.attach(this.process),
      clock: this.process.clock,
      timers: this.process.timers,
      random: new SeededRandom(init.random.nextUint32()),
      checksum: crc32c,
      ...init.options,
    };
    this.core = new ClientCore({ ...options, addresses: init.addresses });
    this.face = new QuorateClient(this.core, options);
  }

  /** SIGKILL: its calls never settle, its connections close. What it appended and was not told of is unknown. */
  kill(): void {
    this.#workload = null;
    this.process.kill();
    this.#history.abandon(this.name);
  }

  createStream(name: string, done: (error: QuorateError | null, result: unknown) => void, deadlineMs = 30_000): void {
    this.core.createStream(name, { deadlineMs }, done);
  }

  /** Appends values of its own making, which no other append has. */
  append(
    stream: string,
    options: {
      readonly count?: number;
      readonly valueBytes?: number;
      readonly deadlineMs?: number;
      readonly fence?: Fence;
      readonly fenceInHistory?: HistoryFields;
    } = {},
    done: AppendDone = () => {},
  ): AppendRecord {
    const values = Array.from({ length: options.count ?? 1 }, () => this.#history.nextValue(this.name, options.valueBytes ?? 20));
    const append = this.#history.beginAppend({
      client: this.name,
      stream,
      values,
      nowMs: this.#scheduler.nowMs,
      ...(options.fenceInHistory === undefined ? {} : { fence: options.fenceInHistory }),
    });
    const { deadlineMs, fence } = options;
    const how = { ...(deadlineMs === undefined ? {} : { deadlineMs }), ...(fence === undefined ? {} : { fence }) };
    this.core.append(stream, values.map(utf8), how, (error, result) => {
      this.#history.endAppend(append, this.#scheduler.nowMs, error, result?.offset ?? -1);
      done(error, append);
    });
    return append;
  }

  /** One linearizable read of at most so many bytes. */
  read(stream: string, fromOffset: Offset, maxBytes: number, done: () => void = () => {}): void {
    const read = this.#history.beginRead({ client: this.name, stream, fromOffset });
    this.core.read(stream, { from: fromOffset, maxBytes }, (error, result) => {
      // The bytes are views into the connection's buffer: text is made of them now.
      this.#history.endRead(read, error, result?.records.map((record) => fromUtf8(record.value)) ?? [], result?.nextOffset);
      done();
    });
  }

  /** All records of a stream, by linearizable reads to its end. */
  readAll(stream: string, done: (error: QuorateError | null, values: string[]) => void): void {
    const values: string[] = [];
    const next = (): void => {
      const read = this.#history.beginRead({ client: this.name, stream, fromOffset: values.length });
      this.core.read(stream, { from: values.length, deadlineMs: 30_000 }, (error, result) => {
        this.#history.endRead(read, error, result?.records.map((record) => fromUtf8(record.value)) ?? [], result?.nextOffset);
        if (error !== null || result === null) {
          done(error, values);
          return;
        }
        for (const record of result.records) {
          if (record.offset !== values.length)
            throw this.#scheduler.fault(`${stream}: record ${record.offset} where ${values.length} was due`);
          values.push(fromUtf8(record.value));
        }
        if (values.length >= result.nextOffset) done(null, values);
        else next();
      });
    };
    next();
  }

  /** Works until `stopWork`. */
  startWork(workload: Workload): void {
    this.#workload = workload;
    const { script, pauseMsMax = 5, burstMs = 0 } = workload;
    const pulse = burstMs > 0 ? new CallPulse(this.process, burstMs) : null;
    const calls = script?.calls ?? new CallScript(this.#random.nextUint32(), null, []);
    const lanes = script?.lanes ?? Array.from({ length: workload.lanes ?? 2 }, (_, lane) => lane);
    for (const lane of lanes) this.#pause(workload, calls.turns(`${this.name}/${lane}`, this.process, pauseMsMax, pulse));
  }

  /** No new calls; those open go on. */
  stopWork(): void {
    this.#workload = null;
  }

  #pause(workload: Workload, turns: CallTurns): void {
    turns.next(() => {
      if (this.#workload === workload) this.#work(workload, turns);
    });
  }

  #work(workload: Workload, turns: CallTurns): void {
    const { random } = turns;
    const stream = workload.streams[randomBetween(random, 0, workload.streams.length - 1)];
    if (stream === undefined) return;
    const next = (): void => this.#pause(workload, turns);
    if (randomUnit(random) < (workload.readShare ?? 0.1)) {
      turns.makes('read');
      // Mostly near the end, where a stale answer would show.
      const newest = this.#history.newestOffset(stream);
      const from = randomBetween(random, 0, 3) === 0 ? randomBetween(random, 0, newest) : newest;
      this.read(stream, from, READ_BYTES_MAX, next);
      return;
    }
    turns.makes('append');
    const count = randomBetween(random, 1, workload.recordsMax ?? 3);
    this.append(stream, { count, valueBytes: randomBetween(random, 1, workload.valueBytesMax ?? 100) }, next);
  }
}
