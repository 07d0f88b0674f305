import { invariant } from '@quorate/base';

/*
 * Memory for entries and tree nodes, outside the JavaScript heap.
 *
 *   slab   4 MiB, one typed array                         1,024 pages
 *   page   4 KiB                                          runs of pages are handed out first fit, in the lowest slab that has room
 *   span   a run of 16 pages cut into slots of one size   slots up to 16 KiB
 *   run    a run of pages for one object                  objects up to 512 KiB (an eighth: runs fill slabs well)
 *   own    a typed array for one object                   larger ones; it takes a slab's number
 *
 * An address is a u32 in units of 16 bytes: slab number << 18 | offset. Slab number 0 is not used, so 0 is no address.
 * Every step of growth is one slab; nothing that is in use is ever copied to grow.
 */

export const SLAB_BYTES = 4_194_304;
/** Address >>> this: slab number. */
export const SLAB_SHIFT = 18;
/** Address & this: offset in units. */
export const OFFSET_MASK = 0x3_ffff;
const PAGE_SHIFT = 8;
const PAGE_BYTES = 4096;
const PAGES = 1024;
const SPAN_BYTES = 65_536;
const SPAN_PAGES = SPAN_BYTES / PAGE_BYTES;
const SLOT_BYTES_MAX = 16_384;
const RUN_BYTES_MAX = 524_288;
const SLABS_MAX = 16_383;
/** Second word of a slot that is free; in an object it is the upper half of its birth, which is far below. */
export const FREE_MARK = 0xffff_ffff;

/*
 * Kept per page, eight words each. Word 0: first page of its run + 1, or 0 if the page is free. The rest only in the first page of a run:
 */
const LENGTH = 1; // Pages of the run.
const CLASS = 2; // Class of the slots + 1; 0: one object.
const USED = 3; // Slots in use.
const FREE = 4; // Address of the first free slot; each holds the address of the next in its first word.
const BUMP = 5; // Bytes of the span that were ever handed out.
const PREVIOUS = 6; // Neighbours in the list of spans of this class with a free slot, as slab << 10 | page.
const NEXT = 7;

/** Slot sizes: steps of 16 bytes to 256, eight to the doubling up to 2 KiB, then the n-th parts of a span. `exact`: sizes that must be there. */
function slotSizes(exact: readonly number[]): Uint32Array {
  const sizes = new Set<number>(exact);
  for (let size = 32; size <= 256; size += 16) sizes.add(size);
  for (let step = 32; step <= 128; step *= 2) for (let i = 9; i <= 16; i++) sizes.add(step * i);
  for (let parts = 31; parts >= 4; parts--) sizes.add(((SPAN_BYTES / parts) >>> 4) << 4);
  return Uint32Array.from([...sizes].sort((a, b) => a - b));
}

const EMPTY_META = new Int32Array(0);
const EMPTY_WORDS = new Uint32Array(0);
const EMPTY_BYTES = new Uint8Array(0);

/** Hands out slots by address. Contents of new slots are undefined. */
export class SlabHeap {
  /** Memory by slab number, as bytes and as words. */
  readonly bytes: Uint8Array[] = [EMPTY_BYTES];
  readonly words: Uint32Array[] = [EMPTY_WORDS];
  readonly #meta: Int32Array[] = [EMPTY_META];
  /** Per slab: no free run is longer (it may be shorter). */
  readonly #freeRunMax: number[] = [0];
  readonly #usedPages: number[] = [0];
  readonly #usedBytes: number[] = [0];
  readonly #freeNumbers: number[] = [];
  readonly #sizes: Uint32Array;
  readonly #classOf: Uint8Array = new Uint8Array(SLOT_BYTES_MAX / 16 + 1);
  readonly #partial: Uint32Array;
  #emptySlabs = 0;
  #closedSlab = 0;
  #allocated = 0;
  #used = 0;

  /** `exact`: sizes of slots that are wanted without waste, multiples of 16. */
  constructor(exact: readonly number[]) {
    this.#sizes = slotSizes(exact);
    this.#partial = new Uint32Array(this.#sizes.length);
    let at = 0;
    for (let units = 0; units < this.#classOf.length; units++) {
      if (units * 16 > (this.#sizes[at] as number)) at++;
      this.#classOf[units] = at;
    }
  }

  /** Bytes of all slabs and own arrays. */
  get allocatedBytes(): number {
    return this.#allocated;
  }
  /** Bytes of all slots in use. */
  get usedBytes(): number {
    return this.#used;
  }

  /** Bytes that a slot for so many bytes has. */
  capacityFor(bytes: number): number {
    if (bytes <= SLOT_BYTES_MAX) return this.#sizes[this.#classOf[(bytes + 15) >>> 4] as number] as number;
    return bytes <= RUN_BYTES_MAX ? Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES : Math.ceil(bytes / 16) * 16;
  }

  /** Bytes that the slot at this address has. */
  capacityOf(address: number): number {
    const slab = address >>> SLAB_SHIFT;
    const meta = this.#meta[slab] as Int32Array;
    if (meta.length === 0) return (this.bytes[slab] as Uint8Array).length;
    const at = ((meta[((address >>> PAGE_SHIFT) & (PAGES - 1)) << 3] as number) - 1) << 3;
    const slotClass = meta[at + CLASS] as number;
    return slotClass === 0 ? (meta[at + LENGTH] as number) * PAGE_BYTES : (this.#sizes[slotClass - 1] as number);
  }

  allocate(bytes: number): number {
    if (bytes > SLOT_BYTES_MAX) return bytes <= RUN_BYTES_MAX ? this.#allocateRun(bytes) : this.#allocateOwn(bytes);
    const slotClass = this.#classOf[(bytes + 15) >>> 4] as number;
    const size = this.#sizes[slotClass] as number;
    let span = this.#partial[slotClass] as number;
    if (span === 0) span = this.#newSpan(slotClass);
    const slab = span >>> 10;
    const meta = this.#meta[slab] as Int32Array;
    const at = (span & (PAGES - 1)) << 3;
    let address = (meta[at + FREE] as number) >>> 0;
    let bump = meta[at + BUMP] as number;
    if (address === 0) {
      address = ((span << PAGE_SHIFT) >>> 0) + (bump >>> 4);
      bump += size;
      meta[at + BUMP] = bump;
    } else {
      meta[at + FREE] = (this.words[slab] as Uint32Array)[(address & OFFSET_MASK) << 2] as number;
    }
    meta[at + USED] = (meta[at + USED] as number) + 1;
    if (!this.#hasFreeSlot(meta, at, slotClass)) this.#unlink(slotClass, span);
    this.#account(slab, size);
    return address;
  }

  free(address: number): void {
    const slab = address >>> SLAB_SHIFT;
    const meta = this.#meta[slab] as Int32Array;
    if (meta.length === 0) return this.#freeOwn(slab);
    const first = (meta[((address >>> PAGE_SHIFT) & (PAGES - 1)) << 3] as number) - 1;
    invariant(first >= 0, 'a slot that is freed is in use', { address });
    const at = first << 3;
    const slotClass = (meta[at + CLASS] as number) - 1;
    if (slotClass < 0) {
      this.#account(slab, -(meta[at + LENGTH] as number) * PAGE_BYTES);
      this.#freePages(slab, first);
      return;
    }
    const size = this.#sizes[slotClass] as number;
    const words = this.words[slab] as Uint32Array;
    const word = (address & OFFSET_MASK) << 2;
    invariant(words[word + 1] !== FREE_MARK, 'a slot is freed once', { address });
    const wasFull = !this.#hasFreeSlot(meta, at, slotClass);
    words[word] = meta[at + FREE] as number;
    words[word + 1] = FREE_MARK;
    meta[at + FREE] = address;
    const used = (meta[at + USED] as number) - 1;
    meta[at + USED] = used;
    this.#account(slab, -size);
    const span = (slab << 10) | first;
    const isListed = !wasFull && slab !== this.#closedSlab;
    if (used === 0) {
      if (isListed) this.#unlink(slotClass, span);
      this.#freePages(slab, first);
    } else if (wasFull && slab !== this.#closedSlab) this.#link(slotClass, span);
  }

  #account(slab: number, bytes: number): void {
    this.#used += bytes;
    this.#usedBytes[slab] = (this.#usedBytes[slab] as number) + bytes;
  }

  #link(slotClass: number, span: number): void {
    const next = this.#partial[slotClass] as number;
    const meta = this.#meta[span >>> 10] as Int32Array;
    const at = (span & (PAGES - 1)) << 3;
    meta[at + PREVIOUS] = 0;
    meta[at + NEXT] = next;
    if (next !== 0) (this.#meta[next >>> 10] as Int32Array)[((next & (PAGES - 1)) << 3) + PREVIOUS] = span;
    this.#partial[slotClass] = span;
  }

  #unlink(slotClass: number, span: number): void {
    const meta = this.#meta[span >>> 10] as Int32Array;
    const at = (span & (PAGES - 1)) << 3;
    const previous = meta[at + PREVIOUS] as number;
    const next = meta[at + NEXT] as number;
    if (previous === 0) this.#partial[slotClass] = next;
    else (this.#meta[previous >>> 10] as Int32Array)[((previous & (PAGES - 1)) << 3) + NEXT] = next;
    if (next !== 0) (this.#meta[next >>> 10] as Int32Array)[((next & (PAGES - 1)) << 3) + PREVIOUS] = previous;
  }

  #newSpan(slotClass: number): number {
    const span = this.#takePages(SPAN_PAGES);
    const meta = this.#meta[span >>> 10] as Int32Array;
    const at = (span & (PAGES - 1)) << 3;
    meta[at + CLASS] = slotClass + 1;
    meta[at + USED] = 0;
    meta[at + FREE] = 0;
    meta[at + BUMP] = 0;
    this.#link(slotClass, span);
    return span;
  }

  #allocateRun(bytes: number): number {
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const run = this.#takePages(pages);
    (this.#meta[run >>> 10] as Int32Array)[((run & (PAGES - 1)) << 3) + CLASS] = 0;
    this.#account(run >>> 10, pages * PAGE_BYTES);
    return (run << PAGE_SHIFT) >>> 0;
  }

  /** A run of free pages, marked as used: slab << 10 | first page. */
  #takePages(count: number): number {
    for (let slab = 1; slab < this.#freeRunMax.length; slab++) {
      if ((this.#freeRunMax[slab] as number) < count) continue;
      const first = this.#findRun(slab, count);
      if (first >= 0) return this.#markRun(slab, first, count);
    }
    const slab = this.#addSlab(SLAB_BYTES);
    this.#meta[slab] = new Int32Array(PAGES * 8);
    this.#freeRunMax[slab] = PAGES;
    this.#emptySlabs++;
    return this.#markRun(slab, 0, count);
  }

  #findRun(slab: number, count: number): number {
    const meta = this.#meta[slab] as Int32Array;
    let longest = 0;
    for (let page = 0; page < PAGES; ) {
      if (meta[page << 3] !== 0) {
        page += meta[(page << 3) + LENGTH] as number;
        continue;
      }
      const first = page;
      while (page < PAGES && meta[page << 3] === 0) if (++page - first === count) return first;
      if (page - first > longest) longest = page - first;
    }
    this.#freeRunMax[slab] = longest;
    return -1;
  }

  #markRun(slab: number, first: number, count: number): number {
    const meta = this.#meta[slab] as Int32Array;
    for (let page = first; page < first + count; page++) meta[page << 3] = first + 1;
    meta[(first << 3) + LENGTH] = count;
    if (this.#usedPages[slab] === 0) this.#emptySlabs--;
    this.#usedPages[slab] = (this.#usedPages[slab] as number) + count;
    return (slab << 10) | first;
  }

  #freePages(slab: number, first: number): void {
    const meta = this.#meta[slab] as Int32Array;
    const count = meta[(first << 3) + LENGTH] as number;
    for (let page = first; page < first + count; page++) meta[page << 3] = 0;
    const left = (this.#usedPages[slab] as number) - count;
    this.#usedPages[slab] = left;
    if (left === 0) {
      // One empty slab is kept, so that a load that swings around a border does not fetch and drop one each time.
      if (this.#emptySlabs > 0 || slab === this.#closedSlab) return this.#dropSlab(slab);
      this.#emptySlabs++;
    }
    if (slab === this.#closedSlab) return;
    let from = first;
    let to = first + count;
    while (from > 0 && meta[(from - 1) << 3] === 0) from--;
    while (to < PAGES && meta[to << 3] === 0) to++;
    if (to - from > (this.#freeRunMax[slab] as number)) this.#freeRunMax[slab] = to - from;
  }

  /** The slab that is being emptied, in which nothing is allocated; 0: none. */
  get closedSlab(): number {
    return this.#closedSlab;
  }

  /** Closes the slab with the least in use: its number, or 0 if there is none. It is dropped when the last object in it is freed. */
  closeEmptiest(): number {
    let slab = 0;
    for (let each = 1; each < this.#meta.length; each++) {
      if ((this.#meta[each] as Int32Array).length === 0 || this.#usedPages[each] === 0) continue;
      if (slab === 0 || (this.#usedBytes[each] as number) < (this.#usedBytes[slab] as number)) slab = each;
    }
    if (slab === 0) return 0;
    const meta = this.#meta[slab] as Int32Array;
    for (let page = 0; page < PAGES; ) {
      const at = page << 3;
      if (meta[at] === 0) {
        page++;
        continue;
      }
      const slotClass = (meta[at + CLASS] as number) - 1;
      if (slotClass >= 0 && this.#hasFreeSlot(meta, at, slotClass)) this.#unlink(slotClass, (slab << 10) | page);
      page += meta[at + LENGTH] as number;
    }
    this.#freeRunMax[slab] = 0;
    this.#closedSlab = slab;
    return slab;
  }

  #hasFreeSlot(meta: Int32Array, at: number, slotClass: number): boolean {
    return meta[at + FREE] !== 0 || (meta[at + BUMP] as number) + (this.#sizes[slotClass] as number) <= SPAN_BYTES;
  }

  /** Place of an address in its slab, in units of 16 bytes. */
  offsetOf(address: number): number {
    return address & OFFSET_MASK;
  }

  /** The first object of a slab at or behind an offset; there must be one. */
  nextInUse(slab: number, offset: number): number {
    const meta = this.#meta[slab] as Int32Array;
    const words = this.words[slab] as Uint32Array;
    for (let page = offset >>> PAGE_SHIFT; page < PAGES; ) {
      if (meta[page << 3] === 0) {
        page++;
        continue;
      }
      const first = (meta[page << 3] as number) - 1;
      const at = first << 3;
      const start = first << PAGE_SHIFT;
      const slotClass = (meta[at + CLASS] as number) - 1;
      if (slotClass < 0) {
        if (start >= offset) return ((slab << SLAB_SHIFT) >>> 0) + start;
      } else {
        const units = (this.#sizes[slotClass] as number) >>> 4;
        const end = start + ((meta[at + BUMP] as number) >>> 4);
        for (let slot = start + Math.ceil(Math.max(0, offset - start) / units) * units; slot < end; slot += units)
          if (words[(slot << 2) + 1] !== FREE_MARK) return ((slab << SLAB_SHIFT) >>> 0) + slot;
      }
      page = first + (meta[at + LENGTH] as number);
    }
    invariant(false, 'a slab that is not dropped holds an object', { slab, offset });
  }

  #allocateOwn(bytes: number): number {
    const size = Math.ceil(bytes / 16) * 16;
    const slab = this.#addSlab(size);
    this.#account(slab, size);
    return (slab << SLAB_SHIFT) >>> 0;
  }

  #freeOwn(slab: number): void {
    const size = (this.bytes[slab] as Uint8Array).length;
    invariant(size > 0, 'an own array is freed once', { slab });
    this.#account(slab, -size);
    this.#dropSlab(slab);
  }

  #addSlab(size: number): number {
    const buffer = new ArrayBuffer(size);
    const slab = this.#freeNumbers.pop() ?? this.words.length;
    invariant(slab <= SLABS_MAX, 'slabs <= 16383', { slab });
    this.bytes[slab] = new Uint8Array(buffer);
    this.words[slab] = new Uint32Array(buffer);
    this.#meta[slab] = EMPTY_META;
    this.#freeRunMax[slab] = 0;
    this.#usedPages[slab] = 0;
    this.#usedBytes[slab] = 0;
    this.#allocated += size;
    return slab;
  }

  #dropSlab(slab: number): void {
    this.#allocated -= (this.bytes[slab] as Uint8Array).length;
    this.bytes[slab] = EMPTY_BYTES;
    this.words[slab] = EMPTY_WORDS;
    this.#meta[slab] = EMPTY_META;
    this.#freeRunMax[slab] = 0;
    if (this.#closedSlab === slab) this.#closedSlab = 0;
    this.#freeNumbers.push(slab);
  }
}
