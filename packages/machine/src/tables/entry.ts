import { OFFSET_MASK, SLAB_SHIFT } from './slab-heap.js';
import type { SlabHeap } from './slab-heap.js';

/*
 * An entry in its slot (words are u32; the slot begins at a multiple of 16 bytes):
 *
 *   word 0, 1   birth: generation in which it was written, low and high (kind in the upper byte)
 *   word 2, 3   hash of table, key and value
 *   word 4      key length | table << 16
 *   word 5      value length
 *   byte 24     key, value, zeros up to a multiple of 8
 *
 * A separator of an inner node is an entry without hash and value.
 */

export const ENTRY_HEADER_BYTES = 24;
const ENTRY_HEADER_WORDS = 6;
const HASH_A = 2;
const HASH_B = 3;
const KEY_AND_TABLE = 4;
const VALUE_LENGTH = 5;
/** Kinds, in the upper byte of word 1. */
export const KIND_ENTRY = 0;
export const KIND_SEPARATOR = 1;
export const KIND_NODE = 2;

const TWO_32 = 0x1_0000_0000;
/** Below this many bytes a loop is faster than a call. */
const LOOP_COPY_BYTES = 40;
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

export function writeBirth(heap: SlabHeap, address: number, generation: number, kind: number): void {
  const words = heap.words[address >>> SLAB_SHIFT] as Uint32Array;
  const at = (address & OFFSET_MASK) << 2;
  words[at] = generation >>> 0;
  words[at + 1] = Math.floor(generation / TWO_32) + kind * 0x100_0000;
}

/** Generation in which an entry or node was written. */
export function birthOf(heap: SlabHeap, address: number): number {
  const words = heap.words[address >>> SLAB_SHIFT] as Uint32Array;
  const at = (address & OFFSET_MASK) << 2;
  return (words[at] as number) + ((words[at + 1] as number) & 0xff_ffff) * TWO_32;
}

export function kindOf(heap: SlabHeap, address: number): number {
  return ((heap.words[address >>> SLAB_SHIFT] as Uint32Array)[((address & OFFSET_MASK) << 2) + 1] as number) >>> 24;
}

/** Bytes of a slot for an entry. */
export function entryBytes(keyLength: number, valueLength: number): number {
  return ENTRY_HEADER_BYTES + ((keyLength + valueLength + 7) & ~7);
}

function wordOf(heap: SlabHeap, address: number, field: number): number {
  return (heap.words[address >>> SLAB_SHIFT] as Uint32Array)[((address & OFFSET_MASK) << 2) + field] as number;
}

export function tableOf(heap: SlabHeap, address: number): number {
  return wordOf(heap, address, KEY_AND_TABLE) >>> 16;
}
export function keyLengthOf(heap: SlabHeap, address: number): number {
  return wordOf(heap, address, KEY_AND_TABLE) & 0xffff;
}
export function valueLengthOf(heap: SlabHeap, address: number): number {
  return wordOf(heap, address, VALUE_LENGTH);
}
export function hashAOf(heap: SlabHeap, address: number): number {
  return wordOf(heap, address, HASH_A);
}
export function hashBOf(heap: SlabHeap, address: number): number {
  return wordOf(heap, address, HASH_B);
}

/** The key in place. */
export function keyOf(heap: SlabHeap, address: number): Uint8Array {
  const at = ((address & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  return (heap.bytes[address >>> SLAB_SHIFT] as Uint8Array).subarray(at, at + keyLengthOf(heap, address));
}

/** The value in place. */
export function valueOf(heap: SlabHeap, address: number): Uint8Array {
  const at = ((address & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES + keyLengthOf(heap, address);
  return (heap.bytes[address >>> SLAB_SHIFT] as Uint8Array).subarray(at, at + valueLengthOf(heap, address));
}

function copyIn(bytes: Uint8Array, at: number, source: Uint8Array): void {
  if (source.length > LOOP_COPY_BYTES) bytes.set(source, at);
  else for (let i = 0; i < source.length; i++) bytes[at + i] = source[i] as number;
}

/** Writes all but the birth, and hashes. */
export function writeEntry(heap: SlabHeap, address: number, table: number, key: Uint8Array, value: Uint8Array): void {
  const words = heap.words[address >>> SLAB_SHIFT] as Uint32Array;
  words[((address & OFFSET_MASK) << 2) + KEY_AND_TABLE] = key.length | (table << 16);
  copyIn(heap.bytes[address >>> SLAB_SHIFT] as Uint8Array, ((address & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES, key);
  writeValue(heap, address, value);
}

/** Replaces the value in place, for which the slot must be large enough. `value` may be a part of the present one. */
export function writeValue(heap: SlabHeap, address: number, value: Uint8Array): void {
  const bytes = heap.bytes[address >>> SLAB_SHIFT] as Uint8Array;
  const words = heap.words[address >>> SLAB_SHIFT] as Uint32Array;
  const word = (address & OFFSET_MASK) << 2;
  const keyLength = (words[word + KEY_AND_TABLE] as number) & 0xffff;
  const at = (word << 2) + ENTRY_HEADER_BYTES + keyLength;
  // From front to back: right also if `value` lies further back in the same slot; it never lies further front.
  copyIn(bytes, at, value);
  words[word + VALUE_LENGTH] = value.length;
  const length = keyLength + value.length;
  for (let end = at + value.length; (end & 7) !== 0; end++) bytes[end] = 0;
  hashInto(words, word, length);
}

/** Writes a separator: the first `length` bytes of the key of `source`. */
export function writeSeparator(heap: SlabHeap, address: number, source: number, length: number): void {
  const words = heap.words[address >>> SLAB_SHIFT] as Uint32Array;
  const word = (address & OFFSET_MASK) << 2;
  words[word + HASH_A] = 0;
  words[word + HASH_B] = 0;
  words[word + KEY_AND_TABLE] = length | (tableOf(heap, source) << 16);
  words[word + VALUE_LENGTH] = 0;
  const from = ((source & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  copyIn(
    heap.bytes[address >>> SLAB_SHIFT] as Uint8Array,
    (word << 2) + ENTRY_HEADER_BYTES,
    (heap.bytes[source >>> SLAB_SHIFT] as Uint8Array).subarray(from, from + length),
  );
}

/** Copies an object to a slot of the same size. */
export function copyObject(heap: SlabHeap, from: number, to: number, bytes: number): void {
  const at = (from & OFFSET_MASK) << 4;
  (heap.bytes[to >>> SLAB_SHIFT] as Uint8Array).set(
    (heap.bytes[from >>> SLAB_SHIFT] as Uint8Array).subarray(at, at + bytes),
    (to & OFFSET_MASK) << 4,
  );
}

function littleEndian(word: number): number {
  return ((word & 0xff) << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

function finish(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return h ^ (h >>> 16);
}

/**
 * Two lanes of MurmurHash3 x86-128 over the padded bytes; table and lengths are the seed, so that no byte can move from key to value
 * unnoticed. For a given state each block of 8 bytes maps one to one: entries that differ in one block only never collide.
 */
function hashInto(words: Uint32Array, word: number, length: number): void {
  const keyAndTable = words[word + KEY_AND_TABLE] as number;
  let a = Math.imul(keyAndTable ^ 0x9747_b28c, 0x239b_961b);
  let b = Math.imul((words[word + VALUE_LENGTH] as number) ^ 0x38b3_4ae5, 0xab0e_9789) + a;
  const end = word + ENTRY_HEADER_WORDS + (((length + 7) >>> 3) << 1);
  for (let i = word + ENTRY_HEADER_WORDS; i < end; i += 2) {
    let k = words[i] as number;
    let l = words[i + 1] as number;
    if (!IS_LITTLE_ENDIAN) {
      k = littleEndian(k);
      l = littleEndian(l);
    }
    k = Math.imul(k, 0x239b_961b);
    a ^= Math.imul((k << 15) | (k >>> 17), 0xab0e_9789);
    a = (((a << 19) | (a >>> 13)) + b) | 0;
    a = (Math.imul(a, 5) + 0x561c_cd1b) | 0;
    l = Math.imul(l, 0xab0e_9789);
    b ^= Math.imul((l << 16) | (l >>> 16), 0x38b3_4ae5);
    b = (((b << 17) | (b >>> 15)) + a) | 0;
    b = (Math.imul(b, 5) + 0x0bca_a747) | 0;
  }
  a = (a + b) | 0;
  b = (b + a) | 0;
  a = finish(a);
  b = finish(b);
  a = (a + b) | 0;
  words[word + HASH_A] = a;
  words[word + HASH_B] = b + a;
}

/** Four bytes of a key from `at` on, as a number that orders like them; zeros where there are none. */
export function hintOf(key: Uint8Array, at: number): number {
  const length = key.length;
  if (at + 4 <= length)
    return (((key[at] as number) << 24) | ((key[at + 1] as number) << 16) | ((key[at + 2] as number) << 8) | (key[at + 3] as number)) >>> 0;
  let hint = 0;
  for (let i = at; i < at + 4; i++) hint = (hint << 8) | (i < length ? (key[i] as number) : 0);
  return hint >>> 0;
}

/** The same of an entry's key. */
export function hintOfEntry(heap: SlabHeap, address: number, at: number): number {
  const bytes = heap.bytes[address >>> SLAB_SHIFT] as Uint8Array;
  const from = ((address & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  const length = keyLengthOf(heap, address);
  let hint = 0;
  for (let i = at; i < at + 4; i++) hint = (hint << 8) | (i < length ? (bytes[from + i] as number) : 0);
  return hint >>> 0;
}

/** Order of an entry's key against `key` (negative: before it), both known to agree in their first `from` bytes. */
export function compareEntry(heap: SlabHeap, address: number, key: Uint8Array, from: number): number {
  const bytes = heap.bytes[address >>> SLAB_SHIFT] as Uint8Array;
  const at = ((address & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  const length = keyLengthOf(heap, address);
  const end = length < key.length ? length : key.length;
  for (let i = from; i < end; i++) {
    const difference = (bytes[at + i] as number) - (key[i] as number);
    if (difference !== 0) return difference;
  }
  return length - key.length;
}

/** True if this is the key of an entry. */
export function hasKey(heap: SlabHeap, address: number, key: Uint8Array): boolean {
  const { length } = key;
  if (keyLengthOf(heap, address) !== length) return false;
  const bytes = heap.bytes[address >>> SLAB_SHIFT] as Uint8Array;
  const at = ((address & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  // Keys mostly differ in their last bytes.
  for (let i = length - 1; i >= 0; i--) if (bytes[at + i] !== key[i]) return false;
  return true;
}

/** How many of the first `max` bytes the key of an entry has in common with `key`. */
export function sharedWithKey(heap: SlabHeap, address: number, key: Uint8Array, max: number): number {
  const bytes = heap.bytes[address >>> SLAB_SHIFT] as Uint8Array;
  const at = ((address & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  const end = Math.min(keyLengthOf(heap, address), key.length, max);
  let i = 0;
  while (i < end && bytes[at + i] === key[i]) i++;
  return i;
}

/** How many bytes the keys of two entries have in common. */
export function sharedByEntries(heap: SlabHeap, one: number, other: number): number {
  const a = heap.bytes[one >>> SLAB_SHIFT] as Uint8Array;
  const b = heap.bytes[other >>> SLAB_SHIFT] as Uint8Array;
  const atA = ((one & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  const atB = ((other & OFFSET_MASK) << 4) + ENTRY_HEADER_BYTES;
  const end = Math.min(keyLengthOf(heap, one), keyLengthOf(heap, other));
  let i = 0;
  while (i < end && a[atA + i] === b[atB + i]) i++;
  return i;
}
