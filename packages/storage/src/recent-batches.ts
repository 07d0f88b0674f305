/** The newest batches of one log that are held in memory: always those of its last rows. */
export class RecentTail {
  readonly batches: Uint8Array[] = [];
  head = 0;

  get count(): number {
    return this.batches.length - this.head;
  }
}

/** A log as the cache sees it. */
export interface CachedLog {
  readonly tail: RecentTail;
  /** Rows of the log in all. */
  readonly rowCount: number;
  /** True if the batch of this row can be read from disk. */
  isRowDurable(row: number): boolean;
}

/**
 * Recent batches of all logs within one bound of bytes, so that feeding followers that keep up needs no disk. The oldest batch of the node
 * goes first; a batch that is not durable yet stays, for there is nowhere else to read it from.
 */
export class RecentBatches {
  readonly #bytesMax: number;
  /** One mention per cached batch, oldest first; mentions of batches that were cut off are stale and skipped. */
  #ring: CachedLog[] = [];
  #head = 0;
  #stale = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Adds the batch of the newest row. */
  push(log: CachedLog, batch: Uint8Array): void {
    log.tail.batches.push(batch);
    this.#ring.push(log);
    this.#bytes += batch.length;
    this.trim();
  }

  /** Lets go what is beyond the bound and durable by now. */
  trim(): void {
    if (this.#bytes > this.#bytesMax) this.#evict();
  }

  /** The batch of a row, if it is in memory. */
  get(log: CachedLog, row: number): Uint8Array | undefined {
    const at = row - (log.rowCount - log.tail.count);
    return at < 0 ? undefined : log.tail.batches[log.tail.head + at];
  }

  /** The same bytes in memory of the frame, if it was copied there: the caller's array is let go. */
  replace(log: CachedLog, row: number, batch: Uint8Array): void {
    const at = row - (log.rowCount - log.tail.count);
    if (at >= 0) log.tail.batches[log.tail.head + at] = batch;
  }

  /** The log lost its last `rows` rows. */
  dropLast(log: CachedLog, rows: number): void {
    const { tail } = log;
    for (let left = Math.min(rows, tail.count); left > 0; left--) this.#forget(tail.batches.pop());
    this.#sweep();
  }

  /** The log kept `rowCount` rows at its end. */
  keepLast(log: CachedLog): void {
    while (log.tail.count > log.rowCount) this.#forget(this.#takeFirst(log.tail));
    this.#sweep();
  }

  #forget(batch: Uint8Array | undefined): void {
    this.#bytes -= batch?.length ?? 0;
    this.#stale++;
  }

  #takeFirst(tail: RecentTail): Uint8Array {
    const batch = tail.batches[tail.head] as Uint8Array;
    tail.batches[tail.head] = EMPTY;
    tail.head++;
    if (tail.head === tail.batches.length || (tail.head > 64 && tail.head * 2 > tail.batches.length)) {
      tail.batches.splice(0, tail.head);
      tail.head = 0;
    }
    return batch;
  }

  #evict(): void {
    for (let tries = this.#ring.length - this.#head; tries > 0 && this.#bytes > this.#bytesMax; tries--) {
      const log = this.#ring[this.#head] as CachedLog;
      this.#head++;
      if (log.tail.count === 0) {
        this.#stale--;
      } else if (log.isRowDurable(log.rowCount - log.tail.count)) {
        this.#bytes -= this.#takeFirst(log.tail).length;
      } else {
        // All that follows is younger, so hardly durable either: try again with the next batch.
        this.#head--;
        break;
      }
    }
    if (this.#head > 1024 && this.#head * 2 > this.#ring.length) {
      this.#ring.splice(0, this.#head);
      this.#head = 0;
    }
  }

  /** Bounds the stale mentions that truncations leave behind. */
  #sweep(): void {
    if (this.#stale < 1024 || this.#stale * 2 < this.#ring.length - this.#head) return;
    const left = new Map<CachedLog, number>();
    const kept: CachedLog[] = [];
    for (let at = this.#ring.length - 1; at >= this.#head; at--) {
      const log = this.#ring[at] as CachedLog;
      const count = left.get(log) ?? log.tail.count;
      if (count > 0) kept.push(log);
      left.set(log, count - 1);
    }
    this.#ring = kept.reverse();
    this.#head = 0;
    this.#stale = 0;
  }
}

const EMPTY = new Uint8Array(0);
