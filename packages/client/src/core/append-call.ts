import { type Offset, QuorateError } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import { type AppendRange, decodeFence, encodeFence, headerBytesOf, splitIntoAppends } from '@quorate/streams';
import type { Deadline } from './deadline-heap.js';
import type { AppendBatch } from './append-batch.js';

/** Where appended records are. */
export interface AppendResult {
  /** Offset of the first record. */
  readonly offset: Offset;
  readonly count: number;
  /** Offset of the last record. Equal to `offset + count - 1` unless the list was too long for one batch and others appended in between. */
  readonly lastOffset: Offset;
}

/** The producer that an append waits in. */
export interface AppendOwner {
  /** The call is settled; its parts that were not sent are to be forgotten. */
  callSettled(call: AppendCall): void;
  /** The deadline of a call has come: fails it. */
  callExpired(call: AppendCall): void;
}

/** A run of records of a call that goes out in one payload. */
export interface AppendPart {
  readonly call: AppendCall;
  readonly range: AppendRange;
  /** True until it is taken into a payload. */
  isQueued: boolean;
  /** The payload it was taken into. */
  batch: AppendBatch | null;
}

/** One call of the user: settles exactly once (T77), when all its records are stored or one of them failed. */
export class AppendCall implements Deadline {
  dueMs = 0;
  heapAt = -1;
  readonly name: string;
  /** What its records are written under; a copy. */
  readonly fence: Fence | null;
  readonly deadlineMs: number;
  readonly parts: readonly AppendPart[];
  readonly #owner: AppendOwner;
  readonly #done: (error: QuorateError | null, result: AppendResult | null) => void;
  /** Kept until they are encoded or the call is settled. */
  #records: readonly Uint8Array[];
  #partsLeft: number;
  #offset = -1;
  #lastOffset = -1;
  #isSettled = false;

  /** Throws what is wrong with the records or the fence. */
  constructor(options: {
    readonly name: string;
    readonly records: readonly Uint8Array[];
    readonly fence: Fence | null;
    readonly deadlineMs: number;
    readonly owner: AppendOwner;
    readonly done: (error: QuorateError | null, result: AppendResult | null) => void;
  }) {
    this.name = options.name;
    this.deadlineMs = options.deadlineMs;
    this.fence = copyOf(options.fence);
    this.#records = options.records;
    this.#owner = options.owner;
    this.#done = options.done;
    this.parts = splitIntoAppends(options.records, headerBytesOf(this.fence)).map((range) => ({
      call: this,
      range,
      isQueued: false,
      batch: null,
    }));
    this.#partsLeft = this.parts.length;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }
  get count(): number {
    return this.parts.at(-1)?.range.end ?? 0;
  }
  /** True if some of its records are in a payload, sent or not. */
  get isTaken(): boolean {
    return this.parts.some(({ batch }) => batch !== null);
  }
  /** True if some of its records are stored, or a copy of them may yet be. */
  get mayHaveHappened(): boolean {
    return this.parts.some(({ batch }) => batch?.mayBeStored === true);
  }
  record(index: number): Uint8Array {
    return this.#records[index] as Uint8Array;
  }

  /** A part of it is stored from `offset` on. Parts are told in order. */
  partStored(part: AppendPart, offset: Offset): void {
    if (this.#isSettled) return;
    if (this.#offset < 0) this.#offset = offset;
    this.#lastOffset = offset + (part.range.end - part.range.start) - 1;
    this.#partsLeft -= 1;
    if (this.#partsLeft === 0) this.#settle(null);
  }

  /** Ends it with an error, unless it is settled. */
  fail(error: QuorateError): void {
    if (this.#isSettled) return;
    // Some of its records may be stored: that must not be told as "did not happen".
    const isPartial = this.#partsLeft < this.parts.length && error.retry !== 'unknown';
    this.#settle(
      isPartial
        ? new QuorateError('aborted', `some records of the list are stored, then: ${error.message}`, { ...error.details }, { cause: error })
        : error,
    );
  }

  expire(): void {
    this.#owner.callExpired(this);
  }

  #settle(error: QuorateError | null): void {
    this.#isSettled = true;
    this.#records = [];
    this.#owner.callSettled(this);
    if (error !== null) this.#done(error, null);
    else this.#done(null, { offset: this.#offset, count: this.count, lastOffset: this.#lastOffset });
  }
}

/** As it is now, checked: what the caller does with the object afterwards changes nothing. */
function copyOf(fence: Fence | null): Fence | null {
  return fence === null ? null : decodeFence(encodeFence(fence));
}
