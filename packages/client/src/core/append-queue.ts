import { LIMITS } from '@quorate/base';
import { headerBytesOf, isSameFence } from '@quorate/streams';
import type { AppendCall, AppendPart } from './append-call.js';

/**
 * Parts that wait to be sent, in order. A part that fits one payload is never cut, and parts of several calls share a payload as long as
 * they fit and are under the same fence.
 */
export class AppendQueue {
  /** Null: taken. Their payloads are let go when they are stored, however long this list goes on. */
  #parts: (AppendPart | null)[] = [];
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
      this.#parts = this.#parts.slice(this.#head).filter((part) => part?.isQueued);
      this.#head = 0;
      this.#settled = 0;
    }
  }

  /** The parts for the next payload, of at most so many bytes unless the first has more; empty if none waits. Those of calls that `isRefused` are forgotten. */
  take(bytesMax: number, isRefused: (call: AppendCall) => boolean): readonly AppendPart[] {
    const taken: AppendPart[] = [];
    let records = 0;
    let bytes = 0;
    while (this.#head < this.#parts.length) {
      const part = this.#parts[this.#head] as AppendPart;
      if (part.isQueued && isRefused(part.call)) {
        this.drop(part.call.parts);
        continue;
      }
      if (part.isQueued) {
        const { start, end, payloadBytes } = part.range;
        const { fence } = part.call;
        const first = taken[0]?.call.fence;
        if (first !== undefined && !isSameFence(first, fence)) break;
        if (first === undefined) bytes = headerBytesOf(fence);
        const needed = payloadBytes - headerBytesOf(fence);
        const fits = records + (end - start) <= LIMITS.batchRecordsMax && bytes + needed <= bytesMax;
        if (!fits && taken.length > 0) break;
        records += end - start;
        bytes += needed;
        part.isQueued = false;
        this.bytes -= payloadBytes;
        taken.push(part);
      } else {
        this.#settled -= 1;
      }
      this.#parts[this.#head] = null;
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
