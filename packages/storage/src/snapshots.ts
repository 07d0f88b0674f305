import {
  type Checksum,
  type Disk,
  type DiskFault,
  type GroupId,
  type LogIndex,
  QuorateError,
  type Term,
  type Timers,
  invariant,
} from '@quorate/base';
import { diskFailure } from './disk-failure.js';
import type { DiskPace } from './disk-pace.js';
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
  readonly pace: DiskPace;
  readonly checksum: Checksum;
  /** Null while it writes; else why it does not. */
  readonly refusal: () => QuorateError | null;
  readonly failed: (fault: DiskFault) => void;
  /** There is no space for a snapshot. */
  readonly full: () => void;
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

/** A complete file that is to get its name. */
interface Publication {
  readonly writer: StoredSnapshotWriter;
  readonly log: StoredLog;
  readonly isReceived: boolean;
  /** As it is under its temporary name. */
  readonly shape: SnapshotShape;
  /** The name it is to get. */
  readonly path: string;
  readonly done: (error: QuorateError | null, file: StoredSnapshot | null) => void;
}

/**
 * The snapshots of all groups of a node: the one in force of each, those being written, and when an older file may go. The order is what
 * makes it safe: the new file is synced, renamed, its folder synced; the journal says that it is there; that frame is durable; then the
 * older one is removed.
 *
 * Names are given and taken by callback, and a name may be wanted again. So a name is given to one file at a time (`#placing`), not before a
 * removal of that name under way has ended, and it is removed only for the file that bears it (`#named`): what is removed is never what took
 * its place.
 */
export class Snapshots implements SnapshotWriterHost, SnapshotFileHost {
  readonly disk: Disk;
  readonly timers: Timers;
  readonly pace: DiskPace;
  readonly checksum: Checksum;
  journalId = '';
  readonly #options: SnapshotsOptions;
  readonly #current = new Map<GroupId, StoredSnapshot>();
  /** Complete, from a leader, and not in force yet. */
  readonly #received = new Map<GroupId, { readonly file: StoredSnapshot; readonly writer: StoredSnapshotWriter }>();
  readonly #writers = new Map<
    StoredSnapshotWriter,
    { readonly log: StoredLog; readonly isReceived: boolean; readonly ended: () => void }
  >();
  /** Complete, but own ones of an index that is not durable in the log yet, or ones whose name is being given to another file. */
  readonly #waiting = new Set<Publication>();
  /** Being given their names, by name. */
  readonly #placing = new Map<string, Publication>();
  /** Which file bears a name. */
  readonly #named = new Map<string, StoredSnapshot>();
  readonly #remover: FileRemover;
  #outdated: Outdated[] = [];
  #serial = 0;
  #stopped: (() => void) | null = null;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
    this.disk = options.disk;
    this.#remover = new FileRemover(options);
    this.timers = options.timers;
    this.pace = options.pace;
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
    const file = new StoredSnapshot(shape, this);
    this.#current.set(shape.group, file);
    this.#named.set(shape.path, file);
  }

  newest(group: GroupId): SnapshotFile | null {
    return this.#current.get(group) ?? null;
  }

  begin(log: StoredLog, facts: SnapshotFacts, isReceived: boolean): SnapshotWriter {
    if (facts.voters.length > SNAPSHOT_VOTERS_MAX)
      throw new QuorateError('invalidArgument', `a snapshot names at most ${SNAPSHOT_VOTERS_MAX} voters, not ${facts.voters.length}`);
    const path = `${SNAPSHOT_FOLDER}/${facts.group}-${++this.#serial}.new`;
    const writer = new StoredSnapshotWriter({ ...facts, voters: [...facts.voters] }, path, this);
    this.#writers.set(writer, { log, isReceived, ended: this.pace.begin() });
    return writer;
  }

  publish(writer: StoredSnapshotWriter, shape: SnapshotShape, done: Publication['done']): void {
    const known = this.#writers.get(writer);
    invariant(known !== undefined, 'a writer is known until it ended');
    const { log, isReceived } = known;
    this.#advance({ writer, log, isReceived, shape, path: snapshotPath(shape.group, shape.index), done });
  }

  isPlacing(writer: StoredSnapshotWriter): boolean {
    for (const publication of this.#placing.values()) if (publication.writer === writer) return true;
    return false;
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
    this.#lookAgain(({ log, shape }) => log.durableIndex >= shape.index && logs.includes(log));
  }

  faulted(fault: DiskFault, isSync: boolean): QuorateError {
    if (fault.kind === 'full' && !isSync) {
      this.#options.full();
      return new QuorateError('diskFull', 'no space for a snapshot', { file: fault.path }, { cause: fault });
    }
    this.#options.failed(fault);
    return diskFailure(fault);
  }

  ended(writer: StoredSnapshotWriter): void {
    this.#writers.get(writer)?.ended();
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
    this.#stopped = () => {
      if (isDone) return;
      isDone = true;
      for (const file of this.#current.values()) file.close();
      for (const { file } of this.#received.values()) file.close();
      for (const { file } of this.#outdated) file.close();
      this.#remover.stop(done);
    };
    for (const writer of [...this.#writers.keys()]) writer.stop(new QuorateError('closed', 'the storage is closed'), () => {});
    if (this.#writers.size === 0) this.#stopped();
  }

  /** Why a complete file gets no name, or no longer should have it: an error, or null where something newer has come; undefined: it gets it. */
  #objection({ writer, log, isReceived, shape, path }: Publication): QuorateError | null | undefined {
    if (this.refusal !== null) return this.refusal;
    if (writer.error !== null) return writer.error;
    if (log.isRetired) return new QuorateError('aborted', `the log of group ${shape.group} was reset meanwhile`);
    // T41: a newer one came in between; a snapshot never goes back.
    if (shape.index <= (this.#current.get(shape.group)?.index ?? 0) || shape.index < log.firstIndex - 1) return null;
    // One of this index is about to be installed: what is loaded from it must stay.
    return !isReceived && this.#received.get(shape.group)?.file.shape.path === path ? null : undefined;
  }

  /** Why a file that has its name by now is not in force: the same, and what may have become of the log since it was looked at. */
  #lateObjection(publication: Publication): QuorateError | null | undefined {
    const { log, isReceived, shape } = publication;
    const objection = this.#objection(publication);
    if (objection !== undefined || isReceived || log.durableIndex >= shape.index) return objection;
    return new QuorateError('aborted', `the log of group ${shape.group} was cut before index ${shape.index} meanwhile`);
  }

  #advance(publication: Publication): void {
    const { log, isReceived, shape, path, done } = publication;
    const objection = this.#objection(publication);
    if (objection !== undefined) {
      if (objection === null) this.remove(shape.path);
      return done(objection, null);
    }
    // T40: what a snapshot holds was committed, but a log that is shorter than its snapshot would look damaged.
    if ((!isReceived && log.durableIndex < shape.index) || this.#placing.has(path)) this.#waiting.add(publication);
    else this.#place(publication);
  }

  /** T26: under its own name a file is whole, and the name is durable before anybody relies on it. */
  #place(publication: Publication): void {
    const { shape, path, isReceived } = publication;
    this.#placing.set(path, publication);
    const received = this.#received.get(shape.group);
    // Of the same index, it is replaced under its name.
    if (isReceived && received?.file.shape.path === path) this.#unreceive(received);
    this.#remover.freeName(path, () => this.disk.putInPlace(shape.path, path, (fault) => this.#placed(publication, fault)));
  }

  #placed(publication: Publication, fault: DiskFault | null): void {
    const { log, isReceived, shape, path, writer, done } = publication;
    this.#placing.delete(path);
    const objection = fault === null ? this.#lateObjection(publication) : (this.refusal ?? this.faulted(fault, false));
    if (objection === undefined) {
      const file = new StoredSnapshot({ ...shape, path }, this);
      this.#named.set(path, file);
      if (isReceived) this.#receive(writer, file);
      else this.#enforce(log, file);
      done(null, file);
      // In force: not to be given up any more, also if its writer has not been told yet.
      if (!isReceived) {
        writer.disown();
        log.snapshotPublished(file.index, file.term);
        this.#options.flush();
      }
    } else {
      this.#unplaced(publication, fault === null);
      done(objection, null);
    }
    this.#lookAgain((waiting) => waiting.path === path);
  }

  /** Nobody needs what bears the name now: what was just put there, or what was to be replaced. */
  #unplaced({ path, shape }: Publication, isReplaced: boolean): void {
    invariant(this.#current.get(shape.group)?.shape.path !== path, 'what is in force is not removed', { path });
    const before = this.#named.get(path);
    if (isReplaced || before === undefined) {
      this.#named.delete(path);
      this.remove(path);
    } else if (before.isVoid) this.#drop(before);
  }

  /** Not from within the completion of a frame or of another file. */
  #lookAgain(isMeant: (waiting: Publication) => boolean): void {
    for (const waiting of this.#waiting) {
      if (!isMeant(waiting)) continue;
      this.timers.defer(() => {
        if (this.#waiting.delete(waiting)) this.#advance(waiting);
      });
    }
  }

  /** Not waited for any more by the core: its writer has nothing left to give up. */
  #unreceive(received: { readonly file: StoredSnapshot; readonly writer: StoredSnapshotWriter }): void {
    this.#received.delete(received.file.group);
    received.writer.disown();
    received.file.isVoid = true;
  }

  #receive(writer: StoredSnapshotWriter, file: StoredSnapshot): void {
    const before = this.#received.get(file.group);
    this.#received.set(file.group, { file, writer });
    if (before === undefined) return;
    before.writer.disown();
    this.#drop(before.file);
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
    const { path } = file.shape;
    if (this.#named.get(path) !== file) return;
    this.#named.delete(path);
    // What is being put in its place replaces it.
    if (!this.#placing.has(path)) this.remove(path);
  }
}

/** Names in the folder that are not those of complete snapshots: written by a process that died. */
export function unfinishedSnapshots(disk: Disk): string[] {
  return disk
    .list(SNAPSHOT_FOLDER)
    .filter((name) => name.endsWith('.new') && parseSnapshotName(name) === null)
    .map((name) => `${SNAPSHOT_FOLDER}/${name}`);
}
