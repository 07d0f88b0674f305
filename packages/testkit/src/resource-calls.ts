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
