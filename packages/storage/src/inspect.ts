import {
  type Checksum,
  type Disk,
  type GroupId,
  type LogIndex,
  type NodeId,
  QuorateError,
  SECTOR_BYTES,
  SILENT_LOGGER,
  type Term,
  readU64,
  verifyBatch,
} from '@quorate/base';
import { type Checkpoint, newestCheckpoint } from './checkpoint.js';
import type { FrameHeader } from './frame.js';
import { IDENTITY_FILE, type StoredIdentity, loadIdentity } from './identity.js';
import { decodeJournalHead } from './journal-head.js';
import { journalNumbers, journalPath } from './journal-scan.js';
import { type Recovered, recover } from './recovery.js';
import { readRecords } from './records.js';
import { SNAPSHOT_FOLDER, openSnapshot, parseSnapshotName } from './snapshot-format.js';
import { type SnapshotRecoveryOptions, recoverSnapshots } from './snapshot-recovery.js';
import { verifySnapshot } from './snapshot-verify.js';
import type { Damage, GroupHardState, Identity } from './types.js';

/** Batches of one group in one journal file, as they were written: also those that were cut off later. */
export interface InspectedFileGroup {
  readonly group: GroupId;
  readonly batches: number;
  readonly bytes: number;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly firstTerm: Term;
  readonly lastTerm: Term;
}

/** One journal file. */
export interface InspectedFile {
  readonly file: string;
  readonly bytes: number;
  readonly frames: number;
  /** 0 if there is no frame. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Offset after the last sound frame. */
  readonly endOffset: number;
  readonly isHeadSound: boolean;
  readonly groups: readonly InspectedFileGroup[];
}

/** The log of a group as a node that opened this directory would have it. */
export interface InspectedGroup {
  readonly group: GroupId;
  readonly hardState: GroupHardState;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly batches: number;
  readonly terms: readonly { readonly firstIndex: LogIndex; readonly term: Term }[];
  /** Touched by damage and not reset since. */
  readonly isDamaged: boolean;
}

/** One complete snapshot file, all of it read and verified. */
export interface InspectedSnapshot {
  readonly file: string;
  readonly group: GroupId;
  readonly index: LogIndex;
  /** Null if its ends are damaged. */
  readonly shape: {
    readonly term: Term;
    readonly voters: readonly NodeId[];
    readonly loggedTimeMs: number;
    readonly length: number;
  } | null;
  /** The one that its group has. */
  readonly isInForce: boolean;
  /** Null: sound. */
  readonly fault: { readonly offset: number; readonly what: string } | null;
}

/** One of the two checkpoint files. */
export interface InspectedCheckpoint {
  readonly file: string;
  readonly checkpoint: Checkpoint | null;
  /** Null: sound, or absent. */
  readonly fault: string | null;
}

/** What `inspectStorage` found. */
export interface InspectReport {
  readonly identity: Identity | null;
  readonly checkpoints: readonly InspectedCheckpoint[];
  readonly files: readonly InspectedFile[];
  readonly groups: readonly InspectedGroup[];
  readonly snapshots: readonly InspectedSnapshot[];
  /** Sequence of the last sound frame. */
  readonly lastSequence: number;
  /** Where something follows the last frame that was never acknowledged: a frame cut off by a crash, or what a file held in an earlier use. */
  readonly remains: { readonly file: string; readonly offset: number } | null;
  /** All damage, open or harmless, each with file and offset. */
  readonly damage: readonly Damage[];
}

interface FileGroupTally {
  batches: number;
  bytes: number;
  firstIndex: LogIndex;
  lastIndex: LogIndex;
  firstTerm: Term;
  lastTerm: Term;
}

/**
 * Reads and verifies a data directory without changing anything and without its lock: each frame, each batch, the checkpoints, the
 * identity. Damage is part of the report. Throws `formatUnsupported`, and `DiskFault` if the folder cannot be listed.
 */
export function inspectStorage(disk: Disk, checksum: Checksum): InspectReport {
  const damage: Damage[] = [];
  const stored = inspectIdentity(disk, checksum, damage);
  const journalId = stored?.journalId ?? journalIdOf(disk, checksum);
  if (journalId === null) {
    return {
      identity: stored?.identity ?? null,
      checkpoints: [],
      files: [],
      groups: [],
      snapshots: [],
      lastSequence: 0,
      remains: null,
      damage,
    };
  }
  const tally = new Tally(checksum, damage);
  const recovered = recover({
    disk,
    checksum,
    logger: SILENT_LOGGER,
    journalId,
    uses: { gained: () => {}, lost: () => {} },
    unreadable: (fault, path, offset) => damage.push({ file: path, offset, what: fault.message, groups: null }),
    onFrame: (header, body, file, bodyOffset) => tally.frame(header, body, file, bodyOffset),
  });
  const snapshots = inspectSnapshots({ disk, checksum, journalId, groups: recovered.groups }, damage);
  return { ...report(stored, recovered, tally, damage), snapshots };
}

/** Reads every snapshot file as a whole; what is damaged joins the list. */
function inspectSnapshots(options: Omit<SnapshotRecoveryOptions, 'logger'>, damage: Damage[]): InspectedSnapshot[] {
  const { disk, checksum, journalId, groups } = options;
  const { usable, damage: found } = recoverSnapshots({ ...options, logger: SILENT_LOGGER });
  damage.push(...found);
  for (const { groups: touched } of found) {
    for (const group of touched ?? []) Object.assign(groups.get(group) ?? {}, { isFrozen: true });
  }
  const snapshots: InspectedSnapshot[] = [];
  for (const name of disk.list(SNAPSHOT_FOLDER)) {
    const parsed = parseSnapshotName(name);
    if (parsed === null) continue;
    const file = `${SNAPSHOT_FOLDER}/${name}`;
    const isInForce = usable.get(parsed.group)?.index === parsed.index;
    let shape: InspectedSnapshot['shape'] = null;
    let fault: InspectedSnapshot['fault'] = null;
    try {
      const opened = openSnapshot(disk, file, journalId, checksum);
      shape = opened;
      verifySnapshot(options, opened);
    } catch (thrown) {
      if (!(thrown instanceof QuorateError) || thrown.code !== 'dataDamaged') throw thrown;
      fault = { offset: Number(thrown.details['offset'] ?? 0), what: String(thrown.details['what'] ?? thrown.message) };
      const isTold = damage.some((told) => told.file === file);
      if (!isTold) damage.push({ file, ...fault, groups: isInForce ? [parsed.group] : [] });
    }
    snapshots.push({ file, ...parsed, shape, isInForce, fault });
  }
  return snapshots;
}

function inspectIdentity(disk: Disk, checksum: Checksum, damage: Damage[]): StoredIdentity | null {
  try {
    const stored = loadIdentity(disk, checksum);
    const isJournalThere = journalNumbers(disk).length > 0;
    if (stored === null && isJournalThere) damage.push({ file: IDENTITY_FILE, offset: 0, what: 'the file is missing', groups: null });
    return stored;
  } catch (thrown) {
    if (!(thrown instanceof QuorateError) || thrown.code !== 'dataDamaged') throw thrown;
    damage.push({ file: IDENTITY_FILE, offset: Number(thrown.details['offset'] ?? 0), what: thrown.message, groups: null });
    return null;
  }
}

/** The journal id from the head of any journal file, for directories that lost their identity. */
function journalIdOf(disk: Disk, checksum: Checksum): string | null {
  for (const number of journalNumbers(disk)) {
    const file = disk.open(journalPath(number), 'read');
    try {
      const head = decodeJournalHead(file.readNow(0, SECTOR_BYTES), journalPath(number), checksum);
      if (head !== null) return head.journalId;
    } finally {
      file.close();
    }
  }
  return null;
}

/** Counts what is in each file and verifies each batch. */
class Tally {
  readonly frames = new Map<number, number>();
  readonly groups = new Map<number, Map<GroupId, FileGroupTally>>();
  readonly #checksum: Checksum;
  readonly #damage: Damage[];

  constructor(checksum: Checksum, damage: Damage[]) {
    this.#checksum = checksum;
    this.#damage = damage;
  }

  frame(header: FrameHeader, body: Uint8Array, file: number, bodyOffset: number): void {
    this.frames.set(file, (this.frames.get(file) ?? 0) + 1);
    const nothing = (): void => {};
    readRecords(body, header.recordCount, {
      append: (bytes, at, length) => this.#batch(bytes.subarray(at, at + length), file, bodyOffset + at),
      truncateSuffix: nothing,
      truncatePrefix: nothing,
      hardState: nothing,
      createGroup: nothing,
      resetGroup: nothing,
      peerSequence: nothing,
      snapshot: nothing,
      restart: nothing,
    });
  }

  #batch(batch: Uint8Array, file: number, offset: number): void {
    let groups = this.groups.get(file);
    if (groups === undefined) this.groups.set(file, (groups = new Map()));
    try {
      const { group, baseIndex, count, term } = verifyBatch(batch, this.#checksum);
      let tally = groups.get(group);
      if (tally === undefined) {
        groups.set(group, (tally = { batches: 0, bytes: 0, firstIndex: baseIndex, lastIndex: 0, firstTerm: term, lastTerm: term }));
      }
      tally.batches++;
      tally.bytes += batch.length;
      tally.firstIndex = Math.min(tally.firstIndex, baseIndex);
      tally.lastIndex = Math.max(tally.lastIndex, baseIndex + count - 1);
      tally.lastTerm = term;
    } catch (thrown) {
      if (!(thrown instanceof QuorateError)) throw thrown;
      this.#damage.push({ file: journalPath(file), offset, what: `${thrown.message} (index ${readU64(batch, 20)})`, groups: null });
    }
  }
}

function report(stored: StoredIdentity | null, recovered: Recovered, tally: Tally, damage: Damage[]): Omit<InspectReport, 'snapshots'> {
  const { scan, slots } = recovered;
  damage.push(...recovered.allDamage);
  const newest = newestCheckpoint(slots);
  for (const slot of slots) {
    const isTold = damage.some(({ file }) => file === slot.path);
    if (slot.fault !== null && !isTold) {
      const what = `${slot.fault.message}${newest === null ? '' : `; checkpoint ${newest.number} is used`}`;
      damage.push({ file: slot.path, offset: Number(slot.fault.details['offset'] ?? 0), what, groups: [] });
    }
  }
  for (const file of scan.files) {
    if (!file.isHeadSound)
      damage.push({
        file: journalPath(file.number),
        offset: 0,
        what: 'the head of the file is damaged; its frames do not need it',
        groups: [],
      });
  }
  const files = scan.files.map(({ number, bytes, firstSequence, lastSequence, endOffset, isHeadSound }) => ({
    file: journalPath(number),
    bytes,
    frames: tally.frames.get(number) ?? 0,
    firstSequence,
    lastSequence,
    endOffset,
    isHeadSound,
    groups: [...(tally.groups.get(number) ?? [])].map(([group, counts]) => ({ group, ...counts })).sort((a, b) => a.group - b.group),
  }));
  const groups = [...recovered.groups].map(([group, { state, hardState, isFrozen }]) => ({
    group,
    hardState,
    firstIndex: state.firstIndex,
    lastIndex: state.lastIndex,
    batches: state.rows.length,
    terms: state.terms,
    isDamaged: isFrozen,
  }));
  return {
    identity: stored?.identity ?? null,
    checkpoints: slots.map(({ path, checkpoint, fault }) => ({ file: path, checkpoint, fault: fault?.message ?? null })),
    files,
    groups: groups.sort((a, b) => a.group - b.group),
    lastSequence: scan.nextSequence - 1,
    remains: scan.torn,
    damage,
  };
}
