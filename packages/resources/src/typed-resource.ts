import type { OperationArguments, OperationResult, ResourceDeclaration } from '@quorate/machine';
import { QuorateError } from '@quorate/base';
import type { HandleListener, ResourceHandle } from './client/resource-handle.js';
import { type QueryOptions, queryTimeOf } from './promises/call-options.js';
import { promiseOf } from './promises/pending-promise.js';

/**
 * A resource of any kind, typed by its declaration: for kinds of your own.
 *
 * @example
 * ```ts
 * const gauge = client.resource(GAUGE, 'load');
 * await gauge.call('report', { value: 7 });
 * ```
 */
export class TypedResource<D extends ResourceDeclaration> {
  /** The same without promises. */
  readonly handle: ResourceHandle<D>;

  /** Use `Resources.resource`. */
  constructor(handle: ResourceHandle<D>) {
    this.handle = handle;
  }

  get name(): string {
    return this.handle.name;
  }

  /** A command or a query. Errors: those it declares, and those of every call (`invalidArgument`, `kindMismatch`, `deadlineExceeded` …). */
  async call<K extends keyof D['operations'] & string>(
    operation: K,
    args: OperationArguments<D, K>,
    options: QueryOptions = {},
  ): Promise<OperationResult<D, K>> {
    const declared = this.handle.declaration.operations[operation];
    if (declared === undefined) throw new QuorateError('invalidArgument', `there is no operation "${operation}"`, { operation });
    const time = queryTimeOf(options);
    return promiseOf<OperationResult<D, K>>(options.signal, (done) =>
      declared.kind === 'command'
        ? this.handle.command(operation as never, args as never, time, done as never)
        : this.handle.query(operation as never, args as never, time, done as never),
    );
  }

  /** Tells of events and of the session, from the first call on. Returns how to end that. */
  listen(listener: HandleListener<D>): () => void {
    return this.handle.listen(listener);
  }
}
