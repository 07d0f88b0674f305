/** Below this many taken ones a list is not made shorter. */
const TAKEN_MIN = 64;

/**
 * What waits, in order: added at the end, taken from the front, and from the end if it is taken back. What was taken is let go at once, also while the
 * list is never empty: what waits may be large. Each step costs the same on average, however long the list is.
 */
export class Fifo<T extends object> {
  /** Null: taken. */
  #items: (T | null)[] = [];
  /** `#items` before it are taken. */
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }
  /** The oldest; undefined if there is none. */
  get first(): T | undefined {
    return this.#items[this.#head] ?? undefined;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest; undefined if there is none. */
  shift(): T | undefined {
    const { first } = this;
    if (first === undefined) return undefined;
    this.#items[this.#head++] = null;
    if (this.#head === this.#items.length) {
      this.#clear();
    } else if (this.#head >= TAKEN_MIN && this.#head * 2 > this.#items.length) {
      this.#items.splice(0, this.#head);
      this.#head = 0;
    }
    return first;
  }

  /** Takes the newest; undefined if there is none. */
  pop(): T | undefined {
    if (this.length === 0) return undefined;
    const last = this.#items.pop() ?? undefined;
    if (this.length === 0) this.#clear();
    return last;
  }

  /** From the oldest on; nothing may be taken meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (let i = this.#head; i < this.#items.length; i++) yield this.#items[i] as T;
  }

  #clear(): void {
    this.#items = [];
    this.#head = 0;
  }
}
