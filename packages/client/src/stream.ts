import { type Offset, QuorateError, shownValue, utf8 } from '@quorate/base';
import type { StreamInfo, StreamRecord } from '@quorate/wire';
import type { AppendResult } from './core/append-call.js';
import type { ClientCore } from './core/client-core.js';
import type { ReadBatch, ReadOptions } from './core/operation.js';
import {
  type CallOptions,
  type ReadTurns,
  TurnReader,
  type WriteOptions,
  promiseOf,
  throwIfAborted,
  timeOf,
  writeTimeOf,
} from '@quorate/resources';

/** A record: bytes as they are, text as UTF-8. */
export type Value = Uint8Array | string;

/** Options of every call on streams. */
export type StreamCallOptions = CallOptions;

/** Where to read from, how many, and how fresh. */
export interface StreamReadOptions extends StreamCallOptions {
  /** First offset; default 0. */
  readonly from?: Offset;
  /** Most records; default all. */
  readonly limit?: number;
  /** `linearizable` (default): everything acknowledged before. `sequential`: any node, what it has applied by then. */
  readonly consistency?: 'linearizable' | 'sequential';
}

/** Where to follow from. `deadlineMs` is the longest outage that is ridden out. */
export interface StreamTailOptions extends StreamCallOptions {
  /** `'end'` (default): only what comes after the call; `'start'`; or an offset. */
  readonly from?: Offset | 'start' | 'end';
}

/** Time a node holds a read that waits for records, in ms: short enough to notice a lost node, long enough to cost nothing. */
const TAIL_WAIT_MS = 2000;

/**
 * One stream by name. Costs nothing to make; nothing is asked before the first call.
 *
 * @example
 * ```ts
 * const orders = client.stream('orders');
 * await orders.create();
 * const { offset } = await orders.append(JSON.stringify({ item: 7 }));
 * for await (const record of orders.read({ from: offset })) console.log(record.offset, record.value);
 * ```
 */
export class Stream {
  readonly name: string;
  readonly #core: ClientCore;

  /** Use `QuorateClient.stream`. */
  constructor(core: ClientCore, name: string) {
    this.#core = core;
    this.name = name;
  }

  /** Creates the stream unless it exists; true if this call created it. `nameInvalid`. */
  async create(options: StreamCallOptions = {}): Promise<boolean> {
    const created = await promiseOf<{ wasCreated: boolean }>(options.signal, (done) =>
      this.#core.createStream(this.name, timeOf(options), done),
    );
    return created.wasCreated;
  }

  /**
   * Appends one record or a list, each exactly once; resolves when a majority of the nodes has them on disk. Calls keep their order, and
   * need not be awaited one by one: what is appended in one turn travels together. A list of at most 8192 records and about 2 MiB is stored
   * whole or not at all. Bytes must not change before it resolves.
   *
   * With `fence`, that of a held lock or leadership, nothing is stored once the stream has seen a newer token of it: `fenced`. The lock lives in
   * another group than the stream, so its last holder is shut out by the first fenced append of the next one, not before.
   *
   * Errors: `recordTooLarge` (1 MiB), `streamNotFound`, `fenced`, `tooManyFences`, `overloaded`; class `unknown` (`deadlineExceeded`, `aborted`, …): it may be stored.
   */
  async append(value: Value | readonly Value[], options: WriteOptions = {}): Promise<AppendResult> {
    const records = recordsOf(value);
    return promiseOf(options.signal, (done) => this.#core.append(this.name, records, writeTimeOf(options), done));
  }

  /**
   * Reads from an offset to the present end (as it is when the reading begins), then ends. Dense and in order.
   * Errors: `streamNotFound`, `offsetOutOfRange`.
   */
  read(options: StreamReadOptions = {}): AsyncGenerator<StreamRecord, void, undefined> {
    return new TurnReader((turns) => this.#readToEnd(turns, options));
  }

  /**
   * Reads and then waits for more, until it is aborted or left; never skips or repeats a record, also when leaders change. It rides out
   * outages of up to `deadlineMs`, then throws what kept it waiting; the records already given are a dense prefix, so go on from the last.
   *
   * @example
   * ```ts
   * for await (const record of client.stream('orders').tail({ from: 'start', signal })) handle(record);
   * ```
   */
  tail(options: StreamTailOptions = {}): AsyncGenerator<StreamRecord, void, undefined> {
    return new TurnReader((turns) => this.#follow(turns, options));
  }

  /** First and next offset, leader and term. `streamNotFound`. */
  async info(options: StreamCallOptions = {}): Promise<StreamInfo> {
    return promiseOf(options.signal, (done) => this.#core.streamInfo(this.name, timeOf(options), done));
  }

  async *#readToEnd(turns: ReadTurns, options: StreamReadOptions): AsyncGenerator<StreamRecord, void, undefined> {
    const { limit = Number.POSITIVE_INFINITY, consistency = 'linearizable' } = options;
    if (typeof limit !== 'number' || !(limit >= 0))
      throw new QuorateError('invalidArgument', `limit must be a number from 0, not ${shownValue(limit)}`, {
        limit: typeof limit === 'number' ? limit : shownValue(limit),
      });
    let next = options.from ?? 0;
    let left = limit;
    let end = Number.POSITIVE_INFINITY;
    // Not `next < end`: an offset that is no number must reach the check, not read as the end.
    while (left > 0 && !(next >= end)) {
      throwIfAborted(options.signal);
      const maxRecords = Math.min(left, end - next);
      const query = { from: next, ...(maxRecords < READ_RECORDS ? { maxRecords } : {}) };
      let batch = consistency === 'sequential' ? await this.#readAnywhere(turns, options, query) : null;
      // Another node may lag behind the one that told the end: what is missing there is for the leader to give.
      if (batch === null || (batch.records.length === 0 && next < end && end !== Number.POSITIVE_INFINITY)) {
        batch = await this.#ask(turns, options, query);
      }
      if (batch === null) return;
      if (end === Number.POSITIVE_INFINITY) end = Math.max(batch.nextOffset, next);
      if (batch.records.length === 0) return;
      next += batch.records.length;
      left -= batch.records.length;
      yield* batch.records;
    }
  }

  async *#follow(turns: ReadTurns, options: StreamTailOptions): AsyncGenerator<StreamRecord, void, undefined> {
    const { from = 'end' } = options;
    let next = from;
    if (next === 'end' || next === 'start') {
      const info = await turns.ask<StreamInfo>(options.signal, (done) => this.#core.streamInfo(this.name, timeOf(options), done));
      if (info === null) return;
      next = next === 'end' ? info.nextOffset : info.firstOffset;
    }
    for (;;) {
      throwIfAborted(options.signal);
      const batch = await this.#ask(turns, options, { from: next, waitMs: TAIL_WAIT_MS });
      if (batch === null) return;
      next += batch.records.length;
      yield* batch.records;
    }
  }

  /** Null: the reader was left. */
  #ask(turns: ReadTurns, options: StreamCallOptions, query: ReadOptions): Promise<ReadBatch | null> {
    return turns.ask(options.signal, (done) => this.#core.read(this.name, { ...timeOf(options), ...query }, done));
  }

  /** Null also if a node does not know the offset: it may be behind what this reader has seen, so the leader must say whether it exists. */
  async #readAnywhere(turns: ReadTurns, options: StreamCallOptions, query: ReadOptions): Promise<ReadBatch | null> {
    try {
      return await this.#ask(turns, options, { ...query, consistency: 'sequential' });
    } catch (thrown) {
      if (!(thrown instanceof QuorateError) || thrown.code !== 'offsetOutOfRange') throw thrown;
      return null;
    }
  }
}

const READ_RECORDS = 1_048_576;

function recordsOf(value: Value | readonly Value[]): readonly Uint8Array[] {
  if (typeof value === 'string' || value instanceof Uint8Array) return [bytesOf(value)];
  if (!Array.isArray(value)) throw new QuorateError('invalidArgument', `a record must be a Uint8Array or a string, not ${typeof value}`);
  return value.map(bytesOf);
}

function bytesOf(value: Value): Uint8Array {
  if (typeof value === 'string') return utf8(value);
  if (value instanceof Uint8Array) return value;
  throw new QuorateError('invalidArgument', `a record must be a Uint8Array or a string, not ${value === null ? 'null' : typeof value}`);
}
