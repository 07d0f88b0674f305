import { type Checksum, type Disk, DiskFault } from '@quorate/base';
import {
  CHUNK_HEAD_BYTES,
  SNAPSHOT_CHUNK_BYTES,
  SnapshotCodec,
  type SnapshotShape,
  chunkOffset,
  snapshotDamage,
  snapshotFileBytes,
} from './snapshot-format.js';

/** Reads all of a snapshot whose ends are sound, for who inspects a directory. Throws `dataDamaged` with file and offset. */
export function verifySnapshot(options: { disk: Disk; checksum: Checksum; journalId: string }, shape: SnapshotShape): void {
  const { disk, checksum, journalId } = options;
  const { path, length, chunks } = shape;
  const codec = new SnapshotCodec(journalId, shape, checksum);
  let chunk = 0;
  let sum = 0;
  try {
    const file = disk.open(path, 'read');
    try {
      for (; chunk < chunks; chunk++) {
        const wholeBytes = CHUNK_HEAD_BYTES + Math.min(SNAPSHOT_CHUNK_BYTES, length - chunk * SNAPSHOT_CHUNK_BYTES);
        const bytes = file.readNow(chunkOffset(chunk), wholeBytes);
        if (bytes.length !== wholeBytes || !codec.isChunkSound(chunk, bytes))
          throw snapshotDamage(path, chunkOffset(chunk), 'a piece of the snapshot does not match its checksum');
        sum = checksum(bytes.subarray(0, 4), sum);
      }
    } finally {
      file.close();
    }
  } catch (thrown) {
    if (!(thrown instanceof DiskFault)) throw thrown;
    throw snapshotDamage(path, chunkOffset(chunk), `the snapshot cannot be read: ${thrown.message}`);
  }
  if (sum !== shape.wholeChecksum) throw snapshotDamage(path, snapshotFileBytes(length), 'its chunks are not those that were written');
}
