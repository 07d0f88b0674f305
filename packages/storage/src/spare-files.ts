/** Kept whatever happens: one is made ready while another is written. */
const LEAST = 2;
const MOST = 64;
/** Times that files died that are looked back on. */
const LOOKED_BACK = 8;

/**
 * Dead files of the journal that are kept to be used again: as many as died at once twice lately, for so many are needed until the next time. So a log that
 * is cut again and again, by hundreds of MiB, has no files to remove and none to fill with zeros, and takes the space that it had before it
 * was cut; what dies once, when a log that grew for long is cut, goes.
 */
export class SpareFiles {
  readonly #remove: (number: number) => void;
  #numbers: number[] = [];
  /** How many died each time, lately. */
  #lately: number[] = [];

  /** `remove`: it is not kept any longer. */
  constructor(remove: (number: number) => void) {
    this.#remove = remove;
  }

  /** Files that died together. */
  add(numbers: readonly number[]): void {
    if (numbers.length === 0) return;
    this.#lately = [...this.#lately.slice(1 - LOOKED_BACK), numbers.length];
    this.#numbers.push(...numbers);
    const [, second = 0] = this.#lately.toSorted((a, b) => b - a);
    this.#keep(Math.min(MOST, Math.max(LEAST, second)));
  }

  take(): number | undefined {
    return this.#numbers.pop();
  }

  /** What was taken is not used after all. */
  putBack(number: number): void {
    this.#numbers.push(number);
  }

  /** There is no space for something else: all go. */
  drop(): void {
    this.#lately = [];
    this.#keep(0);
  }

  #keep(count: number): void {
    for (const number of this.#numbers.splice(count)) this.#remove(number);
  }
}
