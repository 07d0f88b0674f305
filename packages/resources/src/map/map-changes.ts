import { QuorateError, invariant, readU16, readU64, writeU16, writeU64 } from '@quorate/base';
import type { Space } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import type { ScratchBytes } from '../scratch-bytes.js';
import { spaceKey } from '../space-key.js';
import type { MapHeader } from './map-header.js';

/*
 * The newest changes, so that a watch can begin in the past, in a ring of `changesKept` places: the change of version v is under section 3 and
 * u64 v mod changesKept, so that a new one takes the place of the oldest. Beyond the limit of bytes the oldest go before that.
 *
 *   u64 version, u8 change (place in CHANGES), u16 length of the key, key, value
 *
 * Invariant: the versions firstChange … version are there, no others; changeBytes is the sum of their lengths.
 */
const CHANGES = ['set', 'removed', 'expired'] as const;
const HEAD_BYTES = 11;
const placeKey = (version: number): Uint8Array => spaceKey(3, version % RESOURCE_LIMITS.changesKept);

/** What happened to a key. */
export interface MapChange {
  readonly version: number;
  readonly change: (typeof CHANGES)[number];
  readonly key: Uint8Array;
  /** Null unless it was set. */
  readonly value: Uint8Array | null;
}

/** Remembers a change whose version is that of the header, and forgets the oldest ones beyond the limits; the newest is never forgotten. */
export function rememberChange(space: Space, header: MapHeader, scratch: ScratchBytes, change: MapChange): void {
  const { changesKept, changeBytesKept } = RESOURCE_LIMITS;
  const place = placeKey(change.version);
  if (header.version - header.firstChange >= changesKept) {
    header.changeBytes -= space.get(place)?.length ?? 0;
    header.firstChange++;
  }
  const encoded = encodeChange(scratch, change);
  space.set(place, encoded);
  header.changeBytes += encoded.length;
  while (header.changeBytes > changeBytesKept && header.firstChange < header.version) {
    const oldest = placeKey(header.firstChange);
    header.changeBytes -= space.get(oldest)?.length ?? 0;
    space.delete(oldest);
    header.firstChange++;
  }
}

/**
 * The changes after a version, in order. Throws `watchCompacted` if some are forgotten (details: the first version that is not),
 * `invalidArgument` for a version that is yet to come.
 */
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
    const stored = space.get(placeKey(at));
    invariant(stored !== undefined && readU64(stored, 0) === at, 'all changes from the first on are remembered', { version: at });
    changes.push(decodeChange(stored));
  }
  return changes;
}

function encodeChange(scratch: ScratchBytes, { version, change, key, value }: MapChange): Uint8Array {
  const bytes = scratch.take(HEAD_BYTES + key.length + (value?.length ?? 0));
  writeU64(bytes, 0, version);
  bytes[8] = CHANGES.indexOf(change);
  writeU16(bytes, 9, key.length);
  bytes.set(key, HEAD_BYTES);
  if (value !== null) bytes.set(value, HEAD_BYTES + key.length);
  return bytes;
}

/** A copy: it outlives the view that it is made from. */
function decodeChange(view: Uint8Array): MapChange {
  const bytes = view.slice();
  const change = CHANGES[bytes[8] as number];
  invariant(change !== undefined, 'a remembered change is one of a few');
  const valueAt = HEAD_BYTES + readU16(bytes, 9);
  return {
    version: readU64(bytes, 0),
    change,
    key: bytes.subarray(HEAD_BYTES, valueAt),
    value: change === 'set' ? bytes.subarray(valueAt) : null,
  };
}
