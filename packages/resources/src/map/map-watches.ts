import { QuorateError, readU64, writeU64 } from '@quorate/base';
import { type ReadableSpace, type ScanRange, type SessionId, type Space, readU64Be } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { spaceKey } from '../space-key.js';
import type { MapHeader } from './map-header.js';

/*
 * A watch is numbered by the log index of the command that made it. Sections of the space:
 *
 *   5  u64 length, key, u64 watch      -> u64 session: watches of one key
 *   6  u64 length, prefix, u64 watch   -> u64 session: watches of all keys that start so
 *   7  u64 session, u64 watch          -> u8 1 if of a prefix, else 0; key or prefix: the watches of a session
 *   8  u64 length                      -> u64 number of watches of prefixes of that length
 *
 * So a change costs one search for its key and one for each length in section 8 that it is long enough for, however many watches there are. Where
 * there are few, it costs less to look at all of them.
 */
const EXACT = 5;
const PREFIX = 6;

/** So many watches are looked at one by one. */
const FEW = 8;
/** Watches are looked up so many at a time. */
const REMOVED_AT_ONCE = 1024;

/** What removing many watches needs of the call. */
export interface WatchRemoval {
  readonly space: Space;
  readonly mayGoOn: boolean;
  continueLater(id: Uint8Array): void;
}

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

/** The watches of all sessions. */
const ALL: ScanRange = { from: spaceKey(7), to: spaceKey(8) };

const placeOf = ({ key, isPrefix }: WatchedKeys, watch: number): Uint8Array => spaceKey(isPrefix ? PREFIX : EXACT, key.length, key, watch);

/** Adds a watch. Throws `overloaded`. */
export function addWatch(space: Space, header: MapHeader, { watch, session }: MatchingWatch, watched: WatchedKeys): void {
  const { watchesMax } = RESOURCE_LIMITS;
  if (header.watches >= watchesMax) throw new QuorateError('overloaded', `${watchesMax} watches of this map`, { max: watchesMax });
  if (watched.isPrefix) countPrefix(space, header, watched.key.length, 1);
  space.set(placeOf(watched, watch), encodeNumber(session));
  const bytes = new Uint8Array(1 + watched.key.length);
  bytes[0] = watched.isPrefix ? 1 : 0;
  bytes.set(watched.key, 1);
  space.set(spaceKey(7, session, watch), bytes);
  header.watches++;
}

/** Removes a watch of a session; false: it has none of this number. */
export function removeWatch(space: Space, header: MapHeader, { session, watch }: MatchingWatch): boolean {
  const ofSession = spaceKey(7, session, watch);
  const stored = space.get(ofSession);
  if (stored === undefined) return false;
  const watched = { isPrefix: stored[0] === 1, key: stored.slice(1) };
  space.delete(ofSession);
  space.delete(placeOf(watched, watch));
  if (watched.isPrefix) countPrefix(space, header, watched.key.length, -1);
  header.watches--;
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

/** Id of the timer that removes what is left of the watches of a session that is over. */
const leftTimer = (session: SessionId): Uint8Array => spaceKey(2, session);

/**
 * Removes the watches of a session that is over, as many as the batch has room for; the others by a timer. Nobody is told of anything by those, but
 * until then they count.
 */
export function removeWatchesOf(call: WatchRemoval, header: MapHeader, session: SessionId): void {
  const next = (): number[] => watchesOf(call.space, session, REMOVED_AT_ONCE);
  for (let watches = next(); watches.length > 0; watches = next()) {
    for (const watch of watches) {
      if (!call.mayGoOn) {
        call.continueLater(leftTimer(session));
        return;
      }
      removeWatch(call.space, header, { watch, session });
    }
  }
}

/** The session whose watches such a timer removes. */
export function sessionOfTimer(id: Uint8Array): SessionId {
  return readU64Be(id, 1);
}

/** All watches that a change of this key concerns, in order of their numbers. */
export function watchesFor(space: ReadableSpace, header: MapHeader, key: Uint8Array): MatchingWatch[] {
  const matching: MatchingWatch[] = [];
  if (header.watches === 0) return matching;
  if (header.watches <= FEW) collectAmongAll(space, key, matching);
  else {
    collect(space, EXACT, key, matching);
    for (const length of watchedLengths(space, header, key.length)) collect(space, PREFIX, key.subarray(0, length), matching);
  }
  return matching.length < 2 ? matching : matching.sort((a, b) => a.watch - b.watch);
}

/** True if a change of this key concerns the watch. */
export function isWatched(watched: WatchedKeys, key: Uint8Array): boolean {
  return matches(watched.key, 0, watched.isPrefix, key);
}

/** True if `key` is, or begins with, what stands in `bytes` from a position on. */
function matches(bytes: Uint8Array, from: number, isPrefix: boolean, key: Uint8Array): boolean {
  const length = bytes.length - from;
  if (isPrefix ? length > key.length : length !== key.length) return false;
  for (let i = 0; i < length; i++) if (key[i] !== bytes[from + i]) return false;
  return true;
}

function collectAmongAll(space: ReadableSpace, key: Uint8Array, into: MatchingWatch[]): void {
  space.scan(ALL, (at, value) => {
    if (matches(value, 1, value[0] === 1, key)) into.push({ watch: readU64Be(at, 9), session: readU64Be(at, 1) });
    return true;
  });
}

function collect(space: ReadableSpace, section: typeof EXACT | typeof PREFIX, key: Uint8Array, into: MatchingWatch[]): void {
  const from = spaceKey(section, key.length, key);
  space.scan({ from, to: spaceKey(section, key.length, key, Number.MAX_SAFE_INTEGER) }, (at, value) => {
    into.push({ watch: readU64Be(at, from.length), session: readU64(value, 0) });
    return true;
  });
}

/** Lengths of watched prefixes that a key of `length` bytes may start with. */
function watchedLengths(space: ReadableSpace, header: MapHeader, length: number): number[] {
  const lengths: number[] = [];
  if (header.watchedLengths > 0) {
    space.scan({ from: spaceKey(8), to: spaceKey(8, length + 1) }, (at) => lengths.push(readU64Be(at, 1)) > 0);
  }
  return lengths;
}

function countPrefix(space: Space, header: MapHeader, length: number, change: 1 | -1): void {
  const at = spaceKey(8, length);
  const stored = space.get(at);
  const count = (stored === undefined ? 0 : readU64(stored, 0)) + change;
  if (count === 0) {
    space.delete(at);
    header.watchedLengths--;
    return;
  }
  if (stored === undefined) {
    const { watchedLengthsMax: max } = RESOURCE_LIMITS;
    if (header.watchedLengths >= max) throw new QuorateError('overloaded', `prefixes of ${max} lengths are watched in this map`, { max });
    header.watchedLengths++;
  }
  space.set(at, encodeNumber(count));
}

function encodeNumber(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeU64(bytes, 0, value);
  return bytes;
}
