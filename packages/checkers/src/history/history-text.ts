import { QuorateError } from '@quorate/base';

/**
 * Texts of a history stand for bytes. Bytes that are not UTF-8 are held as a text too, so that every checker compares plain strings: a low
 * surrogate, with which no text begins, and then the bytes as Base64.
 */
const BYTES_MARK = '\uDC00';
const MARK_UNIT = 0xdc00;
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
const CODES: Int8Array = new Int8Array(128).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) CODES[ALPHABET.charCodeAt(i)] = i;

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Bytes as a text of a history: the text they are if they are UTF-8, otherwise wrapped. Equal bytes give equal texts. */
export function bytesText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    return BYTES_MARK + toBase64(bytes);
  }
}

/** The bytes of a text of a history. */
export function textBytes(text: string): Uint8Array {
  return text.startsWith(BYTES_MARK) ? fromBase64(text.slice(1)) : encoder.encode(text);
}

/** The Base64 of a text that wraps bytes; null if it is plain. */
export function wrappedBase64(text: string): string | null {
  return text.charCodeAt(0) === MARK_UNIT ? text.slice(1) : null;
}

/** Standard Base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const a = bytes[i] as number;
    const b = bytes[i + 1];
    const c = bytes[i + 2];
    text += (ALPHABET[a >> 2] as string) + (ALPHABET[((a & 3) << 4) | ((b ?? 0) >> 4)] as string);
    text += b === undefined ? '=' : (ALPHABET[((b & 15) << 2) | ((c ?? 0) >> 6)] as string);
    text += c === undefined ? '=' : (ALPHABET[c & 63] as string);
  }
  return text;
}

/** The bytes of standard Base64 with padding; anything else throws `invalidArgument`. */
export function fromBase64(text: string): Uint8Array {
  const bad = (): QuorateError => new QuorateError('invalidArgument', 'not standard Base64 with padding');
  if (text.length % 4 !== 0) throw bad();
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
  const bytes = new Uint8Array((text.length / 4) * 3 - padding);
  let held = 0;
  let bits = 0;
  let at = 0;
  for (let i = 0; i < text.length - padding; i++) {
    const unit = text.charCodeAt(i);
    const code = unit < 128 ? (CODES[unit] as number) : -1;
    if (code < 0) throw bad();
    held = (held << 6) | code;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes[at++] = held >> bits;
    held &= (1 << bits) - 1;
  }
  if (held !== 0) throw bad();
  return bytes;
}

/** Order of the bytes that two texts stand for. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  if (wrappedBase64(a) !== null || wrappedBase64(b) !== null) return compareBytes(textBytes(a), textBytes(b));
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const [x, y] = [a.charCodeAt(i), b.charCodeAt(i)];
    if (x === y) continue;
    // Units of pairs are in another order than the bytes.
    if (x >= 0xd800 || y >= 0xd800) return compareBytes(textBytes(a), textBytes(b));
    return x - y;
  }
  return a.length - b.length;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}

/** True if the bytes of the text begin with those of the prefix, which may end within a character. */
export function hasPrefix(text: string, prefix: string): boolean {
  if (wrappedBase64(text) === null && wrappedBase64(prefix) === null) return text.startsWith(prefix);
  const start = textBytes(prefix);
  return compareBytes(textBytes(text).subarray(0, start.length), start) === 0;
}
