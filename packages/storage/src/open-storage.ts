import { type Disk, DiskFault, LIMITS, QuorateError, SECTOR_BYTES } from '@quorate/base';
import { CHECKPOINT_FILES } from './checkpoint.js';
import { diskFailure } from './disk-failure.js';
import { DiskPace } from './disk-pace.js';
import { FrameCodec } from './frame.js';
import { IDENTITY_FILE, loadIdentity } from './identity.js';
import { FILE_BYTES_MIN, FIRST_FRAME_OFFSET, JOURNAL_FOLDER, journalNumbers, journalPath } from './journal-scan.js';
import { provenCheckpoint, resumeJournal } from './journal-start.js';
import { JournalFiles } from './journal-files.js';
import { recover } from './recovery.js';
import { recoverSnapshots } from './snapshot-recovery.js';
import { SNAPSHOT_FOLDER, parseSnapshotName } from './snapshot-format.js';
import { unfinishedSnapshots } from './snapshots.js';
import type { FileEvents } from './opened-journal.js';
import { NodeStorage } from './storage.js';
import type { Storage, StorageOptions } from './types.js';

/**
 * Opens a data directory: takes its lock, reads it, and makes what it found durable. An empty directory gives a storage without identity.
 * Damage of logs is reported in `Storage.damage`; everything that makes the directory as a whole unusable is an error: `directoryInUse`,
 * `formatUnsupported`, `dataDamaged` (the identity), `diskFailed`, `diskFull`, `invalidArgument`. Nothing is ever deleted for being damaged.
 */
export function openStorage(options: StorageOptions, done: (error: QuorateError | null, storage: Storage | null) => void): void {
  const fileBytes = options.journalFileBytes ?? LIMITS.journalFileBytes;
  if (!Number.isInteger(fileBytes) || fileBytes < FILE_BYTES_MIN || fileBytes % SECTOR_BYTES !== 0 || fileBytes > 0x8000_0000) {
    const message = `journalFileBytes must be a multiple of ${SECTOR_BYTES} from ${FILE_BYTES_MIN} to 2 GiB, not ${fileBytes}`;
    options.timers.defer(() => done(new QuorateError('invalidArgument', message), null));
    return;
  }
  options.disk.lock((lockError, release) => {
    if (lockError !== null) {
      if (lockError instanceof DiskFault || lockError instanceof QuorateError) return done(openError(lockError), null);
      return done(
        new QuorateError('directoryInUse', `cannot lock the data directory: ${lockError.message}`, {}, { cause: lockError }),
        null,
      );
    }
    let storage: Storage;
    try {
      storage = openLocked(options, release);
    } catch (thrown) {
      if (!(thrown instanceof DiskFault || thrown instanceof QuorateError)) throw thrown;
      release();
      return done(openError(thrown), null);
    }
    done(null, storage);
  });
}

function openError(thrown: DiskFault | QuorateError): QuorateError {
  if (thrown instanceof QuorateError) return thrown;
  if (thrown.kind === 'full')
    return new QuorateError('diskFull', `no space to open the data directory: ${thrown.message}`, { file: thrown.path }, { cause: thrown });
  return diskFailure(thrown);
}

function openLocked(options: StorageOptions, release: () => void): Storage {
  const { disk, checksum, timers, logger } = options;
  const stored = loadIdentity(disk, checksum);
  if (stored === null) {
    checkUnused(disk);
    return new NodeStorage(options, release, null, null);
  }
  options.checkIdentity?.(stored.identity);
  // The files tell a storage that is made only once they are read; until then nothing happens in the background.
  const events: { to: FileEvents | null } = { to: null };
  const pace = new DiskPace(disk, options.clock ?? null);
  const files = new JournalFiles({
    disk,
    timers,
    pace,
    checksum,
    journalId: stored.journalId,
    fileBytes: options.journalFileBytes ?? LIMITS.journalFileBytes,
    prepared: () => events.to?.prepared(),
    full: () => events.to?.full(),
    failed: (fault) => events.to?.failed(fault),
    emptied: () => events.to?.emptied(),
  });
  const recovered = recover({
    disk,
    checksum,
    logger,
    journalId: stored.journalId,
    uses: files,
    unreadable: (fault, path, offset) => {
      throw new QuorateError(
        'diskFailed',
        `${path} cannot be read at offset ${offset}: ${fault.message}`,
        { file: path, offset },
        { cause: fault },
      );
    },
  });
  const { groups, peers, frozenUnknown } = recovered;
  const snapshots = recoverSnapshots({ disk, checksum, logger, journalId: stored.journalId, groups });
  for (const { groups: touched } of snapshots.damage) {
    for (const group of touched ?? []) Object.assign(groups.get(group) ?? {}, { isFrozen: true });
  }
  const damage = [...recovered.damage, ...snapshots.damage];
  let storage: NodeStorage;
  try {
    const start = resumeJournal(disk, files, new FrameCodec(stored.journalId, checksum), checksum, recovered);
    // T29: as long as damage is open nothing is thrown away that may have been of use.
    for (const path of [...unfinishedSnapshots(disk), ...(damage.length === 0 ? snapshots.unreferenced : [])]) disk.removeNow(path);
    const checkpointNumber = provenCheckpoint(recovered);
    const recoveredSequence = recovered.scan.nextSequence - 1;
    storage = new NodeStorage(options, release, stored, {
      files,
      pace,
      start,
      checkpointNumber,
      groups,
      frozenUnknown,
      peers,
      damage,
      recoveredSequence,
      snapshots: snapshots.usable,
    });
  } catch (thrown) {
    files.closeAll();
    throw thrown;
  }
  events.to = storage;
  return storage;
}

/**
 * Without an identity there is nothing that counts, or the identity was lost. A first start that died left at most a first file with a
 * marker in it; anything more is somebody's data.
 */
function checkUnused(disk: Disk): void {
  const lost = (file: string): QuorateError =>
    new QuorateError('dataDamaged', `${IDENTITY_FILE} is missing, but ${file} is there`, { file: IDENTITY_FILE, offset: 0, found: file });
  const root = disk.list('');
  for (const path of CHECKPOINT_FILES) if (root.includes(path)) throw lost(path);
  for (const name of disk.list(SNAPSHOT_FOLDER)) if (parseSnapshotName(name) !== null) throw lost(`${SNAPSHOT_FOLDER}/${name}`);
  const numbers = journalNumbers(disk);
  if (numbers.length === 0) return;
  if (numbers.length > 1 || numbers[0] !== 1) throw lost(journalPath(numbers[0] as number));
  const file = disk.open(journalPath(1), 'read');
  try {
    const firstData = FIRST_FRAME_OFFSET + SECTOR_BYTES;
    for (let at = firstData; at < file.size(); ) {
      const bytes = file.readNow(at, 1_048_576);
      if (bytes.length === 0 || bytes.some((byte) => byte !== 0)) throw lost(`${JOURNAL_FOLDER}/ with frames`);
      at += bytes.length;
    }
  } finally {
    file.close();
  }
}
