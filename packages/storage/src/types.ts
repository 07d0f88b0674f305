import type {
  Checksum,
  Clock,
  ClusterId,
  Disk,
  GroupId,
  Incarnation,
  Logger,
  LogIndex,
  NodeId,
  QuorateError,
  Term,
  Timers,
} from '@quorate/base';

/** Who this data directory belongs to. Written once at first start (unformed) and once at formation. */
export interface Identity {
  readonly nodeId: NodeId;
  readonly incarnation: Incarnation;
  /** Null until the cluster is formed. */
  readonly clusterId: ClusterId | null;
  /** True: this directory joined a cluster that was formed before, so each of its replicas starts as a learner (D7). */
  readonly isRejoined: boolean;
  /** All members at formation. `incarnation` null while unformed. */
  readonly members: readonly { readonly nodeId: NodeId; readonly address: string; readonly incarnation: Incarnation | null }[];
}

/** What a replica must not forget of its votes. */
export interface GroupHardState {
  readonly term: Term;
  readonly votedFor: NodeId | 0;
  readonly isLearner: boolean;
}

/** Where something is damaged. */
export interface Damage {
  readonly file: string;
  readonly offset: number;
  /** What was found there, for people. */
  readonly what: string;
  /** Groups whose log or hard state it touches; null: cannot be told, so all. */
  readonly groups: readonly GroupId[] | null;
}

/** Told when a journal frame with facts of a group became durable. */
export interface GroupDurable {
  readonly group: GroupId;
  /** Version given to the newest `setHardState` that is durable (0: none yet). */
  readonly hardStateVersion: number;
  /** Highest index durable *and still in the log*: a truncation takes it back, a late completion never raises it again (T13). */
  readonly durableIndex: LogIndex;
}

/** What the rest of a node learns from storage. All calls come from the injected queue, never from within a call to storage. */
export interface StorageEvents {
  durable(groups: readonly GroupDurable[]): void;
  /** A write or sync failed for good: nothing is durable from here on, ever (T25). */
  failed(error: QuorateError): void;
  /** No space (`true`) and space again (`false`). What was queued stays queued and is tried again. */
  full(isFull: boolean): void;
  /** A read met damage in a stored batch. */
  damaged(damage: Damage): void;
}

/** What `openStorage` needs. */
export interface StorageOptions {
  readonly disk: Disk;
  readonly timers: Timers;
  /** Measures syncs for `metrics.syncMsTotal` and for the adaptive mode; without it that mode goes by the size of the queue alone. */
  readonly clock?: Clock;
  readonly checksum: Checksum;
  readonly logger: Logger;
  readonly events: StorageEvents;
  /** Bytes of one journal file; default `LIMITS.journalFileBytes`, smaller in tests. From `LIMITS.frameBytesMax` on every legal batch fits. */
  readonly journalFileBytes?: number;
  /** Bytes of recent batches kept in memory; default `LIMITS.recentBatchesBytes`. */
  readonly recentBatchesBytes?: number;
  /** Asked about the identity of a directory in use before anything in it is changed; what it throws is the error of the opening. */
  readonly checkIdentity?: (identity: Identity) => void;
  /** `adaptive` (default): synchronous sync while little is queued and the disk is quick; else always one way. */
  readonly syncMode?: 'adaptive' | 'sync' | 'async';
}

/** The log and hard state of one group. Changes are visible to readers at once and durable when `StorageEvents.durable` says so. */
export interface GroupLog {
  readonly group: GroupId;
  readonly hardState: GroupHardState;
  /** The largest batch that `append` takes: what a journal file has room for. A larger one is `recordTooLarge`. */
  readonly batchBytesMax: number;
  /** First index there is, 1 unless the prefix was dropped. */
  readonly firstIndex: LogIndex;
  /** Term of the entry before `firstIndex`. */
  readonly previousTerm: Term;
  /** `firstIndex - 1` if empty, so 0 for a new log. */
  readonly lastIndex: LogIndex;
  readonly durableIndex: LogIndex;
  /** Runs of equal terms, ascending. */
  readonly terms: readonly { readonly firstIndex: LogIndex; readonly term: Term }[];
  /** Base indexes of the configuration batches in the log, ascending. */
  readonly configurationIndexes: readonly LogIndex[];
  /** Base index of the batch that holds an index. */
  batchBaseOf(index: LogIndex): LogIndex;
  /**
   * Whole verified batches from the one that holds `fromIndex` on: at least one, then more while they fit `maxBytes`.
   * Empty at the end of the log, or where damage was met (then `StorageEvents.damaged` was told).
   */
  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[];
  /**
   * Bytes that one read of the disk gives of this log, at most `maxBytes` or one batch, from the batch that holds `index` on: little where the batches of many
   * groups lie between its own. 0: that batch is in memory.
   */
  bytesTogether(index: LogIndex, maxBytes: number): number;
  /**
   * What one such read gives, without holding up this thread: `fromIndex` is in the log and not in memory. `done` is called once, never within this
   * call; with null if the log has changed there meanwhile, so that it says nothing; not at all once the storage is closed.
   */
  readLater(fromIndex: LogIndex, maxBytes: number, done: (batches: readonly Uint8Array[] | null) => void): void;
  /** `version` must grow. */
  setHardState(state: GroupHardState, version: number): void;
  /** A verified batch whose base index is `lastIndex + 1`. Its bytes are kept, not copied, until it is written: they must not change. */
  append(batch: Uint8Array): void;
  /** Drops every batch after `index`, a batch border. */
  truncateSuffix(index: LogIndex): void;
  /**
   * Drops every batch up to and including `index`, a batch border and durable; of a group with a snapshot at or before the index of that.
   * Space comes back later.
   */
  truncatePrefix(index: LogIndex): void;
  /**
   * Puts the snapshot that was received at `index` in force: it is what `Storage.snapshot` gives from now on, and the log starts after it.
   * Where the log holds a batch border there with this term, what follows stays, durable or not, and it gives true; else everything is
   * dropped, and `lastIndex` is `index`. Durable with the frame that `StorageEvents.durable` tells of with `durableIndex >= index`; a crash
   * before that leaves the old log.
   */
  restartAt(index: LogIndex, term: Term): boolean;
}

/** What a snapshot is of. */
export interface SnapshotFacts {
  readonly group: GroupId;
  /** It holds the effect of every entry up to this one, a batch border, and of none after it. */
  readonly index: LogIndex;
  readonly term: Term;
  /** The configuration in force at `index`. */
  readonly voters: readonly NodeId[];
  /** Logged time of the batch that ends at `index`, in ms: what follows is never earlier. */
  readonly loggedTimeMs: number;
}

/** A complete snapshot on disk. */
export interface SnapshotFile extends SnapshotFacts {
  /** Bytes of its content. */
  readonly length: number;
  /** Opens it: it stays readable, also when a newer one takes its place, until the reader is closed. */
  open(): SnapshotFileReader;
}

/** Takes what was read, later and once. With an error there are no bytes. */
export type SnapshotRead = (error: QuorateError | null, bytes: Uint8Array) => void;

/** Reads a snapshot for one user. Whoever goes through it from front to back waits for the disk once: the next piece is read ahead. */
export interface SnapshotFileReader {
  /**
   * The content from `offset` on, which is before its end: `maxBytes`, but at most 1 MiB; less only at the end. One piece at a time. Its bytes are
   * the caller's until the next read; then others are in the same place. Each piece is verified; `dataDamaged` with file and offset if it does
   * not match its checksum or cannot be read, and then `StorageEvents.damaged` is told too.
   */
  read(offset: number, maxBytes: number, done: SnapshotRead): void;
  /** It is needed no longer; a read under way is not told of any more. */
  close(): void;
}

/**
 * Writes a snapshot piece by piece. One step at a time; callbacks come later, once. After an error nothing is left of it and every further
 * step gives the same error: `diskFull` (nothing else is touched; another attempt may succeed), `diskFailed`, `aborted`, `closed`.
 */
export interface SnapshotWriter {
  readonly facts: SnapshotFacts;
  /** Bytes of content taken so far. */
  readonly length: number;
  /** `bytes` must not change until `done`. */
  write(bytes: Uint8Array, done: (error: QuorateError | null) => void): void;
  /**
   * Completes, syncs and names the file. An own one waits until the log is durable up to its index, and is in force from then on. `file` null
   * without an error: the group has a newer one by now, nothing was kept.
   */
  finish(done: (error: QuorateError | null, file: SnapshotFile | null) => void): void;
  /** Gives up; of a received one also after `finish`, until `GroupLog.restartAt`. A step under way ends with `aborted`. */
  abort(): void;
}

/** Counters since open, for `status`, `bench` and tests. */
export interface StorageMetrics {
  readonly syncs: number;
  readonly frames: number;
  readonly bytesWritten: number;
  readonly batchesAppended: number;
  readonly syncMsTotal: number;
}

/** A data directory. `openStorage` takes the lock, recovers, and gives this. */
export interface Storage {
  /** Null: the directory was empty. */
  readonly identity: Identity | null;
  /** Damage found at open that made logs shorter or groups unusable; the replicas concerned count as wiped. Empty: sound. */
  readonly damage: readonly Damage[];
  /**
   * Sequence of the newest durable journal frame: only grows in the life of an incarnation (T37). Frames that only note what peers told do
   * not count: else two idle nodes would tell each other of them for ever.
   */
  readonly durableSequence: number;
  /**
   * Sequence of the newest sound frame found at open, 0 in a new directory. Below what a peer was told of earlier: the journal lost its end,
   * which cannot be seen from within (T37). Compare this, not `durableSequence`, which grows again at once.
   */
  readonly recoveredSequence: number;
  readonly metrics: StorageMetrics;
  /**
   * Writes and syncs the identity before it returns. The first one also makes the first journal file, so it comes before the first group.
   * Throws `diskFull` or `diskFailed`.
   */
  setIdentity(identity: Identity): void;
  group(group: GroupId): GroupLog | undefined;
  groups(): IterableIterator<GroupLog>;
  /** A new empty log. `isLearner` is part of its first hard state. Durable with the next flush. */
  createGroup(group: GroupId, isLearner: boolean): GroupLog;
  /** Forgets a group's log and hard state and starts it anew as a learner: after damage or amnesia (D7). */
  resetGroup(group: GroupId): GroupLog;
  /** The newest snapshot in force of a group. */
  snapshot(group: GroupId): SnapshotFile | null;
  /**
   * Begins to write the state of this replica's own machine at an index that it applied, above that of the present snapshot. Throws
   * `invariantBroken` for a group that is not there, `dataDamaged` if its log is, `invalidArgument` for more than 200 voters.
   */
  createSnapshot(facts: SnapshotFacts): SnapshotWriter;
  /** Begins to store a snapshot that a leader sends. Complete, it is in force only after `GroupLog.restartAt`. Throws like `createSnapshot`. */
  receiveSnapshot(facts: SnapshotFacts): SnapshotWriter;
  /**
   * Highest value of another node's `durableSequence` seen. Stored with the next frame, or by itself once the journal is idle, so that an old
   * image of that node is noticed after our own restart (T37).
   */
  notePeerSequence(peer: NodeId, incarnation: Incarnation, sequence: number): void;
  peerSequence(peer: NodeId, incarnation: Incarnation): number;
  /** True if something waits for a `flush`. */
  readonly hasPending: boolean;
  /** Starts writing all that is queued as one frame, unless one is being written; then that one's completion starts the next. */
  flush(): void;
  /** Writes what is queued and a closing marker, syncs, closes files, releases the lock. */
  close(done: (error: QuorateError | null) => void): void;
}
