import type { Call } from '../history/call.js';

/** One change of a map, as far as it is known. */
export interface Change {
  readonly version: number;
  readonly key: string;
  /** Null: removed or expired. Undefined: set, and only the keys were read. */
  value: string | null | undefined;
  /** Position in the history before which it cannot have happened. */
  readonly notBefore: number;
  /** Line where it was first seen. */
  readonly line: number;
}

/** A write of a value that is used once. */
export interface Write {
  readonly call: Call;
  /** 0 as long as it is not known. */
  version: number;
}

/** Changes and writes remembered for one map; what is older can no longer be compared. */
const WINDOW = 100_000;

/** What is known of the changes of one map: by version, by key, by value. */
export class MapLog {
  readonly #byVersion = new Map<number, Change>();
  readonly #byKey = new Map<string, Change[]>();
  readonly #writes = new Map<string, Write>();
  readonly #removals = new Map<string, { open: number; endedAt: number }>();
  #highest = 0;
  #forgottenTo = 0;
  #isWriteForgotten = false;

  /** The greatest version that anybody saw. */
  get highest(): number {
    return this.#highest;
  }
  /** Changes up to this version may have been forgotten. */
  get forgottenTo(): number {
    return this.#forgottenTo;
  }
  /** True if writes were forgotten: a value that is not known may have been written. */
  get isWriteForgotten(): boolean {
    return this.#isWriteForgotten;
  }

  get keys(): IterableIterator<string> {
    return this.#byKey.keys();
  }

  /** Somebody saw that the map has this version. */
  reached(version: number): void {
    if (version > this.#highest) this.#highest = version;
  }

  change(version: number): Change | undefined {
    return this.#byVersion.get(version);
  }

  /** The newest known change of a key up to that version. */
  lastChange(key: string, version: number): Change | undefined {
    const list = this.#byKey.get(key) ?? [];
    return list[indexAfter(list, version) - 1];
  }

  /** The first known change of a key after that version. */
  nextChange(key: string, version: number): Change | undefined {
    const list = this.#byKey.get(key) ?? [];
    return list[indexAfter(list, version)];
  }

  /** Known changes of a key in order of versions: the newest up to that version, and all after it. */
  changesFrom(key: string, version: number): readonly Change[] {
    const list = this.#byKey.get(key) ?? [];
    return list.slice(Math.max(0, indexAfter(list, version) - 1));
  }

  add(change: Change): void {
    this.#byVersion.set(change.version, change);
    this.reached(change.version);
    const list = this.#byKey.get(change.key);
    if (list === undefined) this.#byKey.set(change.key, [change]);
    else {
      let at = list.length;
      while (at > 0 && (list[at - 1] as Change).version > change.version) at--;
      if (at === list.length) list.push(change);
      else list.splice(at, 0, change);
    }
    if (this.#byVersion.size > WINDOW) this.#forget();
  }

  write(value: string, call: Call): Write | undefined {
    const known = this.#writes.get(value);
    if (known !== undefined) return known;
    this.#writes.set(value, { call, version: 0 });
    if (this.#writes.size > WINDOW) {
      this.#isWriteForgotten = true;
      let left = WINDOW / 10;
      for (const old of this.#writes.keys()) {
        if (left-- <= 0) break;
        this.#writes.delete(old);
      }
    }
    return undefined;
  }

  writeOf(value: string): Write | undefined {
    return this.#writes.get(value);
  }

  /** From now on the key may be removed, at a version that nobody tells: a removal was called, or an entry has a time to live. */
  removalBegan(key: string): void {
    const removals = this.#removals.get(key);
    if (removals === undefined) this.#removals.set(key, { open: 1, endedAt: Number.NEGATIVE_INFINITY });
    else removals.open++;
  }

  /** A removal that began can no longer happen; if it did happen, then before that position. */
  removalEnded(key: string, happenedUntil: number): void {
    const removals = this.#removals.get(key);
    if (removals === undefined) return;
    removals.open--;
    removals.endedAt = Math.max(removals.endedAt, happenedUntil);
  }

  /** True if a removal of which no version is known may follow this change. */
  isRemovableAfter(change: Change): boolean {
    const removals = this.#removals.get(change.key);
    return removals !== undefined && (removals.open > 0 || removals.endedAt > change.notBefore);
  }

  #forget(): void {
    let left = WINDOW / 10;
    for (const [version, { key }] of this.#byVersion) {
      if (left-- <= 0) break;
      this.#byVersion.delete(version);
      if (version > this.#forgottenTo) this.#forgottenTo = version;
      const list = this.#byKey.get(key);
      // The newest of a key stays, so that reads of keys that seldom change can be judged.
      if (list !== undefined && list.length > 1 && list[0]?.version === version) list.shift();
    }
  }
}

/** Index of the first change after that version. Most ask for the newest, so it is sought from the end in growing steps. */
function indexAfter(list: readonly Change[], version: number): number {
  let low = 0;
  let high = list.length;
  for (let step = 1; high - step >= 0; step *= 2) {
    if ((list[high - step] as Change).version <= version) {
      low = high - step + 1;
      break;
    }
    high -= step;
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((list[middle] as Change).version <= version) low = middle + 1;
    else high = middle;
  }
  return low;
}
