import { QuorateError, concatBytes, readU32 } from '@quorate/base';
import { PrefaceReader } from './preface.js';

/*
 * A frame: u32 length of what follows (at least 1), u8 type, body. The format is described in docs/formats/wire.md.
 *
 * Memory: a length is compared with the limit before a byte is reserved for it, and what is reserved grows with the bytes that have really
 * arrived (by doubling), so that a length alone costs nothing (T80). Frames that arrive whole in one read are handed out where they are.
 */

/** Bytes before the body: length and type. */
export const FRAME_HEADER_BYTES = 5;
const LENGTH_BYTES = 4;
const PARTIAL_BYTES_MIN = 1024;
const EMPTY = new Uint8Array(0);

/** Bounds of a decoder, and how its stream begins. */
export interface FrameDecoderOptions {
  /** Largest frame in bytes: type and body. */
  readonly frameBytesMax: number;
  /** True if the stream starts with the preface. */
  readonly expectPreface: boolean;
  /** Largest buffer that is kept when `tidy` is called; default 64 KiB. More only for connections that are trusted and few. */
  readonly keepBytesMax?: number;
}

/** Cuts a byte stream into frames. After it has thrown, or after `stop`, it ignores whatever it is given. */
export class FrameDecoder {
  #frameBytesMax: number;
  #keepBytesMax: number;
  #preface: PrefaceReader | null;
  /** The beginning of a frame, from its length on. */
  #partial: Uint8Array = EMPTY;
  #partialBytes = 0;
  /** A large frame was put together since `tidy` was called last. */
  #wasLarge = false;
  #isStopped = false;
  #isSuspended = false;
  /** What came behind the frame in which the decoder was suspended. */
  #backlog: Uint8Array = EMPTY;

  constructor(options: FrameDecoderOptions) {
    this.#frameBytesMax = options.frameBytesMax;
    this.#keepBytesMax = options.keepBytesMax ?? 65_536;
    this.#preface = options.expectPreface ? new PrefaceReader() : null;
  }

  /** Bytes reserved at present for an incomplete frame, never above the frame limit plus four; and what came since it was suspended. */
  get bufferedBytes(): number {
    return this.#partial.length + this.#backlog.length;
  }

  get isSuspended(): boolean {
    return this.#isSuspended;
  }

  /** Applies from the next frame on, also in the middle of a `push`. */
  setFrameBytesMax(bytes: number): void {
    this.#frameBytesMax = bytes;
  }

  setKeepBytesMax(bytes: number): void {
    this.#keepBytesMax = bytes;
  }

  /** True if more is kept for the next frame than should be for long: then `tidy` is to be called now and then. */
  get isUntidy(): boolean {
    return this.#partial.length > this.#keepBytesMax;
  }

  /** Lets a large buffer go, unless it was needed since the last call, or a frame is in it. */
  tidy(): void {
    if (this.isUntidy && this.#partialBytes === 0 && !this.#wasLarge) this.#partial = EMPTY;
    this.#wasLarge = false;
  }

  /** Drops what it holds and ignores what follows; may be called from within `onFrame`. */
  stop(): void {
    this.#isStopped = true;
    this.#partial = EMPTY;
    this.#partialBytes = 0;
    this.#backlog = EMPTY;
  }

  /** No frame is handed out until `resume`; may be called from within `onFrame`. What comes meanwhile is kept: stop the source, too. */
  suspend(): void {
    this.#isSuspended = true;
  }

  /** Goes on with what was kept, like `push`. */
  resume(onFrame: (type: number, body: Uint8Array) => void): void {
    this.#isSuspended = false;
    const backlog = this.#backlog;
    this.#backlog = EMPTY;
    if (backlog.length > 0) this.#run(backlog, true, onFrame);
  }

  /**
   * Takes the next bytes of the stream and calls back for each frame that is complete. `body` is a view that is valid only during the call
   * (it may lie in `bytes` or in a buffer that is used again): whoever keeps some of it copies it. Not to be called from within `onFrame`.
   * Throws `protocolMismatch`, `versionUnsupported`, `frameTooLarge` or `malformedFrame`.
   */
  push(bytes: Uint8Array, onFrame: (type: number, body: Uint8Array) => void): void {
    if (this.#isStopped) return;
    if (this.#isSuspended) this.#backlog = this.#backlog.length === 0 ? bytes.slice() : concatBytes([this.#backlog, bytes]);
    else this.#run(bytes, false, onFrame);
  }

  #run(bytes: Uint8Array, isOwn: boolean, onFrame: (type: number, body: Uint8Array) => void): void {
    try {
      let at = this.#takePreface(bytes);
      if (this.#partialBytes > 0) at = this.#completePartial(bytes, at, onFrame);
      while (!this.#isStopped && !this.#isSuspended && bytes.length - at >= LENGTH_BYTES) {
        const end = at + LENGTH_BYTES + this.#checkLength(readU32(bytes, at));
        if (end > bytes.length) break;
        const type = bytes[at + LENGTH_BYTES] as number;
        const body = bytes.subarray(at + FRAME_HEADER_BYTES, end);
        at = end;
        onFrame(type, body);
      }
      if (this.#isStopped || at === bytes.length) return;
      if (this.#isSuspended) this.#backlog = isOwn ? bytes.subarray(at) : bytes.slice(at);
      else this.#collect(bytes.subarray(at), LENGTH_BYTES + this.#frameBytesMax);
    } catch (thrown) {
      this.stop();
      throw thrown;
    }
  }

  #takePreface(bytes: Uint8Array): number {
    if (this.#preface === null) return 0;
    const taken = this.#preface.take(bytes);
    if (this.#preface.isComplete) this.#preface = null;
    return taken;
  }

  #checkLength(length: number): number {
    if (length < 1) throw new QuorateError('malformedFrame', 'a frame of length 0 has no type', { length });
    if (length > this.#frameBytesMax) {
      throw new QuorateError('frameTooLarge', `a frame of ${length} bytes is over the limit of ${this.#frameBytesMax}`, {
        length,
        max: this.#frameBytesMax,
      });
    }
    return length;
  }

  /** Adds to the frame that was begun in an earlier read; returns the position after what was taken. */
  #completePartial(bytes: Uint8Array, from: number, onFrame: (type: number, body: Uint8Array) => void): number {
    let at = from;
    if (this.#partialBytes < LENGTH_BYTES) {
      const end = Math.min(bytes.length, at + LENGTH_BYTES - this.#partialBytes);
      this.#collect(bytes.subarray(at, end), LENGTH_BYTES);
      at = end;
      if (this.#partialBytes < LENGTH_BYTES) return at;
    }
    const whole = LENGTH_BYTES + this.#checkLength(readU32(this.#partial, 0));
    const end = Math.min(bytes.length, at + whole - this.#partialBytes);
    this.#collect(bytes.subarray(at, end), whole);
    if (this.#partialBytes < whole) return end;
    this.#partialBytes = 0;
    const frame = this.#partial;
    if (whole > this.#keepBytesMax) this.#wasLarge = true;
    onFrame(frame[LENGTH_BYTES] as number, frame.subarray(FRAME_HEADER_BYTES, whole));
    return end;
  }

  /** Copies bytes behind those held, in a buffer that at most doubles and never exceeds `bytesMax` (unless it was kept from before). */
  #collect(bytes: Uint8Array, bytesMax: number): void {
    const needed = this.#partialBytes + bytes.length;
    if (needed > this.#partial.length) {
      const capacity = Math.max(needed, Math.min(bytesMax, Math.max(this.#partial.length * 2, PARTIAL_BYTES_MIN)));
      const grown = new Uint8Array(capacity);
      grown.set(this.#partial.subarray(0, this.#partialBytes));
      this.#partial = grown;
    }
    this.#partial.set(bytes, this.#partialBytes);
    this.#partialBytes = needed;
  }
}
