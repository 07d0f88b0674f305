/**
 * Bytes to build values in, the same memory again and again: tables copy what they are given, and making an array of more than 64 bytes costs
 * more than filling it.
 */
export class ScratchBytes {
  readonly #buffer: Uint8Array;
  // The buffer cut to each length that was asked for.
  readonly #views: (Uint8Array | undefined)[] = [];

  /** Values of up to `max` bytes are built in the same memory, longer ones in memory of their own. */
  constructor(max: number) {
    this.#buffer = new Uint8Array(max);
  }

  /** `length` bytes of any content, valid until the next call. */
  take(length: number): Uint8Array {
    if (length > this.#buffer.length) return new Uint8Array(length);
    return (this.#views[length] ??= this.#buffer.subarray(0, length));
  }
}

/** Memory that is kept for the next use. */
const POOLED_BYTES_MAX = 65_536;
const POOLED_MAX = 8;
const POOLED_BYTES_MIN = 4096;

/** Bytes that are needed for longer than a call and in any number, mostly one or two at a time, in memory that is used again. */
export class BytesPool {
  readonly #free: Uint8Array[] = [];

  /** At least so many bytes of any content; `give` them back. */
  take(bytes: number): Uint8Array {
    const free = this.#free.pop();
    return free !== undefined && free.length >= bytes ? free : new Uint8Array(Math.max(bytes, POOLED_BYTES_MIN));
  }

  /** More bytes that begin with the same content, instead of these. */
  grow(bytes: Uint8Array, needed: number): Uint8Array {
    const grown = new Uint8Array(Math.max(needed, 2 * bytes.length));
    grown.set(bytes);
    this.give(bytes);
    return grown;
  }

  give(bytes: Uint8Array): void {
    if (bytes.length <= POOLED_BYTES_MAX && this.#free.length < POOLED_MAX) this.#free.push(bytes);
  }
}
