import type { Deadline } from './deadline-heap.js';

/** `heapAt` of what is in the queue. */
export const IN_QUEUE = -2;
/** What has left may keep as many places as are taken, and this many more. */
const GONE_SPARE = 64;

/**
 * Deadlines that come in their order, as those of calls do which all have the same time: adding and taking out cost nothing but a place in a list,
 * of which the head is always the earliest.
 */
export class DeadlineQueue {
  #entries: Deadline[] = [];
  #head = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Places in memory, of those that have left too. */
  get places(): number {
    return this.#entries.length;
  }

  /** The earliest. */
  get first(): Deadline | undefined {
    return this.#size === 0 ? undefined : this.#entries[this.#head];
  }

  /** False if it is due before the last one: then its place is elsewhere. An entry may be added once in its life. */
  add(entry: Deadline): boolean {
    const last = this.#entries[this.#entries.length - 1];
    if (this.#size > 0 && last !== undefined && entry.dueMs < last.dueMs) return false;
    entry.heapAt = IN_QUEUE;
    this.#entries.push(entry);
    this.#size += 1;
    return true;
  }

  /** It must be in the queue. */
  remove(entry: Deadline): void {
    entry.heapAt = -1;
    this.#size -= 1;
    if (this.#size === 0) {
      this.#entries.length = 0;
      this.#head = 0;
      return;
    }
    while (this.#entries[this.#head]?.heapAt !== IN_QUEUE) this.#head += 1;
    // A call that waits for long must not keep all that were settled behind it, nor those before it their places.
    if (this.#entries.length > 2 * this.#size + GONE_SPARE) {
      this.#entries = this.#entries.filter((each) => each.heapAt === IN_QUEUE);
      this.#head = 0;
    }
  }

  clear(): void {
    for (const entry of this.#entries) entry.heapAt = -1;
    this.#entries.length = 0;
    this.#head = 0;
    this.#size = 0;
  }
}
