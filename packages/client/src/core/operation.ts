import type { Offset, QuorateError } from '@quorate/base';
import type { StreamEntry, StreamRecord } from '@quorate/wire';

/** How a call ends: with an error or a result, once, never from within the call that started it. It must not throw. */
export type Done<T> = (error: QuorateError | null, result: T | null) => void;

/** A call that runs. */
export interface PendingCall {
  /** Ends it with `aborted` (unknown), unless it is settled. */
  cancel(): void;
}

/** Options of every call. */
export interface CallTime {
  /** Time it may take, retries included; above 0, may be Infinity. Default: the client's. */
  readonly deadlineMs?: number;
}

/** What to read, at most how much, and how fresh it must be. */
export interface ReadOptions extends CallTime {
  readonly from: Offset;
  /** Default: as many as fit. */
  readonly maxRecords?: number;
  /** Default and most: `LIMITS.readBytesMax`. */
  readonly maxBytes?: number;
  /** Time the node waits for a first record if there is none yet; default 0. */
  readonly waitMs?: number;
  /** `linearizable` (default): everything acknowledged before the call. `sequential`: any node, what it has applied. */
  readonly consistency?: 'linearizable' | 'sequential';
}

/** Records of one answer. */
export interface ReadBatch {
  /** Dense from the offset asked for. */
  readonly records: readonly StreamRecord[];
  /** End of the stream at the node that answered. */
  readonly nextOffset: Offset;
}

/** One page of the catalogue. */
export interface StreamList {
  readonly streams: readonly StreamEntry[];
  readonly hasMore: boolean;
}
