import { type LogIndex, type NodeId, type Term, batchLastIndex, batchPayload, trustedBatchHeader } from '@quorate/base';
import { type Configuration, type HardState, type LogReader, type LogStart, type Ready, decodeConfiguration } from '@quorate/raft';

export interface StoredBatch {
  readonly bytes: Uint8Array;
  readonly baseIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly term: Term;
}

interface Frame {
  readonly dueMs: number;
  readonly hardState: Ready['hardState'];
  readonly truncateAfter: LogIndex | null;
  readonly appends: readonly StoredBatch[];
}

function cut(batches: StoredBatch[], index: LogIndex): void {
  while (batches.length > 0 && (batches.at(-1) as StoredBatch).lastIndex > index) batches.pop();
}

export function stored(bytes: Uint8Array): StoredBatch {
  const header = trustedBatchHeader(bytes);
  return { bytes, baseIndex: header.baseIndex, lastIndex: batchLastIndex(header), term: header.term };
}

/** A disk with one plain log: what is written is visible at once and durable when its frame completes, in order. */
export class PlainDisk implements LogReader {
  /** What the running process sees. */
  batches: StoredBatch[] = [];
  /** What survives a crash. */
  durable: StoredBatch[] = [];
  hardState: HardState;
  frames: Frame[] = [];
  #version = 0;
  readonly voters: readonly NodeId[];

  constructor(voters: readonly NodeId[], isLearner: boolean) {
    this.voters = voters;
    this.hardState = { term: 0, votedFor: 0, isLearner };
  }

  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[] {
    const found: Uint8Array[] = [];
    let bytes = 0;
    for (const batch of this.batches) {
      if (batch.lastIndex < fromIndex) continue;
      if (found.length > 0 && bytes + batch.bytes.length > maxBytes) break;
      found.push(batch.bytes);
      bytes += batch.bytes.length;
    }
    return found;
  }

  write(ready: Ready, dueMs: number): boolean {
    if (ready.hardState === null && ready.truncateAfter === null && ready.appends.length === 0) return false;
    const appends = ready.appends.map((fact) => stored(fact.batch));
    if (ready.truncateAfter !== null) cut(this.batches, ready.truncateAfter);
    for (const batch of appends) {
      if (batch.baseIndex !== (this.batches.at(-1)?.lastIndex ?? 0) + 1) throw new Error(`append of ${batch.baseIndex} leaves a gap`);
      this.batches.push(batch);
    }
    this.frames.push({ dueMs, hardState: ready.hardState, truncateAfter: ready.truncateAfter, appends });
    return true;
  }

  /** Completes the oldest frame; what `onDurable` is to be told. */
  completeOne(): { version: number; index: LogIndex } | null {
    const frame = this.frames.shift();
    if (frame === undefined) return null;
    if (frame.truncateAfter !== null) cut(this.durable, frame.truncateAfter);
    this.durable.push(...frame.appends);
    if (frame.hardState !== null) {
      this.#version = frame.hardState.version;
      this.hardState = { term: frame.hardState.term, votedFor: frame.hardState.votedFor, isLearner: frame.hardState.isLearner };
    }
    return { version: this.#version, index: this.durableIndex };
  }

  /** Durable and still in the log. */
  get durableIndex(): LogIndex {
    let index = 0;
    for (const [at, batch] of this.durable.entries()) {
      const present = this.batches[at];
      if (present === undefined || present.baseIndex !== batch.baseIndex || present.term !== batch.term) break;
      index = batch.lastIndex;
    }
    return index;
  }

  hasDurable(baseIndex: LogIndex, term: Term): boolean {
    return this.durable.some((batch) => batch.baseIndex === baseIndex && batch.term === term);
  }

  crash(): void {
    this.frames = [];
    this.batches = [...this.durable];
    this.#version = 0;
  }

  wipe(): void {
    this.durable = [];
    this.hardState = { term: 0, votedFor: 0, isLearner: true };
    this.crash();
  }

  start(): LogStart {
    const terms: { firstIndex: LogIndex; term: Term }[] = [];
    const configurations: { index: LogIndex; configuration: Configuration }[] = [{ index: 0, configuration: { voters: this.voters } }];
    for (const batch of this.batches) {
      if (terms.at(-1)?.term !== batch.term) terms.push({ firstIndex: batch.baseIndex, term: batch.term });
      if (trustedBatchHeader(batch.bytes).kind === 'configuration') {
        configurations.push({ index: batch.baseIndex, configuration: decodeConfiguration(batchPayload(batch.bytes)) });
      }
    }
    return {
      hardState: this.hardState,
      terms,
      firstIndex: 1,
      previousTerm: 0,
      lastIndex: this.batches.at(-1)?.lastIndex ?? 0,
      configurations,
    };
  }
}
