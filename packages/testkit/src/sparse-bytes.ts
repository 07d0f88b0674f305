import { SECTOR_BYTES, isZero } from '@quorate/base';

/** Unit in which content is held and shared between images. */
const PAGE_BYTES = 4096;
const SECTORS_PER_PAGE = PAGE_BYTES / SECTOR_BYTES;

interface Page {
  bytes: Uint8Array;
  /** Who may change it in place; everybody else copies first. */
  owner: object;
}

/** Content of a file. Holes read as zeros and cost nothing; copies share pages until one of them is written. */
export class SparseBytes {
  #size = 0;
  #pages = new Map<number, Page>();
  #owner: object = {};

  get size(): number {
    return this.#size;
  }
  /** Memory in use, in bytes, shared pages included. */
  get heldBytes(): number {
    return this.#pages.size * PAGE_BYTES;
  }

  /** A copy that shares all pages with this one until either is written. */
  copy(): SparseBytes {
    const copy = new SparseBytes();
    copy.#size = this.#size;
    copy.#pages = new Map();
    for (const [at, page] of this.#pages) copy.#pages.set(at, { bytes: page.bytes, owner: SHARED });
    this.#owner = {};
    return copy;
  }

  /** Fewer bytes than asked only at the end. */
  read(position: number, length: number): Uint8Array {
    const end = Math.min(this.#size, position + length);
    const result = new Uint8Array(Math.max(0, end - position));
    for (let at = position; at < end; ) {
      const inPage = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - inPage, end - at);
      const page = this.#pages.get((at - inPage) / PAGE_BYTES);
      if (page !== undefined) result.set(page.bytes.subarray(inPage, inPage + count), at - position);
      at += count;
    }
    return result;
  }

  write(position: number, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length; ) {
      const at = position + done;
      const inPage = at % PAGE_BYTES;
      const count = Math.min(PAGE_BYTES - inPage, bytes.length - done);
      const pageAt = (at - inPage) / PAGE_BYTES;
      const piece = bytes.subarray(done, done + count);
      if (this.#pages.has(pageAt) || !isZero(piece)) this.#writablePage(pageAt).set(piece, inPage);
      done += count;
    }
    this.#size = Math.max(this.#size, position + bytes.length);
  }

  /** Cuts, or extends with zeros. What sectors hold beyond the new end is gone. */
  truncate(length: number): void {
    const inPage = length % PAGE_BYTES;
    const firstGone = Math.ceil(length / PAGE_BYTES);
    for (const at of [...this.#pages.keys()]) if (at >= firstGone) this.#pages.delete(at);
    const last = (length - inPage) / PAGE_BYTES;
    if (inPage > 0 && this.#pages.has(last)) this.#writablePage(last).fill(0, inPage);
    this.#size = length;
  }

  /** The pages that are held and where they start; bytes beyond `size` are zeros. */
  *heldPages(): IterableIterator<{ readonly position: number; readonly bytes: Uint8Array }> {
    for (const [at, page] of this.#pages) yield { position: at * PAGE_BYTES, bytes: page.bytes };
  }

  /** A copy of a sector as it is held, also beyond the end; null for zeros that were never written. */
  sector(sector: number): Uint8Array | null {
    const page = this.#pages.get(Math.floor(sector / SECTORS_PER_PAGE));
    const at = (sector % SECTORS_PER_PAGE) * SECTOR_BYTES;
    return page === undefined ? null : page.bytes.slice(at, at + SECTOR_BYTES);
  }

  /** Replaces a sector without a change of the size. */
  setSector(sector: number, bytes: Uint8Array | null): void {
    const pageAt = Math.floor(sector / SECTORS_PER_PAGE);
    if (bytes === null && !this.#pages.has(pageAt)) return;
    const at = (sector % SECTORS_PER_PAGE) * SECTOR_BYTES;
    if (bytes === null) this.#writablePage(pageAt).fill(0, at, at + SECTOR_BYTES);
    else this.#writablePage(pageAt).set(bytes, at);
  }

  /** True if the page of this position was never written, so that zeros written there change nothing. */
  isHole(position: number): boolean {
    return !this.#pages.has(Math.floor(position / PAGE_BYTES));
  }

  /** Sectors from one on that are held, ascending. */
  heldSectorsFrom(first: number): number[] {
    const sectors: number[] = [];
    for (const page of [...this.#pages.keys()].sort((a, b) => a - b)) {
      for (let i = 0; i < SECTORS_PER_PAGE; i++) if (page * SECTORS_PER_PAGE + i >= first) sectors.push(page * SECTORS_PER_PAGE + i);
    }
    return sectors;
  }

  #writablePage(at: number): Uint8Array {
    const page = this.#pages.get(at);
    if (page === undefined) {
      const bytes = new Uint8Array(PAGE_BYTES);
      this.#pages.set(at, { bytes, owner: this.#owner });
      return bytes;
    }
    if (page.owner !== this.#owner) {
      page.bytes = page.bytes.slice();
      page.owner = this.#owner;
    }
    return page.bytes;
  }
}

const SHARED: object = Object.freeze({});

/** Bytes from which on writes fall into another page, for callers that go page by page. */
export function nextPageBorder(position: number): number {
  return position - (position % PAGE_BYTES) + PAGE_BYTES;
}
