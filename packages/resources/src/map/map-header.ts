import { type ReadableSpace, type Space, decodeFields, encodeFields, u53 } from '@quorate/machine';
import { spaceKey } from '../space-key.js';

const KEY = spaceKey(1);
const FIELDS = { version: u53(), size: u53(), firstChange: u53(), changeBytes: u53(), watches: u53(), prefixWatches: u53() };

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
  prefixWatches: number;
}

/** The header of a map; that of an empty one if there is none yet. */
export function headerIn(space: ReadableSpace): MapHeader {
  const stored = space.get(KEY);
  if (stored === undefined) return { version: 0, size: 0, firstChange: 1, changeBytes: 0, watches: 0, prefixWatches: 0 };
  return { ...decodeFields(FIELDS, stored) };
}

export function storeHeader(space: Space, header: MapHeader): void {
  space.set(KEY, encodeFields(FIELDS, header, 'header'));
}
