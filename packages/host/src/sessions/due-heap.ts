/** Something that is due at some time. */
export interface Due {
  dueMs: number;
  /** Its place in the heap; -1: it is in none. */
  heapAt: number;
}

/** A binary heap by due time whose entries know their place, so that each can be moved or taken out in logarithmic time. */
export class DueHeap<T extends Due> {
  readonly #entries: T[] = [];

  get size(): number {
    return this.#entries.length;
  }

  /** The entry that is due first. */
  get first(): T | undefined {
    return this.#entries[0];
  }

  /** Puts an entry in, or moves it to where its due time belongs now. */
  set(entry: T, dueMs: number): void {
    entry.dueMs = dueMs;
    if (entry.heapAt < 0) {
      entry.heapAt = this.#entries.length;
      this.#entries.push(entry);
    }
    this.#sink(this.#rise(entry));
  }

  remove(entry: T): void {
    const at = entry.heapAt;
    if (at < 0) return;
    entry.heapAt = -1;
    const last = this.#entries.pop() as T;
    if (last === entry) return;
    last.heapAt = at;
    this.#entries[at] = last;
    this.#sink(this.#rise(last));
  }

  clear(): void {
    for (const entry of this.#entries) entry.heapAt = -1;
    this.#entries.length = 0;
  }

  #rise(entry: T): T {
    while (entry.heapAt > 0) {
      const above = this.#entries[(entry.heapAt - 1) >> 1] as T;
      if (above.dueMs <= entry.dueMs) break;
      this.#swap(above, entry);
    }
    return entry;
  }

  #sink(entry: T): void {
    for (;;) {
      const left = this.#entries[2 * entry.heapAt + 1];
      const right = this.#entries[2 * entry.heapAt + 2];
      const below = right !== undefined && left !== undefined && right.dueMs < left.dueMs ? right : left;
      if (below === undefined || below.dueMs >= entry.dueMs) return;
      this.#swap(entry, below);
    }
  }

  #swap(above: T, below: T): void {
    const at = above.heapAt;
    above.heapAt = below.heapAt;
    below.heapAt = at;
    this.#entries[above.heapAt] = above;
    this.#entries[at] = below;
  }
}
