import { type Random, randomBetween } from '@quorate/base';
import type { Fence } from '@quorate/machine';
import type { Holding } from '@quorate/resources';

/** The map that is written only under a lock or a leadership: one for each, by its name. */
export const guardedBy = (name: string): string => `guarded-${name}`;

/** Something held under a name, and how it is given up. */
export interface Held {
  readonly object: string;
  readonly name: string;
  readonly holding: Holding;
  readonly end: 'release' | 'resign';
}

/** A write of a map, maybe under what is held. */
export interface Put {
  readonly name: string;
  readonly key: string;
  readonly op: 'set' | 'setIfAbsent' | 'compareAndSet';
  readonly ttlMs: number | null;
  readonly version: number;
  readonly fence: { readonly object: string; readonly fence: Fence } | null;
}

/** Mostly one of a few: what was written together ends together, and costs the cluster one tick. */
export function drawTtlMs(random: Random): number {
  return randomBetween(random, 0, 4) === 0 ? randomBetween(random, 1, 1000) : ([1, 50, 300, 1000][randomBetween(random, 0, 3)] ?? 300);
}
