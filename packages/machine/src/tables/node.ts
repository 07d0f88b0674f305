import { KIND_NODE, compareEntry, hintOf, hintOfEntry, sharedByEntries, sharedWithKey, writeBirth } from './entry.js';
import { OFFSET_MASK, SLAB_SHIFT } from './slab-heap.js';
import type { SlabHeap } from './slab-heap.js';

/*
 * A node of a B+tree in its slot (words):
 *
 *   word 0, 1   birth, as in an entry
 *   word 2      count | level << 16 (level 0: leaf)
 *   word 3      shared: so many first bytes are equal in all keys of the node
 *   word 4…     hint of each key: its four bytes behind the shared ones
 *   word 68…    address of each key: of the entry in a leaf, of the separator in an inner node
 *   word 132…   inner nodes: address of each child
 *
 * Inner nodes: key i <= all keys below child i < key i+1. Key 0 is not kept (address 0): it counts as lower than all.
 * So most of a search touches only the node itself, in a typed array, and one or two keys.
 */

export const NODE_CAPACITY = 64;
const COUNT = 2;
const SHARED = 3;
const HINTS = 4;
const KEYS = HINTS + NODE_CAPACITY;
const CHILDREN = KEYS + NODE_CAPACITY;
export const LEAF_BYTES: number = CHILDREN * 4;
export const INNER_BYTES: number = (CHILDREN + NODE_CAPACITY) * 4;

function wordsOf(heap: SlabHeap, node: number): Uint32Array {
  return heap.words[node >>> SLAB_SHIFT] as Uint32Array;
}
function baseOf(node: number): number {
  return (node & OFFSET_MASK) << 2;
}

export function countOf(heap: SlabHeap, node: number): number {
  return (wordsOf(heap, node)[baseOf(node) + COUNT] as number) & 0xffff;
}
/** 0: a leaf. */
export function levelOf(heap: SlabHeap, node: number): number {
  return (wordsOf(heap, node)[baseOf(node) + COUNT] as number) >>> 16;
}
export function keyAt(heap: SlabHeap, node: number, i: number): number {
  return wordsOf(heap, node)[baseOf(node) + KEYS + i] as number;
}
export function setKeyAt(heap: SlabHeap, node: number, i: number, address: number): void {
  wordsOf(heap, node)[baseOf(node) + KEYS + i] = address;
}
export function childAt(heap: SlabHeap, node: number, i: number): number {
  return wordsOf(heap, node)[baseOf(node) + CHILDREN + i] as number;
}
export function setChildAt(heap: SlabHeap, node: number, i: number, child: number): void {
  wordsOf(heap, node)[baseOf(node) + CHILDREN + i] = child;
}

export function newNode(heap: SlabHeap, level: number, generation: number): number {
  const node = heap.allocate(level === 0 ? LEAF_BYTES : INNER_BYTES);
  writeBirth(heap, node, generation, KIND_NODE);
  const words = wordsOf(heap, node);
  words[baseOf(node) + COUNT] = level << 16;
  words[baseOf(node) + SHARED] = 0;
  return node;
}

/** A node with the same content. */
export function copyNode(heap: SlabHeap, node: number, generation: number): number {
  const copy = newNode(heap, levelOf(heap, node), generation);
  const source = wordsOf(heap, node);
  const target = wordsOf(heap, copy);
  const from = baseOf(node);
  const to = baseOf(copy);
  const count = countOf(heap, node);
  for (let i = COUNT; i < HINTS + count; i++) target[to + i] = source[from + i] as number;
  for (let i = KEYS; i < KEYS + count; i++) target[to + i] = source[from + i] as number;
  if (levelOf(heap, node) > 0) for (let i = CHILDREN; i < CHILDREN + count; i++) target[to + i] = source[from + i] as number;
  return copy;
}

/**
 * Place of the first key that is not below `key`, times two, plus one if it equals. With `isGuess` the bytes that all keys of the node share are taken
 * for those of `key` too, which saves a look at one of the keys: what is found to be equal is, any other answer may be wrong.
 */
export function search(heap: SlabHeap, node: number, key: Uint8Array, isGuess = false): number {
  const words = heap.words[node >>> SLAB_SHIFT] as Uint32Array;
  const base = (node & OFFSET_MASK) << 2;
  const info = words[base + COUNT] as number;
  const end = info & 0xffff;
  let low = info > 0xffff ? 1 : 0;
  if (low >= end) return low << 1;
  const shared = words[base + SHARED] as number;
  if (shared > 0 && !isGuess) {
    const first = words[base + KEYS + low] as number;
    const same = sharedWithKey(heap, first, key, shared);
    if (same < shared) return compareEntry(heap, first, key, same) > 0 ? low << 1 : end << 1;
  }
  const hint = hintOf(key, shared);
  const hints = base + HINTS;
  let high = end;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((words[hints + middle] as number) < hint) low = middle + 1;
    else high = middle;
  }
  high = low;
  while (high < end && words[hints + high] === hint) high++;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const order = compareEntry(heap, words[base + KEYS + middle] as number, key, isGuess ? 0 : shared);
    if (order === 0) return (middle << 1) | 1;
    if (order < 0) low = middle + 1;
    else high = middle;
  }
  return low << 1;
}

/** Which child of an inner node leads to `key`; a guess as in `search`. */
export function childFor(heap: SlabHeap, node: number, key: Uint8Array, isGuess = false): number {
  const found = search(heap, node, key, isGuess);
  return (found >>> 1) - 1 + (found & 1);
}

/** Puts a key (and a child) at place `i` of a node that has room; `key` are the bytes of the key at `address`. */
export function insertAt(heap: SlabHeap, node: number, i: number, address: number, child: number, key: Uint8Array): void {
  const words = wordsOf(heap, node);
  const base = baseOf(node);
  const info = words[base + COUNT] as number;
  const count = info & 0xffff;
  const isInner = info > 0xffff;
  const first = isInner ? 1 : 0;
  let shared = words[base + SHARED] as number;
  if (shared > 0) {
    const same = count > first ? sharedWithKey(heap, words[base + KEYS + first] as number, key, shared) : 0;
    if (same < shared) {
      shared = same;
      setShared(heap, node, shared);
    }
  }
  for (let j = count; j > i; j--) {
    words[base + HINTS + j] = words[base + HINTS + j - 1] as number;
    words[base + KEYS + j] = words[base + KEYS + j - 1] as number;
  }
  words[base + HINTS + i] = hintOf(key, shared);
  words[base + KEYS + i] = address;
  if (isInner) {
    for (let j = base + CHILDREN + count; j > base + CHILDREN + i; j--) words[j] = words[j - 1] as number;
    words[base + CHILDREN + i] = child;
  }
  words[base + COUNT] = info + 1;
}

/** Takes place `i` out. Taking place 0 of an inner node leaves its key 1 as the new key 0: the caller has cleared it. */
export function removeAt(heap: SlabHeap, node: number, i: number): void {
  const words = wordsOf(heap, node);
  const base = baseOf(node);
  const info = words[base + COUNT] as number;
  const count = info & 0xffff;
  for (let j = i + 1; j < count; j++) {
    words[base + HINTS + j - 1] = words[base + HINTS + j] as number;
    words[base + KEYS + j - 1] = words[base + KEYS + j] as number;
  }
  if (info > 0xffff) for (let j = base + CHILDREN + i + 1; j < base + CHILDREN + count; j++) words[j - 1] = words[j] as number;
  words[base + COUNT] = info - 1;
}

/** Copies the places from `i` on to the end of another node of the same level. Hints are those of `from` until `rehint`. */
export function copyTail(heap: SlabHeap, from: number, i: number, to: number): void {
  const source = wordsOf(heap, from);
  const target = wordsOf(heap, to);
  const sourceBase = baseOf(from);
  const targetBase = baseOf(to);
  const info = source[sourceBase + COUNT] as number;
  const count = info & 0xffff;
  let at = (target[targetBase + COUNT] as number) & 0xffff;
  for (let j = i; j < count; j++, at++) {
    target[targetBase + HINTS + at] = source[sourceBase + HINTS + j] as number;
    target[targetBase + KEYS + at] = source[sourceBase + KEYS + j] as number;
    if (info > 0xffff) target[targetBase + CHILDREN + at] = source[sourceBase + CHILDREN + j] as number;
  }
  target[targetBase + COUNT] = at | (info & 0xffff_0000);
}

/** Keeps the first `count` places. */
export function truncate(heap: SlabHeap, node: number, count: number): void {
  const words = wordsOf(heap, node);
  const at = baseOf(node) + COUNT;
  words[at] = count | ((words[at] as number) & 0xffff_0000);
}

/** Some key of the subtree of a node. */
export function anyKeyBelow(heap: SlabHeap, node: number): number {
  let at = node;
  while (levelOf(heap, at) > 0) {
    if (countOf(heap, at) > 1) return keyAt(heap, at, 1);
    at = childAt(heap, at, 0);
  }
  return keyAt(heap, at, 0);
}

/** Counts anew how many bytes all keys share, and makes all hints. */
export function rehint(heap: SlabHeap, node: number): void {
  const first = levelOf(heap, node) > 0 ? 1 : 0;
  const last = countOf(heap, node) - 1;
  setShared(heap, node, last <= first ? 0 : sharedByEntries(heap, keyAt(heap, node, first), keyAt(heap, node, last)));
}

function setShared(heap: SlabHeap, node: number, shared: number): void {
  const words = wordsOf(heap, node);
  const base = baseOf(node);
  const count = countOf(heap, node);
  words[base + SHARED] = shared;
  for (let i = levelOf(heap, node) > 0 ? 1 : 0; i < count; i++)
    words[base + HINTS + i] = hintOfEntry(heap, words[base + KEYS + i] as number, shared);
}
