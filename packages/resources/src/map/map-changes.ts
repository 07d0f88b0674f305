import { QuorateError } from '@quorate/base';
import { type Space, bytes, choice, decodeFields, encodeFields, optional } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { spaceKey } from '../space-key.js';
import type { MapHeader } from './map-header.js';

/*
 * The newest changes, under section 3 and their version: so that a watch can begin in the past. The oldest go first, by count and bytes.
 */
const FIELDS = {
  change: choice(['set', 'removed', 'expired']),
  key: bytes({ max: RESOURCE_LIMITS.keyBytesMax }),
  value: optional(bytes({ max: RESOURCE_LIMITS.valueBytesMax })),
};

/** What happened to a key. */
export interface MapChange {
  readonly version: number;
  readonly change: 'set' | 'removed' | 'expired';
  readonly key: Uint8Array;
  /** Null unless it was set. */
  readonly value: Uint8Array | null;
}

/** Remembers a change whose version is that of the header, and forgets the oldest ones beyond the limits. */
export function rememberChange(space: Space, header: MapHeader, change: MapChange): void {
  const encoded = encodeFields(FIELDS, change, 'change');
  space.set(spaceKey(3, change.version), encoded);
  header.changeBytes += encoded.length;
  while (
    header.firstChange < header.version &&
    (header.version - header.firstChange >= RESOURCE_LIMITS.changesKept || header.changeBytes > RESOURCE_LIMITS.changeBytesKept)
  ) {
    const key = spaceKey(3, header.firstChange);
    header.changeBytes -= space.get(key)?.length ?? 0;
    space.delete(key);
    header.firstChange++;
  }
}

/** The changes after a version, in order. `watchCompacted` if some are forgotten (details: the first version that is not). */
export function changesAfter(space: Space, header: MapHeader, version: number): MapChange[] {
  if (version > header.version) {
    throw new QuorateError('invalidArgument', `version ${version} of a map that is at ${header.version}`, {
      version,
      current: header.version,
    });
  }
  if (version + 1 < header.firstChange) {
    throw new QuorateError('watchCompacted', `the changes before version ${header.firstChange} are forgotten`, {
      version,
      firstVersion: header.firstChange,
      current: header.version,
    });
  }
  const changes: MapChange[] = [];
  for (let at = version + 1; at <= header.version; at++) {
    const stored = space.get(spaceKey(3, at));
    if (stored === undefined) throw new QuorateError('invariantBroken', `change ${at} of a map is missing`, { version: at });
    const { change, key, value } = decodeFields(FIELDS, stored);
    changes.push({ version: at, change, key: key.slice(), value: value?.slice() ?? null });
  }
  return changes;
}
