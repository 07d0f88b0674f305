import { type LogIndex, type NodeId, type Term, batchLastIndex, batchPayload, trustedBatchHeader } from '@quorate/base';
import { type Configuration, type HardState, type LogReader, type LogStart, type Ready, decodeConfiguration } from '@quorate/raft';
import type { PlainSnapshot } from './machine.js';

export interface StoredBatch {
  readonly bytes: Uint8Array;
  readonly baseIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly term: Term;
}

/** Where a log begins: after an entry of this index and term. */
interface Origin {
  readonly index: LogIndex;
  readonly term: Term;
  /** What it can begin from; null at index 0. */
  readonly snapshot: PlainSnapshot | null;
}

interface Frame {
  readonly dueMs: number;
  readonly hardState: Ready['hardState'];
  readonly restart: Origin | null;
  readonly truncateAfter: LogIndex | null;
  readonly appends: readonly StoredBatch[];
}

const START: Origin = { index: 0, term: 0, snapshot: null };

function cut(batches: StoredBatch[], index: LogIndex): void {
  while (batches.length > 0 && (batches.at(-1) as StoredBatch).lastIndex > index) batches.pop();
}

/** The batches that stay when the log begins after an entry: those behind it, if it is there. */
function keptAfter(batches: readonly StoredBatch[], origin: Origin): StoredBatch[] {
  const isThere = batches.some((batch) => batch.lastIndex === origin.index && batch.term === origin.term);
  return isThere ? batches.filter((batch) => batch.baseIndex > origin.index) : [];
}

export function stored(bytes: Uint8Array): StoredBatch {
  const header = trustedBatchHeader(bytes);
  return { bytes, baseIndex: header.baseIndex, lastIndex: batchLastIndex(header), term: header.term };
}

/** A disk with one plain log: what is written is visible at once and durable when its frame completes, in order. */
export class PlainDisk implements LogReader {
  /** What the running process sees. */
  batches: StoredBatch[] = [];
  origin: Origin = START;
  /** What survives a crash. */
  durable: StoredBatch[] = [];
  durableOrigin: Origin = START;
  hardState: HardState;
  frames: Frame[] = [];
  /** Complete, from a leader, not in force yet. */
  received: PlainSnapshot | null = null;
  #version = 0;
  readonly voters: readonly NodeId[];

  constructor(voters: readonly NodeId[], isLearner: boolean) {
    this.voters = voters;
    this.hardState = { term: 0, votedFor: 0, isLearner };
  }

  get lastIndex(): LogIndex {
    return this.batches.at(-1)?.lastIndex ?? this.origin.index;
  }

  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[] {
    if (fromIndex <= this.origin.index) throw new Error(`read of ${fromIndex}, which is not in the log any longer`);
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
    if (ready.hardState === null && ready.restart === null && ready.truncateAfter === null && ready.appends.length === 0) return false;
    const appends = ready.appends.map((fact) => stored(fact.batch));
    const restart = this.#restart(ready);
    if (ready.truncateAfter !== null) {
      if (ready.truncateAfter < this.origin.index) throw new Error(`cut at ${ready.truncateAfter}, before the log starts`);
      cut(this.batches, ready.truncateAfter);
    }
    for (const batch of appends) {
      if (batch.baseIndex !== this.lastIndex + 1) throw new Error(`append of ${batch.baseIndex} leaves a gap`);
      this.batches.push(batch);
    }
    this.frames.push({ dueMs, hardState: ready.hardState, restart, truncateAfter: ready.truncateAfter, appends });
    return true;
  }

  #restart({ restart }: Ready): Origin | null {
    if (restart === null) return null;
    const snapshot = this.received;
    if (snapshot?.index !== restart.index || snapshot.term !== restart.term) throw new Error(`no snapshot at ${restart.index}`);
    this.received = null;
    this.origin = { ...restart, snapshot };
    this.batches = keptAfter(this.batches, this.origin);
    return this.origin;
  }

  /** Completes the oldest frame; what `onDurable` is to be told. */
  completeOne(): { version: number; index: LogIndex } | null {
    const frame = this.frames.shift();
    if (frame === undefined) return null;
    if (frame.restart !== null) {
      this.durable = keptAfter(this.durable, frame.restart);
      this.durableOrigin = frame.restart;
    }
    if (frame.truncateAfter !== null) cut(this.durable, frame.truncateAfter);
    // What a snapshot took out of the log meanwhile is written all the same.
    this.durable.push(...frame.appends.filter((batch) => batch.baseIndex > this.durableOrigin.index));
    if (frame.hardState !== null) {
      this.#version = frame.hardState.version;
      this.hardState = { term: frame.hardState.term, votedFor: frame.hardState.votedFor, isLearner: frame.hardState.isLearner };
    }
    return { version: this.#version, index: this.durableIndex };
  }

  /** Durable and still in the log. */
  get durableIndex(): LogIndex {
    if (this.origin.index !== this.durableOrigin.index) return Math.min(this.origin.index, this.durableOrigin.index);
    let index = this.origin.index;
    for (const [at, batch] of this.durable.entries()) {
      const present = this.batches[at];
      if (present === undefined || present.baseIndex !== batch.baseIndex || present.term !== batch.term) break;
      index = batch.lastIndex;
    }
    return index;
  }

  hasDurable(baseIndex: LogIndex, term: Term): boolean {
    return baseIndex <= this.durableOrigin.index || this.durable.some((batch) => batch.baseIndex === baseIndex && batch.term === term);
  }

  /** A snapshot of its own, durable at once; the log is cut up to `index`, which is durable. */
  compact(snapshot: PlainSnapshot, index: LogIndex): void {
    const last = [...this.batches].reverse().find((batch) => batch.lastIndex <= index);
    const origin = { index, term: last?.term ?? this.origin.term, snapshot };
    this.origin = origin;
    this.durableOrigin = origin;
    this.batches = this.batches.filter((batch) => batch.baseIndex > index);
    this.durable = this.durable.filter((batch) => batch.baseIndex > index);
  }

  crash(): void {
    this.frames = [];
    this.batches = [...this.durable];
    this.origin = this.durableOrigin;
    this.received = null;
    this.#version = 0;
  }

  wipe(): void {
    this.durable = [];
    this.durableOrigin = START;
    this.hardState = { term: 0, votedFor: 0, isLearner: true };
    this.crash();
  }

  start(): LogStart {
    const { index, term, snapshot } = this.origin;
    const terms: { firstIndex: LogIndex; term: Term }[] = [];
    const configurations: { index: LogIndex; configuration: Configuration }[] = [
      { index: snapshot?.index ?? 0, configuration: snapshot?.head.configuration ?? { voters: this.voters } },
    ];
    for (const batch of this.batches) {
      if (terms.at(-1)?.term !== batch.term) terms.push({ firstIndex: batch.baseIndex, term: batch.term });
      if (trustedBatchHeader(batch.bytes).kind === 'configuration' && batch.baseIndex > (snapshot?.index ?? 0)) {
        configurations.push({ index: batch.baseIndex, configuration: decodeConfiguration(batchPayload(batch.bytes)) });
      }
    }
    return {
      hardState: this.hardState,
      terms,
      firstIndex: index + 1,
      previousTerm: term,
      lastIndex: this.lastIndex,
      configurations,
      ...(snapshot === null ? {} : { snapshotIndex: snapshot.index, lastLoggedTimeMs: snapshot.head.loggedTimeMs }),
    };
  }
}
