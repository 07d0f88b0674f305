import { invariant, readU64, writeU64 } from '@quorate/base';
import type { ReadableSpace, Space } from '@quorate/machine';
import { spaceKey } from '../space-key.js';

/*
 * Sections of the space of a map:
 *
 *   1                                    the header: u64 for each field below, in that order
 *   2  key                               an entry (map-entry.ts)
 *   3  u64 version                       changes (change-log.ts)
 *   4  u64 ms, key                       nothing: when entries expire (map-writes.ts)
 *   5 to 8                               watches (map-watches.ts)
 *   9  u64 version                       the value of a change (change-log.ts)
 */
const KEY = spaceKey(1);
/** Bytes of a header. */
export const HEADER_BYTES = 88;

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
  /** Remembered changes whose value is in section 9. */
  keptValues: number;
  /** Where the oldest of them is: row of section 3, and byte in it; 0: there is no row. */
  firstRow: number;
  firstAt: number;
  /** The last row of section 3; 0: there is none. */
  lastRow: number;
}

/** The header of a map; that of an empty one if there is none yet. */
export function headerIn(space: ReadableSpace): MapHeader {
  const stored = space.get(KEY);
  if (stored === undefined) {
    const none = { changeBytes: 0, keptValues: 0, firstRow: 0, firstAt: 0, lastRow: 0 };
    return { version: 0, size: 0, firstChange: 1, watches: 0, watchedLengths: 0, timerMs: 0, ...none };
  }
  invariant(stored.length === HEADER_BYTES, 'the header of a map has 88 bytes', { bytes: stored.length });
  return {
    version: readU64(stored, 0),
    size: readU64(stored, 8),
    firstChange: readU64(stored, 16),
    changeBytes: readU64(stored, 24),
    watches: readU64(stored, 32),
    watchedLengths: readU64(stored, 40),
    timerMs: readU64(stored, 48),
    keptValues: readU64(stored, 56),
    firstRow: readU64(stored, 64),
    firstAt: readU64(stored, 72),
    lastRow: readU64(stored, 80),
  };
}

/** `bytes`: memory of `HEADER_BYTES` to build it in. */
export function storeHeader(space: Space, header: MapHeader, bytes: Uint8Array): void {
  writeU64(bytes, 0, header.version);
  writeU64(bytes, 8, header.size);
  writeU64(bytes, 16, header.firstChange);
  writeU64(bytes, 24, header.changeBytes);
  writeU64(bytes, 32, header.watches);
  writeU64(bytes, 40, header.watchedLengths);
  writeU64(bytes, 48, header.timerMs);
  writeU64(bytes, 56, header.keptValues);
  writeU64(bytes, 64, header.firstRow);
  writeU64(bytes, 72, header.firstAt);
  writeU64(bytes, 80, header.lastRow);
  space.set(KEY, bytes);
}

/** Makes one header equal to another. */
export function copyHeader(from: MapHeader, to: MapHeader): void {
  to.version = from.version;
  to.size = from.size;
  to.firstChange = from.firstChange;
  to.changeBytes = from.changeBytes;
  to.watches = from.watches;
  to.watchedLengths = from.watchedLengths;
  to.timerMs = from.timerMs;
  to.keptValues = from.keptValues;
  to.firstRow = from.firstRow;
  to.firstAt = from.firstAt;
  to.lastRow = from.lastRow;
}
