import type { Offset, QuorateError, RetryClass } from '@quorate/base';

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
  values: readonly string[];
  settled: number;
}

/** What all clients of a simulation did and saw. */
export class History {
  readonly appends: AppendRecord[] = [];
  readonly reads: ReadRecord[] = [];
  #moment = 0;
  #open = 0;
  #value = 0;

  /** Calls that have not settled. */
  get open(): number {
    return this.#open;
  }
  get acknowledged(): number {
    return this.appends.filter((append) => append.outcome === 'done').length;
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
  }): AppendRecord {
    const { nowMs, ...rest } = init;
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
    return append;
  }

  endAppend(append: AppendRecord, nowMs: number, error: QuorateError | null, offset: Offset): void {
    append.settled++;
    if (append.settled > 1) return;
    append.endedAt = this.#moment++;
    append.endMs = nowMs;
    append.outcome = error === null ? 'done' : error.retry;
    append.code = error?.code ?? '';
    append.offset = offset;
    this.#open--;
  }

  /** The client died: nobody knows what became of its open calls. */
  abandon(client: string): void {
    for (const call of [...this.appends, ...this.reads]) {
      if (call.client !== client || call.outcome !== 'pending') continue;
      call.settled++;
      call.endedAt = this.#moment++;
      call.outcome = 'unknown';
      this.#open--;
    }
  }

  beginRead(init: { readonly client: string; readonly stream: string; readonly fromOffset: Offset }): ReadRecord {
    const read: ReadRecord = { ...init, startedAt: this.#moment++, endedAt: -1, outcome: 'pending', values: [], settled: 0 };
    this.reads.push(read);
    this.#open++;
    return read;
  }

  endRead(read: ReadRecord, error: QuorateError | null, values: readonly string[]): void {
    read.settled++;
    if (read.settled > 1) return;
    read.endedAt = this.#moment++;
    read.outcome = error === null ? 'done' : error.retry;
    read.values = values;
    this.#open--;
  }
}
