import {
  BATCH_HEADER_BYTES,
  type Checksum,
  Fifo,
  type GroupId,
  type LogIndex,
  QuorateError,
  type Term,
  invariant,
  readU16,
  readU32,
  readU64,
} from '@quorate/base';
import { UNPLACED } from './batch-rows.js';
import type { JournalFiles } from './journal-files.js';
import { LogReads } from './log-reads.js';
import type { LogState } from './log-state.js';
import { type CachedLog, type RecentBatches, RecentTail } from './recent-batches.js';
import type { JournalRecord } from './records.js';
import type { Damage, GroupHardState, GroupLog } from './types.js';

/** A record waiting for its frame, with the log it belongs to. */
export interface QueueEntry {
  readonly record: JournalRecord;
  readonly log: StoredLog | null;
  /** Version of a hard state, else 0. */
  readonly version: number;
  /** Its batch was cut off before it was written: it never will be. */
  isDropped: boolean;
}

/** What a log needs of its storage. */
export interface LogHost {
  readonly checksum: Checksum;
  readonly recent: RecentBatches;
  readonly batchBytesMax: number;
  /** Throws `closed` once the storage is. */
  checkOpen(): void;
  enqueue(entry: QueueEntry): void;
  readonly files: Pick<JournalFiles, 'handle' | 'read'>;
  reportDamage(damage: Damage): void;
  /** The snapshot that was received for this log is in force from now on. */
  snapshotInstalled(log: StoredLog, index: LogIndex, term: Term): void;
}

/** The log of one group over the shared journal. */
export class StoredLog implements GroupLog, CachedLog {
  readonly group: GroupId;
  readonly state: LogState;
  readonly tail: RecentTail = new RecentTail();
  /** Its log was touched by damage: only reading, until it is reset. */
  isFrozen = false;
  /** Replaced by a reset: no longer told about. */
  isRetired = false;
  /** Sequence of the frame that created or last reset it; 0 until that frame is sealed. */
  resetSequence = 0;
  durableIndex: LogIndex = 0;
  durableVersion = 0;
  /** Of the frame being written: its sequence, the last index it makes durable (-1: none), the hard state version (0: none). */
  sealSequence = 0;
  sealedLast: LogIndex = -1;
  sealedVersion = 0;
  /** Index of the snapshot that the frame being written tells of; 0: none. */
  sealedSnapshot = 0;
  /** Index of the newest snapshot told of in the journal, queued and durable; 0: none. */
  snapshotIndex: LogIndex = 0;
  durableSnapshot: LogIndex = 0;
  readonly #host: LogHost;
  readonly #reads: LogReads;
  #hardState: GroupHardState;
  #version = 0;
  /** Appends that are in no frame yet, in order. */
  readonly #unsealed = new Fifo<QueueEntry>();
  /** Unsealed appends, the oldest ones, that a snapshot took out of the log before they had a place. They are written all the same. */
  #orphans = 0;
  /** New starts that keep a suffix, and may be in no frame yet: void if that suffix goes before it was written. */
  #keptRestarts: QueueEntry[] = [];

  constructor(group: GroupId, state: LogState, hardState: GroupHardState, host: LogHost) {
    this.group = group;
    this.state = state;
    this.#hardState = hardState;
    this.#host = host;
    this.#reads = new LogReads(this, host);
    this.durableIndex = state.lastIndex;
  }

  get hardState(): GroupHardState {
    return this.#hardState;
  }
  get firstIndex(): LogIndex {
    return this.state.firstIndex;
  }
  get previousTerm(): Term {
    return this.state.previousTerm;
  }
  get lastIndex(): LogIndex {
    return this.state.lastIndex;
  }
  get batchBytesMax(): number {
    return this.#host.batchBytesMax;
  }
  get terms(): GroupLog['terms'] {
    return this.state.terms;
  }
  get configurationIndexes(): readonly LogIndex[] {
    return this.state.configurationIndexes;
  }
  get rowCount(): number {
    return this.state.rows.length;
  }
  isRowDurable(row: number): boolean {
    return this.state.lastOf(row) <= this.durableIndex;
  }

  batchBaseOf(index: LogIndex): LogIndex {
    invariant(index >= this.firstIndex && index <= this.lastIndex, 'firstIndex <= index <= lastIndex', { group: this.group, index });
    return this.state.rows.base(this.state.rows.find(index));
  }

  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[] {
    return this.#reads.read(fromIndex, maxBytes);
  }

  bytesTogether(index: LogIndex, maxBytes: number): number {
    return this.#reads.bytesTogether(index, maxBytes);
  }

  readLater(fromIndex: LogIndex, maxBytes: number, done: (batches: readonly Uint8Array[] | null) => void): void {
    this.#reads.readLater(fromIndex, maxBytes, done);
  }

  setHardState(state: GroupHardState, version: number): void {
    this.checkWritable();
    invariant(version > this.#version, 'hard state version grows', { group: this.group, version, newest: this.#version });
    this.#version = version;
    this.#hardState = { term: state.term, votedFor: state.votedFor, isLearner: state.isLearner };
    this.#host.enqueue({ record: { type: 'hardState', group: this.group, ...this.#hardState }, log: this, version, isDropped: false });
  }

  append(batch: Uint8Array): void {
    this.checkWritable();
    const { batchBytesMax: max } = this;
    if (batch.length > max) {
      const message = `a batch of ${batch.length} bytes does not fit a journal file`;
      throw new QuorateError('recordTooLarge', message, { bytes: batch.length, max });
    }
    const isWhole = batch.length >= BATCH_HEADER_BYTES && batch.length === BATCH_HEADER_BYTES + readU32(batch, 36);
    invariant(isWhole && readU32(batch, 8) === this.group, 'an appended batch is whole and of this group', {
      group: this.group,
      bytes: batch.length,
    });
    const baseIndex = readU64(batch, 20);
    const term = readU64(batch, 12);
    invariant(baseIndex === this.lastIndex + 1, 'baseIndex = lastIndex + 1', { group: this.group, baseIndex, lastIndex: this.lastIndex });
    invariant(term >= this.state.lastTerm, 'terms never decrease', { group: this.group, term, lastTerm: this.state.lastTerm });
    const facts = { baseIndex, count: readU16(batch, 6), term, isConfiguration: batch[5] === 1, bytes: batch.length };
    this.state.append(facts, UNPLACED, 0);
    const entry: QueueEntry = { record: { type: 'append', batch }, log: this, version: 0, isDropped: false };
    this.#unsealed.push(entry);
    this.#host.enqueue(entry);
    this.#host.recent.push(this, batch);
  }

  truncateSuffix(index: LogIndex): void {
    this.checkWritable();
    if (index >= this.lastIndex) return;
    invariant(index >= this.firstIndex - 1 && this.state.isBorder(index), 'a log is cut at a batch border', { group: this.group, index });
    const rowsBefore = this.rowCount;
    const placedBefore = this.state.placedRows;
    this.state.truncateSuffix(index);
    this.#dropUnsealed(rowsBefore - placedBefore - (this.rowCount - this.state.placedRows));
    this.#host.recent.dropLast(this, rowsBefore - this.rowCount);
    // T13: what was durable and is gone is not durable, and a frame on its way no longer makes it so.
    this.durableIndex = Math.min(this.durableIndex, index);
    this.sealedLast = Math.min(this.sealedLast, index);
    // Batches that never were in a frame need no record of their end.
    if (placedBefore > this.state.placedRows) {
      this.#host.enqueue({ record: { type: 'truncateSuffix', group: this.group, index }, log: this, version: 0, isDropped: false });
    }
  }

  truncatePrefix(index: LogIndex): void {
    this.checkWritable();
    if (index < this.firstIndex) return;
    invariant(index <= this.durableIndex && this.state.isBorder(index), 'a log starts after a durable batch border', {
      group: this.group,
      index,
      durableIndex: this.durableIndex,
    });
    invariant(this.snapshotIndex === 0 || index <= this.snapshotIndex, 'a log starts at or before its snapshot', {
      group: this.group,
      index,
      snapshotIndex: this.snapshotIndex,
    });
    const term = this.state.termAt(index);
    this.state.truncatePrefix(index, term);
    this.#host.recent.keepLast(this);
    this.#host.enqueue({ record: { type: 'truncatePrefix', group: this.group, index, term }, log: this, version: 0, isDropped: false });
  }

  restartAt(index: LogIndex, term: Term): boolean {
    this.checkWritable();
    const { state } = this;
    invariant(index >= this.firstIndex - 1, 'a log never starts earlier than it did', {
      group: this.group,
      index,
      firstIndex: this.firstIndex,
    });
    this.#host.snapshotInstalled(this, index, term);
    const isSuffixKept = index <= this.lastIndex && state.isBorder(index) && state.termAt(index) === term;
    const rows = this.rowCount;
    if (isSuffixKept) {
      const dropped = index < this.firstIndex ? 0 : state.rows.find(index) + 1;
      this.#orphans += Math.max(0, dropped - state.placedRows);
      state.truncatePrefix(index, term);
      this.#host.recent.keepLast(this);
    } else {
      this.#dropAllUnsealed();
      // Nothing of the old log counts any longer, and a frame on its way no longer makes it durable (T13).
      this.durableIndex = Math.min(this.durableIndex, this.firstIndex - 1);
      this.sealedLast = -1;
      state.restart(index + 1, term);
      this.#host.recent.dropLast(this, rows);
    }
    this.snapshotIndex = index;
    const record = { type: 'restart', group: this.group, isSuffixKept, index, term } as const;
    const entry: QueueEntry = { record, log: this, version: 0, isDropped: false };
    if (isSuffixKept && this.#unsealed.length > 0) this.#keptRestarts.push(entry);
    this.#host.enqueue(entry);
    return isSuffixKept;
  }

  /** A snapshot of this log is in place: from here on the journal says so. */
  snapshotPublished(index: LogIndex, term: Term): void {
    this.snapshotIndex = index;
    this.#host.enqueue({ record: { type: 'snapshot', group: this.group, index, term }, log: this, version: 0, isDropped: false });
  }

  /** The oldest unsealed append got its place; `batch` is the same bytes, where they lie in memory from here on. */
  placed(file: number, offset: number, batch: Uint8Array): void {
    if (this.#orphans > 0) this.#orphans--;
    else this.#host.recent.replace(this, this.state.place(file, offset), batch);
    this.#unsealed.shift();
    if (this.#unsealed.length === 0) this.#keptRestarts = [];
  }

  /** Gives up all it holds: a reset log takes its place. */
  retire(): void {
    this.isRetired = true;
    this.#dropAllUnsealed();
    const rows = this.rowCount;
    this.state.dropAll();
    this.#host.recent.dropLast(this, rows);
  }

  #dropAllUnsealed(): void {
    this.#dropUnsealed(this.#unsealed.length);
    this.#orphans = 0;
    for (const entry of this.#keptRestarts) entry.isDropped = true;
    this.#keptRestarts = [];
  }

  #dropUnsealed(count: number): void {
    for (let left = count; left > 0; left--) (this.#unsealed.pop() as QueueEntry).isDropped = true;
  }

  /** Throws if nothing may be changed: `closed`, `dataDamaged`, or `invariantBroken` for a log that was reset. */
  checkWritable(): void {
    this.#host.checkOpen();
    if (this.isRetired) throw new QuorateError('invariantBroken', `the log of group ${this.group} was reset; this is the old one`);
    if (this.isFrozen)
      throw new QuorateError('dataDamaged', `the log of group ${this.group} is damaged; it must be reset first`, { group: this.group });
  }
}
