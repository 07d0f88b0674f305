import { fromUtf8 } from '@quorate/base';
import { type ValueCodec, json } from '@quorate/resources';
import { printable } from './record-text.js';

/** A value as it is stored: JSON, as clients write it by default; or other bytes, from a client with another codec. */
export type StoredValue = { readonly type: 'json'; readonly value: unknown } | { readonly type: 'bytes'; readonly bytes: Uint8Array };

const JSON_CODEC: ValueCodec<unknown> = json();

/** Writes JSON and reads anything. */
export const STORED_VALUES: ValueCodec<StoredValue> = {
  encode: (stored) => (stored.type === 'json' ? JSON_CODEC.encode(stored.value) : stored.bytes),
  decode: (bytes) => {
    try {
      const value = JSON_CODEC.decode(bytes);
      // Lists in lists beyond what clients write can be read, but not be made a text again: they are shown as the bytes they are.
      JSON_CODEC.encode(value);
      return { type: 'json', value };
    } catch {
      return { type: 'bytes', bytes: bytes.slice() };
    }
  },
};

/** For standard output: a JSON string as its text, other JSON as JSON, other bytes as they are. */
export function valueOutput(stored: StoredValue): string | Uint8Array {
  if (stored.type === 'bytes') return stored.bytes;
  return typeof stored.value === 'string' ? stored.value : JSON.stringify(stored.value);
}

/** The same in one line that a terminal may show. */
export function valueLine(stored: StoredValue): string {
  const output = valueOutput(stored);
  return oneLine(typeof output === 'string' ? output : new TextDecoder().decode(output));
}

/** Text in one line without tabs or other control characters, which are shown as escapes. */
export function oneLine(text: string): string {
  return printable(text).replace(/[\t\n]/g, (character) => (character === '\t' ? '\\x09' : '\\x0a'));
}

/** For `--json`: `value` is JSON; what is none is `text` if it is UTF-8, else `base64`. */
export function valueJson(stored: StoredValue): Readonly<Record<string, unknown>> {
  if (stored.type === 'json') return { value: stored.value };
  try {
    return { text: fromUtf8(stored.bytes) };
  } catch {
    return { base64: Buffer.from(stored.bytes).toString('base64') };
  }
}
