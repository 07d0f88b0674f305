import type { LogIndex, Offset } from '@quorate/base';

/** A border of a batch: the record at `offset` is the first of the batch with base index `index`. */
export interface BatchBorder {
  readonly index: LogIndex;
  readonly offset: Offset;
}

/** Numbers that only grow, in a typed array that doubles. */
export class GrowingColumn {
  #values: Float64Array = new Float64Array(16);
  #length = 0;

  get length(): number {
    return this.#length;
  }
  at(position: number): number {
    return this.#values[position] as number;
  }
  push(value: number): void {
    if (this.#length === this.#values.length) {
      const grown = new Float64Array(this.#length * 2);
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values[this.#length] = value;
    this.#length += 1;
  }
  /** Position of the last value that is at most `value`; -1 if none. Values ascend. */
  lastAtMost(value: number): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#values[middle] as number) <= value) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

const BATCHES_PER_ENTRY = 64;
const BYTES_PER_ENTRY = 65_536;

/**
 * From offset to log index, sparse: one entry (16 bytes) per 64 counted batches or 64 KiB of payload, so a look-up is a binary search
 * and a scan over a few batches. Beside it the base indexes of command batches that got no offset (duplicates and refused ones).
 */
export class OffsetIndex {
  readonly #offsets = new GrowingColumn();
  readonly #indexes = new GrowingColumn();
  readonly #uncounted = new GrowingColumn();
  #batchesSince = 0;
  #bytesSince = 0;

  /** Notes a batch whose first record got `offset`. Both ascend. */
  addCounted(index: LogIndex, offset: Offset, payloadBytes: number): void {
    if (this.#indexes.length === 0 || this.#batchesSince >= BATCHES_PER_ENTRY || this.#bytesSince >= BYTES_PER_ENTRY) {
      this.#offsets.push(offset);
      this.#indexes.push(index);
      this.#batchesSince = 0;
      this.#bytesSince = 0;
    }
    this.#batchesSince += 1;
    this.#bytesSince += payloadBytes;
  }

  /** Notes a batch of commands that got no offset. */
  addUncounted(index: LogIndex): void {
    this.#uncounted.push(index);
  }

  isUncounted(index: LogIndex): boolean {
    const position = this.#uncounted.lastAtMost(index);
    return position >= 0 && this.#uncounted.at(position) === index;
  }

  /** The nearest known border at or before `offset`; undefined while there is no record at or before it. */
  locate(offset: Offset): BatchBorder | undefined {
    const position = this.#offsets.lastAtMost(offset);
    return position < 0 ? undefined : { index: this.#indexes.at(position), offset: this.#offsets.at(position) };
  }
}
