import { DiskFault, type DiskFile, SECTOR_BYTES, type Timers } from '@quorate/base';
import type { CheckpointWriter } from './checkpoint-writer.js';
import type { DiskPace } from './disk-pace.js';
import { FRAME_GROUPS_LISTED, type FrameCodec, frameHeaderBytes } from './frame.js';
import { type FrameParts, layOutFrame } from './frame-parts.js';
import { FrameQueue } from './frame-queue.js';
import type { JournalFiles } from './journal-files.js';
import { FIRST_FRAME_OFFSET } from './journal-scan.js';
import type { JournalStart } from './journal-start.js';
import { appendedLastIndex } from './records.js';
import type { QueueEntry, StoredLog } from './stored-log.js';
import type { StorageMetrics } from './types.js';

/** Up to this many bytes, on a quick disk, a frame is written and synced synchronously: where more comes in, there is more to do than wait. */
const SHALLOW_BYTES = 16_384;
/** Up to this many bytes a frame is written at once, while the system takes them quickly, also if its sync is waited for in another thread. */
const WRITE_NOW_BYTES = 65_536;
/** After this long without a frame the journal is idle; checked at this interval, so it may take twice as long. */
const IDLE_MS = 25;
const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 1600;

export interface JournalOptions {
  readonly timers: Timers;
  readonly pace: DiskPace;
  readonly syncMode: 'adaptive' | 'sync' | 'async';
  readonly codec: FrameCodec;
  readonly files: JournalFiles;
  readonly checkpoints: CheckpointWriter;
  readonly start: JournalStart;
  /** These logs got something durable. Called once a frame was synced, from within `flush` if that was done synchronously. */
  readonly durable: (logs: readonly StoredLog[]) => void;
  readonly failed: (fault: DiskFault) => void;
  readonly full: (isFull: boolean) => void;
  /** A quiet moment: what did not ask for a frame of its own is queued now. */
  readonly idle: () => void;
}

interface Frame {
  readonly parts: readonly Uint8Array[];
  readonly bytes: number;
  readonly offset: number;
  readonly sequence: number;
  readonly logs: readonly StoredLog[];
  /** No facts of a group: nobody misses it, and it marks the frame before it as durable. */
  readonly isMarker: boolean;
  /** False: only what peers told. It is not told in turn, else two idle nodes would tell each other of such frames for ever. */
  readonly isNews: boolean;
}

/** Counters of the journal. */
export type JournalCounters = { -readonly [Counter in keyof StorageMetrics]: number };

/** The writer of the journal: gathers records into frames and makes them durable one after another. */
export class Journal {
  readonly counters: JournalCounters = { syncs: 0, frames: 0, bytesWritten: 0, batchesAppended: 0, syncMsTotal: 0 };
  readonly #options: JournalOptions;
  readonly #queue = new FrameQueue();
  #file: DiskFile;
  #fileNumber: number;
  /** Length of the file, asked once. */
  #fileBytes: number;
  #offset: number;
  #sequence: number;
  #chain: number;
  #durable: number;
  /** The newest durable frame that peers are told of. */
  #durableNews: number;
  /** Groups of the newest frame, for the list in the next one; null: too many. */
  #lastGroups: readonly number[] | null;
  #isMarked: boolean;
  #inflight: Frame | null = null;
  #isFlushWanted = false;
  #isFull = false;
  #retryMs = RETRY_FIRST_MS;
  #isFailed = false;
  /** A write or sync that completes by callback is under way. */
  #isBusy = false;
  #idleAt = 0;
  #isIdleTimerSet = false;
  #drained: ((isFull: boolean) => void) | null = null;

  constructor(options: JournalOptions) {
    this.#options = options;
    const { start } = options;
    this.#file = options.files.handle(start.file);
    this.#fileNumber = start.file;
    this.#fileBytes = this.#file.size();
    this.#offset = start.offset;
    this.#sequence = start.nextSequence;
    this.#chain = start.chain;
    this.#durable = start.nextSequence - 1;
    this.#durableNews = this.#durable;
    this.#isMarked = start.isMarked;
    this.#lastGroups = start.isMarked ? [] : null;
  }

  get durableSequence(): number {
    return this.#durableNews;
  }
  get hasPending(): boolean {
    return !this.#queue.isEmpty;
  }

  enqueue(entry: QueueEntry): void {
    this.#queue.push(entry);
  }

  flush(): void {
    if (!this.hasPending) return;
    this.#isFlushWanted = true;
    this.#pump();
  }

  /** A prepared file may be what is waited for. */
  filePrepared(): void {
    if (this.#isFull && this.#inflight === null) this.#setFull(false);
    this.#pump();
  }

  /** No space for the next file: told before the present one is used up. */
  fileFull(): void {
    this.#setFull(true);
  }

  /** Nothing is written from now on. */
  fail(): void {
    this.#isFailed = true;
    this.#continueDrain();
  }

  /**
   * Writes all that is queued and a marker, then calls back; `true`: gave up for lack of space. After a failure it only waits for the call
   * under way. Nothing is written afterwards.
   */
  drain(done: (isFull: boolean) => void): void {
    this.#drained = done;
    this.#isFlushWanted = this.hasPending;
    this.#pump();
    this.#continueDrain();
  }

  #continueDrain(): void {
    const done = this.#drained;
    if (done === null || this.#isBusy) return;
    const isDone = this.#inflight === null && !this.hasPending;
    const isStuck = this.#isFull && !isDone;
    if (!this.#isFailed && isDone && !this.#isMarked && this.#hasMarkerRoom()) return this.#writeMarker();
    if (!this.#isFailed && !isStuck && !isDone) return;
    const hasFailed = this.#isFailed;
    this.#isFailed = true;
    this.#drained = null;
    done(isStuck && !hasFailed);
  }

  #pump(): void {
    while (this.#isFlushWanted && this.#inflight === null && !this.#isFailed) {
      const frame = this.#seal();
      this.#isFlushWanted = this.hasPending;
      if (frame === null) break;
      this.#write(frame);
    }
  }

  /** The next frame of the queue, or null if the file is full and no other is ready. */
  #seal(): Frame | null {
    let entries = this.#queue.take(this.#room());
    if (entries.length === 0 && this.hasPending) {
      if (!this.#nextFile()) return null;
      entries = this.#queue.take(this.#room());
    }
    return entries.length === 0 ? null : this.#build(entries);
  }

  /** Bytes left for frames; the last sector of a file is kept for a marker. */
  #room(): number {
    return this.#fileBytes - SECTOR_BYTES - this.#offset;
  }

  #nextFile(): boolean {
    const { files, checkpoints } = this.#options;
    const number = files.takePrepared();
    files.prepare();
    if (number === null) return false;
    checkpoints.want();
    try {
      this.#file = files.handle(number);
      this.#fileBytes = this.#file.size();
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      this.#fail(thrown);
      return false;
    }
    this.#fileNumber = number;
    this.#offset = FIRST_FRAME_OFFSET;
    return true;
  }

  #build(entries: readonly QueueEntry[]): Frame {
    const sequence = this.#sequence;
    const logs = this.#touch(entries, sequence);
    const groups = logs.length > FRAME_GROUPS_LISTED ? null : logs.map((log) => log.group);
    const headerBytes = frameHeaderBytes(groups, this.#lastGroups);
    const parts = layOutFrame(headerBytes, entries, (log, offset, batch) => {
      log.placed(this.#fileNumber, this.#offset + offset, batch);
      this.counters.batchesAppended++;
    });
    const frame = this.#finish(parts, entries.length, groups, logs);
    this.#options.checkpoints.frameSealed(sequence, !this.hasPending);
    return frame;
  }

  /** The logs with facts in these entries; each learns what the frame will make durable. */
  #touch(entries: readonly QueueEntry[], sequence: number): StoredLog[] {
    const logs: StoredLog[] = [];
    for (const { record, log, version } of entries) {
      if (log === null) continue;
      if (log.sealSequence !== sequence) {
        log.sealSequence = sequence;
        log.sealedLast = -1;
        log.sealedVersion = 0;
        log.sealedSnapshot = 0;
        logs.push(log);
      }
      // A batch that was cut off meanwhile is not in the entries, so the last append of a log is still part of it.
      if (record.type === 'append') log.sealedLast = appendedLastIndex(record.batch);
      else if (record.type === 'hardState') log.sealedVersion = version;
      else if (record.type === 'snapshot') log.sealedSnapshot = record.index;
      else if (record.type === 'restart') {
        log.sealedSnapshot = record.index;
        log.sealedLast = Math.max(log.sealedLast, record.index);
      } else if (record.type === 'createGroup' || record.type === 'resetGroup') log.resetSequence = sequence;
    }
    return logs;
  }

  #finish(parts: FrameParts, recordCount: number, groups: readonly number[] | null, logs: readonly StoredLog[]): Frame {
    const { codec, files, checkpoints } = this.#options;
    const frame = {
      parts: parts.all,
      bytes: parts.totalBytes,
      offset: this.#offset,
      sequence: this.#sequence,
      logs,
      isMarker: logs.length === 0,
      isNews: recordCount === 0 || logs.length > 0,
    };
    this.#chain = codec.seal(parts.header, parts.body, {
      file: this.#fileNumber,
      offset: this.#offset,
      sequence: this.#sequence,
      durableUpTo: this.#durable,
      previousChecksum: this.#chain,
      checkpointNumber: checkpoints.number,
      recordCount,
      groups,
      previousGroups: this.#lastGroups,
    });
    const use = files.use(this.#fileNumber);
    if (use.firstSequence === 0) use.firstSequence = this.#sequence;
    use.lastSequence = this.#sequence;
    this.#lastGroups = groups;
    this.#offset += frame.bytes;
    this.#sequence++;
    return frame;
  }

  #hasMarkerRoom(): boolean {
    return this.#offset + SECTOR_BYTES <= this.#fileBytes;
  }

  #writeMarker(): void {
    const parts = layOutFrame(frameHeaderBytes([], this.#lastGroups), [], () => {});
    const frame = this.#finish(parts, 0, [], []);
    this.#options.checkpoints.frameSealed(frame.sequence, true);
    this.#write(frame);
  }

  #write(frame: Frame): void {
    this.#inflight = frame;
    const isSynchronous = this.#isSynchronous(frame);
    if (!isSynchronous && !this.#isWrittenNow(frame)) return this.#writeLater(frame);
    let isSyncing = false;
    try {
      this.#options.pace.writeNow(this.#file, frame.offset, frame.parts);
      if (!isSynchronous) return this.#syncLater(frame);
      isSyncing = true;
      this.#synced(this.#options.pace.syncNow(this.#file));
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      return this.#faulted(thrown, isSyncing);
    }
    this.#complete(frame);
  }

  #writeLater(frame: Frame): void {
    this.#isBusy = true;
    this.#file.write(frame.offset, frame.parts, (writeFault) => {
      this.#isBusy = false;
      if (this.#isFailed) return this.#continueDrain();
      if (writeFault !== null) return this.#faulted(writeFault, false);
      this.#syncLater(frame);
    });
  }

  #syncLater(frame: Frame): void {
    this.#isBusy = true;
    this.#options.pace.sync(this.#file, (syncFault, tookMs) => {
      this.#isBusy = false;
      if (this.#isFailed) return this.#continueDrain();
      if (syncFault !== null) return this.#faulted(syncFault, true);
      this.#synced(tookMs);
      this.#complete(frame);
      this.#pump();
      this.#continueDrain();
    });
  }

  #isSynchronous(frame: Frame): boolean {
    const { syncMode, pace } = this.#options;
    // While space is short, or when closing, nothing hurries.
    if (this.#isFull || this.#drained !== null || syncMode === 'async') return false;
    return syncMode === 'sync' || (frame.bytes + this.#queue.bytes < SHALLOW_BYTES && pace.isQuick);
  }

  /** The write of a small frame costs less than the way to another thread and back. */
  #isWrittenNow(frame: Frame): boolean {
    const { syncMode, pace } = this.#options;
    return syncMode === 'adaptive' && !this.#isFull && this.#drained === null && frame.bytes <= WRITE_NOW_BYTES && pace.isTaking;
  }

  #synced(tookMs: number): void {
    this.counters.syncMsTotal += tookMs;
    this.counters.syncs++;
  }

  #complete(frame: Frame): void {
    this.#inflight = null;
    this.counters.frames++;
    this.counters.bytesWritten += frame.bytes;
    this.#durable = frame.sequence;
    this.#isMarked = frame.isMarker;
    this.#retryMs = RETRY_FIRST_MS;
    if (this.#isFull && this.#options.files.isPrepared) this.#setFull(false);
    for (const log of frame.logs) {
      if (log.sealedLast > log.durableIndex) log.durableIndex = log.sealedLast;
      if (log.sealedVersion > 0) log.durableVersion = log.sealedVersion;
      if (log.sealedSnapshot > 0) log.durableSnapshot = log.sealedSnapshot;
    }
    this.#options.checkpoints.frameDurable(frame.sequence);
    if (frame.isNews) this.#durableNews = frame.sequence;
    if (frame.logs.length > 0) this.#options.durable(frame.logs);
    if (!this.#isMarked && this.#drained === null) this.watchIdle();
  }

  /** T25, T32: no space is tried again with the same bytes at the same place; anything else, and every failed sync, is final. */
  #faulted(fault: DiskFault, isSync: boolean): void {
    const frame = this.#inflight;
    if (fault.kind !== 'full' || isSync || frame === null) return this.#fail(fault);
    this.#setFull(true);
    this.#options.timers.set(this.#retryMs, () => {
      if (this.#inflight === frame && !this.#isFailed) this.#writeLater(frame);
    });
    this.#retryMs = Math.min(RETRY_MAX_MS, this.#retryMs * 2);
    this.#continueDrain();
  }

  #fail(fault: DiskFault): void {
    this.#options.failed(fault);
  }

  #setFull(isFull: boolean): void {
    if (this.#isFull === isFull) return;
    this.#isFull = isFull;
    this.#options.full(isFull);
    if (isFull) this.#continueDrain();
  }

  /**
   * An idle journal marks its end, so that its last frame is known to have been durable; what others told of theirs is written then too.
   * One timer, never re-armed per frame.
   */
  watchIdle(): void {
    if (this.#isIdleTimerSet) return;
    this.#isIdleTimerSet = true;
    this.#idleAt = this.#sequence;
    this.#options.timers.set(IDLE_MS, () => {
      this.#isIdleTimerSet = false;
      if (this.#isFailed || this.#drained !== null) return;
      const isIdle = this.#idleAt === this.#sequence && this.#inflight === null && !this.hasPending;
      if (!isIdle) return this.watchIdle();
      this.#options.idle();
      if (this.hasPending) this.flush();
      else if (!this.#isMarked && this.#hasMarkerRoom()) this.#writeMarker();
    });
  }
}
