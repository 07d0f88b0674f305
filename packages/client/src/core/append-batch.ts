import { type Checksum, type Offset, type QuorateError, concatBytes, writeU16 } from '@quorate/base';
import { type AppendPosition, encodeAppendPayload, headerBytesOf, markResent, moveAppend } from '@quorate/streams';
import type { AppendCall, AppendPart } from './append-call.js';

/** Records of one or more calls, all under the same fence or none, that go out as one payload, under numbers that do not change while a copy may be applied. */
export class AppendBatch {
  #parts: readonly AppendPart[];
  #payload: Uint8Array;
  #payloadChecksum: number | null = null;
  #isMarked = false;
  #count: number;
  readonly #headerBytes: number;
  /** Stored, and the calls were told. */
  isStored = false;
  /** Refused under its numbers for good, which are taken all the same; the calls were told. */
  isRefused = false;
  /** Copies under the present numbers that may have been or may yet be applied: sent, and not refused for certain. */
  unknownCopies = 0;
  /** Grows when the numbers change: answers to copies under older numbers say nothing about the present ones. */
  version = 0;

  constructor(parts: readonly AppendPart[], position: AppendPosition) {
    const records: Uint8Array[] = [];
    for (const part of parts) {
      part.batch = this;
      for (let i = part.range.start; i < part.range.end; i++) records.push(part.call.record(i));
    }
    this.#parts = parts;
    this.#count = records.length;
    const fence = parts[0]?.call.fence ?? null;
    this.#headerBytes = headerBytesOf(fence);
    this.#payload = encodeAppendPayload({ ...position, records, fence });
  }

  get parts(): readonly AppendPart[] {
    return this.#parts;
  }
  get count(): number {
    return this.#count;
  }
  /** What became of it is known and cannot change. */
  get isDecided(): boolean {
    return this.isStored || this.isRefused;
  }
  /** True if it is stored, or a copy of it may yet be. */
  get mayBeStored(): boolean {
    return this.isStored || (this.unknownCopies > 0 && !this.isRefused);
  }
  /** Bytes of the payload. */
  get bytes(): number {
    return this.#payload.length;
  }

  /** The payload for the next copy, with its checksum: while another copy may be applied it says that it is one more. */
  copy(checksum: Checksum): { readonly payload: Uint8Array; readonly payloadChecksum: number } {
    if (this.unknownCopies > 0 && !this.#isMarked) {
      this.#payload = markResent(this.#payload);
      this.#payloadChecksum = null;
      this.#isMarked = true;
    }
    this.#payloadChecksum ??= checksum(this.#payload);
    return { payload: this.#payload, payloadChecksum: this.#payloadChecksum };
  }

  /** Gives it other numbers. Only when no copy under the old ones was or can be applied. */
  move(position: AppendPosition): void {
    this.#payload = moveAppend(this.#payload, position);
    this.#payloadChecksum = null;
    this.#isMarked = false;
    this.unknownCopies = 0;
    this.version += 1;
  }

  /** Takes the records of some calls out. Only while no copy may be applied; `move` must follow if any are left. */
  withdraw(calls: ReadonlySet<AppendCall>): void {
    const kept: Uint8Array[] = [this.#payload.subarray(0, this.#headerBytes)];
    let at = this.#headerBytes;
    let removed = 0;
    for (const { call: owner, range } of this.#parts) {
      const bytes = range.payloadBytes - this.#headerBytes;
      if (calls.has(owner)) removed += range.end - range.start;
      else kept.push(this.#payload.subarray(at, at + bytes));
      at += bytes;
    }
    this.#parts = this.#parts.filter((part) => !calls.has(part.call));
    this.#count -= removed;
    this.#payload = concatBytes(kept);
    writeU16(this.#payload, 2, this.#count);
  }

  refused(error: QuorateError): void {
    this.isRefused = true;
    for (const { call } of this.#parts) call.fail(error);
  }

  stored(offset: Offset): void {
    this.isStored = true;
    let at = offset;
    for (const part of this.#parts) {
      part.call.partStored(part, at);
      at += part.range.end - part.range.start;
    }
  }
}
