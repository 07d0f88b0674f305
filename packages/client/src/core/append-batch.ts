import { type Checksum, type Offset, concatBytes, writeU16 } from '@quorate/base';
import { type AppendPosition, APPEND_HEADER_BYTES, encodeAppendPayload, markResent, moveAppend } from '@quorate/streams';
import type { AppendCall, AppendPart } from './append-call.js';

/** Records of one or more calls that go out as one payload, under numbers that do not change while a copy may be applied. */
export class AppendBatch {
  #parts: readonly AppendPart[];
  #payload: Uint8Array;
  #payloadChecksum: number | null = null;
  #isMarked = false;
  #count: number;
  /** Stored, and the calls were told. */
  isStored = false;
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
    this.#payload = encodeAppendPayload({ ...position, records });
  }

  get parts(): readonly AppendPart[] {
    return this.#parts;
  }
  get count(): number {
    return this.#count;
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
    const kept: Uint8Array[] = [this.#payload.subarray(0, APPEND_HEADER_BYTES)];
    let at = APPEND_HEADER_BYTES;
    let removed = 0;
    for (const { call: owner, range } of this.#parts) {
      const bytes = range.payloadBytes - APPEND_HEADER_BYTES;
      if (calls.has(owner)) removed += range.end - range.start;
      else kept.push(this.#payload.subarray(at, at + bytes));
      at += bytes;
    }
    this.#parts = this.#parts.filter((part) => !calls.has(part.call));
    this.#count -= removed;
    this.#payload = concatBytes(kept);
    writeU16(this.#payload, 2, this.#count);
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
