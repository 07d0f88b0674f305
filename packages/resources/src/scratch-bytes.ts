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
