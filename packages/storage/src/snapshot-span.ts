import type { Checksum } from '@quorate/base';
import { CHUNK_HEAD_BYTES, SNAPSHOT_CHUNK_BYTES, type SnapshotCodec } from './snapshot-format.js';

/** Chunks that are written at once. Each write goes through the thread pool, and handing something to it can hold up the one who hands over. */
const SPAN_CHUNKS = 8;
const STRIDE = CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES;

/** The chunks of a snapshot file that are written next, one after the other as they stand in it. The same memory for all of a file. */
export class SnapshotSpan {
  readonly #codec: SnapshotCodec;
  readonly #checksum: Checksum;
  readonly #buffer: Uint8Array = new Uint8Array(SPAN_CHUNKS * STRIDE);
  /** Bytes of sealed chunks, and content of the one behind them. */
  #sealedBytes = 0;
  #partialBytes = 0;
  #chunks = 0;
  #wholeChecksum = 0;

  constructor(codec: SnapshotCodec, checksum: Checksum) {
    this.#codec = codec;
    this.#checksum = checksum;
  }

  /** Chunks sealed so far, in all spans. */
  get chunks(): number {
    return this.#chunks;
  }
  /** CRC-32C over their checksums. */
  get wholeChecksum(): number {
    return this.#wholeChecksum;
  }
  /** Nothing more fits before `clear`. */
  get isFull(): boolean {
    return this.#sealedBytes === this.#buffer.length;
  }
  /** The sealed chunks, with their heads. */
  get bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#sealedBytes);
  }

  /** Copies as much as fits of `bytes` from `from` on; gives how much. */
  take(bytes: Uint8Array, from: number): number {
    let at = from;
    while (at < bytes.length && !this.isFull) {
      const count = Math.min(bytes.length - at, SNAPSHOT_CHUNK_BYTES - this.#partialBytes);
      this.#buffer.set(bytes.subarray(at, at + count), this.#sealedBytes + CHUNK_HEAD_BYTES + this.#partialBytes);
      this.#partialBytes += count;
      at += count;
      if (this.#partialBytes === SNAPSHOT_CHUNK_BYTES) this.seal();
    }
    return at - from;
  }

  /** Ends the chunk that is begun, if one is: the last of a file is shorter. */
  seal(): void {
    if (this.#partialBytes === 0) return;
    const start = this.#sealedBytes + CHUNK_HEAD_BYTES;
    const end = start + this.#partialBytes;
    const head = this.#codec.chunkHead(this.#chunks, this.#buffer.subarray(start, end));
    this.#buffer.set(head, this.#sealedBytes);
    this.#wholeChecksum = this.#checksum(head.subarray(0, 4), this.#wholeChecksum);
    this.#chunks++;
    this.#sealedBytes = end;
    this.#partialBytes = 0;
  }

  /** The sealed chunks are written. */
  clear(): void {
    this.#sealedBytes = 0;
  }
}
