import {
  DiskFault,
  type GroupId,
  type Incarnation,
  LIMITS,
  type LogIndex,
  type NodeId,
  QuorateError,
  SECTOR_BYTES,
  type Term,
  invariant,
} from '@quorate/base';
import { captureCheckpoint } from './checkpoint-capture.js';
import { CheckpointWriter } from './checkpoint-writer.js';
import { DamageReports } from './damage-reports.js';
import { diskFailure } from './disk-failure.js';
import { DiskPace } from './disk-pace.js';
import { FrameCodec } from './frame.js';
import { type StoredIdentity, storeIdentity } from './identity.js';
import { Journal } from './journal.js';
import { JournalFiles } from './journal-files.js';
import { type JournalStart, createJournal } from './journal-start.js';
import { LogState } from './log-state.js';
import { PeerSequences } from './peer-sequences.js';
import { RecentBatches } from './recent-batches.js';
import type { FileEvents, OpenedJournal } from './opened-journal.js';
import { Snapshots } from './snapshots.js';
import { type LogHost, type QueueEntry, StoredLog } from './stored-log.js';
import type {
  Damage,
  GroupLog,
  Identity,
  SnapshotFacts,
  SnapshotFile,
  SnapshotWriter,
  Storage,
  StorageMetrics,
  StorageOptions,
} from './types.js';

/** Storage over a Disk. Made by `openStorage`. */
export class NodeStorage implements Storage, LogHost, FileEvents {
  readonly checksum: StorageOptions['checksum'];
  readonly recent: RecentBatches;
  readonly batchBytesMax: number;
  readonly damage: readonly Damage[];
  readonly recoveredSequence: number;
  readonly #options: StorageOptions;
  readonly #release: () => void;
  readonly #fileBytes: number;
  readonly #pace: DiskPace;
  #stored: StoredIdentity | null;
  #files: JournalFiles | null = null;
  #journal: Journal | null = null;
  #checkpoints: CheckpointWriter | null = null;
  readonly #groups = new Map<GroupId, StoredLog>();
  readonly #frozenUnknown: Set<GroupId>;
  readonly #peers: PeerSequences;
  readonly #snapshots: Snapshots;
  /** Peer sequences that are in no frame yet. */
  readonly #newPeers = new Map<string, QueueEntry>();
  readonly #toTell = new Set<StoredLog>();
  readonly #damageReports: DamageReports;
  #isFailed = false;
  #isClosed = false;

  constructor(options: StorageOptions, release: () => void, stored: StoredIdentity | null, opened: OpenedJournal | null) {
    this.#options = options;
    this.checksum = options.checksum;
    this.#release = release;
    this.#stored = stored;
    this.#fileBytes = options.journalFileBytes ?? LIMITS.journalFileBytes;
    // First sector, frame header, record head, marker sector, and rounding up.
    this.batchBytesMax = this.#fileBytes - 4 * SECTOR_BYTES;
    this.recent = new RecentBatches(options.recentBatchesBytes ?? LIMITS.recentBatchesBytes);
    this.#frozenUnknown = opened?.frozenUnknown ?? new Set();
    this.#peers = opened?.peers ?? new PeerSequences();
    this.damage = opened?.damage ?? [];
    this.recoveredSequence = opened?.recoveredSequence ?? 0;
    this.#damageReports = new DamageReports(options.logger, (damage) => this.#tell(() => options.events.damaged(damage)));
    this.#pace = opened?.pace ?? new DiskPace(options.disk, options.clock ?? null);
    this.#snapshots = new Snapshots({
      disk: options.disk,
      timers: options.timers,
      pace: this.#pace,
      checksum: options.checksum,
      refusal: () => this.#refusal(),
      failed: (fault) => this.failed(fault),
      full: () => this.#files?.dropSpares(),
      reportDamage: (damage) => this.reportDamage(damage),
      flush: () => {
        if (this.#refusal() === null) this.flush();
      },
    });
    this.#snapshots.journalId = stored?.journalId ?? '';
    for (const shape of opened?.snapshots.values() ?? []) this.#snapshots.adopt(shape);
    for (const [group, recovered] of opened?.groups ?? []) {
      const log = new StoredLog(group, recovered.state, recovered.hardState, this);
      log.isFrozen = recovered.isFrozen;
      log.resetSequence = recovered.resetSequence;
      log.snapshotIndex = opened?.snapshots.get(group)?.index ?? 0;
      log.durableSnapshot = log.snapshotIndex;
      this.#groups.set(group, log);
    }
    if (opened !== null && stored !== null) this.#startJournal(stored.journalId, opened.files, opened.start, opened.checkpointNumber);
  }

  get identity(): Identity | null {
    return this.#stored?.identity ?? null;
  }
  get durableSequence(): number {
    return this.#journal?.durableSequence ?? 0;
  }
  get metrics(): StorageMetrics {
    return { ...(this.#journal?.counters ?? { syncs: 0, frames: 0, bytesWritten: 0, batchesAppended: 0, syncMsTotal: 0 }) };
  }
  get hasPending(): boolean {
    return this.#journal?.hasPending ?? false;
  }

  setIdentity(identity: Identity): void {
    this.checkOpen();
    const { disk } = this.#options;
    const stored = { identity, journalId: this.#stored?.journalId ?? identity.incarnation };
    try {
      if (this.#journal === null) {
        // The journal first, then the identity that vouches for it: an identity without a journal is damage.
        this.#createJournal(stored);
      } else {
        storeIdentity(disk, stored, this.checksum);
      }
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      if (thrown.kind === 'full')
        throw new QuorateError('diskFull', 'no space for the identity and the journal', { path: thrown.path }, { cause: thrown });
      this.failed(thrown);
      throw diskFailure(thrown);
    }
    this.#stored = stored;
  }

  group(group: GroupId): GroupLog | undefined {
    return this.#groups.get(group);
  }

  groups(): IterableIterator<GroupLog> {
    return this.#groups.values();
  }

  createGroup(group: GroupId, isLearner: boolean): GroupLog {
    const journal = this.#writable();
    invariant(!this.#groups.has(group), 'a group is created once', { group });
    if (this.#frozenUnknown.has(group)) {
      throw new QuorateError('dataDamaged', `group ${group} was touched by damage; it must be reset, not created`, { group });
    }
    const log = this.#newLog(group, isLearner);
    journal.enqueue({ record: { type: 'createGroup', group, isLearner }, log, version: 0, isDropped: false });
    return log;
  }

  resetGroup(group: GroupId): GroupLog {
    const journal = this.#writable();
    this.#groups.get(group)?.retire();
    this.#frozenUnknown.delete(group);
    const log = this.#newLog(group, true);
    this.#snapshots.reset(group, log);
    journal.enqueue({ record: { type: 'resetGroup', group }, log, version: 0, isDropped: false });
    return log;
  }

  snapshot(group: GroupId): SnapshotFile | null {
    return this.#snapshots.newest(group);
  }

  createSnapshot(facts: SnapshotFacts): SnapshotWriter {
    return this.#beginSnapshot(facts, false);
  }

  receiveSnapshot(facts: SnapshotFacts): SnapshotWriter {
    return this.#beginSnapshot(facts, true);
  }

  #beginSnapshot(facts: SnapshotFacts, isReceived: boolean): SnapshotWriter {
    this.#writable();
    const log = this.#groups.get(facts.group);
    invariant(log !== undefined, 'a snapshot is of a group that is there', { group: facts.group });
    log.checkWritable();
    return this.#snapshots.begin(log, facts, isReceived);
  }

  #refusal(): QuorateError | null {
    if (this.#isClosed) return new QuorateError('closed', 'the storage is closed');
    return this.#isFailed ? new QuorateError('diskFailed', 'the disk failed earlier') : null;
  }

  notePeerSequence(peer: NodeId, incarnation: Incarnation, sequence: number): void {
    this.checkOpen();
    if (!this.#peers.note(peer, incarnation, sequence)) return;
    this.#newPeers.set(`${peer} ${incarnation}`, {
      record: { type: 'peerSequence', peer, incarnation, sequence },
      log: null,
      version: 0,
      isDropped: false,
    });
    // With the next frame, or when the journal is idle: else an idle node would forget in a crash what it was told long before (T37).
    this.#journal?.watchIdle();
  }

  peerSequence(peer: NodeId, incarnation: Incarnation): number {
    return this.#peers.get(peer, incarnation);
  }

  flush(): void {
    this.checkOpen();
    const journal = this.#journal;
    if (journal === null || this.#isFailed || !journal.hasPending) return;
    this.#enqueuePeers(journal);
    journal.flush();
  }

  close(done: (error: QuorateError | null) => void): void {
    this.checkOpen();
    this.#isClosed = true;
    const journal = this.#journal;
    const end = (error: QuorateError | null): void => {
      const finish = (): void => {
        this.#files?.closeAll();
        this.#release();
        this.#options.timers.defer(() => done(error));
      };
      const stopSnapshots = (): void => this.#snapshots.stop(finish);
      const stopFiles = (): void => (this.#files === null ? stopSnapshots() : this.#files.stop(stopSnapshots));
      if (this.#checkpoints === null) stopFiles();
      else this.#checkpoints.stop(stopFiles);
    };
    if (journal === null) return end(null);
    const hadFailed = this.#isFailed;
    if (!hadFailed) this.#enqueuePeers(journal);
    journal.drain((isFull) => {
      if (hadFailed) end(null);
      else if (this.#isFailed) end(new QuorateError('diskFailed', 'the disk failed while closing'));
      else end(isFull ? new QuorateError('diskFull', 'closed without space to write what was queued') : null);
    });
  }

  // What logs need.

  checkOpen(): void {
    if (this.#isClosed) throw new QuorateError('closed', 'the storage is closed');
  }

  enqueue(entry: QueueEntry): void {
    this.#writable().enqueue(entry);
  }

  get files(): JournalFiles {
    invariant(this.#files !== null, 'a placed batch has a journal');
    return this.#files;
  }

  snapshotInstalled(log: StoredLog, index: LogIndex, term: Term): void {
    this.#snapshots.install(log, index, term);
  }

  reportDamage(damage: Damage): void {
    this.#damageReports.report(damage);
  }

  // What the files of the journal tell.

  prepared(): void {
    this.#journal?.filePrepared();
  }
  full(): void {
    this.#journal?.fileFull();
  }
  emptied(): void {
    this.#checkpoints?.want();
  }

  /** T25: once failed, always failed. */
  failed(fault: DiskFault): void {
    if (this.#isFailed) return;
    this.#isFailed = true;
    const error = diskFailure(fault);
    this.#options.logger.log('error', 'diskFailed', { operation: fault.operation, path: fault.path, what: fault.message });
    this.#toTell.clear();
    this.#tell(() => this.#options.events.failed(error));
    this.#journal?.fail();
  }

  makeFiles(journalId: string): JournalFiles {
    return new JournalFiles({
      disk: this.#options.disk,
      timers: this.#options.timers,
      pace: this.#pace,
      checksum: this.checksum,
      journalId,
      fileBytes: this.#fileBytes,
      prepared: () => this.prepared(),
      full: () => this.full(),
      failed: (fault) => this.failed(fault),
      emptied: () => this.emptied(),
    });
  }

  #createJournal(stored: StoredIdentity): void {
    const files = this.makeFiles(stored.journalId);
    try {
      const start = createJournal(this.#options.disk, files, new FrameCodec(stored.journalId, this.checksum));
      storeIdentity(this.#options.disk, stored, this.checksum);
      this.#startJournal(stored.journalId, files, start, 0);
    } catch (thrown) {
      files.closeAll();
      throw thrown;
    }
  }

  #startJournal(journalId: string, files: JournalFiles, start: JournalStart, checkpointNumber: number): void {
    const { disk, timers, events } = this.#options;
    this.#files = files;
    this.#snapshots.journalId = journalId;
    this.#checkpoints = new CheckpointWriter({
      disk,
      pace: this.#pace,
      checksum: this.checksum,
      journalId,
      number: checkpointNumber,
      capture: (number, sequence) =>
        this.#frozenUnknown.size > 0
          ? null
          : captureCheckpoint({ number, sequence }, { logs: this.#groups.values(), files, peers: this.#peers }),
      release: (deadFiles) => files.recycle(deadFiles),
      full: () => files.dropSpares(),
      failed: (fault) => this.failed(fault),
    });
    this.#journal = new Journal({
      timers,
      pace: this.#pace,
      syncMode: this.#options.syncMode ?? 'adaptive',
      codec: new FrameCodec(journalId, this.checksum),
      files,
      checkpoints: this.#checkpoints,
      start,
      durable: (logs) => this.#durable(logs),
      failed: (fault) => this.failed(fault),
      full: (isFull) => this.#tell(() => events.full(isFull)),
      idle: () => {
        if (this.#journal !== null) this.#enqueuePeers(this.#journal);
      },
    });
    if (files.retained().deadFiles.length > 0) this.#checkpoints.want();
    files.prepare();
  }

  #writable(): Journal {
    this.checkOpen();
    const journal = this.#journal;
    if (journal === null) throw new QuorateError('invalidArgument', 'a data directory gets its identity before its first group');
    return journal;
  }

  #newLog(group: GroupId, isLearner: boolean): StoredLog {
    invariant(this.#files !== null, 'a group has a journal');
    const log = new StoredLog(group, new LogState(this.#files), { term: 0, votedFor: 0, isLearner }, this);
    this.#groups.set(group, log);
    return log;
  }

  #enqueuePeers(journal: Journal): void {
    for (const entry of this.#newPeers.values()) journal.enqueue(entry);
    this.#newPeers.clear();
  }

  /** One event for all that became durable since the last one; its values are those of the moment of telling (T13). */
  #durable(logs: readonly StoredLog[]): void {
    this.recent.trim();
    this.#snapshots.durable(logs);
    const isScheduled = this.#toTell.size > 0;
    for (const log of logs) this.#toTell.add(log);
    if (isScheduled) return;
    this.#tell(() => {
      if (this.#isFailed && this.#toTell.size === 0) return;
      const told = [];
      for (const log of this.#toTell) {
        if (!log.isRetired) told.push({ group: log.group, hardStateVersion: log.durableVersion, durableIndex: log.durableIndex });
      }
      this.#toTell.clear();
      if (told.length > 0) this.#options.events.durable(told);
    });
  }

  #tell(event: () => void): void {
    this.#options.timers.soon(event);
  }
}
