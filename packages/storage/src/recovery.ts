import {
  BATCH_HEADER_BYTES,
  type Checksum,
  type Disk,
  type DiskFault,
  type GroupId,
  type Incarnation,
  type Logger,
  type LogIndex,
  type NodeId,
  type Term,
  readU16,
  readU32,
  readU64,
} from '@quorate/base';
import { type Checkpoint, type CheckpointSlot, loadCheckpoints, newestCheckpoint } from './checkpoint.js';
import type { FrameHeader } from './frame.js';
import { type ScanDamage, type ScanResult, type ScanVisitor, journalNumbers, journalPath, scanJournal } from './journal-scan.js';
import { type FileUses, LogState } from './log-state.js';
import { PeerSequences } from './peer-sequences.js';
import { type RecordVisitor, readRecords } from './records.js';
import { type RescuedFrame, loadRescue } from './rescue.js';
import type { Damage, GroupHardState } from './types.js';

/*
 * Rebuilds in memory what the journal says, without writing anything. The newest sound checkpoint gives hard states, log starts and log
 * ends at its sequence; all retained files are then read for the places of the batches. Files in between may have been dead and are gone,
 * so up to the checkpoint's sequence a batch that does not fit is a dead one and skipped: every live batch finds its predecessor in place,
 * for live batches lie in order of index and all their files were kept.
 */

/** A group as recovery found it. */
export interface RecoveredGroup {
  readonly state: LogState;
  hardState: GroupHardState;
  /** Its log or hard state was touched by damage and it was not reset since: later records are not applied. */
  isFrozen: boolean;
  /** Sequence of the frame that created or last reset it. */
  resetSequence: number;
  /** Last index according to the checkpoint; -1: not in it. */
  checkpointLastIndex: LogIndex;
  /** Of the snapshot that the journal says it has; 0: none. */
  snapshotIndex: LogIndex;
}

/** All that is known after reading a directory. */
export interface Recovered {
  readonly groups: Map<GroupId, RecoveredGroup>;
  readonly peers: PeerSequences;
  /** Damage that some group is still touched by. */
  readonly damage: readonly Damage[];
  /** All damage, also what harms nobody: a marker, or groups that were reset since. */
  readonly allDamage: readonly Damage[];
  /** Groups named by damage of which nothing else is known. */
  readonly frozenUnknown: Set<GroupId>;
  readonly scan: ScanResult;
  readonly checkpoint: Checkpoint | null;
  readonly slots: readonly CheckpointSlot[];
  readonly rescued: RescuedFrame | null;
  /** Files that a checkpoint declared dead. */
  readonly deadNumbers: readonly number[];
}

export interface RecoveryOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly logger: Logger;
  readonly journalId: string;
  readonly uses: FileUses;
  readonly unreadable: (fault: DiskFault, path: string, offset: number) => void;
  /** Sees each sound frame before it is applied. */
  readonly onFrame?: (header: FrameHeader, body: Uint8Array, file: number, bodyOffset: number) => void;
}

/** Reads a whole directory. Throws `formatUnsupported`, `DiskFault`, and whatever `unreadable` throws. */
export function recover(options: RecoveryOptions): Recovered {
  const slots = loadCheckpoints(options.disk, options.journalId, options.checksum);
  const checkpoint = newestCheckpoint(slots);
  const active = checkpoint?.files.at(-1)?.number ?? 0;
  const listed = new Set(checkpoint?.files.map((file) => file.number));
  const numbers = journalNumbers(options.disk);
  const deadNumbers = numbers.filter((number) => number < active && !listed.has(number));
  const rescued = loadRescue(options.disk, options.checksum);
  const recovery = new Recovery(options, checkpoint);
  const scan = scanJournal(
    {
      disk: options.disk,
      checksum: options.checksum,
      journalId: options.journalId,
      numbers: numbers.filter((number) => !deadNumbers.includes(number)),
      checkpoint,
      rescued,
      unreadable: options.unreadable,
    },
    recovery,
  );
  return { ...recovery.finish(scan, slots), scan, checkpoint, slots, rescued, deadNumbers };
}

class Recovery implements ScanVisitor, RecordVisitor {
  readonly #options: RecoveryOptions;
  readonly #groups = new Map<GroupId, RecoveredGroup>();
  readonly #peers = new PeerSequences();
  readonly #damage: ScanDamage[] = [];
  readonly #frozenUnknown = new Set<GroupId>();
  /** Damage of unknown extent was met: groups that are not known may have been touched. */
  #isAnyFrozen = false;
  /** Sequence of the checkpoint while reading up to it, then -1. */
  #coveredUpTo: number;
  readonly #checkpointPath: string;
  #sequence = 0;
  #file = 0;
  #bodyOffset = 0;
  /** First record of the frame that contradicts the log, as a group; null: none. */
  readonly #contradicted = new Map<GroupId, string>();

  constructor(options: RecoveryOptions, checkpoint: Checkpoint | null) {
    this.#options = options;
    this.#coveredUpTo = checkpoint?.sequence ?? -1;
    this.#checkpointPath = checkpoint === null ? '' : `checkpoint ${checkpoint.number}`;
    for (const group of checkpoint?.groups ?? []) {
      const state = new LogState(options.uses);
      state.firstIndex = group.firstIndex;
      state.previousTerm = group.previousTerm;
      state.lastIndex = group.firstIndex - 1;
      const hardState = { term: group.term, votedFor: group.votedFor, isLearner: group.isLearner };
      const { resetSequence, snapshotIndex, lastIndex: checkpointLastIndex } = group;
      this.#groups.set(group.group, { state, hardState, isFrozen: false, resetSequence, checkpointLastIndex, snapshotIndex });
    }
    for (const peer of checkpoint?.peers ?? []) this.#peers.note(peer.peer, peer.incarnation, peer.sequence);
  }

  frame(header: FrameHeader, body: Uint8Array, file: number, bodyOffset: number): boolean {
    if (this.#coveredUpTo >= 0 && header.sequence > this.#coveredUpTo) this.#leaveCheckpoint();
    this.#sequence = header.sequence;
    this.#file = file;
    this.#bodyOffset = bodyOffset;
    this.#options.onFrame?.(header, body, file, bodyOffset);
    const isSound = readRecords(body, header.recordCount, this);
    for (const [group, what] of this.#contradicted) {
      const offset = bodyOffset - header.headerBytes;
      this.damage({
        file: journalPath(file),
        offset,
        what,
        firstSequence: header.sequence,
        lastSequence: header.sequence,
        groups: [group],
      });
    }
    this.#contradicted.clear();
    return isSound;
  }

  damage(damage: ScanDamage): void {
    this.#damage.push(damage);
    this.#options.logger.log('error', 'journalDamaged', { file: damage.file, offset: damage.offset, what: damage.what });
    if (damage.groups === null) {
      this.#isAnyFrozen = true;
      for (const group of this.#groups.values()) if (group.resetSequence <= damage.lastSequence) group.isFrozen = true;
      return;
    }
    for (const id of damage.groups as readonly GroupId[]) {
      const group = this.#groups.get(id);
      if (group === undefined) this.#frozenUnknown.add(id);
      else if (group.resetSequence <= damage.lastSequence) group.isFrozen = true;
    }
  }

  append(body: Uint8Array, at: number, length: number): void {
    const group = readU32(body, at + 8) as GroupId;
    const recovered = this.#groupFor(group);
    if (recovered === null) return;
    const { state } = recovered;
    const count = readU16(body, at + 6);
    const term = readU64(body, at + 12);
    const baseIndex = readU64(body, at + 20);
    if (length !== BATCH_HEADER_BYTES + readU32(body, at + 36) || count === 0)
      return this.#contradict(group, 'a stored batch has a wrong length');
    if (this.#isCovered(recovered)) {
      if (baseIndex < state.firstIndex) return;
      state.truncateSuffix(baseIndex - 1);
      // It follows a batch of a file that is gone, so it is dead itself.
      if (baseIndex !== state.lastIndex + 1) return;
    }
    if (baseIndex !== state.lastIndex + 1) {
      return this.#contradict(group, `a stored batch starts at index ${baseIndex} where ${state.lastIndex + 1} is next`);
    }
    const isConfiguration = body[at + 5] === 1;
    state.append({ baseIndex, count, term, isConfiguration, bytes: length }, this.#file, this.#bodyOffset + at);
  }

  truncateSuffix(group: GroupId, index: LogIndex): void {
    const recovered = this.#groupFor(group);
    if (recovered === null) return;
    const { state } = recovered;
    if (this.#isCovered(recovered)) state.truncateSuffix(Math.max(index, state.firstIndex - 1));
    else if (index < state.firstIndex - 1 || index > state.lastIndex || !state.isBorder(index))
      this.#contradict(group, `the log cannot be cut after ${index}`);
    else state.truncateSuffix(index);
  }

  truncatePrefix(group: GroupId, index: LogIndex, term: Term): void {
    const recovered = this.#groupFor(group);
    if (recovered === null || this.#isCovered(recovered)) return;
    const { state } = recovered;
    if (index > state.lastIndex || !state.isBorder(index)) this.#contradict(group, `the log cannot start after ${index}`);
    else state.truncatePrefix(index, term);
  }

  snapshot(group: GroupId, index: LogIndex): void {
    const recovered = this.#groupFor(group);
    if (recovered !== null && !this.#isCovered(recovered)) recovered.snapshotIndex = index;
  }

  restart(group: GroupId, isSuffixKept: boolean, index: LogIndex, term: Term): void {
    const recovered = this.#groupFor(group);
    if (recovered === null) return;
    const { state } = recovered;
    if (this.#isCovered(recovered)) {
      if (!isSuffixKept) state.dropAll();
      return;
    }
    const isThere = index >= state.firstIndex - 1 && index <= state.lastIndex && state.isBorder(index) && state.termAt(index) === term;
    if (isSuffixKept !== isThere || index < state.firstIndex - 1) {
      this.#contradict(group, `the log cannot start anew after ${index}`);
      return;
    }
    if (isSuffixKept) state.truncatePrefix(index, term);
    else state.restart(index + 1, term);
    recovered.snapshotIndex = index;
  }

  hardState(group: GroupId, term: Term, votedFor: NodeId | 0, isLearner: boolean): void {
    const recovered = this.#groupFor(group);
    if (recovered !== null && !this.#isCovered(recovered)) recovered.hardState = { term, votedFor, isLearner };
  }

  createGroup(group: GroupId, isLearner: boolean): void {
    this.#begin(group, isLearner);
  }

  resetGroup(group: GroupId): void {
    this.#begin(group, true);
  }

  peerSequence(peer: NodeId, incarnation: Incarnation, sequence: number): void {
    this.#peers.note(peer, incarnation, sequence);
  }

  finish(
    scan: ScanResult,
    slots: readonly CheckpointSlot[],
  ): Pick<Recovered, 'groups' | 'peers' | 'damage' | 'allDamage' | 'frozenUnknown'> {
    if (this.#coveredUpTo >= 0) this.#leaveCheckpoint();
    for (const { number, isHeadSound } of scan.files) {
      if (!isHeadSound) this.#options.logger.log('warn', 'journalHeadDamaged', { file: journalPath(number), offset: 0 });
    }
    for (const slot of slots) {
      if (slot.fault === null) continue;
      const isLost =
        this.#damage.length > 0 && scan.checkpointNumber > Math.max(0, ...slots.map(({ checkpoint }) => checkpoint?.number ?? 0));
      this.#options.logger.log(isLost ? 'error' : 'warn', 'checkpointDamaged', { file: slot.path, what: slot.fault.message });
      if (!isLost) continue;
      // Files that the lost checkpoint made needless are gone, which looks like damage of the journal; this is its cause.
      const what = `a durable checkpoint cannot be read: ${slot.fault.message}`;
      this.#damage.push({
        file: slot.path,
        offset: Number(slot.fault.details['offset'] ?? 0),
        what,
        firstSequence: 0,
        lastSequence: 0,
        groups: null,
      });
    }
    const allDamage = this.#damage.map(({ file, offset, what, groups }) => ({
      file,
      offset,
      what,
      groups: groups as readonly GroupId[] | null,
    }));
    return { groups: this.#groups, peers: this.#peers, damage: this.#openDamage(), allDamage, frozenUnknown: this.#frozenUnknown };
  }

  /** Damage whose groups were all reset since is history. */
  #openDamage(): Damage[] {
    const open: Damage[] = [];
    const frozen = [...this.#groups].filter(([, group]) => group.isFrozen).map(([id]) => id);
    for (const { file, offset, what, groups } of this.#damage) {
      if (groups === null) {
        if (frozen.length > 0 || this.#groups.size === 0) open.push({ file, offset, what, groups: null });
        continue;
      }
      const left = (groups as readonly GroupId[]).filter((id) => this.#frozenUnknown.has(id) || frozen.includes(id));
      if (left.length > 0) open.push({ file, offset, what, groups: left });
    }
    return open;
  }

  #begin(id: GroupId, isLearner: boolean): void {
    const known = this.#groups.get(id);
    if (known !== undefined && this.#sequence < known.resetSequence) return;
    this.#frozenUnknown.delete(id);
    if (known === undefined) {
      const hardState = { term: 0, votedFor: 0 as const, isLearner };
      const state = new LogState(this.#options.uses);
      this.#groups.set(id, { state, hardState, isFrozen: false, resetSequence: this.#sequence, checkpointLastIndex: -1, snapshotIndex: 0 });
      return;
    }
    if (this.#isCovered(known)) {
      known.state.dropAll();
      return;
    }
    known.state.restart(1, 0);
    known.hardState = { term: 0, votedFor: 0, isLearner };
    known.isFrozen = false;
    known.resetSequence = this.#sequence;
    known.checkpointLastIndex = -1;
    known.snapshotIndex = 0;
  }

  /** The group a record is for, if the record counts. */
  #groupFor(id: GroupId): RecoveredGroup | null {
    const group = this.#groups.get(id);
    if (group === undefined) {
      if (!this.#isAnyFrozen && !this.#frozenUnknown.has(id)) this.#contradict(id, `a record of group ${id}, which was never created`);
      return null;
    }
    return group.isFrozen || this.#sequence < group.resetSequence || this.#contradicted.has(id) ? null : group;
  }

  #isCovered(group: RecoveredGroup): boolean {
    return this.#sequence <= this.#coveredUpTo && group.checkpointLastIndex >= 0;
  }

  #contradict(group: GroupId, what: string): void {
    if (!this.#contradicted.has(group)) this.#contradicted.set(group, what);
  }

  /** The journal was read up to the checkpoint: every log in it must be as long as it says. */
  #leaveCheckpoint(): void {
    const sequence = this.#coveredUpTo;
    this.#coveredUpTo = -1;
    for (const [id, group] of this.#groups) {
      if (group.checkpointLastIndex < 0 || group.isFrozen) continue;
      if (group.state.lastIndex > group.checkpointLastIndex) group.state.truncateSuffix(group.checkpointLastIndex);
      if (group.state.lastIndex === group.checkpointLastIndex) continue;
      const what = `${this.#checkpointPath} says that the log of group ${id} ends at ${group.checkpointLastIndex}; its batches end at ${group.state.lastIndex}`;
      this.damage({ file: 'journal', offset: 0, what, firstSequence: sequence, lastSequence: sequence, groups: [id] });
    }
  }
}
