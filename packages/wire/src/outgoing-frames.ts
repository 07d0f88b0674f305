import { QuorateError, lengthOfParts, writeU32 } from '@quorate/base';
import { FRAME_HEADER_BYTES } from './frame-decoder.js';

/** Parts of at least this many bytes are passed on by reference; smaller ones are copied together, which is cheaper than a longer `writev`. */
export const REFERENCE_BYTES_MIN = 16_384;
const SLAB_BYTES_MIN = 1024;
const SLAB_BYTES_MAX = 65_536;
/** A slab that served fewer flushes than this was too small; more than the other, too large. */
const FLUSHES_PER_SLAB_FEW = 4;
const FLUSHES_PER_SLAB_MANY = 256;

/**
 * The frames that wait to be written to a connection. Small parts are copied into a slab, of which each flush takes the next piece; a slab
 * is never written to again where a piece was taken, so that the connection may keep it. Slabs grow and shrink with the traffic.
 */
export class OutgoingFrames {
  readonly #frameBytesMax: number;
  #slab: Uint8Array = new Uint8Array(0);
  /** Start and end of the piece that was not taken yet. */
  #start = 0;
  #end = 0;
  #slabBytes: number = SLAB_BYTES_MIN;
  #flushesOfSlab = 0;
  #chunks: Uint8Array[] = [];
  #bytes = 0;

  constructor(frameBytesMax: number) {
    this.#frameBytesMax = frameBytesMax;
  }

  /** Bytes added and not taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes without a frame around them: the preface. */
  addRaw(bytes: Uint8Array): void {
    this.#copy(bytes);
  }

  /**
   * Adds a frame; `bytes`: of all parts. Parts of `REFERENCE_BYTES_MIN` bytes and more are not copied and must not change any more; smaller ones may.
   * A frame over the limit throws `frameTooLarge` and adds nothing.
   */
  add(type: number, parts: readonly Uint8Array[], bytes: number = lengthOfParts(parts)): void {
    const length = 1 + bytes;
    if (length > this.#frameBytesMax) {
      throw new QuorateError('frameTooLarge', `a frame of type ${type} with ${length} bytes is over the limit of ${this.#frameBytesMax}`, {
        type,
        length,
        max: this.#frameBytesMax,
      });
    }
    this.#header(type, length);
    for (const part of parts) {
      if (part.length < REFERENCE_BYTES_MIN) {
        this.#copy(part);
      } else {
        this.#closePiece();
        this.#chunks.push(part);
        this.#bytes += part.length;
      }
    }
  }

  /** All chunks in order; they are no longer referred to. */
  takeChunks(): Uint8Array[] {
    this.#closePiece();
    const chunks = this.#chunks;
    this.#chunks = [];
    this.#bytes = 0;
    this.#flushesOfSlab++;
    return chunks;
  }

  /** Forgets everything. */
  clear(): void {
    this.takeChunks();
    this.#slab = new Uint8Array(0);
    this.#start = 0;
    this.#end = 0;
  }

  #header(type: number, length: number): void {
    if (this.#slab.length - this.#end < FRAME_HEADER_BYTES) this.#newSlab();
    writeU32(this.#slab, this.#end, length);
    this.#slab[this.#end + 4] = type;
    this.#end += FRAME_HEADER_BYTES;
    this.#bytes += FRAME_HEADER_BYTES;
  }

  #copy(bytes: Uint8Array): void {
    let from = 0;
    while (from < bytes.length) {
      if (this.#end === this.#slab.length) this.#newSlab();
      const count = Math.min(bytes.length - from, this.#slab.length - this.#end);
      this.#slab.set(count === bytes.length ? bytes : bytes.subarray(from, from + count), this.#end);
      this.#end += count;
      from += count;
    }
    this.#bytes += bytes.length;
  }

  #closePiece(): void {
    if (this.#end > this.#start) this.#chunks.push(this.#slab.subarray(this.#start, this.#end));
    this.#start = this.#end;
  }

  #newSlab(): void {
    this.#closePiece();
    if (this.#slab.length > 0) {
      if (this.#flushesOfSlab < FLUSHES_PER_SLAB_FEW) this.#slabBytes = Math.min(SLAB_BYTES_MAX, this.#slabBytes * 2);
      else if (this.#flushesOfSlab > FLUSHES_PER_SLAB_MANY) this.#slabBytes = Math.max(SLAB_BYTES_MIN, this.#slabBytes / 2);
    }
    this.#slab = new Uint8Array(this.#slabBytes);
    this.#start = 0;
    this.#end = 0;
    this.#flushesOfSlab = 0;
  }
}
