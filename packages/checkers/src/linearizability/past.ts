import { type UsedCalls, isAtMost } from './unknown-calls.js';

/** A past that explains everything answered so far: the state it led to, the open calls that have happened in it, the unknown ones it used. */
export interface Past<S> {
  readonly state: S;
  /** Bits by slot of the open calls that have happened. */
  readonly happened: bigint;
  used: UsedCalls;
}

/** Pasts without those that another makes needless: same state, same open calls, and no more unknown calls used. */
export class PastSet<S> {
  readonly #byKey = new Map<string, Past<S>[]>();
  readonly #keyOf: (state: S) => string | number;
  #size = 0;

  constructor(keyOf: (state: S) => string | number) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#size;
  }

  /** False if a past that is there makes it needless. */
  add(past: Past<S>): boolean {
    const key = `${past.happened}|${this.#keyOf(past.state)}`;
    const known = this.#byKey.get(key);
    if (known === undefined) {
      this.#byKey.set(key, [past]);
      this.#size++;
      return true;
    }
    for (const each of known) if (isAtMost(each.used, past.used)) return false;
    const kept = known.filter((each) => !isAtMost(past.used, each.used));
    this.#size += 1 + kept.length - known.length;
    kept.push(past);
    this.#byKey.set(key, kept);
    return true;
  }

  /** True if it was not made needless since it was added. */
  has(past: Past<S>): boolean {
    return this.#byKey.get(`${past.happened}|${this.#keyOf(past.state)}`)?.includes(past) ?? false;
  }

  toArray(): Past<S>[] {
    return [...this.#byKey.values()].flat();
  }
}
