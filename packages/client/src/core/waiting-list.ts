/** So many that are gone do not matter. */
const GONE_MIN = 64;

/** What waits in order, where anything may be given up at any place: at most about half of the places that are held are of what is gone. */
export class WaitingList<T> {
  readonly #isGone: (item: T) => boolean;
  #items: T[] = [];
  #head = 0;
  #goneCount = 0;

  /** `isGone`: true from the moment on at which it is given up, of which `gone` is told once. */
  constructor(isGone: (item: T) => boolean) {
    this.#isGone = isGone;
  }

  /** Those that wait. */
  get size(): number {
    return this.#items.length - this.#head - this.#goneCount;
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** The first that waits; undefined if there is none. */
  first(): T | undefined {
    for (; this.#head < this.#items.length; this.#head++) {
      const item = this.#items[this.#head] as T;
      if (!this.#isGone(item)) return item;
      this.#goneCount -= 1;
    }
    this.#cut();
    return undefined;
  }

  /** Takes out what `first` gave. */
  shift(): void {
    this.#head += 1;
    if (this.#head > 1024 && this.#head > this.#items.length / 2) this.#cut();
  }

  /** One that waited is given up. */
  gone(): void {
    this.#goneCount += 1;
    if (this.#goneCount <= GONE_MIN || this.#goneCount <= (this.#items.length - this.#head) / 2) return;
    this.#cut();
    this.#items = this.#items.filter((item) => !this.#isGone(item));
    this.#goneCount = 0;
  }

  /** All that wait, in order. */
  *[Symbol.iterator](): Generator<T> {
    for (let i = this.#head; i < this.#items.length; i++) {
      const item = this.#items[i] as T;
      if (!this.#isGone(item)) yield item;
    }
  }

  #cut(): void {
    this.#items = this.#items.slice(this.#head);
    this.#head = 0;
  }
}
