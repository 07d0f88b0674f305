import { QuorateError } from '@quorate/base';
import { abortedBefore, signalFault } from './pending-promise.js';

/** Bounds of what waits for its consumer, and what is to happen when nobody wants more. */
export interface BufferOptions {
  readonly itemsMax: number;
  readonly bytesMax: number;
  readonly signal: AbortSignal | undefined;
  /** The consumer left, or the signal was aborted. Once, also when it is over already. */
  left(): void;
}

interface Waiter<T> {
  resolve(result: IteratorResult<T, void>): void;
  reject(error: QuorateError): void;
}

interface Item<T> {
  readonly value: T;
  readonly bytes: number;
}

/** What is pushed, one by one, for one consumer. Bounded: who pushes is told when it is full. */
export class BufferedIterator<T> implements AsyncGenerator<T, void, undefined> {
  readonly #options: BufferOptions;
  readonly #onAbort: () => void;
  #items: Item<T>[] = [];
  #head = 0;
  #bytes = 0;
  readonly #waiters: Waiter<T>[] = [];
  #isOver = false;
  /** Told once, after the items. */
  #error: QuorateError | null = null;
  #isLeft = false;

  constructor(options: BufferOptions) {
    const fault = signalFault(options.signal);
    this.#options = fault === null ? options : { ...options, signal: undefined };
    this.#onAbort = () => this.#abort();
    const { signal } = this.#options;
    if (fault !== null) this.end(fault);
    else if (signal?.aborted === true) this.end(abortedBefore(signal));
    else signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  /** True once it ended or was left: nothing more is taken. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Adds an item; false if there is no room for it, or it is over. */
  push(value: T, bytes: number): boolean {
    if (this.#isOver) return false;
    const waiter = this.#waiters.shift();
    if (waiter !== undefined) {
      waiter.resolve({ done: false, value });
      return true;
    }
    const { itemsMax, bytesMax } = this.#options;
    const count = this.#items.length - this.#head;
    if (count >= itemsMax || (count > 0 && this.#bytes + bytes > bytesMax)) return false;
    this.#items.push({ value, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** Forgets the oldest item that waits. */
  dropOldest(): void {
    this.#take();
  }

  /** Nothing more comes; the error is thrown after what waits was consumed. */
  end(error: QuorateError | null): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.signal?.removeEventListener('abort', this.#onAbort);
    this.#error = error;
    for (const waiter of this.#waiters.splice(0)) this.#settleOver(waiter);
  }

  next(): Promise<IteratorResult<T, void>> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      const item = this.#take();
      if (item !== undefined) resolve({ done: false, value: item.value });
      else if (this.#isOver) this.#settleOver(waiter);
      else this.#waiters.push(waiter);
    });
  }

  return(): Promise<IteratorResult<T, void>> {
    this.#leave(null);
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<T, void>> {
    this.#leave(null);
    return Promise.reject(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  #take(): Item<T> | undefined {
    const item = this.#items[this.#head];
    if (item === undefined) return undefined;
    this.#head++;
    this.#bytes -= item.bytes;
    // What was consumed is let go now and then, not item by item.
    if (this.#head === this.#items.length || this.#head >= 1024) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  #abort(): void {
    const { signal } = this.#options;
    this.#leave(new QuorateError('cancelled', 'aborted; nothing more is read', {}, { cause: signal?.reason }));
  }

  #leave(error: QuorateError | null): void {
    this.#items = [];
    this.#head = 0;
    this.#bytes = 0;
    if (this.#isOver) this.#error = null;
    this.end(error);
    if (this.#isLeft) return;
    this.#isLeft = true;
    this.#options.left();
  }

  #settleOver(waiter: Waiter<T>): void {
    const error = this.#error;
    this.#error = null;
    if (error === null) waiter.resolve({ done: true, value: undefined });
    else waiter.reject(error);
  }
}
