import type { LogIndex } from '@quorate/base';

/** File number of a batch that has no place on disk yet: above every real one, so that rows stay ordered by file. */
export const UNPLACED = 0xffff_ffff;

/** u32 each: base index low and high word, file number, offset of the batch in the file, length of the batch. */
const STRIDE = 5;
const FIRST_CAPACITY = 4;

/**
 * Where each batch of one log stands, in order of index: 20 bytes a batch, no object. Both ends are cut in constant time, lookups are
 * binary searches. Invariant: file numbers never decrease from row to row.
 */
export class BatchRows {
  #data: Uint32Array | null = null;
  /** First row in use, and rows in use. */
  #start = 0;
  #count = 0;

  get length(): number {
    return this.#count;
  }

  base(row: number): LogIndex {
    const at = (this.#start + row) * STRIDE;
    const data = this.#data as Uint32Array;
    return (data[at + 1] as number) * 0x1_0000_0000 + (data[at] as number);
  }
  file(row: number): number {
    return (this.#data as Uint32Array)[(this.#start + row) * STRIDE + 2] as number;
  }
  offset(row: number): number {
    return (this.#data as Uint32Array)[(this.#start + row) * STRIDE + 3] as number;
  }
  bytes(row: number): number {
    return (this.#data as Uint32Array)[(this.#start + row) * STRIDE + 4] as number;
  }

  push(base: LogIndex, file: number, offset: number, bytes: number): void {
    const data = this.#room();
    const at = (this.#start + this.#count) * STRIDE;
    data[at] = base % 0x1_0000_0000;
    data[at + 1] = Math.floor(base / 0x1_0000_0000);
    data[at + 2] = file;
    data[at + 3] = offset;
    data[at + 4] = bytes;
    this.#count++;
  }

  /** Gives an unplaced row its place. */
  place(row: number, file: number, offset: number): void {
    const at = (this.#start + row) * STRIDE;
    const data = this.#data as Uint32Array;
    data[at + 2] = file;
    data[at + 3] = offset;
  }

  /** The last row whose base is at or below `index`; -1 if there is none. */
  find(index: LogIndex): number {
    let low = 0;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.base(middle) <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** The first row at or after `row` that is not in the file of `row`; `length` if there is none. */
  endOfFileRun(row: number): number {
    const file = this.file(row);
    let low = row + 1;
    let high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.file(middle) === file) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Keeps the first `rows` rows. */
  keepFirst(rows: number): void {
    this.#count = rows;
  }

  /** Drops the first `rows` rows. */
  dropFirst(rows: number): void {
    this.#start += rows;
    this.#count -= rows;
    if (this.#count === 0) this.#start = 0;
  }

  #room(): Uint32Array {
    const data = this.#data ?? new Uint32Array(FIRST_CAPACITY * STRIDE);
    this.#data = data;
    const capacity = data.length / STRIDE;
    if (this.#start + this.#count < capacity) return data;
    // Half of it dead at the front: move down instead of growing.
    if (this.#start >= capacity / 2) {
      data.copyWithin(0, this.#start * STRIDE, (this.#start + this.#count) * STRIDE);
      this.#start = 0;
      return data;
    }
    const grown = new Uint32Array(data.length * 2);
    grown.set(data.subarray(this.#start * STRIDE, (this.#start + this.#count) * STRIDE));
    this.#start = 0;
    this.#data = grown;
    return grown;
  }
}
