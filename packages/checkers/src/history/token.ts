import type { HistoryValue } from './event.js';

/** A fencing token as a history writes it: `[epoch, index]`, or one whole number, which is `[0, number]`. */
export type HistoryToken = number | readonly [number, number];

const isWhole = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** True if the value is a token. */
export function isToken(value: unknown): value is HistoryToken {
  return isWhole(value) || (Array.isArray(value) && value.length === 2 && isWhole(value[0]) && isWhole(value[1]));
}

/** Negative, 0 or positive: by epoch, then by index. */
export function compareTokens(a: HistoryToken, b: HistoryToken): number {
  const [epochA, indexA] = typeof a === 'number' ? [0, a] : a;
  const [epochB, indexB] = typeof b === 'number' ? [0, b] : b;
  return epochA === epochB ? indexA - indexB : epochA - epochB;
}

/** One text for equal tokens. */
export function tokenKey(token: HistoryToken): string {
  return typeof token === 'number' ? `0.${token}` : `${token[0]}.${token[1]}`;
}

/** The token in a value whose shape was checked: `{token}`, or null. */
export function tokenOf(value: HistoryValue): HistoryToken | null {
  return value === null ? null : ((value as { readonly token: HistoryToken }).token ?? null);
}
