import { QuorateError } from '@quorate/base';
import { type ApplyCall, type HeldState, readU64Be } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import type { BytesPool, ScratchBytes } from '../scratch-bytes.js';
import { spaceKey } from '../space-key.js';
import { ChangeLog, type MapChange } from './change-log.js';
import type { MapDeclaration } from './map-declaration.js';
import { decodeEntry, encodeEntry, entryIn, entryKey, factsOf } from './map-entry.js';
import { HEADER_BYTES, type MapHeader, copyHeader, headerIn, storeHeader } from './map-header.js';
import { watchesFor } from './map-watches.js';

/*
 * Time to live. An entry that is set at logged time t with `ttlMs` expires at t + ttlMs: section 4 has u64 that time, key -> nothing, and one timer
 * of the map is set for the first of them. Timers run before whatever comes later (rule 15), so
 *
 *   every entry that a handler or a query sees has expiresMs = 0 or expiresMs ≥ timeMs,
 *
 * and nothing has to be hidden. When very many expire at once they go in portions, in order of (time, key), and logged time stands still until the
 * last of them is gone: what comes meanwhile comes before that time, and sees what is left. Setting a value anew without `ttlMs` makes it last.
 */
export const EXPIRY_TIMER: Uint8Array = new Uint8Array([1]);
const NOTHING = new Uint8Array(0);
// Entries that expire at the same time are looked up so many at a time.
const EXPIRED_AT_ONCE = 1024;
// What an event has beside key and value, and what it takes to keep it.
const EVENT_OVERHEAD_BYTES = 64;
const expiryKey = (expiresMs: number, key: Uint8Array): Uint8Array => spaceKey(4, expiresMs, key);

/** Memory that all maps use one after the other. */
export interface MapMemory {
  readonly scratch: ScratchBytes;
  readonly pool: BytesPool;
}

/** The changes that the commands and timers of a batch make to a map. What it knows of itself, and its new changes, are held until the end of the batch. */
export class MapWrites implements HeldState {
  readonly #call: ApplyCall<MapDeclaration>;
  readonly #memory: MapMemory;
  readonly header: MapHeader;
  /** The header as it lasts so far. */
  readonly #kept: MapHeader;
  readonly changes: ChangeLog;
  #isFirstExpiryChanged = false;

  constructor(call: ApplyCall<MapDeclaration>, memory: MapMemory) {
    this.#call = call;
    this.#memory = memory;
    this.header = headerIn(call.space);
    this.#kept = { ...this.header };
    this.changes = new ChangeLog(call.space, this.header, memory.pool);
  }

  keep(): void {
    copyHeader(this.header, this.#kept);
  }

  undo(): void {
    copyHeader(this.#kept, this.header);
    this.changes.undoAfter(this.header.version);
    this.#isFirstExpiryChanged = false;
  }

  store(): void {
    this.changes.store();
    storeHeader(this.#call.space, this.header, this.#memory.scratch.take(HEADER_BYTES));
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
    const { space, clockMs } = this.#call;
    const at = entryKey(key);
    const stored = space.get(at);
    const before = stored === undefined ? 0 : this.#replaced(key, stored);
    if (before === 0) this.header.size++;
    const version = ++this.header.version;
    const expiresMs = ttlMs === null ? 0 : clockMs + ttlMs;
    space.set(at, encodeEntry(this.#memory.scratch, { version, expiresMs, value }));
    if (expiresMs !== 0) {
      space.set(expiryKey(expiresMs, key), NOTHING);
      if (this.header.timerMs === 0 || expiresMs < this.header.timerMs) this.#isFirstExpiryChanged = true;
    }
    this.#tell({ version, change: 'set', key, value });
    return before;
  }

  /** What an entry leaves behind that is set anew or goes; its version. */
  #replaced(key: Uint8Array, stored: Uint8Array): number {
    const { version, expiresMs } = factsOf(stored);
    if (version >= this.header.firstChange) this.changes.keepValue(version, decodeEntry(stored).value);
    if (expiresMs !== 0) this.#dropExpiry(key, expiresMs);
    return version;
  }

  /** Removes an entry; false: there is none. */
  remove(key: Uint8Array, change: 'removed' | 'expired'): boolean {
    const at = entryKey(key);
    const stored = this.#call.space.get(at);
    if (stored === undefined) return false;
    this.#replaced(key, stored);
    this.#call.space.delete(at);
    this.header.size--;
    this.#tell({ version: ++this.header.version, change, key, value: null });
    return true;
  }

  /** The timer rang: removes what has expired by now, in order of (time, key); what is too much for this batch goes later. */
  expire(): void {
    const call = this.#call;
    this.header.timerMs = 0;
    for (let keys = this.#expired(); keys.length > 0; keys = this.#expired()) {
      for (const key of keys) {
        if (!call.mayGoOn) {
          this.header.timerMs = call.timeMs;
          call.continueLater(EXPIRY_TIMER);
          return;
        }
        this.remove(key, 'expired');
      }
    }
    this.#isFirstExpiryChanged = true;
  }

  /** Sets the timer of the map; to be called once, at the end of a handler. */
  finish(): void {
    if (!this.#isFirstExpiryChanged) return;
    this.#isFirstExpiryChanged = false;
    this.#setTimer();
  }

  #expired(): Uint8Array[] {
    const keys: Uint8Array[] = [];
    this.#call.space.scan({ from: spaceKey(4), to: spaceKey(4, this.#call.timeMs + 1) }, (at) => {
      keys.push(at.slice(9));
      return keys.length < EXPIRED_AT_ONCE;
    });
    return keys;
  }

  #setTimer(): void {
    let firstMs = 0;
    this.#call.space.scan({ from: spaceKey(4), to: spaceKey(5) }, (at) => {
      firstMs = readU64Be(at, 1);
      return false;
    });
    if (firstMs === this.header.timerMs) return;
    if (firstMs === 0) this.#call.clearTimer(EXPIRY_TIMER);
    else this.#call.setTimer(EXPIRY_TIMER, firstMs);
    this.header.timerMs = firstMs;
  }

  #dropExpiry(key: Uint8Array, expiresMs: number): void {
    this.#call.space.delete(expiryKey(expiresMs, key));
    if (expiresMs === this.header.timerMs) this.#isFirstExpiryChanged = true;
  }

  #tell(change: MapChange): void {
    this.changes.add(change.change, change.key, change.value?.length ?? 0);
    if (this.header.watches === 0) return;
    const matching = watchesFor(this.#call.space, this.header, change.key);
    const { changeEventBytesMax: max } = RESOURCE_LIMITS;
    const eventBytes = EVENT_OVERHEAD_BYTES + change.key.length + (change.value?.length ?? 0);
    // Only a value can make it too much for a command; what expires has none.
    if (matching.length * eventBytes > max && change.value !== null) {
      // Watches of sessions that are over may still be there.
      const bytes = eventBytes * matching.filter(({ session }) => this.#call.isLive(session)).length;
      if (bytes > max)
        throw new QuorateError('overloaded', `the watches would get ${bytes} bytes of events of this change`, { bytes, max });
    }
    for (const { watch, session } of matching) this.#call.publish(session, 'changed', { watch, ...change });
  }
}
