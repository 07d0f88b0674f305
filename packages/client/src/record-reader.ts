import type { QuorateError } from '@quorate/base';
import type { StreamRecord } from '@quorate/wire';
import type { Done, PendingCall } from './core/operation.js';
import { promiseOf } from './pending-promise.js';

/** The reads of one reader, one at a time, which end when the reader is left. */
export class ReadTurns {
  #pending: PendingCall | null = null;
  #isLeft = false;

  /** An operation of the core as a promise; null if the reader was left before it was answered. */
  async ask<T>(signal: AbortSignal | undefined, start: (done: Done<T>) => PendingCall): Promise<T | null> {
    if (this.#isLeft) return null;
    try {
      return await promiseOf(signal, (done) => {
        this.#pending = start(done);
        return this.#pending;
      });
    } catch (thrown) {
      if (this.#isLeft) return null;
      throw thrown as QuorateError;
    } finally {
      this.#pending = null;
    }
  }

  /** Nobody wants more. */
  leave(): void {
    this.#isLeft = true;
    this.#pending?.cancel();
  }
}

/**
 * Records one by one. An async generator alone takes `return` only between two records: a reader that is left while it waits for the next one
 * (as `Readable.from` does when it is destroyed) would wait for it, and ask for it, for ever. This one ends its read.
 */
export class RecordReader implements AsyncGenerator<StreamRecord, void, undefined> {
  readonly #turns: ReadTurns;
  readonly #records: AsyncGenerator<StreamRecord, void, undefined>;

  constructor(read: (turns: ReadTurns) => AsyncGenerator<StreamRecord, void, undefined>) {
    this.#turns = new ReadTurns();
    this.#records = read(this.#turns);
  }

  next(): Promise<IteratorResult<StreamRecord, void>> {
    return this.#records.next();
  }
  return(): Promise<IteratorResult<StreamRecord, void>> {
    this.#turns.leave();
    return this.#records.return();
  }
  throw(error: unknown): Promise<IteratorResult<StreamRecord, void>> {
    this.#turns.leave();
    return this.#records.throw(error);
  }
  [Symbol.asyncIterator](): this {
    return this;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
