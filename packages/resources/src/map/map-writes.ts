import { QuorateError } from '@quorate/base';
import { type ApplyCall, readU64Be } from '@quorate/machine';
import { spaceKey } from '../space-key.js';
import { type MapChange, rememberChange } from './map-changes.js';
import type { MapDeclaration } from './map-declaration.js';
import { encodeEntry, entryIn, entryKey } from './map-entry.js';
import { type MapHeader, headerIn, storeHeader } from './map-header.js';
import { watchesFor } from './map-watches.js';

/** The one timer of a map: for the entry that expires first. */
const EXPIRY_TIMER = new Uint8Array([1]);
const NOTHING = new Uint8Array(0);
// Section 4: u64 ms at which it expires, key -> nothing.
const expiryKey = (expiresMs: number, key: Uint8Array): Uint8Array => spaceKey(4, expiresMs, key);

/** The changes that one command, timer or end of a session makes to a map. */
export class MapWrites {
  readonly #call: ApplyCall<MapDeclaration>;
  readonly header: MapHeader;
  #isExpiryChanged = false;

  constructor(call: ApplyCall<MapDeclaration>) {
    this.#call = call;
    this.header = headerIn(call.space);
  }

  /** Version of the entry; 0: there is none. */
  versionOf(key: Uint8Array): number {
    return entryIn(this.#call.space, key)?.version ?? 0;
  }

  /** Throws `versionMismatch` unless the entry has this version (0: there is none). */
  expect(key: Uint8Array, version: number): void {
    const found = this.versionOf(key);
    if (found === version) return;
    const what = found === 0 ? 'there is no entry' : `the entry has version ${found}`;
    throw new QuorateError('versionMismatch', `expected version ${version}, ${what}`, { expected: version, found });
  }

  /** Sets an entry; gives the version of the one before, 0 if there was none. */
  set(key: Uint8Array, value: Uint8Array, ttlMs: number | null): number {
    const { space, timeMs } = this.#call;
    const before = this.#drop(key);
    const expiresMs = ttlMs === null ? 0 : timeMs + ttlMs;
    const version = ++this.header.version;
    space.set(entryKey(key), encodeEntry({ version, expiresMs, value }));
    this.header.size++;
    if (expiresMs !== 0) {
      space.set(expiryKey(expiresMs, key), NOTHING);
      this.#isExpiryChanged = true;
    }
    this.#tell({ version, change: 'set', key, value });
    return before;
  }

  /** Removes an entry; false: there is none. */
  remove(key: Uint8Array, change: 'removed' | 'expired'): boolean {
    if (this.#drop(key) === 0) return false;
    this.#tell({ version: ++this.header.version, change, key, value: null });
    return true;
  }

  /** Removes what has expired by now. */
  expire(): void {
    const expired: Uint8Array[] = [];
    this.#call.space.scan({ from: spaceKey(4), to: spaceKey(4, this.#call.timeMs + 1) }, (at) => expired.push(at.slice(9)) > 0);
    for (const key of expired) this.remove(key, 'expired');
    this.#isExpiryChanged = true;
  }

  /** Stores what the map knows of itself; nothing is written after it. */
  finish(): void {
    storeHeader(this.#call.space, this.header);
    if (!this.#isExpiryChanged) return;
    let firstMs = 0;
    this.#call.space.scan({ from: spaceKey(4), to: spaceKey(5) }, (at) => {
      firstMs = readU64Be(at, 1);
      return false;
    });
    if (firstMs === 0) this.#call.clearTimer(EXPIRY_TIMER);
    else this.#call.setTimer(EXPIRY_TIMER, firstMs);
  }

  #drop(key: Uint8Array): number {
    const { space } = this.#call;
    const entry = entryIn(space, key);
    if (entry === null) return 0;
    const { version, expiresMs } = entry;
    if (expiresMs !== 0) {
      space.delete(expiryKey(expiresMs, key));
      this.#isExpiryChanged = true;
    }
    space.delete(entryKey(key));
    this.header.size--;
    return version;
  }

  #tell(change: MapChange): void {
    rememberChange(this.#call.space, this.header, change);
    for (const { watch, session } of watchesFor(this.#call.space, this.header, change.key)) {
      this.#call.publish(session, 'changed', { watch, ...change });
    }
  }
}
