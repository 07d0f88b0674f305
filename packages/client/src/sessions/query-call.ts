import { type LogIndex, QuorateError } from '@quorate/base';
import type { Done, PendingCall, ReadConsistency, ResourceId } from '@quorate/machine';
import type { Deadline } from '../core/deadline-heap.js';
import type { QueryBatch } from './query-batch.js';

/** What a query asks. */
export interface Query {
  readonly resource: ResourceId;
  readonly operation: number;
  readonly args: Uint8Array;
  readonly consistency: ReadConsistency;
  readonly isAfterEvents: boolean;
  readonly deadlineMs: number;
}

/** What a query is told from: the index its answer is based on, and the events that come before it. */
export interface AnsweredAt {
  readonly index: LogIndex;
  readonly eventIndex: LogIndex;
}

/** One query of a batch, from its call until it is settled. */
export class QueryCall implements Deadline, PendingCall {
  dueMs = 0;
  heapAt = -1;
  readonly batch: QueryBatch;
  readonly deadlineMs: number;
  /** The answer is of no use if events of its session up to then are still to come. */
  readonly isAfterEvents: boolean;
  /** Bytes of its arguments. */
  readonly bytes: number;
  /** What was answered and waits for its turn to be told: with either a result or an error. */
  answeredAt: AnsweredAt | null = null;
  result: Uint8Array | null = null;
  error: QuorateError | null = null;
  #done: Done<Uint8Array> | null;

  constructor(
    batch: QueryBatch,
    query: { readonly deadlineMs: number; readonly isAfterEvents: boolean; readonly bytes: number },
    done: Done<Uint8Array>,
  ) {
    this.batch = batch;
    this.deadlineMs = query.deadlineMs;
    this.isAfterEvents = query.isAfterEvents;
    this.bytes = query.bytes;
    this.#done = done;
  }

  get isSettled(): boolean {
    return this.#done === null;
  }

  /** Ends it for the caller. Gives who must be told, null if it was settled before. */
  take(): Done<Uint8Array> | null {
    const done = this.#done;
    this.#done = null;
    return done;
  }

  /** It is to be asked again. */
  forgetAnswer(): void {
    this.answeredAt = null;
    this.result = null;
    this.error = null;
  }

  cancel(): void {
    this.batch.settle(this, new QuorateError('cancelled', 'the query was aborted'), null);
  }
  expire(): void {
    this.batch.callExpired(this);
  }
}
