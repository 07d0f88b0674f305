import { fromUtf8 } from '@quorate/base';
import type { HistoryFields } from '@quorate/checkers';
import type { Token } from '@quorate/machine';

/** An entry of a map as clients get it. */
export interface Entry {
  readonly value: Uint8Array;
  readonly version: number;
}
/** One of a page. */
export interface KeyedEntry extends Entry {
  readonly key: Uint8Array;
}

/** Names in the history: unique whatever the kind. */
export function objectOf(kind: string, name: string): string {
  return `${kind}/${name}`;
}

/** A token in the history. */
export function tokenOf(token: Token): readonly number[] {
  return [token.epoch, token.index];
}

/** An entry in the history. */
export function entryOf({ value, version }: Entry): HistoryFields {
  return { value: fromUtf8(value), version };
}
