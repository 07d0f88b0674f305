import type { CallTime, Fence, ReadConsistency } from '@quorate/machine';

/** Options of every call of the public face. */
export interface CallOptions {
  /** Ends the call: with `cancelled` if it did not happen (a write of which nothing was sent, or a read), else with `aborted` (unknown). */
  readonly signal?: AbortSignal;
  /** Time it may take in ms, retries included. Default: the client's (5000). */
  readonly deadlineMs?: number;
}

/** Options of a read. */
export interface QueryOptions extends CallOptions {
  /** `linearizable` (default): everything acknowledged before. `sequential`: any node, never older than what this client has seen. */
  readonly consistency?: ReadConsistency;
}

/** Options of a write. */
export interface WriteOptions extends CallOptions {
  /**
   * That of a held lock or leadership. Writes to maps, counters and resources of your own, which live in the same group, are refused with `fenced`
   * unless it is still held; appends, because a stream is a group of its own, as soon as the stream has seen a newer one.
   */
  readonly fence?: Fence;
}

/** The time of options, as the callback core takes it. */
export function timeOf(options: CallOptions): CallTime {
  return options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs };
}

/** Time and fence of options. */
export function writeTimeOf(options: WriteOptions): CallTime & { readonly fence?: Fence } {
  return options.fence === undefined ? timeOf(options) : { ...timeOf(options), fence: options.fence };
}

/** Time and consistency of options. */
export function queryTimeOf(options: QueryOptions): CallTime & { readonly consistency?: ReadConsistency } {
  return options.consistency === undefined ? timeOf(options) : { ...timeOf(options), consistency: options.consistency };
}
