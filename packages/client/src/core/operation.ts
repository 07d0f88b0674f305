import type { Offset } from '@quorate/base';
import type { CallTime } from '@quorate/machine';
import type { StreamEntry, StreamRecord } from '@quorate/wire';

export type { CallTime, Done, PendingCall } from '@quorate/machine';

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
