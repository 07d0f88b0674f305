import type { Offset, QuorateError, RetryClass } from '@quorate/base';
import type { HistoryFields } from '@quorate/checkers';
import type { HistoryRecorder, RecordedLane } from './history-recorder.js';
import { objectOf } from './history-values.js';

/** How a call ended: `done`, or with an error of that retry class (`unknown`: it may have happened). */
export type CallOutcome = 'pending' | 'done' | RetryClass;

/** One append as its caller saw it. */
export interface AppendRecord {
  readonly client: string;
  readonly stream: string;
  /** Unique in the history. */
  readonly values: readonly string[];
  readonly startMs: number;
  /** Order of calls within the whole history: starts and ends count. */
  readonly startedAt: number;
  endedAt: number;
  endMs: number;
  outcome: CallOutcome;
  code: string;
  offset: Offset;
  /** Times that it settled: anything but 1 at the end is a fault. */
  settled: number;
}

/** One linearizable read as its caller saw it. */
export interface ReadRecord {
  readonly client: string;
  readonly stream: string;
  readonly fromOffset: Offset;
  readonly startedAt: number;
  endedAt: number;
  outcome: CallOutcome;
  settled: number;
}

/** What all clients of a simulation did and saw. */
export class History {
  readonly appends: AppendRecord[] = [];
  /** Calls that settled more than once. */
  readonly settledTwice: string[] = [];
  /** Writes everything down in the common form as well. */
  readonly recorder: HistoryRecorder;
  /** The calls that are open. */
  readonly #lanes = new Map<AppendRecord | ReadRecord, RecordedLane>();
  readonly #newest = new Map<string, Offset>();
  #moment = 0;
  #open = 0;
  #value = 0;
  #acknowledged = 0;

  constructor(recorder: HistoryRecorder) {
    this.recorder = recorder;
  }

  /** Calls that have not settled. */
  get open(): number {
    return this.#open;
  }
  /** Appends that were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Offset of the first record of the newest append to a stream that was acknowledged; 0 if none was. */
  newestOffset(stream: string): Offset {
    return this.#newest.get(stream) ?? 0;
  }

  /** A value that no other append has, of at least that many characters. */
  nextValue(client: string, length: number): string {
    return `${client}:${this.#value++}:`.padEnd(length, 'x');
  }

  beginAppend(init: {
    readonly client: string;
    readonly stream: string;
    readonly values: readonly string[];
    readonly nowMs: number;
    /** As the history has it: the lock or election, and its token. */
    readonly fence?: HistoryFields;
  }): AppendRecord {
    const { nowMs, fence, ...rest } = init;
    const append: AppendRecord = {
      ...rest,
      startMs: nowMs,
      startedAt: this.#moment++,
      endedAt: -1,
      endMs: -1,
      outcome: 'pending',
      code: '',
      offset: -1,
      settled: 0,
    };
    this.appends.push(append);
    this.#open++;
    this.#record(append, 'append', { values: init.values, ...(fence === undefined ? {} : { fence }) });
    return append;
  }

  endAppend(append: AppendRecord, nowMs: number, error: QuorateError | null, offset: Offset): void {
    append.settled++;
    if (append.settled > 1) return this.#settledAgain(append, 'append');
    append.endedAt = this.#moment++;
    append.endMs = nowMs;
    append.outcome = error === null ? 'done' : error.retry;
    append.code = error?.code ?? '';
    append.offset = offset;
    if (error === null) {
      this.#acknowledged++;
      this.#newest.set(append.stream, offset);
    }
    this.#open--;
    const lane = this.#lanes.get(append);
    this.#lanes.delete(append);
    if (error === null) lane?.ok({ offset });
    else lane?.failed(error);
  }

  /** The client died: nobody knows what became of its open calls. */
  abandon(client: string): void {
    this.recorder.abandon(client);
    for (const call of this.#lanes.keys()) {
      if (call.client !== client) continue;
      this.#lanes.delete(call);
      call.settled++;
      call.endedAt = this.#moment++;
      call.outcome = 'unknown';
      this.#open--;
    }
  }

  beginRead(init: { readonly client: string; readonly stream: string; readonly fromOffset: Offset }): ReadRecord {
    const read: ReadRecord = { ...init, startedAt: this.#moment++, endedAt: -1, outcome: 'pending', settled: 0 };
    this.#open++;
    this.#record(read, 'read', { from: init.fromOffset });
    return read;
  }

  #settledAgain({ client, stream, settled }: AppendRecord | ReadRecord, op: string): void {
    this.settledTwice.push(`T77: ${op} of ${client} to ${stream} settled ${settled} times`);
  }

  #record(call: AppendRecord | ReadRecord, op: string, args: HistoryFields): void {
    const lane = this.recorder.freeLane(call.client);
    const object = objectOf('stream', call.stream);
    this.recorder.declare({ name: object, kind: 'stream' });
    lane.invoke({ object, op, args });
    this.#lanes.set(call, lane);
  }

  /** `nextOffset`: where the stream ended then; default: after the values. */
  endRead(
    read: ReadRecord,
    error: QuorateError | null,
    values: readonly string[],
    nextOffset: Offset = read.fromOffset + values.length,
  ): void {
    read.settled++;
    if (read.settled > 1) return this.#settledAgain(read, 'read');
    read.endedAt = this.#moment++;
    read.outcome = error === null ? 'done' : error.retry;
    this.#open--;
    const lane = this.#lanes.get(read);
    this.#lanes.delete(read);
    if (error === null) lane?.ok({ values, from: read.fromOffset, nextOffset });
    else lane?.failed(error);
  }
}
