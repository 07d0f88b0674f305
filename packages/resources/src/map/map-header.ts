import { readU64, writeU64 } from '@quorate/base';
import type { ReadableSpace, Space } from '@quorate/machine';
import { spaceKey } from '../space-key.js';

/*
 * Sections of the space of a map:
 *
 *   1                                    the header: u64 for each field below, in that order
 *   2  key                               an entry (map-entry.ts)
 *   3  u64 place                         a change (map-changes.ts)
 *   4  u64 ms, key                       nothing: when entries expire (map-writes.ts)
 *   5 to 8                               watches (map-watches.ts)
 */
const KEY = spaceKey(1);
// Up to 64 bytes an array is cheap to make.
const BYTES = 56;

/** What a map knows of itself. */
export interface MapHeader {
  /** Of the newest change; 0: none yet. */
  version: number;
  /** Entries. */
  size: number;
  /** Version of the oldest change that is remembered; `version + 1`: none is. */
  firstChange: number;
  /** Bytes of the remembered changes. */
  changeBytes: number;
  watches: number;
  /** Different lengths of watched prefixes. */
  watchedLengths: number;
  /** When the timer of the map is due: logged time at which the first entry expires; 0: none does. */
  timerMs: number;
}

/** The header of a map; that of an empty one if there is none yet. */
export function headerIn(space: ReadableSpace): MapHeader {
  const stored = space.get(KEY);
  if (stored === undefined) {
    return { version: 0, size: 0, firstChange: 1, changeBytes: 0, watches: 0, watchedLengths: 0, timerMs: 0 };
  }
  return {
    version: readU64(stored, 0),
    size: readU64(stored, 8),
    firstChange: readU64(stored, 16),
    changeBytes: readU64(stored, 24),
    watches: readU64(stored, 32),
    watchedLengths: readU64(stored, 40),
    timerMs: readU64(stored, 48),
  };
}

export function storeHeader(space: Space, header: MapHeader): void {
  const bytes = new Uint8Array(BYTES);
  writeU64(bytes, 0, header.version);
  writeU64(bytes, 8, header.size);
  writeU64(bytes, 16, header.firstChange);
  writeU64(bytes, 24, header.changeBytes);
  writeU64(bytes, 32, header.watches);
  writeU64(bytes, 40, header.watchedLengths);
  writeU64(bytes, 48, header.timerMs);
  space.set(KEY, bytes);
}
