import {
  type BatchHeader,
  type BatchKind,
  type GroupId,
  type LogIndex,
  batchPayload,
  crc32c,
  encodeBatch,
  trustedBatchHeader,
} from '@quorate/base';
import type { Fence } from '@quorate/machine';
import { type AppendOutcome, type LogReader, StreamMachine, appendCount, encodeAppendPayload, markResent } from '@quorate/streams';

/** A log in memory that is applied as it grows: what a leader's replica sees. */
export class LogBuilder implements LogReader {
  readonly machine: StreamMachine;
  readonly batches: Uint8Array[] = [];
  nextIndex: LogIndex = 1;

  constructor(options: { producersMax?: number; fencesMax?: number } = {}) {
    this.machine = new StreamMachine(options);
  }

  add(kind: BatchKind, payload: Uint8Array, count: number): AppendOutcome {
    const batch = encodeBatch(
      { kind, group: 16 as GroupId, term: 1, baseIndex: this.nextIndex, count, loggedTimeMs: 0, payloadChecksum: crc32c(payload) },
      payload,
      crc32c,
    );
    this.batches.push(batch);
    this.nextIndex += count;
    return this.machine.apply(trustedBatchHeader(batch), batchPayload(batch));
  }

  noop(): AppendOutcome {
    return this.add('noop', new Uint8Array(0), 1);
  }

  append(options: {
    producer?: number;
    epoch?: number;
    number: number;
    records: readonly Uint8Array[];
    isResent?: boolean;
    fence?: Fence | null;
  }): AppendOutcome {
    const payload = encodeAppendPayload({
      producer: producerId(options.producer ?? 1),
      epoch: options.epoch ?? 0,
      firstNumber: options.number,
      records: options.records,
      fence: options.fence ?? null,
    });
    return this.add('commands', options.isResent === true ? markResent(payload) : payload, appendCount(payload));
  }

  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[] {
    const result: Uint8Array[] = [];
    let bytes = 0;
    for (const batch of this.batches) {
      const header = trustedBatchHeader(batch);
      if (header.baseIndex + header.count <= fromIndex) continue;
      if (result.length > 0 && bytes + batch.length > maxBytes) break;
      result.push(batch);
      bytes += batch.length;
    }
    return result;
  }

  headers(): BatchHeader[] {
    return this.batches.map(trustedBatchHeader);
  }
}

export function producerId(n: number): string {
  return n.toString(16).padStart(16, '0');
}
