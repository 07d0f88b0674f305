import { type Call, describeCall, valueKey } from '../history/call.js';

/** How many calls of each class a possible past has used, as pairs of class and count in order of class. Most pasts have used none. */
export type UsedCalls = readonly number[];

/** Nothing used. */
export const NONE_USED: UsedCalls = [];

/**
 * Calls of one partition of which nobody knows whether they happened. Equal calls are interchangeable, so they are counted by class; a class
 * has what was invoked up to now. What every possible past has used is forgotten.
 */
export class UnknownCalls {
  readonly #classes: { readonly call: Call; count: number }[] = [];
  readonly #classOf = new Map<string, number>();
  readonly #free: number[] = [];

  /** Classes. */
  get size(): number {
    return this.#classOf.size;
  }
  get isEmpty(): boolean {
    return this.#classOf.size === 0;
  }

  add(call: Call): void {
    const key = keyOf(call);
    const known = this.#classOf.get(key);
    if (known !== undefined) {
      (this.#classes[known] as { count: number }).count++;
      return;
    }
    const at = this.#free.pop() ?? this.#classes.length;
    this.#classes[at] = { call, count: 1 };
    this.#classOf.set(key, at);
  }

  /** Classes of which a past that has used `used` has one left. */
  *available(used: UsedCalls): Generator<number> {
    for (const at of this.#classOf.values()) if (usedOf(used, at) < (this.#classes[at] as { count: number }).count) yield at;
  }

  callOf(at: number): Call {
    return (this.#classes[at] as { call: Call }).call;
  }

  /** What all pasts have used is theirs for good: it goes from the classes and from the pasts. */
  settle(pasts: { used: UsedCalls }[]): void {
    const first = pasts[0]?.used ?? NONE_USED;
    for (let i = 0; i < first.length; i += 2) {
      const at = first[i] as number;
      let least = first[i + 1] as number;
      for (const { used } of pasts) least = Math.min(least, usedOf(used, at));
      if (least === 0) continue;
      for (const past of pasts) past.used = without(past.used, at, least);
      const each = this.#classes[at] as { call: Call; count: number };
      each.count -= least;
      if (each.count > 0) continue;
      this.#classOf.delete(keyOf(each.call));
      this.#free.push(at);
      // The list of the first past has just changed.
      return this.settle(pasts);
    }
  }

  /** Forgets what no past can use any more, and who used it. */
  forget(isOver: (call: Call) => boolean, pasts: readonly { used: UsedCalls }[]): void {
    for (const [key, at] of this.#classOf) {
      if (!isOver(this.callOf(at))) continue;
      for (const past of pasts) {
        const count = usedOf(past.used, at);
        if (count > 0) past.used = without(past.used, at, count);
      }
      this.#classOf.delete(key);
      this.#free.push(at);
    }
  }

  describe(): string[] {
    return [...this.#classOf.values()].map((at) => describeCall(this.callOf(at)));
  }
}

/** What was used, and one call of the class `at` more. */
export function using(used: UsedCalls, at: number): UsedCalls {
  const all = [...used];
  for (let i = 0; i < all.length; i += 2) {
    const known = all[i] as number;
    if (known === at) {
      all[i + 1] = (all[i + 1] as number) + 1;
      return all;
    }
    if (known > at) {
      all.splice(i, 0, at, 1);
      return all;
    }
  }
  all.push(at, 1);
  return all;
}

/** True if `a` used no call that `b` has not: what `b` can still do, `a` can too. */
export function isAtMost(a: UsedCalls, b: UsedCalls): boolean {
  if (a.length > b.length) return false;
  for (let i = 0; i < a.length; i += 2) if (usedOf(b, a[i] as number) < (a[i + 1] as number)) return false;
  return true;
}

function usedOf(used: UsedCalls, at: number): number {
  for (let i = 0; i < used.length; i += 2) if (used[i] === at) return used[i + 1] as number;
  return 0;
}

function without(used: UsedCalls, at: number, count: number): UsedCalls {
  const all: number[] = [];
  for (let i = 0; i < used.length; i += 2) {
    const left = (used[i + 1] as number) - (used[i] === at ? count : 0);
    if (left > 0) all.push(used[i] as number, left);
  }
  return all;
}

function keyOf(call: Call): string {
  return `${call.op} ${valueKey(call.args)}`;
}
