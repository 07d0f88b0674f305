// What a MessagePack value may be made of, looked at before anything is decoded: its bytes come from other clients. A few bytes can promise an array
// of four thousand million items, in another and another; here every item must be there, so what is decoded afterwards takes room in proportion to the bytes.
//
//   00–7f e0–ff c0 c2 c3        a value in one byte (c1 is none)
//   ca cb, cc–cf, d0–d3         floats of 4 and 8 bytes, whole numbers of 1, 2, 4 and 8 bytes
//   a0–bf d9 da db              text: UTF-8
//   c4 c5 c6                    bytes
//   90–9f dc dd, 80–8f de df    arrays, maps; the keys of maps are texts, and none is `__proto__`
//   d4–d8 c7 c8 c9              extensions: only moments in time (type −1, of 4, 8 or 12 bytes)
import { isUtf8 } from 'node:buffer';
import type { QuorateError } from '@quorate/base';
import { invalidValue } from '@quorate/resources';

/** Deepest nesting that is stored or read, as with JSON. */
export const MESSAGE_PACK_DEPTH_MAX = 500;

const TIMESTAMP_TYPE = 0xff;
const TIMESTAMP_BYTES: ReadonlySet<number> = new Set([4, 8, 12]);
const PROTO = Uint8Array.from('__proto__', (letter) => letter.charCodeAt(0));

/** Throws `valueInvalid` (details: `at`) unless the bytes are one whole value. Says whether bytes are in it, which a decoder would only lend. */
export function checkMessagePack(encoded: Uint8Array): { readonly hasBytes: boolean } {
  const form = new MessagePackForm(encoded);
  form.value(0);
  if (form.at < encoded.length) throw form.fault(`${encoded.length - form.at} bytes follow the value`);
  return form;
}

class MessagePackForm {
  at = 0;
  hasBytes = false;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  value(depth: number): void {
    const head = this.#number(1);
    if (head <= 0x7f || head >= 0xe0) return;
    if (head <= 0x8f) this.#map(head & 0x0f, depth);
    else if (head <= 0x9f) this.#array(head & 0x0f, depth);
    else if (head <= 0xbf) this.#text(head & 0x1f);
    else this.#long(head, depth);
  }

  fault(what: string): QuorateError {
    return invalidValue(`not MessagePack that is read here: ${what} at byte ${this.at}`, { at: this.at });
  }

  /** Heads from `c0` to `df`. */
  #long(head: number, depth: number): void {
    if (head === 0xc0 || head === 0xc2 || head === 0xc3) return;
    if (head >= 0xc4 && head <= 0xc6) {
      this.hasBytes = true;
      this.#take(this.#number(1 << (head - 0xc4)));
    } else if (head >= 0xc7 && head <= 0xc9) this.#extension(this.#number(1 << (head - 0xc7)));
    else if (head === 0xca || head === 0xcb) this.#take(4 << (head - 0xca));
    else if (head >= 0xcc && head <= 0xcf) this.#take(1 << (head - 0xcc));
    else if (head >= 0xd0 && head <= 0xd3) this.#take(1 << (head - 0xd0));
    else if (head >= 0xd4 && head <= 0xd8) this.#extension(1 << (head - 0xd4));
    else if (head >= 0xd9 && head <= 0xdb) this.#text(this.#number(1 << (head - 0xd9)));
    else if (head === 0xdc || head === 0xdd) this.#array(this.#number(2 << (head - 0xdc)), depth);
    else if (head === 0xde || head === 0xdf) this.#map(this.#number(2 << (head - 0xde)), depth);
    else throw this.fault('a byte without a meaning');
  }

  #array(count: number, depth: number): void {
    this.#checkDepth(depth);
    for (let left = count; left > 0; left--) this.value(depth + 1);
  }

  #map(count: number, depth: number): void {
    this.#checkDepth(depth);
    for (let left = count; left > 0; left--) {
      this.#key();
      this.value(depth + 1);
    }
  }

  #checkDepth(depth: number): void {
    if (depth >= MESSAGE_PACK_DEPTH_MAX) throw this.fault(`nested more than ${MESSAGE_PACK_DEPTH_MAX} deep`);
  }

  #key(): void {
    const head = this.#number(1);
    let key: Uint8Array;
    if (head >= 0xa0 && head <= 0xbf) key = this.#text(head & 0x1f);
    else if (head >= 0xd9 && head <= 0xdb) key = this.#text(this.#number(1 << (head - 0xd9)));
    else throw this.fault('a key that is no text');
    if (key.length === PROTO.length && PROTO.every((letter, place) => key[place] === letter)) throw this.fault('the key __proto__');
  }

  #text(length: number): Uint8Array {
    const text = this.#take(length);
    if (!isUtf8(text)) throw this.fault('text that is not UTF-8');
    return text;
  }

  #extension(length: number): void {
    const [type] = this.#take(1);
    if (type !== TIMESTAMP_TYPE || !TIMESTAMP_BYTES.has(length)) throw this.fault('an extension of an unknown type');
    this.#take(length);
  }

  #number(length: number): number {
    const at = this.at;
    this.#take(length);
    if (length === 1) return this.#view.getUint8(at);
    return length === 2 ? this.#view.getUint16(at) : this.#view.getUint32(at);
  }

  #take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.at) throw this.fault(`${length} bytes are missing`);
    this.at += length;
    return this.#bytes.subarray(this.at - length, this.at);
  }
}
