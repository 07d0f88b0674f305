import type { OperationArguments, OperationResult, ReadableSpace } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { keyAfterPrefix, spaceKey } from '../space-key.js';
import type { MapDeclaration } from './map-declaration.js';
import { decodeEntry } from './map-entry.js';

type Range = Pick<OperationArguments<MapDeclaration, 'scan'>, 'from' | 'to' | 'prefix'>;
type Entry = OperationResult<MapDeclaration, 'scan'>['entries'][number];

const NO_VALUE = new Uint8Array(0);
const KEY_AT = 1;
// Two lengths and the version.
const ENTRY_OVERHEAD_BYTES = 16;

/** Entries in a range, at most the limits; the first is given however long it is. `hasMore`: there is at least one more. */
export function scanMap(space: ReadableSpace, args: OperationArguments<MapDeclaration, 'scan'>): OperationResult<MapDeclaration, 'scan'> {
  const entries: Entry[] = [];
  let bytes = 0;
  let hasMore = false;
  space.scan({ ...bordersOf(args), isReverse: args.isReverse }, (at, stored) => {
    const { version, value } = decodeEntry(stored);
    const taken = ENTRY_OVERHEAD_BYTES + at.length - KEY_AT + (args.isKeysOnly ? 0 : value.length);
    hasMore = entries.length >= args.limit || (entries.length > 0 && bytes + taken > RESOURCE_LIMITS.scanBytesMax);
    if (hasMore) return false;
    bytes += taken;
    entries.push({ key: at.slice(KEY_AT), value: args.isKeysOnly ? NO_VALUE : value.slice(), version });
    return true;
  });
  return { entries, hasMore };
}

/** The part of section 2 that is within both the borders and the prefix. */
function bordersOf({ from, to, prefix }: Range): { readonly from: Uint8Array; readonly to: Uint8Array } {
  let first = spaceKey(2, from ?? NO_VALUE);
  let end = to === null ? spaceKey(3) : spaceKey(2, to);
  if (prefix !== null) {
    const start = spaceKey(2, prefix);
    const after = keyAfterPrefix(start);
    if (compare(start, first) > 0) first = start;
    if (compare(after, end) < 0) end = after;
  }
  return compare(first, end) > 0 ? { from: first, to: first } : { from: first, to: end };
}

function compare(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
