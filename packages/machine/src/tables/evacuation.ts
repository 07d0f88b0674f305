import { SLAB_BYTES } from './slab-heap.js';
import type { Store } from './store.js';

/** Waste below this is not worth a copy: room for what a snapshot of a small state holds beside it. */
const WASTE_BYTES_MIN = SLAB_BYTES;
/** And below this part of what is in use. */
const WASTE_SHARE = 0.25;
/** Work for one change of a table: some 20 µs with large tables, in which each object is looked for anew. */
const OBJECTS_PER_CHANGE = 4;
const BYTES_PER_CHANGE = 16_384;

/**
 * Gives memory back after entries were deleted, or changed their size, all over the slabs: while much more is held than used, the emptiest
 * slab is closed, its objects are moved to free places in the others, a few with each change, and it is dropped. While a view lives nothing
 * is moved.
 */
export class Evacuation {
  readonly #store: Store;
  #slab = 0;
  /** Where to go on in the slab. */
  #offset = 0;
  /** Held when the slab was closed. */
  #heldBefore = 0;
  /** Waste that an evacuation did not lessen: the next one waits until there is more. */
  #tolerated = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  /** To be called when nothing but the live trees refers to anything, and no address is in use. */
  step(): void {
    const heap = this.#store.heap;
    if (this.#slab === 0) {
      const used = heap.usedBytes;
      const waste = heap.allocatedBytes - used;
      const bearable = WASTE_BYTES_MIN + used * WASTE_SHARE;
      if (waste <= bearable) {
        this.#tolerated = 0;
        return;
      }
      if (waste <= this.#tolerated + WASTE_BYTES_MIN && this.#tolerated > 0) return;
      this.#slab = heap.closeEmptiest();
      this.#offset = 0;
      this.#heldBefore = heap.allocatedBytes;
      if (this.#slab === 0) return;
    }
    let bytes = 0;
    for (let count = 0; count < OBJECTS_PER_CHANGE && bytes < BYTES_PER_CHANGE; count++) {
      if (heap.closedSlab !== this.#slab) return this.#finish();
      const address = heap.nextInUse(this.#slab, this.#offset);
      const capacity = heap.capacityOf(address);
      this.#store.relocate(address);
      this.#offset = heap.offsetOf(address) + (capacity >>> 4);
      bytes += capacity;
    }
    if (heap.closedSlab !== this.#slab) this.#finish();
  }

  /** The last object left the slab, and with it the slab went. */
  #finish(): void {
    this.#slab = 0;
    const heap = this.#store.heap;
    if (heap.allocatedBytes >= this.#heldBefore) this.#tolerated = heap.allocatedBytes - heap.usedBytes;
  }
}
