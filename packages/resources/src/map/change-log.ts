import { QuorateError, invariant, readU16, readU32, writeU16, writeU32 } from '@quorate/base';
import { type Space, readU64Be, writeU64Be } from '@quorate/machine';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import type { BytesPool } from '../scratch-bytes.js';
import { spaceKey } from '../space-key.js';
import { entryIn } from './map-entry.js';
import type { MapHeader } from './map-header.js';

/*
 * The newest changes, at most `changesKept` of them and `changeBytesKept` bytes, so that a watch can begin in the past. They are written in rows, at
 * the end of each batch: section 3 and the version of the first change have, for each change,
 *
 *   u8 change (place in CHANGES), u16 length of the key, u32 length of the value, key
 *
 * and versions are consecutive within a row and from row to row. A value is not written twice: while an entry has the version of its change, the
 * value is in the entry; when the entry is set anew or goes, its value goes to section 9 and that version, as long as the change is remembered.
 *
 * Invariants, of the space and what is held together:
 *
 *   the changes firstChange … version are there: from byte firstAt of row firstRow on (0: there is no row), then those held; others are
 *   only in row firstRow, before that; lastRow is the last row (0: none);
 *   changeBytes is the sum of 11 bytes, key and value over them;
 *   the value of each of them that was set is in section 9 or in the entry of its key with its version, never in both;
 *   keptValues is the number of entries in section 9.
 */
const CHANGES = ['set', 'removed', 'expired'] as const;
const SET = 0;
const HEAD_BYTES = 7;
/** What a change counts beside key and value. */
const OVERHEAD_BYTES = 11;
/** A row ends with the change that reaches this. */
const ROW_BYTES = 16_384;
/** Changes go to the last row up to this, so that small batches do not each make and drop one. */
const SHARED_ROW_BYTES = 1024;

/** What happened to a key. */
export interface MapChange {
  readonly version: number;
  readonly change: (typeof CHANGES)[number];
  readonly key: Uint8Array;
  /** Null unless it was set. */
  readonly value: Uint8Array | null;
}

/** The remembered changes of a map while a batch is applied: what is new is held until `store`. */
export class ChangeLog {
  readonly #space: Space;
  readonly #header: MapHeader;
  readonly #pool: BytesPool;
  readonly #key = new Uint8Array(9);
  /** Changes of this batch. */
  #held: Uint8Array;
  #heldBytes = 0;
  /** Version of the first of them, and of the next one. */
  readonly #heldFrom: number;
  #heldTo: number;
  /** Where `firstChange` is in it, if it is. */
  #heldFirst = 0;
  /** A copy of row `#copied`; 0: of none. */
  #row: Uint8Array | null = null;
  #copied = 0;
  #rowBytes = 0;

  /** `header` is changed by this log. */
  constructor(space: Space, header: MapHeader, pool: BytesPool) {
    this.#space = space;
    this.#header = header;
    this.#pool = pool;
    this.#held = pool.take(0);
    this.#heldFrom = header.version + 1;
    this.#heldTo = this.#heldFrom;
  }

  /** Remembers a change whose version is that of the header, and forgets the oldest ones beyond the limits; the newest is never forgotten. */
  add(change: (typeof CHANGES)[number], key: Uint8Array, valueBytes: number): void {
    const header = this.#header;
    const { changesKept, changeBytesKept } = RESOURCE_LIMITS;
    invariant(header.version === this.#heldTo, 'changes are remembered in order, each once', { version: header.version });
    const at = this.#heldBytes;
    const end = at + HEAD_BYTES + key.length;
    if (end > this.#held.length) this.#held = this.#pool.grow(this.#held, end);
    const bytes = this.#held;
    bytes[at] = CHANGES.indexOf(change);
    writeU16(bytes, at + 1, key.length);
    writeU32(bytes, at + 3, valueBytes);
    copyKey(key, bytes, at + HEAD_BYTES);
    this.#heldBytes = end;
    this.#heldTo++;
    header.changeBytes += OVERHEAD_BYTES + key.length + valueBytes;
    const oldest = header.version - changesKept;
    while ((header.firstChange <= oldest || header.changeBytes > changeBytesKept) && header.firstChange < header.version) this.#forget();
  }

  /** The entry of this version is set anew or goes: its value stays as long as the change is remembered. Before the entry is changed. */
  keepValue(version: number, value: Uint8Array): void {
    this.#space.set(this.#keyOf(9, version), value);
    this.#header.keptValues++;
  }

  /** True if a version is yet to come. */
  isAhead(version: number): boolean {
    return version > this.#header.version;
  }

  /**
   * The changes after a version, in order. Throws `watchCompacted` if some are forgotten (details: the first version that is not),
   * `invalidArgument` for a version that is yet to come.
   */
  after(version: number): MapChange[] {
    const header = this.#header;
    if (this.isAhead(version)) {
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
    this.#space.scan({ from: spaceKey(3), to: spaceKey(4) }, (key, row) => {
      this.#collect({ bytes: row, end: row.length, first: readU64Be(key, 1) }, version, changes);
      return true;
    });
    this.#collect({ bytes: this.#held, end: this.#heldBytes, first: this.#heldFrom }, version, changes);
    invariant(changes.length === header.version - version, 'all changes from the first on are remembered', { version });
    return changes;
  }

  /** What was added after the change of this version is undone; the header is as it was, and the space. */
  undoAfter(version: number): void {
    if (version + 1 >= this.#heldTo) return;
    this.#heldBytes = this.#offsetOf(version + 1);
    this.#heldTo = version + 1;
    this.#heldFirst = this.#offsetOf(Math.max(this.#heldFrom, this.#header.firstChange));
  }

  /** Writes the changes of this batch that are still remembered. The log is of no use afterwards. */
  store(): void {
    const header = this.#header;
    const version = Math.max(this.#heldFrom, header.firstChange);
    if (version < this.#heldTo && !this.#share()) this.#storeRows(version);
    this.#pool.give(this.#held);
    if (this.#row !== null) this.#pool.give(this.#row);
  }

  /** Adds them to the last row; false: there is none, or they do not fit. */
  #share(): boolean {
    const { lastRow } = this.#header;
    const row = lastRow === 0 ? undefined : this.#space.get(this.#keyOf(3, lastRow));
    if (row === undefined || row.length + this.#heldBytes > SHARED_ROW_BYTES) return false;
    const bytes = this.#pool.take(SHARED_ROW_BYTES);
    bytes.set(row);
    // While there is a row, nothing that is held is forgotten.
    bytes.set(this.#held.subarray(0, this.#heldBytes), row.length);
    this.#space.set(this.#keyOf(3, lastRow), bytes.subarray(0, row.length + this.#heldBytes));
    this.#pool.give(bytes);
    return true;
  }

  #storeRows(first: number): void {
    const header = this.#header;
    let at = this.#heldFirst;
    for (let version = first; version < this.#heldTo; ) {
      const row = version;
      const from = at;
      for (; version < this.#heldTo && at - from < ROW_BYTES; version++) at = nextAt(this.#held, at);
      this.#space.set(this.#keyOf(3, row), this.#held.subarray(from, at));
      if (header.firstRow === 0) header.firstRow = row;
      header.lastRow = row;
    }
  }

  #forget(): void {
    const header = this.#header;
    const isStored = header.firstRow !== 0;
    const bytes = isStored ? this.#firstRow() : this.#held;
    const at = isStored ? header.firstAt : this.#heldFirst;
    header.changeBytes -= OVERHEAD_BYTES + readU16(bytes, at + 1) + readU32(bytes, at + 3);
    if (bytes[at] === SET && header.keptValues > 0 && this.#space.delete(this.#keyOf(9, header.firstChange))) header.keptValues--;
    header.firstChange++;
    if (!isStored) this.#heldFirst = nextAt(bytes, at);
    else {
      header.firstAt = nextAt(bytes, at);
      if (header.firstAt === this.#rowBytes) this.#dropRow();
    }
  }

  /** Row `firstRow`. */
  #firstRow(): Uint8Array {
    const { firstRow } = this.#header;
    if (this.#row !== null && this.#copied === firstRow) return this.#row;
    const stored = this.#space.get(this.#keyOf(3, firstRow));
    invariant(stored !== undefined, 'the row of the oldest change is there', { version: firstRow });
    if (this.#row !== null) this.#pool.give(this.#row);
    this.#row = this.#pool.take(stored.length);
    this.#row.set(stored);
    this.#rowBytes = stored.length;
    this.#copied = firstRow;
    return this.#row;
  }

  #dropRow(): void {
    const header = this.#header;
    this.#space.delete(this.#keyOf(3, header.firstRow));
    header.firstAt = 0;
    header.firstRow = header.firstRow === header.lastRow ? 0 : header.firstChange;
    if (header.firstRow === 0) header.lastRow = 0;
  }

  /** Where a change of this batch begins. */
  #offsetOf(version: number): number {
    let at = 0;
    for (let each = this.#heldFrom; each < version; each++) at = nextAt(this.#held, at);
    return at;
  }

  /** Those of `bytes` whose version is above `after`; `first` is that of the first. */
  #collect({ bytes, end, first }: { bytes: Uint8Array; end: number; first: number }, after: number, into: MapChange[]): void {
    let version = first;
    for (let at = 0; at < end; at = nextAt(bytes, at), version++) if (version > after) into.push(this.#changeAt(bytes, at, version));
  }

  /** A copy. */
  #changeAt(bytes: Uint8Array, at: number, version: number): MapChange {
    const change = CHANGES[bytes[at] as number];
    invariant(change !== undefined, 'a remembered change is one of a few', { version });
    const key = bytes.slice(at + HEAD_BYTES, nextAt(bytes, at));
    return { version, change, key, value: change === 'set' ? this.#valueOf(key, version) : null };
  }

  #valueOf(key: Uint8Array, version: number): Uint8Array {
    const kept = this.#header.keptValues > 0 ? this.#space.get(this.#keyOf(9, version)) : undefined;
    if (kept !== undefined) return kept.slice();
    const entry = entryIn(this.#space, key);
    invariant(entry !== null && entry.version === version, 'the value of a remembered change is kept or in its entry', { version });
    return entry.value.slice();
  }

  /** Valid until the next one. */
  #keyOf(section: number, version: number): Uint8Array {
    this.#key[0] = section;
    writeU64Be(this.#key, 1, version);
    return this.#key;
  }
}

/** Where the change after that at `at` begins. */
function nextAt(bytes: Uint8Array, at: number): number {
  return at + HEAD_BYTES + readU16(bytes, at + 1);
}

// A short copy costs less than the call that makes a long one.
function copyKey(key: Uint8Array, bytes: Uint8Array, at: number): void {
  if (key.length > 64) bytes.set(key, at);
  else for (let i = 0; i < key.length; i++) bytes[at + i] = key[i] as number;
}
