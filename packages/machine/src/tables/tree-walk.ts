import { keyOf, valueOf } from './entry.js';
import { childAt, childFor, countOf, keyAt, levelOf, search } from './node.js';
import type { SlabHeap } from './slab-heap.js';
import type { EntryVisitor, ScanRange } from './types.js';

/** A place in a tree that does not change: nodes from the root to a leaf, and the place taken in each. */
export class TreeWalk {
  readonly #heap: SlabHeap;
  readonly #nodes: number[] = [];
  readonly #places: number[] = [];

  constructor(heap: SlabHeap) {
    this.#heap = heap;
  }

  /** The leaf it stands in; 0: at an end. */
  get leaf(): number {
    return this.#nodes[this.#nodes.length - 1] ?? 0;
  }
  get place(): number {
    return this.#places[this.#places.length - 1] ?? 0;
  }
  set place(place: number) {
    this.#places[this.#places.length - 1] = place;
  }

  copy(): TreeWalk {
    const copy = new TreeWalk(this.#heap);
    copy.#nodes.push(...this.#nodes);
    copy.#places.push(...this.#places);
    return copy;
  }

  /** Goes to the leaf where `key` is or would be, or to the first or last leaf. */
  start(root: number, key: Uint8Array | undefined, isLast: boolean): void {
    this.#nodes.length = 0;
    this.#places.length = 0;
    if (root === 0) return;
    let node = root;
    while (levelOf(this.#heap, node) > 0) {
      const i = key === undefined ? (isLast ? countOf(this.#heap, node) - 1 : 0) : childFor(this.#heap, node, key);
      this.#nodes.push(node);
      this.#places.push(i);
      node = childAt(this.#heap, node, i);
    }
    this.#nodes.push(node);
    this.#places.push(key === undefined ? (isLast ? countOf(this.#heap, node) : 0) : search(this.#heap, node, key) >>> 1);
  }

  /** Goes to the begin of the next leaf, or the end of the one before. */
  step(isReverse: boolean): void {
    this.#nodes.pop();
    this.#places.pop();
    while (this.#nodes.length > 0) {
      const top = this.#nodes.length - 1;
      const node = this.#nodes[top] as number;
      const i = (this.#places[top] as number) + (isReverse ? -1 : 1);
      if (i >= 0 && i < countOf(this.#heap, node)) {
        this.#places[top] = i;
        this.#descend(childAt(this.#heap, node, i), isReverse);
        return;
      }
      this.#nodes.pop();
      this.#places.pop();
    }
  }

  #descend(from: number, isLast: boolean): void {
    let node = from;
    while (levelOf(this.#heap, node) > 0) {
      const i = isLast ? countOf(this.#heap, node) - 1 : 0;
      this.#nodes.push(node);
      this.#places.push(i);
      node = childAt(this.#heap, node, i);
    }
    this.#nodes.push(node);
    this.#places.push(isLast ? countOf(this.#heap, node) : 0);
  }
}

/** Visits a range of a tree. `check` runs after each visit. */
export function scanTree(heap: SlabHeap, root: number, range: ScanRange, visit: EntryVisitor, check: () => void): void {
  const { from, to } = range;
  const walk = new TreeWalk(heap);
  const visitAt = (i: number): boolean => {
    const entry = keyAt(heap, walk.leaf, i);
    const isWanted = visit(keyOf(heap, entry), valueOf(heap, entry));
    check();
    return isWanted;
  };
  if (range.isReverse === true) {
    for (walk.start(root, to, true); walk.leaf !== 0; walk.step(true)) {
      const begin = from === undefined ? 0 : search(heap, walk.leaf, from) >>> 1;
      for (let i = walk.place - 1; i >= begin; i--) if (!visitAt(i)) return;
      if (begin > 0) return;
    }
    return;
  }
  for (walk.start(root, from, false); walk.leaf !== 0; walk.step(false)) {
    const count = countOf(heap, walk.leaf);
    const end = to === undefined ? count : search(heap, walk.leaf, to) >>> 1;
    for (let i = walk.place; i < end; i++) if (!visitAt(i)) return;
    if (end < count) return;
  }
}

const GUESS_FIRST = [true, false] as const;

/** The entry of a key; 0: none. */
export function findEntry(heap: SlabHeap, root: number, key: Uint8Array): number {
  if (root === 0) return 0;
  for (const isGuess of GUESS_FIRST) {
    let node = root;
    while (levelOf(heap, node) > 0) node = childAt(heap, node, childFor(heap, node, key, isGuess));
    const found = search(heap, node, key, isGuess);
    if ((found & 1) === 1) return keyAt(heap, node, found >>> 1);
  }
  return 0;
}
