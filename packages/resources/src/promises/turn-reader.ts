import type { Done, PendingCall } from '@quorate/machine';
import { promiseOf } from './pending-promise.js';

/** The reads of one reader, one at a time, which end when the reader is left. */
export class ReadTurns {
  #pending: PendingCall | null = null;
  #isLeft = false;

  /** An operation as a promise; null if the reader was left before it was answered. */
  async ask<T>(signal: AbortSignal | undefined, start: (done: Done<T>) => PendingCall): Promise<T | null> {
    if (this.#isLeft) return null;
    try {
      return await promiseOf(signal, (done) => {
        this.#pending = start(done);
        return this.#pending;
      });
    } catch (thrown) {
      if (this.#isLeft) return null;
      throw thrown;
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
 * Items one by one, read in turns. An async generator alone takes `return` only between two items: a reader that is left while it waits for the
 * next one (as `Readable.from` does when it is destroyed) would wait for it, and ask for it, for ever. This one ends its read.
 */
export class TurnReader<T> implements AsyncGenerator<T, void, undefined> {
  readonly #turns: ReadTurns;
  readonly #items: AsyncGenerator<T, void, undefined>;

  constructor(read: (turns: ReadTurns) => AsyncGenerator<T, void, undefined>) {
    this.#turns = new ReadTurns();
    this.#items = read(this.#turns);
  }

  next(): Promise<IteratorResult<T, void>> {
    return this.#items.next();
  }
  return(): Promise<IteratorResult<T, void>> {
    this.#turns.leave();
    return this.#items.return();
  }
  throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#turns.leave();
    return this.#items.throw(error);
  }
  [Symbol.asyncIterator](): this {
    return this;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }
}
