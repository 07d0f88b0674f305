import { lengthOfParts } from './byte-parts.js';
import { QuorateError } from './errors.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const EMPTY = new Uint8Array(0);

/** Longest text that is encoded by hand: up to here a loop costs less than the call of an encoder. */
const SHORT_TEXT = 48;

/** UTF-8 bytes of a string. */
export function utf8(text: string): Uint8Array {
  const { length } = text;
  if (length > SHORT_TEXT) return encoder.encode(text);
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return encoder.encode(text);
    bytes[i] = code;
  }
  return bytes;
}

/** The string of UTF-8 bytes; malformed input throws `malformedFrame`. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw new QuorateError('malformedFrame', 'text is not valid UTF-8', {}, { cause });
  }
}

/** True if both hold the same bytes. */
export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** True if all bytes are zero. */
export function isZero(bytes: Uint8Array): boolean {
  return zerosFrom(bytes, 0) === bytes.length;
}

/** How many zeros there are from a position on, up to the first byte that is none. */
export function zerosFrom(bytes: Uint8Array, from: number): number {
  const { length } = bytes;
  let at = from;
  while (at < length && ((bytes.byteOffset + at) & 3) !== 0) {
    if (bytes[at] !== 0) return at - from;
    at++;
  }
  if (at < length && bytes[at] === 0) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset + at, (length - at) >> 2);
    let word = 0;
    while (word < words.length && words[word] === 0) word++;
    at += word << 2;
  }
  while (at < length && bytes[at] === 0) at++;
  return at - from;
}

/** One array of all parts. */
export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1 && parts[0] !== undefined) return parts[0];
  const all = new Uint8Array(lengthOfParts(parts));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The little-endian unsigned 16-bit number at a position that the caller has checked. */
export function readU16(b: Uint8Array, at: number): number {
  return (b[at] as number) | ((b[at + 1] as number) << 8);
}
/** The little-endian unsigned 32-bit number at a position that the caller has checked. */
export function readU32(b: Uint8Array, at: number): number {
  return ((b[at] as number) | ((b[at + 1] as number) << 8) | ((b[at + 2] as number) << 16) | ((b[at + 3] as number) << 24)) >>> 0;
}
/** An unsigned 64-bit number as a safe integer; larger values give a value above `Number.MAX_SAFE_INTEGER`. */
export function readU64(b: Uint8Array, at: number): number {
  return readU32(b, at + 4) * 0x1_0000_0000 + readU32(b, at);
}
/** Writes the low 16 bits, little-endian. */
export function writeU16(b: Uint8Array, at: number, value: number): void {
  b[at] = value;
  b[at + 1] = value >>> 8;
}
/** Writes the low 32 bits, little-endian. */
export function writeU32(b: Uint8Array, at: number, value: number): void {
  b[at] = value;
  b[at + 1] = value >>> 8;
  b[at + 2] = value >>> 16;
  b[at + 3] = value >>> 24;
}
/** A safe non-negative integer in 8 bytes. */
export function writeU64(b: Uint8Array, at: number, value: number): void {
  // Division and remainder of numbers beyond 32 bits are calls; most numbers here are small.
  const low = value >>> 0;
  writeU32(b, at, low);
  writeU32(b, at + 4, value === low ? 0 : (value - low) / 0x1_0000_0000);
}

/** Appends little-endian fields to a growing buffer. `take()`, `cut()` and `copy()` give the bytes, and the writer starts anew. */
export class ByteWriter {
  readonly #capacity: number;
  #buffer: Uint8Array;
  /** Before it lies what was cut off. */
  #start = 0;
  #end = 0;

  /** `capacity`: bytes reserved at a time, unless more are needed at once. */
  constructor(capacity = 256) {
    this.#capacity = capacity;
    this.#buffer = new Uint8Array(capacity);
  }

  get length(): number {
    return this.#end - this.#start;
  }

  #reserve(count: number): number {
    if (this.#end + count > this.#buffer.length) this.#grow(count);
    const at = this.#end;
    this.#end = at + count;
    return at;
  }

  #grow(count: number): void {
    const { length } = this;
    const needed = length + count;
    // What was cut off is not counted: it lies in the buffer that is left to it.
    const grown = new Uint8Array(needed <= this.#capacity ? this.#capacity : Math.max(needed, 2 * length));
    grown.set(this.#buffer.subarray(this.#start, this.#end));
    this.#buffer = grown;
    this.#start = 0;
    this.#end = length;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }
  u16(value: number): this {
    const at = this.#reserve(2);
    writeU16(this.#buffer, at, value);
    return this;
  }
  u32(value: number): this {
    const at = this.#reserve(4);
    writeU32(this.#buffer, at, value);
    return this;
  }
  u64(value: number): this {
    const at = this.#reserve(8);
    writeU64(this.#buffer, at, value);
    return this;
  }
  /** Bytes without a length. */
  raw(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
    return this;
  }
  /** u32 length, then the bytes. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }
  /** u16 length, then UTF-8. */
  text(text: string): this {
    const encoded = encoder.encode(text);
    if (encoded.length > 0xffff) throw new QuorateError('invalidArgument', 'text is longer than 65535 bytes', { bytes: encoded.length });
    return this.u16(encoded.length).raw(encoded);
  }
  /** Overwrites a u32 written earlier (a length known only afterwards). */
  patchU32(at: number, value: number): void {
    writeU32(this.#buffer, this.#start + at, value);
  }
  /** A view of what was written since the last result, valid until more is written. */
  view(from: number, to: number): Uint8Array {
    return this.#buffer.subarray(this.#start + from, this.#start + to);
  }
  /** Forgets what was written behind the first `length` bytes since the last result. */
  truncate(length: number): void {
    this.#end = this.#start + length;
  }
  /** Forgets what was written since the last result. */
  clear(): void {
    this.#end = this.#start;
  }
  /** A copy of the bytes written so far; the writer starts anew in the same memory. For many short results. */
  copy(): Uint8Array {
    const { length } = this;
    const start = this.#start;
    this.#end = start;
    const copied = new Uint8Array(length);
    // A short copy costs less than the call that makes a long one.
    if (length > 64) copied.set(this.#buffer.subarray(start, start + length));
    else for (let i = 0; i < length; i++) copied[i] = this.#buffer[start + i] as number;
    return copied;
  }
  /**
   * The bytes written so far; the writer goes on behind them in the same memory. For many results that live about as long as each other: together
   * they cost one allocation, and one that is kept keeps all of it.
   */
  cut(): Uint8Array {
    const cut = this.#buffer.subarray(this.#start, this.#end);
    this.#start = this.#end;
    return cut;
  }
  /** The bytes written so far; the writer no longer refers to them. */
  take(): Uint8Array {
    const taken = this.#buffer.subarray(this.#start, this.#end);
    this.#buffer = EMPTY;
    this.#start = 0;
    this.#end = 0;
    return taken;
  }
}

/** Reads little-endian fields; every read is checked against the end and throws `malformedFrame`. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #from: number;
  readonly #to: number;
  #at: number;

  /** Reads from byte `from` up to `to`, which lie within the bytes. */
  constructor(bytes: Uint8Array, from = 0, to: number = bytes.length) {
    this.#bytes = bytes;
    this.#from = from;
    this.#to = to;
    this.#at = from;
  }

  get remaining(): number {
    return this.#to - this.#at;
  }
  /** Bytes read so far. */
  get position(): number {
    return this.#at - this.#from;
  }

  #advance(count: number): number {
    const at = this.#at;
    if (count < 0 || count > this.#to - at) {
      const { position, remaining } = this;
      throw new QuorateError('malformedFrame', `need ${count} bytes at ${position}, have ${remaining}`, { at: position, need: count });
    }
    this.#at = at + count;
    return at;
  }

  u8(): number {
    return this.#bytes[this.#advance(1)] as number;
  }
  u16(): number {
    return readU16(this.#bytes, this.#advance(2));
  }
  u32(): number {
    return readU32(this.#bytes, this.#advance(4));
  }
  /** A u64 that must be a safe integer. */
  u64(): number {
    const at = this.#advance(8);
    const value = readU64(this.#bytes, at);
    if (!Number.isSafeInteger(value))
      throw new QuorateError('malformedFrame', `number at ${at - this.#from} is beyond 2^53`, { at: at - this.#from });
    return value;
  }
  /** A view of the next `count` bytes; it shares memory with the input. */
  raw(count: number): Uint8Array {
    const at = this.#advance(count);
    return this.#bytes.subarray(at, at + count);
  }
  /** u32 length (at most `max`), then a view of the bytes. */
  bytes(max: number): Uint8Array {
    return this.raw(this.#length(max));
  }
  /** u32 length (at most `max`), then that many bytes, which are passed over. */
  skip(max: number): void {
    this.#advance(this.#length(max));
  }
  #length(max: number): number {
    const length = this.u32();
    if (length > max) throw new QuorateError('malformedFrame', `length ${length} is over the limit ${max}`, { length, max });
    return length;
  }
  /** u16 length (at most `max` bytes), then UTF-8. */
  text(max = 0xffff): string {
    const length = this.u16();
    if (length > max) throw new QuorateError('malformedFrame', `text of ${length} bytes is over the limit ${max}`, { length, max });
    return fromUtf8(this.raw(length));
  }
  /** Throws unless all bytes were read. */
  end(): void {
    if (this.remaining !== 0) throw new QuorateError('malformedFrame', `${this.remaining} bytes too many`, { extra: this.remaining });
  }
}
