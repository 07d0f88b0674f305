import type { LogIndex } from '@quorate/base';

interface Mark {
  readonly index: LogIndex;
  /** Bytes of batches applied up to `index` since the replica was opened. */
  readonly bytes: number;
}

/** Marks of a whole log at most; those of a larger one lie wider apart. */
const MARKS_MAX = 256;
/** Least bytes between two marks. */
const STEP_BYTES_MIN = 4096;

/** How many bytes of the log lie behind which index, as they are applied: what is needed to tell how long a log has grown, and where to cut it. */
export class LogKeeping {
  #marks: Mark[];
  #index: LogIndex;
  #bytes = 0;
  #stepBytes = STEP_BYTES_MIN;

  /** The log is known from `index` on: the replica starts after it. */
  constructor(index: LogIndex) {
    this.#index = index;
    this.#marks = [{ index, bytes: 0 }];
  }

  /** A batch was applied that ends at `index`. */
  applied(index: LogIndex, bytes: number): void {
    this.#index = index;
    this.#bytes += bytes;
    if (this.#bytes - (this.#marks.at(-1)?.bytes ?? 0) < this.#stepBytes) return;
    this.#marks.push({ index, bytes: this.#bytes });
    if (this.#marks.length <= MARKS_MAX) return;
    this.#marks = this.#marks.filter((_, at) => at % 2 === 0);
    this.#stepBytes *= 2;
  }

  /** Bytes applied after `index`, or a little more. */
  bytesAfter(index: LogIndex): number {
    let before = 0;
    for (const mark of this.#marks) {
      if (mark.index > index) break;
      before = mark.bytes;
    }
    return index >= this.#index ? 0 : this.#bytes - before;
  }

  /** Newest known index after which at least `bytes` were applied; null: there are not so many. */
  indexBefore(bytes: number): LogIndex | null {
    let found: LogIndex | null = null;
    for (const mark of this.#marks) {
      if (this.#bytes - mark.bytes < bytes) break;
      found = mark.index;
    }
    return found;
  }

  /** The log up to `index` is gone. */
  dropped(index: LogIndex): void {
    const last = this.#marks.findLastIndex((mark) => mark.index <= index);
    if (last > 0) this.#marks.splice(0, last);
    if (this.#marks.length < MARKS_MAX / 4) this.#stepBytes = Math.max(STEP_BYTES_MIN, this.#stepBytes / 2);
  }
}
