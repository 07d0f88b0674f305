import { fromUtf8 } from '@quorate/base';
import type { HistoryFields } from '@quorate/checkers';
import type { Token } from '@quorate/machine';

/** The map that is written only under a lock or a leadership: one for each, by its name. */
export const guardedBy = (name: string): string => `guarded-${name}`;

/** What a map has under a key. */
export interface Entry {
  readonly value: Uint8Array;
  readonly version: number;
}

/** The same with its key. */
export interface KeyedEntry extends Entry {
  readonly key: Uint8Array;
}

/** Names in the history: unique whatever the kind. */
export function objectOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}

/** A token as the history writes it. */
export function tokenOf(token: Token): readonly number[] {
  return [token.epoch, token.index];
}

/** What a map has under a key, as the history writes it. */
export function entryOf({ value, version }: Entry): HistoryFields {
  return { value: fromUtf8(value), version };
}
