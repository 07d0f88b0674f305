import { type Checksum, type Disk, DiskFault, SECTOR_BYTES } from '@quorate/base';
import { type FrameCodec, frameHeaderBytes } from './frame.js';
import type { JournalFiles } from './journal-files.js';
import { FIRST_FRAME_OFFSET, JOURNAL_FOLDER, type ScanResult, journalNumbers } from './journal-scan.js';
import type { Recovered } from './recovery.js';
import { type RescuedFrame, dropRescue, storeRescue } from './rescue.js';
import { FILE_FORMATS } from './sealed-file.js';
import { SNAPSHOT_FOLDER } from './snapshot-format.js';

/*
 * What is written before a journal is used. Each step may be cut off by a crash and done again:
 *
 * 0. The root and the folder of the journal are synced: a name that is there may be so in memory only. The folder of snapshots is made, so
 *    that no folder need be made while serving. Damaged heads of journal files are written anew.
 * 1. The last sound frame is written again with the same bytes and synced: it may be in
 *    memory only, written by a process that died before its sync or kept after a failed one. Because it may also be durable and
 *    acknowledged, and a power cut may tear what is being written, it is copied to `journal/rescue` before and taken from there if need be.
 *    A marker too: its sequence may have been told to peers, who would take a lower one for lost data (T37).
 * 2. A marker is written after it and synced. It overwrites the head of a torn frame, which is so cut for good. A marker needs no
 *    other one after it.
 */

/** Where the journal goes on after recovery. */
export interface JournalStart {
  readonly file: number;
  readonly offset: number;
  readonly nextSequence: number;
  readonly chain: number;
  /** The last frame is a marker that is durable, so no other is needed now. */
  readonly isMarked: boolean;
}

/** The journal of a new directory: its first file with a marker, durable. Throws `DiskFault`. */
export function createJournal(disk: Disk, files: JournalFiles, codec: FrameCodec): JournalStart {
  disk.makeDirectory(JOURNAL_FOLDER);
  disk.makeDirectory(SNAPSHOT_FOLDER);
  disk.syncDirectory('');
  // What a first start left that died before it had an identity.
  for (const name of disk.list(JOURNAL_FOLDER)) disk.removeNow(`${JOURNAL_FOLDER}/${name}`);
  files.start(0, 0, []);
  files.prepareNow();
  files.takePrepared();
  return writeMarker(files, codec, { file: 1, offset: FIRST_FRAME_OFFSET, nextSequence: 1, chain: 0, checkpointNumber: 0, groups: null });
}

/** Makes what recovery found durable, and the place where the journal goes on. Throws `DiskFault`. */
export function resumeJournal(disk: Disk, files: JournalFiles, codec: FrameCodec, checksum: Checksum, recovered: Recovered): JournalStart {
  const { scan, checkpoint, deadNumbers, rescued } = recovered;
  for (const name of disk.list(JOURNAL_FOLDER)) if (!/^([0-9]{10}\.q|rescue)$/.test(name)) disk.removeNow(`${JOURNAL_FOLDER}/${name}`);
  for (const { number, firstSequence, lastSequence } of scan.files) {
    if (firstSequence !== 0) Object.assign(files.use(number), { firstSequence, lastSequence });
  }
  const highest = Math.max(0, ...journalNumbers(disk), ...(checkpoint?.files.map((file) => file.number) ?? []));
  const checkpointNumber = provenCheckpoint(recovered);
  const { last } = scan;
  disk.makeDirectory(SNAPSHOT_FOLDER);
  disk.syncDirectory(JOURNAL_FOLDER);
  disk.syncDirectory('');
  if (last === null || scan.isTailDamaged) return startAfterDamage(files, codec, scan, highest, checkpointNumber);
  // Its frames, or that it comes after all frames, tell which file it is. Dropped, it would leave a gap that looks like a lost file.
  // A file that is written from now on says so by its format: a version that does not know the newest records must not read it.
  for (const { number, isWhole, format, firstSequence, bytes } of scan.files) {
    const isOld = format < FILE_FORMATS.J && number >= last.file;
    if ((!isWhole || isOld) && (firstSequence !== 0 || number > last.file)) files.restoreHead(number, bytes);
  }
  const isRescued = rescued?.file === last.file && rescued.offset === last.offset;
  const file = files.handle(last.file);
  const bytes = isRescued ? rescued.frame : file.readNow(last.offset, last.header.totalBytes);
  const unused = scan.files.filter(({ number }) => number > last.file).map(({ number }) => number);
  if (!isRescued) makeRescue(disk, files, unused, { file: last.file, offset: last.offset, frame: bytes }, checksum);
  files.start(Math.max(last.file, ...unused), last.file, unused);
  // The checkpoint that says so may not be durable: the next one frees them.
  for (const number of deadNumbers) files.use(number);
  const isMarker = last.header.recordCount === 0;
  file.writeNow(last.offset, [bytes]);
  file.syncNow();
  dropRescue(disk);
  const offset = last.offset + bytes.length;
  if (isMarker) {
    return { file: last.file, offset, nextSequence: scan.nextSequence, chain: last.header.checksum, isMarked: true };
  }
  const { checksum: chain, groups } = last.header;
  return writeMarker(files, codec, { file: last.file, offset, nextSequence: scan.nextSequence, chain, checkpointNumber, groups });
}

/** Number of the newest checkpoint that a frame knew to be durable, or the one before the newest found, which was durable before that began. */
export function provenCheckpoint({ scan, checkpoint }: Recovered): number {
  return checkpoint === null ? 0 : Math.min(checkpoint.number, Math.max(checkpoint.number - 1, scan.checkpointNumber));
}

/**
 * Makes the copy. Where there is no space for it, the files that are ready for use give theirs, the highest first, and are taken from
 * `unused`. Without the copy the frame could not be written again, and what an earlier sync failed on would be taken for durable (T25): so
 * a disk that is full even then is a `DiskFault`, until there is space.
 */
function makeRescue(disk: Disk, files: JournalFiles, unused: number[], rescued: RescuedFrame, checksum: Checksum): void {
  for (;;) {
    try {
      storeRescue(disk, rescued, checksum);
      return;
    } catch (thrown) {
      const given = unused.pop();
      if (!(thrown instanceof DiskFault) || thrown.kind !== 'full' || given === undefined) throw thrown;
      files.discard(given);
    }
  }
}

/** The damaged end stays as it is, for whoever wants to look at it; the journal goes on in a new file. */
function startAfterDamage(
  files: JournalFiles,
  codec: FrameCodec,
  scan: ScanResult,
  highest: number,
  checkpointNumber: number,
): JournalStart {
  files.start(highest, 0, []);
  files.prepareNow();
  const file = files.takePrepared() as number;
  const chain = scan.last?.header.checksum ?? 0;
  return writeMarker(files, codec, {
    file,
    offset: FIRST_FRAME_OFFSET,
    nextSequence: scan.nextSequence,
    chain,
    checkpointNumber,
    groups: null,
  });
}

interface MarkerPlace {
  readonly file: number;
  readonly offset: number;
  readonly nextSequence: number;
  readonly chain: number;
  readonly checkpointNumber: number;
  /** Groups of the frame before. */
  readonly groups: readonly number[] | null;
}

function writeMarker(files: JournalFiles, codec: FrameCodec, place: MarkerPlace): JournalStart {
  const { file: number, offset, nextSequence: sequence, checkpointNumber, groups: previousGroups } = place;
  const marker = new Uint8Array(SECTOR_BYTES);
  const chain = codec.seal(marker.subarray(0, frameHeaderBytes([], previousGroups)), [], {
    file: number,
    offset,
    sequence,
    durableUpTo: sequence - 1,
    previousChecksum: place.chain,
    checkpointNumber,
    recordCount: 0,
    groups: [],
    previousGroups,
  });
  const file = files.handle(number);
  file.writeNow(offset, [marker]);
  file.syncNow();
  const use = files.use(number);
  if (use.firstSequence === 0) use.firstSequence = sequence;
  use.lastSequence = sequence;
  return { file: number, offset: offset + SECTOR_BYTES, nextSequence: sequence + 1, chain, isMarked: true };
}
