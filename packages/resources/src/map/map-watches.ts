import { QuorateError } from '@quorate/base';
import { type ReadableSpace, type SessionId, type Space, bytes, decodeFields, encodeFields, flag, readU64Be, u53 } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { spaceKey } from '../space-key.js';
import type { MapHeader } from './map-header.js';

/*
 * A watch is numbered by the log index of the command that made it. Sections of the space:
 *
 *   5  u64 key length, key, u64 watch   u64 session: watches of one key
 *   6  u64 watch                        session and prefix: watches of all keys that start so
 *   7  u64 session, u64 watch           what it watches: the watches of a session
 */
const PREFIX_FIELDS = { session: u53(), prefix: bytes({ max: RESOURCE_LIMITS.keyBytesMax }) };
const WATCH_FIELDS = { isPrefix: flag(), key: bytes({ max: RESOURCE_LIMITS.keyBytesMax }) };
const SESSION_FIELDS = { session: u53() };

/** What is watched. */
export interface WatchedKeys {
  readonly key: Uint8Array;
  readonly isPrefix: boolean;
}

/** One watch that a change concerns. */
export interface MatchingWatch {
  readonly watch: number;
  readonly session: SessionId;
}

const exactKey = (key: Uint8Array, watch: number): Uint8Array => spaceKey(5, key.length, key, watch);

/** Adds a watch. Throws `overloaded`. */
export function addWatch(space: Space, header: MapHeader, watch: MatchingWatch, watched: WatchedKeys): void {
  const { watchesMax, prefixWatchesMax } = RESOURCE_LIMITS;
  if (header.watches >= watchesMax) throw new QuorateError('overloaded', `${watchesMax} watches of this map`, { max: watchesMax });
  if (watched.isPrefix && header.prefixWatches >= prefixWatchesMax) {
    throw new QuorateError('overloaded', `${prefixWatchesMax} watches of prefixes of this map`, { max: prefixWatchesMax });
  }
  const { session } = watch;
  if (watched.isPrefix) space.set(spaceKey(6, watch.watch), encodeFields(PREFIX_FIELDS, { session, prefix: watched.key }, 'watch'));
  else space.set(exactKey(watched.key, watch.watch), encodeFields(SESSION_FIELDS, { session }, 'watch'));
  space.set(spaceKey(7, session, watch.watch), encodeFields(WATCH_FIELDS, watched, 'watch'));
  header.watches++;
  if (watched.isPrefix) header.prefixWatches++;
}

/** Removes a watch of a session; false: it has none of this number. */
export function removeWatch(space: Space, header: MapHeader, { session, watch }: MatchingWatch): boolean {
  const stored = space.get(spaceKey(7, session, watch));
  if (stored === undefined) return false;
  const { isPrefix, key } = decodeFields(WATCH_FIELDS, stored);
  const place = isPrefix ? spaceKey(6, watch) : exactKey(key, watch);
  space.delete(place);
  space.delete(spaceKey(7, session, watch));
  header.watches--;
  if (isPrefix) header.prefixWatches--;
  return true;
}

/** The numbers of a session's watches, at most `max`. */
export function watchesOf(space: ReadableSpace, session: SessionId, max: number = RESOURCE_LIMITS.watchesMax): number[] {
  const watches: number[] = [];
  space.scan({ from: spaceKey(7, session), to: spaceKey(7, session + 1) }, (key) => {
    watches.push(readU64Be(key, 9));
    return watches.length < max;
  });
  return watches;
}

/** All watches that a change of this key concerns, in order of their numbers. */
export function watchesFor(space: ReadableSpace, header: MapHeader, key: Uint8Array): MatchingWatch[] {
  const matching: MatchingWatch[] = [];
  if (header.watches > header.prefixWatches) {
    const from = spaceKey(5, key.length, key);
    space.scan({ from, to: spaceKey(5, key.length, key, Number.MAX_SAFE_INTEGER) }, (at, value) => {
      matching.push({ watch: readU64Be(at, from.length), session: decodeFields(SESSION_FIELDS, value).session });
      return true;
    });
  }
  if (header.prefixWatches > 0) {
    space.scan({ from: spaceKey(6), to: spaceKey(7) }, (at, value) => {
      const { session, prefix } = decodeFields(PREFIX_FIELDS, value);
      if (startsWith(key, prefix)) matching.push({ watch: readU64Be(at, 1), session });
      return true;
    });
  }
  return matching.sort((a, b) => a.watch - b.watch);
}

/** True if a change of this key concerns the watch. */
export function isWatched(watched: WatchedKeys, key: Uint8Array): boolean {
  return watched.isPrefix ? startsWith(key, watched.key) : key.length === watched.key.length && startsWith(key, watched.key);
}

function startsWith(key: Uint8Array, prefix: Uint8Array): boolean {
  if (prefix.length > key.length) return false;
  for (let i = 0; i < prefix.length; i++) if (key[i] !== prefix[i]) return false;
  return true;
}
