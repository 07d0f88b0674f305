import { LIMITS } from '@quorate/base';
import { headerBytesOf, isSameFence } from '@quorate/streams';
import type { AppendCall, AppendPart } from './append-call.js';
import { WaitingList } from './waiting-list.js';

/**
 * Parts that wait to be sent, in order. A part that fits one payload is never cut, and parts of several calls share a payload as long as
 * they fit and are under the same fence.
 */
export class AppendQueue {
  readonly #waiting = new WaitingList<AppendPart>((part) => !part.isQueued);
  /** Bytes of records that wait. */
  bytes = 0;

  get isEmpty(): boolean {
    return this.#waiting.size === 0;
  }

  push(part: AppendPart): void {
    part.isQueued = true;
    this.#waiting.push(part);
    this.bytes += part.range.payloadBytes;
  }

  /** Forgets the parts of a settled call. */
  drop(parts: readonly AppendPart[]): void {
    for (const part of parts) {
      if (!part.isQueued) continue;
      part.isQueued = false;
      this.bytes -= part.range.payloadBytes;
      this.#waiting.gone();
    }
  }

  /** The parts for the next payload, of at most so many bytes unless the first has more; empty if none waits. Those of calls that `isRefused` are forgotten. */
  take(bytesMax: number, isRefused: (call: AppendCall) => boolean): readonly AppendPart[] {
    const taken: AppendPart[] = [];
    let records = 0;
    let bytes = 0;
    for (let part = this.#waiting.first(); part !== undefined; part = this.#waiting.first()) {
      if (isRefused(part.call)) {
        this.drop(part.call.parts);
        continue;
      }
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
      this.#waiting.shift();
      part.isQueued = false;
      this.bytes -= payloadBytes;
      taken.push(part);
    }
    return taken;
  }

  /** Every call that waits, each once. */
  calls(): Set<AppendCall> {
    return new Set([...this.#waiting].map(({ call }) => call));
  }
}
