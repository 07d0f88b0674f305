import { Fifo } from '@quorate/base';

/** So many that are given up do not matter. */
const GONE_MIN = 64;

/** What waits in order, where anything may be given up at any place: at most about half of the places that are held are of what is given up. */
export class WaitingList<T extends object> {
  readonly #isGone: (item: T) => boolean;
  #items = new Fifo<T>();
  #size = 0;

  /** `isGone`: true from the moment on at which it is given up, of which `gone` is told once. */
  constructor(isGone: (item: T) => boolean) {
    this.#isGone = isGone;
  }

  /** Those that wait. */
  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#size += 1;
  }

  /** The first that waits; undefined if there is none. */
  first(): T | undefined {
    for (;;) {
      const { first } = this.#items;
      if (first === undefined || !this.#isGone(first)) return first;
      this.#items.shift();
    }
  }

  /** Takes out what `first` gave. */
  shift(): void {
    this.#items.shift();
    this.#size -= 1;
  }

  /** One that waited is given up. */
  gone(): void {
    this.#size -= 1;
    const goneCount = this.#items.length - this.#size;
    if (goneCount <= GONE_MIN || 2 * goneCount <= this.#items.length) return;
    const waiting = [...this];
    this.#items = new Fifo();
    for (const item of waiting) this.#items.push(item);
  }

  /** All that wait, in order; nothing may be taken meanwhile. */
  *[Symbol.iterator](): Generator<T> {
    for (const item of this.#items) if (!this.#isGone(item)) yield item;
  }
}
