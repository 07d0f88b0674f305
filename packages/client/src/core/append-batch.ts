import { type Checksum, LIMITS, type Offset, concatBytes, writeU16 } from '@quorate/base';
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

  /** Takes the records of a call out; returns how many. Only while no copy may be applied; `move` must follow if any are left. */
  withdraw(call: AppendCall): number {
    const kept: Uint8Array[] = [this.#payload.subarray(0, APPEND_HEADER_BYTES)];
    let at = APPEND_HEADER_BYTES;
    let removed = 0;
    for (const { call: owner, range } of this.#parts) {
      const bytes = range.payloadBytes - APPEND_HEADER_BYTES;
      if (owner === call) removed += range.end - range.start;
      else kept.push(this.#payload.subarray(at, at + bytes));
      at += bytes;
    }
    this.#parts = this.#parts.filter((part) => part.call !== call);
    this.#count -= removed;
    this.#payload = concatBytes(kept);
    writeU16(this.#payload, 2, this.#count);
    return removed;
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

/**
 * Parts that wait to be sent, in order. A part that fits one payload is never cut, and parts of several calls share a payload as long as
 * they fit.
 */
export class AppendQueue {
  #parts: AppendPart[] = [];
  #head = 0;
  #settled = 0;
  /** Bytes of records that wait. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.#parts.length - this.#head === this.#settled;
  }

  push(part: AppendPart): void {
    part.isQueued = true;
    this.#parts.push(part);
    this.bytes += part.range.payloadBytes;
  }

  /** Forgets the parts of a settled call. */
  drop(parts: readonly AppendPart[]): void {
    for (const part of parts) {
      if (!part.isQueued) continue;
      part.isQueued = false;
      this.bytes -= part.range.payloadBytes;
      this.#settled += 1;
    }
    if (this.#settled > 64 && this.#settled > (this.#parts.length - this.#head) / 2) {
      this.#parts = this.#parts.slice(this.#head).filter((part) => part.isQueued);
      this.#head = 0;
      this.#settled = 0;
    }
  }

  /** The parts for the next payload; empty if none waits. */
  take(): readonly AppendPart[] {
    const taken: AppendPart[] = [];
    let records = 0;
    let bytes = APPEND_HEADER_BYTES;
    while (this.#head < this.#parts.length) {
      const part = this.#parts[this.#head] as AppendPart;
      if (part.isQueued) {
        const { start, end, payloadBytes } = part.range;
        const needed = payloadBytes - APPEND_HEADER_BYTES;
        const fits = records + (end - start) <= LIMITS.batchRecordsMax && bytes + needed <= LIMITS.batchPayloadBytesMax;
        if (!fits && taken.length > 0) break;
        records += end - start;
        bytes += needed;
        part.isQueued = false;
        this.bytes -= payloadBytes;
        taken.push(part);
      } else {
        this.#settled -= 1;
      }
      this.#head += 1;
    }
    if (this.#head === this.#parts.length) {
      this.#parts = [];
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head > this.#parts.length / 2) {
      this.#parts = this.#parts.slice(this.#head);
      this.#head = 0;
    }
    return taken;
  }

  /** Every call that waits, each once. */
  calls(): Set<AppendCall> {
    const calls = new Set<AppendCall>();
    for (let i = this.#head; i < this.#parts.length; i++) {
      const part = this.#parts[i] as AppendPart;
      if (part.isQueued) calls.add(part.call);
    }
    return calls;
  }
}
