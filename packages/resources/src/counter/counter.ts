import { type OperationResult, type QueryNames, type CommandNames, type OperationArguments } from '@quorate/machine';
import type { ResourceHandle } from '../client/resource-handle.js';
import { type CallOptions, type QueryOptions, type WriteOptions, queryTimeOf, timeOf } from '../promises/call-options.js';
import { promiseOf } from '../promises/pending-promise.js';
import type { CounterDeclaration } from './counter-declaration.js';

type D = CounterDeclaration;

/**
 * A whole number from -(2^53 - 1) to 2^53 - 1 that many change at once; 0 at first. Every change is applied exactly once.
 *
 * @example
 * ```ts
 * const visits = client.counter('visits');
 * console.log(await visits.add());
 * ```
 */
export class Counter {
  readonly #handle: ResourceHandle<D>;

  /** Use `Resources.counter`. */
  constructor(handle: ResourceHandle<D>) {
    this.#handle = handle;
  }

  get name(): string {
    return this.#handle.name;
  }

  /** The present value. */
  async get(options: QueryOptions = {}): Promise<number> {
    return this.#query('get', {}, options);
  }

  /** Adds a whole number, 1 by default, which may be negative; gives the new value. `counterOverflow` (nothing was added), `fenced`. */
  async add(delta = 1, options: WriteOptions = {}): Promise<number> {
    return this.#command('add', { delta, fence: options.fence ?? null }, options);
  }

  /** Sets the value; gives the one before. `fenced`. */
  async set(value: number, options: WriteOptions = {}): Promise<number> {
    return this.#command('set', { value, fence: options.fence ?? null }, options);
  }

  /** Sets the value if it is `expected`; says whether it did. `fenced`. */
  async compareAndSet(expected: number, value: number, options: WriteOptions = {}): Promise<boolean> {
    return this.#command('compareAndSet', { expected, value, fence: options.fence ?? null }, options);
  }

  #command<K extends CommandNames<D>>(name: K, args: OperationArguments<D, K>, options: CallOptions): Promise<OperationResult<D, K>> {
    return promiseOf(options.signal, (done) => this.#handle.command(name, args, timeOf(options), done));
  }
  #query<K extends QueryNames<D>>(name: K, args: OperationArguments<D, K>, options: QueryOptions): Promise<OperationResult<D, K>> {
    return promiseOf(options.signal, (done) => this.#handle.query(name, args, queryTimeOf(options), done));
  }
}
