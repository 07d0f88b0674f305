import type { CallTime, Fence, ReadConsistency } from '@quorate/machine';

/** Options of every call of the public face. */
export interface CallOptions {
  /** Ends the call with `aborted`. */
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
   * That of a held lock or leadership: the write is refused with `fenced` unless it is still held (in the same group), or unless a newer one was
   * seen (from another group).
   */
  readonly fence?: Fence;
}

/** The time of options, as the callback core takes it. */
export function timeOf(options: CallOptions): CallTime {
  return options.deadlineMs === undefined ? {} : { deadlineMs: options.deadlineMs };
}

/** Time and consistency of options. */
export function queryTimeOf(options: QueryOptions): CallTime & { readonly consistency?: ReadConsistency } {
  return options.consistency === undefined ? timeOf(options) : { ...timeOf(options), consistency: options.consistency };
}
