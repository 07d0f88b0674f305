import {
  type Checksum,
  type Disk,
  DiskFault,
  type GroupId,
  type LogIndex,
  QuorateError,
  type Term,
  type Timers,
  invariant,
} from '@quorate/base';
import { FileRemover } from './file-remover.js';
import { SNAPSHOT_FOLDER, SNAPSHOT_VOTERS_MAX, type SnapshotShape, parseSnapshotName, snapshotPath } from './snapshot-format.js';
import { type SnapshotFileHost, StoredSnapshot } from './snapshot-file.js';
import { StoredSnapshotWriter, type SnapshotWriterHost } from './snapshot-writer.js';
import type { StoredLog } from './stored-log.js';
import type { Damage, SnapshotFacts, SnapshotFile, SnapshotWriter } from './types.js';

/** What the snapshots of a node need of its storage. */
export interface SnapshotsOptions {
  readonly disk: Disk;
  readonly timers: Timers;
  readonly checksum: Checksum;
  /** Null while it writes; else why it does not. */
  readonly refusal: () => QuorateError | null;
  readonly failed: (fault: DiskFault) => void;
  readonly reportDamage: (damage: Damage) => void;
  /** A record was queued outside of any turn of the host. */
  readonly flush: () => void;
}

/** A file that a newer one, or a reset, made needless; removed once that is durable in the journal. */
interface Outdated {
  readonly file: StoredSnapshot;
  readonly log: StoredLog;
  /** The snapshot that replaces it; 0: the log was reset. */
  readonly replacedBy: LogIndex;
}

interface Waiting {
  readonly writer: StoredSnapshotWriter;
  readonly log: StoredLog;
  readonly shape: SnapshotShape;
  readonly done: (error: QuorateError | null, file: StoredSnapshot | null) => void;
}

/**
 * The snapshots of all groups of a node: the one in force of each, those being written, and when an older file may go. The order is what
 * makes it safe: the new file is synced, renamed, its folder synced; the journal says that it is there; that frame is durable; then the
 * older one is removed.
 */
export class Snapshots implements SnapshotWriterHost, SnapshotFileHost {
  readonly disk: Disk;
  readonly timers: Timers;
  readonly checksum: Checksum;
  journalId = '';
  readonly #options: SnapshotsOptions;
  readonly #current = new Map<GroupId, StoredSnapshot>();
  /** Complete, from a leader, and not in force yet. */
  readonly #received = new Map<GroupId, { readonly file: StoredSnapshot; readonly writer: StoredSnapshotWriter }>();
  readonly #writers = new Map<StoredSnapshotWriter, { readonly log: StoredLog; readonly isReceived: boolean }>();
  /** Own ones that are complete, but of an index that is not durable in the log yet. */
  readonly #waiting = new Set<Waiting>();
  readonly #remover: FileRemover;
  #outdated: Outdated[] = [];
  #serial = 0;
  /** It is there, and durably so. */
  #isFolderThere = false;
  #stopped: (() => void) | null = null;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.disk = options.disk;
    this.#remover = new FileRemover(options);
    this.timers = options.timers;
    this.checksum = options.checksum;
  }

  get refusal(): QuorateError | null {
    return this.#options.refusal();
  }

  reportDamage(damage: Damage): void {
    this.#options.reportDamage(damage);
  }

  /** Found at open, and what the journal says. */
  adopt(shape: SnapshotShape): void {
    this.#current.set(shape.group, new StoredSnapshot(shape, this));
  }

  newest(group: GroupId): SnapshotFile | null {
    return this.#current.get(group) ?? null;
  }

  begin(log: StoredLog, facts: SnapshotFacts, isReceived: boolean): SnapshotWriter {
    if (facts.voters.length > SNAPSHOT_VOTERS_MAX)
      throw new QuorateError('invalidArgument', `a snapshot names at most ${SNAPSHOT_VOTERS_MAX} voters, not ${facts.voters.length}`);
    const path = `${SNAPSHOT_FOLDER}/${facts.group}-${++this.#serial}.new`;
    const writer = new StoredSnapshotWriter({ ...facts, voters: [...facts.voters] }, path, this);
    this.#writers.set(writer, { log, isReceived });
    try {
      this.#makeFolder();
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      writer.stop(this.faulted(thrown, false), () => {});
    }
    return writer;
  }

  publish(writer: StoredSnapshotWriter, shape: SnapshotShape, done: Waiting['done']): void {
    const known = this.#writers.get(writer);
    invariant(known !== undefined, 'a writer is known until it ended');
    const { log, isReceived } = known;
    const newest = this.#current.get(shape.group);
    if (this.refusal !== null) return done(this.refusal, null);
    if (log.isRetired) return done(new QuorateError('aborted', `the log of group ${shape.group} was reset meanwhile`), null);
    if (shape.index <= (newest?.index ?? 0) || shape.index < log.firstIndex - 1) {
      // T41: a newer one came in between; a snapshot never goes back.
      this.remove(shape.path);
      return done(null, null);
    }
    if (!isReceived && log.durableIndex < shape.index) {
      // T40: what a snapshot holds was committed, but a log that is shorter than its snapshot would look damaged.
      this.#waiting.add({ writer, log, shape, done });
      return;
    }
    let file: StoredSnapshot;
    try {
      file = this.#putInPlace(shape);
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      return done(this.faulted(thrown, false), null);
    }
    if (isReceived) this.#receive(writer, file);
    else this.#enforce(log, file);
    done(null, file);
    if (!isReceived) {
      // In force: not to be given up any more, also if its writer has not been told yet.
      writer.disown();
      log.snapshotPublished(file.index, file.term);
      this.#options.flush();
    }
  }

  /** What was received for this log is in force: its record is about to be queued. */
  install(log: StoredLog, index: LogIndex, term: Term): void {
    const received = this.#received.get(log.group);
    invariant(received?.file.index === index && received.file.term === term, 'a log starts anew after a snapshot that is in place', {
      group: log.group,
      index,
      term,
    });
    this.#received.delete(log.group);
    received.writer.disown();
    this.#enforce(log, received.file);
  }

  /** The log was reset: its snapshots go once that is durable. */
  reset(group: GroupId, log: StoredLog): void {
    for (const [writer, known] of [...this.#writers]) {
      if (known.log.group === group) writer.stop(new QuorateError('aborted', `the log of group ${group} was reset`), () => {});
    }
    const files = [
      this.#current.get(group),
      this.#received.get(group)?.file,
      ...this.#outdated.filter((old) => old.file.group === group).map((old) => old.file),
    ];
    this.#received.get(group)?.writer.disown();
    this.#current.delete(group);
    this.#received.delete(group);
    this.#outdated = this.#outdated.filter((old) => old.file.group !== group);
    for (const file of files) if (file !== undefined) this.#outdated.push({ file, log, replacedBy: 0 });
  }

  /** Facts of these logs became durable. */
  durable(logs: readonly StoredLog[]): void {
    if (this.#outdated.length > 0) {
      const isDurable = ({ log, replacedBy }: Outdated): boolean => logs.includes(log) && log.durableSnapshot >= replacedBy;
      const gone = this.#outdated.filter(isDurable);
      if (gone.length > 0) this.#outdated = this.#outdated.filter((old) => !gone.includes(old));
      for (const { file } of gone) this.#drop(file);
    }
    for (const waiting of this.#waiting) {
      if (waiting.log.durableIndex < waiting.shape.index || !logs.includes(waiting.log)) continue;
      this.#waiting.delete(waiting);
      // Not from within the completion of a frame.
      this.timers.defer(() => {
        if (this.#writers.has(waiting.writer)) this.publish(waiting.writer, waiting.shape, waiting.done);
      });
    }
  }

  faulted(fault: DiskFault, isSync: boolean): QuorateError {
    if (fault.kind === 'full' && !isSync) {
      return new QuorateError('diskFull', 'no space for a snapshot', { file: fault.path }, { cause: fault });
    }
    this.#options.failed(fault);
    return new QuorateError(
      'diskFailed',
      `the disk failed: ${fault.message}`,
      { file: fault.path, operation: fault.operation },
      { cause: fault },
    );
  }

  ended(writer: StoredSnapshotWriter): void {
    this.#writers.delete(writer);
    for (const waiting of this.#waiting) {
      if (waiting.writer !== writer) continue;
      this.#waiting.delete(waiting);
      waiting.done(new QuorateError('aborted', 'the snapshot was given up'), null);
    }
    if (this.#writers.size === 0) this.#stopped?.();
  }

  released(file: StoredSnapshot): void {
    for (const [group, received] of this.#received) if (file.isVoid && received.file === file) this.#received.delete(group);
    if (file.isVoid) this.#drop(file);
  }

  remove(path: string): void {
    if (this.#stopped === null && this.refusal === null) this.#remover.remove(path);
  }

  /** Gives up what is being written, then calls back. What it leaves is removed at the next open. */
  stop(done: () => void): void {
    let isDone = false;
    this.#remover.stop();
    this.#stopped = () => {
      if (isDone) return;
      isDone = true;
      for (const file of this.#current.values()) file.close();
      for (const { file } of this.#received.values()) file.close();
      for (const { file } of this.#outdated) file.close();
      done();
    };
    for (const writer of [...this.#writers.keys()]) writer.stop(new QuorateError('closed', 'the storage is closed'), () => {});
    if (this.#writers.size === 0) this.#stopped();
  }

  #makeFolder(): void {
    if (this.#isFolderThere || this.refusal !== null) return;
    this.disk.makeDirectory(SNAPSHOT_FOLDER);
    this.disk.syncDirectory('');
    this.#isFolderThere = true;
  }

  /** T26: under its own name a file is whole, and the name is durable before anybody relies on it. */
  #putInPlace(shape: SnapshotShape): StoredSnapshot {
    const path = snapshotPath(shape.group, shape.index);
    this.disk.rename(shape.path, path);
    this.disk.syncDirectory(SNAPSHOT_FOLDER);
    return new StoredSnapshot({ ...shape, path }, this);
  }

  #receive(writer: StoredSnapshotWriter, file: StoredSnapshot): void {
    const before = this.#received.get(file.group);
    this.#received.set(file.group, { file, writer });
    if (before === undefined) return;
    before.writer.disown();
    // Of the same index, it has just been replaced under its name.
    if (before.file.shape.path !== file.shape.path) this.#drop(before.file);
  }

  #enforce(log: StoredLog, file: StoredSnapshot): void {
    const before = this.#current.get(file.group);
    this.#current.set(file.group, file);
    if (before !== undefined) this.#outdated.push({ file: before, log, replacedBy: file.index });
    const received = this.#received.get(file.group);
    if (received === undefined || received.file.index > file.index) return;
    this.#received.delete(file.group);
    received.writer.disown();
    if (received.file.index < file.index) this.#drop(received.file);
  }

  #drop(file: StoredSnapshot): void {
    file.isVoid = true;
    if (file.isRetained) return;
    file.close();
    if (this.#stopped !== null || this.refusal !== null) return;
    // Its name may be given again, to a snapshot of the same index that a leader sends once more, before all of it is gone.
    const path = `${SNAPSHOT_FOLDER}/gone-${++this.#serial}.new`;
    try {
      this.disk.rename(file.shape.path, path);
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      if (thrown.kind !== 'missing') this.#options.failed(thrown);
      return;
    }
    this.#remover.remove(path);
  }
}

/** Names in the folder that are not those of complete snapshots: written by a process that died. */
export function unfinishedSnapshots(disk: Disk): string[] {
  return disk
    .list(SNAPSHOT_FOLDER)
    .filter((name) => name.endsWith('.new') && parseSnapshotName(name) === null)
    .map((name) => `${SNAPSHOT_FOLDER}/${name}`);
}
