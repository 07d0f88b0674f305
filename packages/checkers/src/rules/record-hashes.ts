const FIRST = 1024;
/** Offsets per page of 2^20; a page is made when one of its offsets is read. */
const PAGE_BITS = 20;

/** What was read at each offset of a stream, as 52 bits of a hash: ten million records in 80 MB. */
export class RecordHashes {
  readonly #pages = new Map<number, Float64Array>();
  #count = 0;

  /** Offsets that were read. */
  get count(): number {
    return this.#count;
  }

  has(offset: number): boolean {
    return this.#get(offset) !== 0;
  }

  isSame(offset: number, value: string): boolean {
    return this.#get(offset) === hashOf(value);
  }

  set(offset: number, value: string): void {
    const number = Math.floor(offset / 2 ** PAGE_BITS);
    const at = offset % 2 ** PAGE_BITS;
    let page = this.#pages.get(number);
    if (page === undefined || at >= page.length) {
      const grown = new Float64Array(Math.min(2 ** PAGE_BITS, Math.max(FIRST, 2 ** Math.ceil(Math.log2(at + 1)))));
      if (page !== undefined) grown.set(page);
      page = grown;
      this.#pages.set(number, page);
    }
    if (page[at] === 0) this.#count++;
    page[at] = hashOf(value);
  }

  #get(offset: number): number {
    return this.#pages.get(Math.floor(offset / 2 ** PAGE_BITS))?.[offset % 2 ** PAGE_BITS] ?? 0;
  }
}

/** From 1 on; 0 is for nothing. Two FNV-1a hashes of the units with different starts. */
function hashOf(value: string): number {
  let a = 0x811c9dc5;
  let b = 0x1b873593;
  for (let i = 0; i < value.length; i++) {
    const unit = value.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
    b ^= b >>> 13;
  }
  return 1 + (a >>> 0) + ((b >>> 0) % 0x10_0000) * 0x1_0000_0000;
}
