import { readU64, writeU64 } from '@quorate/base';
import type { ReadableSpace } from '@quorate/machine';
import type { ScratchBytes } from '../scratch-bytes.js';

/*
 * An entry under section 2 and its key: u64 version, u64 ms of logged time at which it expires (0: never), value.
 */
const HEAD_BYTES = 16;

/** An entry; `value` is a view that is valid until the next change. */
export interface MapEntry {
  readonly version: number;
  readonly expiresMs: number;
  readonly value: Uint8Array;
}

export function entryKey(key: Uint8Array): Uint8Array {
  const at = new Uint8Array(1 + key.length);
  at[0] = 2;
  at.set(key, 1);
  return at;
}

/** Valid as long as `scratch` is not used again. */
export function encodeEntry(scratch: ScratchBytes, { version, expiresMs, value }: MapEntry): Uint8Array {
  const bytes = scratch.take(HEAD_BYTES + value.length);
  writeU64(bytes, 0, version);
  writeU64(bytes, 8, expiresMs);
  bytes.set(value, HEAD_BYTES);
  return bytes;
}

export function decodeEntry(bytes: Uint8Array): MapEntry {
  return { version: readU64(bytes, 0), expiresMs: readU64(bytes, 8), value: bytes.subarray(HEAD_BYTES) };
}

/** What a stored entry says besides its value. */
export function factsOf(stored: Uint8Array): Omit<MapEntry, 'value'> {
  return { version: readU64(stored, 0), expiresMs: readU64(stored, 8) };
}

export function entryIn(space: ReadableSpace, key: Uint8Array): MapEntry | null {
  const stored = space.get(entryKey(key));
  return stored === undefined ? null : decodeEntry(stored);
}
