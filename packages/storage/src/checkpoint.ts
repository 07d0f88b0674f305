import {
  ByteReader,
  ByteWriter,
  type Checksum,
  type Disk,
  DiskFault,
  type GroupId,
  type Incarnation,
  type LogIndex,
  type NodeId,
  QuorateError,
  type Term,
} from '@quorate/base';
import { bytesToHex, hexToBytes } from './hex.js';
import { sealFile, sealedFormat, unsealFile } from './sealed-file.js';

/*
 * `checkpoint-a` and `checkpoint-b`: sealed files (letter C), replaced in turn, so that damage of one leaves the other. Each is written as
 * `checkpoint.new`, synced, renamed into place and the folder synced: a name holds one whole checkpoint at every moment. One that is read
 * at boot may still be lost in a power cut, unless a frame says that it was durable; until then the same number is given out again, so
 * that the other file is not replaced before this one is safe.
 *
 * A checkpoint says what the journal amounted to right after a frame that was durable before the checkpoint was written. Body:
 *
 *   8 bytes  journal id
 *   u32      number: 1, 2, 3 …; odd ones stand in `checkpoint-a`
 *   u64      sequence of that frame
 *   u32      journal files still needed; each: u64 file number, u64 first sequence, u64 last sequence. Ascending; the last is the one being
 *            written then. A lower file that is not listed is dead: its space may be used again once this checkpoint is durable
 *   u32      groups; each: u32 group, u64 term, u16 voted for, u8 learner, u64 first index, u64 term before it, u64 last index,
 *            u64 sequence of the frame that created or last reset it (older records of the group are void), and since format 2:
 *            u64 index of its snapshot (0: none)
 *   u32      peers; each: u16 node, 8 bytes incarnation, u64 sequence
 */
export const CHECKPOINT_FILES = ['checkpoint-a', 'checkpoint-b'] as const;
export const CHECKPOINT_NEW = 'checkpoint.new';
const CHECKPOINT_BYTES_MAX = 268_435_456;

export interface CheckpointFile {
  readonly number: number;
  readonly firstSequence: number;
  readonly lastSequence: number;
}

export interface CheckpointGroup {
  readonly group: GroupId;
  readonly term: Term;
  readonly votedFor: NodeId | 0;
  readonly isLearner: boolean;
  readonly firstIndex: LogIndex;
  readonly previousTerm: Term;
  readonly lastIndex: LogIndex;
  readonly resetSequence: number;
  /** Index of the snapshot that it has; 0: none. */
  readonly snapshotIndex: LogIndex;
}

export interface CheckpointPeer {
  readonly peer: NodeId;
  readonly incarnation: Incarnation;
  readonly sequence: number;
}

export interface Checkpoint {
  readonly number: number;
  readonly sequence: number;
  readonly files: readonly CheckpointFile[];
  readonly groups: readonly CheckpointGroup[];
  readonly peers: readonly CheckpointPeer[];
}

/** The file a checkpoint of this number goes to. */
export function checkpointPath(number: number): string {
  return CHECKPOINT_FILES[(number + 1) % 2] as string;
}

/** The bytes of a checkpoint file. */
export function encodeCheckpoint(checkpoint: Checkpoint, journalId: string, checksum: Checksum): Uint8Array {
  const writer = new ByteWriter(256 + checkpoint.groups.length * 64);
  writer.raw(hexToBytes(journalId)).u32(checkpoint.number).u64(checkpoint.sequence);
  writer.u32(checkpoint.files.length);
  for (const file of checkpoint.files) writer.u64(file.number).u64(file.firstSequence).u64(file.lastSequence);
  writer.u32(checkpoint.groups.length);
  for (const group of checkpoint.groups) {
    writer
      .u32(group.group)
      .u64(group.term)
      .u16(group.votedFor)
      .u8(group.isLearner ? 1 : 0);
    writer.u64(group.firstIndex).u64(group.previousTerm).u64(group.lastIndex).u64(group.resetSequence).u64(group.snapshotIndex);
  }
  writer.u32(checkpoint.peers.length);
  for (const peer of checkpoint.peers) writer.u16(peer.peer).raw(hexToBytes(peer.incarnation)).u64(peer.sequence);
  return sealFile('C', writer.take(), checksum);
}

/** What was found in one of the two checkpoint files. */
export interface CheckpointSlot {
  readonly path: string;
  readonly checkpoint: Checkpoint | null;
  /** Why there is none; null: the file is absent, or sound. */
  readonly fault: QuorateError | null;
}

/** Both slots. A torn or damaged one is a `fault`; a newer format throws `formatUnsupported`. Throws `DiskFault`. */
export function loadCheckpoints(disk: Disk, journalId: string, checksum: Checksum): CheckpointSlot[] {
  return CHECKPOINT_FILES.map((path) => {
    try {
      return { path, checkpoint: loadCheckpoint(disk, path, journalId, checksum), fault: null };
    } catch (thrown) {
      if (thrown instanceof QuorateError && thrown.code === 'dataDamaged') return { path, checkpoint: null, fault: thrown };
      throw thrown;
    }
  });
}

/** The newest sound one. */
export function newestCheckpoint(slots: readonly CheckpointSlot[]): Checkpoint | null {
  let newest: Checkpoint | null = null;
  for (const { checkpoint } of slots) if (checkpoint !== null && checkpoint.number > (newest?.number ?? 0)) newest = checkpoint;
  return newest;
}

function loadCheckpoint(disk: Disk, path: string, journalId: string, checksum: Checksum): Checkpoint | null {
  let bytes: Uint8Array;
  try {
    const file = disk.open(path, 'read');
    try {
      bytes = file.readNow(0, Math.min(file.size(), CHECKPOINT_BYTES_MAX));
    } finally {
      file.close();
    }
  } catch (thrown) {
    if (thrown instanceof DiskFault && thrown.kind === 'missing') return null;
    throw thrown;
  }
  const body = unsealFile(bytes, 'C', path, checksum);
  const checkpoint = decodeCheckpoint(body, path, journalId, sealedFormat(bytes));
  if (checkpointPath(checkpoint.number) !== path)
    throw new QuorateError('dataDamaged', `${path} holds a checkpoint of the other file`, { file: path, offset: 0 });
  return checkpoint;
}

function decodeCheckpoint(body: Uint8Array, path: string, journalId: string, format: number): Checkpoint {
  const reader = new ByteReader(body);
  try {
    if (bytesToHex(reader.raw(8)) !== journalId) throw new QuorateError('dataDamaged', 'it belongs to another journal');
    const number = reader.u32();
    const sequence = reader.u64();
    const files: CheckpointFile[] = [];
    for (let left = reader.u32(); left > 0; left--)
      files.push({ number: reader.u64(), firstSequence: reader.u64(), lastSequence: reader.u64() });
    const groups: CheckpointGroup[] = [];
    for (let left = reader.u32(); left > 0; left--) groups.push(readGroup(reader, format));
    const peers: CheckpointPeer[] = [];
    for (let left = reader.u32(); left > 0; left--) {
      peers.push({ peer: reader.u16() as NodeId, incarnation: bytesToHex(reader.raw(8)) as Incarnation, sequence: reader.u64() });
    }
    reader.end();
    return { number, sequence, files, groups, peers };
  } catch (cause) {
    const offset = reader.position;
    throw new QuorateError('dataDamaged', `${path} does not hold a checkpoint of this journal`, { file: path, offset }, { cause });
  }
}

function readGroup(reader: ByteReader, format: number): CheckpointGroup {
  return {
    group: reader.u32() as GroupId,
    term: reader.u64(),
    votedFor: reader.u16() as NodeId | 0,
    isLearner: reader.u8() === 1,
    firstIndex: reader.u64(),
    previousTerm: reader.u64(),
    lastIndex: reader.u64(),
    resetSequence: reader.u64(),
    snapshotIndex: format < 2 ? 0 : reader.u64(),
  };
}
