import { KIND_NODE, KIND_SEPARATOR, copyObject, entryBytes, keyOf, kindOf, sharedByEntries, writeBirth, writeSeparator } from './entry.js';
import { invariant } from '@quorate/base';
import {
  NODE_CAPACITY,
  anyKeyBelow,
  childAt,
  childFor,
  copyNode,
  copyTail,
  countOf,
  insertAt,
  keyAt,
  levelOf,
  newNode,
  rehint,
  removeAt,
  search,
  setChildAt,
  setKeyAt,
  truncate,
} from './node.js';
import type { Store } from './store.js';
import { type TreePath, TreePaths } from './tree-path.js';

/** A node with fewer places looks for a neighbour to merge with. */
const MERGE_BELOW = NODE_CAPACITY / 4;
/** Merged nodes have at most so many places, so that the next insert does not split them again. */
const MERGED_MAX = (NODE_CAPACITY * 3) / 4;

/**
 * A B+tree of entries by key, changed in place where no view sees it and copied along the path where one does (then parents are at least as
 * young as their children: if a leaf is not frozen, neither are the nodes above it).
 */
export class Tree {
  readonly #store: Store;
  /** 0: empty. */
  root = 0;
  size = 0;
  readonly #paths = new TreePaths();
  /** Of the last `locate`. */
  #path: TreePath = this.#paths.take();

  constructor(table: number, store: Store) {
    this.#store = store;
    store.trees.set(table, this);
  }

  /** Goes down to the leaf of `key`; the entry, 0 if there is none. For a change call `replace`, `insert` or `remove` next, with nothing between. */
  locate(key: Uint8Array): number {
    const heap = this.#store.heap;
    const known = this.#paths.find(heap, key);
    if (known !== undefined) {
      this.#path = known;
      return known.entry;
    }
    const last = this.#path;
    const path = this.#paths.take();
    this.#path = path;
    if (this.root === 0) return 0;
    // Keys often come in order.
    if (last !== path && last.entry !== 0 && this.#isInLeaf(last, path, key)) return path.entry;
    // A key that is there is mostly found without a look at another one.
    if (this.#descend(path, key, true) === 0) this.#descend(path, key, false);
    return path.entry;
  }

  /** Fills a path; the entry at its end, 0: it ends where none is. */
  #descend(path: TreePath, key: Uint8Array, isGuess: boolean): number {
    const heap = this.#store.heap;
    let node = this.root;
    let depth = 0;
    while (levelOf(heap, node) > 0) {
      const i = childFor(heap, node, key, isGuess);
      path.nodes[depth] = node;
      path.places[depth++] = i;
      node = childAt(heap, node, i);
    }
    const found = search(heap, node, key, isGuess);
    path.nodes[depth] = node;
    path.places[depth] = found >>> 1;
    path.depth = depth;
    path.entry = (found & 1) === 1 ? keyAt(heap, node, found >>> 1) : 0;
    return path.entry;
  }

  /** True if the key is in the leaf at the end of a known path; the other one is filled then. */
  #isInLeaf(known: TreePath, path: TreePath, key: Uint8Array): boolean {
    const heap = this.#store.heap;
    const { depth, leaf } = known;
    const found = search(heap, leaf, key, true);
    if ((found & 1) === 0) return false;
    for (let i = 0; i < depth; i++) {
      path.nodes[i] = known.nodes[i] as number;
      path.places[i] = known.places[i] as number;
    }
    path.nodes[depth] = leaf;
    path.places[depth] = found >>> 1;
    path.depth = depth;
    path.entry = keyAt(heap, leaf, found >>> 1);
    return true;
  }

  /** Puts another entry of the same key in the place that was located. */
  replace(entry: number): void {
    this.#thaw();
    const path = this.#path;
    setKeyAt(this.#store.heap, path.leaf, path.places[path.depth] as number, entry);
    path.entry = entry;
  }

  /** Puts an entry where its key was not found. */
  insert(entry: number, key: Uint8Array): void {
    this.size++;
    if (this.root === 0) {
      this.root = newNode(this.#store.heap, 0, this.#store.generation);
      insertAt(this.#store.heap, this.root, 0, entry, 0, key);
      return;
    }
    this.#thaw();
    const { depth, leaf, places } = this.#path;
    if (countOf(this.#store.heap, leaf) < NODE_CAPACITY) this.#paths.forgetLeaf(leaf);
    else this.#paths.forget();
    this.#insertAt(depth, places[depth] as number, entry, 0, key);
  }

  /** Takes the entry that was located out. */
  remove(): void {
    this.size--;
    this.#thaw();
    this.#paths.forget();
    const { depth, leaf, places } = this.#path;
    removeAt(this.#store.heap, leaf, places[depth] as number);
    this.#shrink(depth);
  }

  /** Copies what views see of the path. */
  #thaw(): void {
    const store = this.#store;
    const path = this.#path;
    if (!store.isFrozen(path.leaf)) return;
    for (let depth = 0; depth <= path.depth; depth++) {
      const node = path.nodes[depth] as number;
      if (!store.isFrozen(node)) continue;
      const copy = copyNode(store.heap, node, store.generation);
      if (depth === 0) this.root = copy;
      else setChildAt(store.heap, path.nodes[depth - 1] as number, path.places[depth - 1] as number, copy);
      this.#paths.moved(depth, node, copy);
      store.retire(node);
    }
  }

  #insertAt(depth: number, place: number, address: number, child: number, key: Uint8Array): void {
    const heap = this.#store.heap;
    const node = this.#path.nodes[depth] as number;
    const count = countOf(heap, node);
    if (count < NODE_CAPACITY) return insertAt(heap, node, place, address, child, key);
    const level = levelOf(heap, node);
    const right = newNode(heap, level, this.#store.generation);
    // Keys that come in order fill nodes: the new one then begins a node of its own.
    const middle = place === count ? count : place === 0 ? 0 : NODE_CAPACITY / 2;
    copyTail(heap, node, middle, right);
    truncate(heap, node, middle);
    let separator = address;
    if (level > 0 && place === middle) {
      // The new key goes up, its child is the first of the right node.
      insertAt(heap, right, 0, 0, child, key);
    } else {
      if (level > 0) {
        separator = keyAt(heap, right, 0);
        setKeyAt(heap, right, 0, 0);
      }
      if (place < middle || middle === 0) insertAt(heap, node, place, address, child, key);
      else insertAt(heap, right, place - middle, address, child, key);
    }
    rehint(heap, node);
    rehint(heap, right);
    if (level === 0) separator = this.#separatorBetween(node, right);
    this.#attach(depth, separator, right);
  }

  /** Hangs a new right neighbour of the node at `depth` into its parent. */
  #attach(depth: number, separator: number, right: number): void {
    const heap = this.#store.heap;
    const key = keyOf(heap, separator);
    if (depth > 0) return this.#insertAt(depth - 1, (this.#path.places[depth - 1] as number) + 1, separator, right, key);
    const left = this.root;
    this.root = newNode(heap, levelOf(heap, left) + 1, this.#store.generation);
    insertAt(heap, this.root, 0, 0, left, key);
    insertAt(heap, this.root, 1, separator, right, key);
  }

  /** The shortest key that is above the left leaf and not above the right one. */
  #separatorBetween(left: number, right: number): number {
    const heap = this.#store.heap;
    const first = keyAt(heap, right, 0);
    const length = sharedByEntries(heap, keyAt(heap, left, countOf(heap, left) - 1), first) + 1;
    const separator = heap.allocate(entryBytes(length, 0));
    writeBirth(heap, separator, this.#store.generation, KIND_SEPARATOR);
    writeSeparator(heap, separator, first, length);
    return separator;
  }

  /** After something was taken out of the node at `depth`: drops it if empty, merges it if small. */
  #shrink(depth: number): void {
    const store = this.#store;
    const heap = store.heap;
    const node = this.#path.nodes[depth] as number;
    const count = countOf(heap, node);
    if (depth === 0) return this.#shrinkRoot();
    if (count >= MERGE_BELOW) return;
    const parent = this.#path.nodes[depth - 1] as number;
    const place = this.#path.places[depth - 1] as number;
    if (count === 0) {
      const dropped = keyAt(heap, parent, place > 0 ? place : 1);
      const isOnly = countOf(heap, parent) === 1;
      if (!isOnly && place === 0) setKeyAt(heap, parent, 1, 0);
      removeAt(heap, parent, place);
      if (!isOnly) store.retire(dropped);
      store.retire(node);
      return this.#shrink(depth - 1);
    }
    if (place + 1 < countOf(heap, parent) && this.#merge(parent, place, node)) return this.#shrink(depth - 1);
    if (place > 0 && this.#merge(parent, place - 1, node)) this.#shrink(depth - 1);
  }

  /** Merges child `left` of `parent` with its right neighbour into `node`, which is one of the two. False: they would be too full. */
  #merge(parent: number, left: number, node: number): boolean {
    const store = this.#store;
    const heap = store.heap;
    const isLeft = childAt(heap, parent, left) === node;
    const other = childAt(heap, parent, isLeft ? left + 1 : left);
    if (countOf(heap, node) + countOf(heap, other) > MERGED_MAX) return false;
    const separator = keyAt(heap, parent, left + 1);
    const merged = newNode(heap, levelOf(heap, node), store.generation);
    const border = countOf(heap, isLeft ? node : other);
    copyTail(heap, isLeft ? node : other, 0, merged);
    copyTail(heap, isLeft ? other : node, 0, merged);
    if (levelOf(heap, node) > 0) setKeyAt(heap, merged, border, separator);
    else store.retire(separator);
    rehint(heap, merged);
    setChildAt(heap, parent, left, merged);
    removeAt(heap, parent, left + 1);
    store.retire(other);
    store.retire(node);
    return true;
  }

  /** Moves an entry, separator or node of this tree to another slot. No view may live. */
  relocate(old: number): void {
    const heap = this.#store.heap;
    const bytes = heap.capacityOf(old);
    const kind = kindOf(heap, old);
    const moved = heap.allocate(bytes);
    copyObject(heap, old, moved, bytes);
    const found = this.locate(keyOf(heap, kind === KIND_NODE ? anyKeyBelow(heap, old) : old));
    const { nodes, places, depth: depthOfLeaf, leaf } = this.#path;
    let isMoved = false;
    if (kind === KIND_NODE) {
      const depth = nodes.lastIndexOf(old, depthOfLeaf);
      isMoved = depth >= 0;
      if (depth === 0) this.root = moved;
      else if (depth > 0) setChildAt(heap, nodes[depth - 1] as number, places[depth - 1] as number, moved);
    } else if (kind === KIND_SEPARATOR) {
      for (let depth = 0; depth < depthOfLeaf && !isMoved; depth++) {
        isMoved = keyAt(heap, nodes[depth] as number, places[depth] as number) === old;
        if (isMoved) setKeyAt(heap, nodes[depth] as number, places[depth] as number, moved);
      }
    } else if (found === old) {
      setKeyAt(heap, leaf, places[depthOfLeaf] as number, moved);
      isMoved = true;
    }
    this.#paths.forget();
    invariant(isMoved, 'what is in use is found in its tree', { kind });
    heap.free(old);
  }

  #shrinkRoot(): void {
    const heap = this.#store.heap;
    for (;;) {
      const node = this.root;
      const count = countOf(heap, node);
      const isInner = levelOf(heap, node) > 0;
      if (count > 1 || (count === 1 && !isInner)) return;
      this.root = count === 0 ? 0 : childAt(heap, node, 0);
      this.#store.retire(node);
      if (this.root === 0) return;
    }
  }
}
