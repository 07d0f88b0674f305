import { type LogIndex, batchLastIndex, trustedBatchHeader } from '@quorate/base';
import type { GroupLog } from '@quorate/storage';

/** Bytes that are read from the log at a time, if there are so many; at least one batch. */
const READ_BYTES = 131_072;

/**
 * The batches of a log that are to be applied, one after the other. They are read some at a time; what is not applied in the same turn is kept
 * for the next one. Only committed ones are kept: they never change, while others may be replaced.
 */
export class CommittedBatches {
  readonly #log: GroupLog;
  #batches: readonly Uint8Array[] = [];
  #at = 0;
  /** Base index of the batch at `#at`. */
  #index: LogIndex = 0;

  constructor(log: GroupLog) {
    this.#log = log;
  }

  /** The batch at `index`, a base index up to `commitIndex`; null: it is committed in part only; undefined: it cannot be read. */
  get(index: LogIndex, commitIndex: LogIndex): Uint8Array | null | undefined {
    if (this.#at === this.#batches.length || this.#index !== index) {
      const batches = this.#log.read(index, READ_BYTES);
      if (batches.length === 0) return undefined;
      const beyond = batches.findIndex((batch) => batchLastIndex(trustedBatchHeader(batch)) > commitIndex);
      this.#batches = beyond < 0 ? batches : batches.slice(0, beyond);
      this.#at = 0;
      this.#index = index;
    }
    return this.#batches[this.#at] ?? null;
  }

  /** The batch that was got is applied; `next`: the index after it. */
  taken(next: LogIndex): void {
    this.#at++;
    this.#index = next;
    if (this.#at === this.#batches.length) this.#batches = [];
    if (this.#batches.length === 0) this.#at = 0;
  }
}
