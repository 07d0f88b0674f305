import { ByteReader, ByteWriter, type Checksum, type Disk, QuorateError } from '@quorate/base';
import { JOURNAL_FOLDER } from './journal-scan.js';
import { sealFile, unsealFile } from './sealed-file.js';

/*
 * `journal/rescue`: a copy of the last frame while that frame is written a second time at its place (journal-start.ts). The second write
 * may be torn by a power cut, and the frame may have been acknowledged; then the copy stands in for it. A sealed file (letter R); body:
 *
 *   u64  file number
 *   u64  offset of the frame
 *        the frame
 */
const RESCUE_FILE = 'rescue';
const RESCUE_PATH = `${JOURNAL_FOLDER}/${RESCUE_FILE}`;

/** A frame and its place. */
export interface RescuedFrame {
  readonly file: number;
  readonly offset: number;
  readonly frame: Uint8Array;
}

/** The copy, or null if there is no whole one: then the frame at its place was not touched yet. Throws `DiskFault`. */
export function loadRescue(disk: Disk, checksum: Checksum): RescuedFrame | null {
  if (!disk.list(JOURNAL_FOLDER).includes(RESCUE_FILE)) return null;
  const file = disk.open(RESCUE_PATH, 'read');
  try {
    const reader = new ByteReader(unsealFile(file.readNow(0, file.size()), 'R', RESCUE_PATH, checksum));
    return { file: reader.u64(), offset: reader.u64(), frame: reader.raw(reader.remaining) };
  } catch (thrown) {
    if (thrown instanceof QuorateError && thrown.code !== 'formatUnsupported') return null;
    throw thrown;
  } finally {
    file.close();
  }
}

/** Makes a copy; durable when it returns. Throws `DiskFault`. */
export function storeRescue(disk: Disk, rescued: RescuedFrame, checksum: Checksum): void {
  if (disk.list(JOURNAL_FOLDER).includes(RESCUE_FILE)) disk.removeNow(RESCUE_PATH);
  const body = new ByteWriter(16 + rescued.frame.length).u64(rescued.file).u64(rescued.offset).raw(rescued.frame).take();
  const file = disk.open(RESCUE_PATH, 'create');
  try {
    file.writeNow(0, [sealFile('R', body, checksum)]);
    file.syncNow();
  } finally {
    file.close();
  }
  disk.syncDirectory(JOURNAL_FOLDER);
}

/** The frame is durable at its place. Durable when it returns: an old copy must never stand in for a newer frame. Throws `DiskFault`. */
export function dropRescue(disk: Disk): void {
  if (!disk.list(JOURNAL_FOLDER).includes(RESCUE_FILE)) return;
  disk.removeNow(RESCUE_PATH);
  disk.syncDirectory(JOURNAL_FOLDER);
}
