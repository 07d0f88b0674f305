import {
  ByteReader,
  ByteWriter,
  type Checksum,
  type Disk,
  DiskFault,
  type DiskFile,
  type GroupId,
  type LogIndex,
  type NodeId,
  QuorateError,
  SECTOR_BYTES,
  readU32,
  readU64,
  writeU32,
  writeU64,
} from '@quorate/base';
import { bytesToHex, hexToBytes } from './hex.js';
import { FILE_HEAD_BYTES, sealFile, unsealFile } from './sealed-file.js';
import type { SnapshotFacts } from './types.js';

/*
 * `snapshots/GROUP-INDEX.q`, both decimal: the state of a group's machine right after a log index. Written under a name that ends in `.new`,
 * synced, renamed, the folder synced; so under its own name it is whole, and anything else is damage. Little-endian:
 *
 *   0    the first sector: a sealed head (letter S), then zeros. Body of the head: 8 bytes journal id, u32 group, u64 index, u64 its term,
 *        u64 logged time at the index in ms, u16 voters, u16 node id each
 *   512  the chunks of the content, 65,536 bytes each but the last: u32 checksum, u32 length, the bytes. The checksum is CRC-32C of length
 *        and bytes, seeded with the CRC of the place: journal id, group, index, number of the chunk. So a chunk of another file, or of
 *        another place, never verifies
 *        the trailer, 32 bytes: u32 magic "QSND", u32 checksum (of the rest, seeded likewise with the number of chunks), u64 content
 *        length, u32 number of chunks, u32 CRC-32C over the checksums of all chunks in order, u64 zero
 */
export const SNAPSHOT_FOLDER = 'snapshots';
export const SNAPSHOT_CHUNK_BYTES = 65_536;
export const CHUNK_HEAD_BYTES = 8;
export const SNAPSHOT_CONTENT_OFFSET: number = SECTOR_BYTES;
export const SNAPSHOT_TRAILER_BYTES = 32;
const TRAILER_MAGIC = 0x444e_5351;
/** What fits the first sector. */
export const SNAPSHOT_VOTERS_MAX = 200;

/** What the names and ends of a snapshot file say of it. */
export interface SnapshotShape extends SnapshotFacts {
  readonly path: string;
  /** Bytes of the content. */
  readonly length: number;
  readonly chunks: number;
  /** CRC-32C over the checksums of all chunks. */
  readonly wholeChecksum: number;
}

/** `snapshots/0000000001-0000000000000123.q` of group 1 at index 123. */
export function snapshotPath(group: GroupId, index: LogIndex): string {
  return `${SNAPSHOT_FOLDER}/${String(group).padStart(10, '0')}-${String(index).padStart(16, '0')}.q`;
}

/** Group and index of a name in the folder; null for any other name. */
export function parseSnapshotName(name: string): { readonly group: GroupId; readonly index: LogIndex } | null {
  const match = /^([0-9]{10})-([0-9]{16})\.q$/.exec(name);
  if (match === null) return null;
  return { group: Number(match[1]) as GroupId, index: Number(match[2]) };
}

/** Seals and verifies the parts of one snapshot file. */
export class SnapshotCodec {
  readonly #checksum: Checksum;
  readonly #place: Uint8Array = new Uint8Array(24);

  constructor(journalId: string, facts: { readonly group: GroupId; readonly index: LogIndex }, checksum: Checksum) {
    this.#checksum = checksum;
    this.#place.set(hexToBytes(journalId));
    writeU32(this.#place, 8, facts.group);
    writeU64(this.#place, 12, facts.index);
  }

  #seed(chunk: number): number {
    writeU32(this.#place, 20, chunk);
    return this.#checksum(this.#place);
  }

  /** Head of a chunk with this content. */
  chunkHead(chunk: number, content: Uint8Array): Uint8Array {
    const head = new Uint8Array(CHUNK_HEAD_BYTES);
    writeU32(head, 4, content.length);
    writeU32(head, 0, this.#checksum(content, this.#checksum(head.subarray(4), this.#seed(chunk))));
    return head;
  }

  /** True if these bytes are the chunk, head included. */
  isChunkSound(chunk: number, bytes: Uint8Array): boolean {
    return (
      bytes.length >= CHUNK_HEAD_BYTES &&
      readU32(bytes, 4) === bytes.length - CHUNK_HEAD_BYTES &&
      readU32(bytes, 0) === this.#checksum(bytes.subarray(4), this.#seed(chunk))
    );
  }

  trailer(shape: { readonly length: number; readonly chunks: number; readonly wholeChecksum: number }): Uint8Array {
    const bytes = new Uint8Array(SNAPSHOT_TRAILER_BYTES);
    writeU32(bytes, 0, TRAILER_MAGIC);
    writeU64(bytes, 8, shape.length);
    writeU32(bytes, 16, shape.chunks);
    writeU32(bytes, 20, shape.wholeChecksum);
    writeU32(bytes, 4, this.#checksum(bytes.subarray(8), this.#seed(shape.chunks)));
    return bytes;
  }

  /** What a trailer says; null if it is none of this file. */
  readTrailer(bytes: Uint8Array): { readonly length: number; readonly chunks: number; readonly wholeChecksum: number } | null {
    if (bytes.length !== SNAPSHOT_TRAILER_BYTES || readU32(bytes, 0) !== TRAILER_MAGIC) return null;
    const chunks = readU32(bytes, 16);
    if (readU32(bytes, 4) !== this.#checksum(bytes.subarray(8), this.#seed(chunks))) return null;
    return { length: readU64(bytes, 8), chunks, wholeChecksum: readU32(bytes, 20) };
  }
}

/** Where a chunk begins in its file. */
export function chunkOffset(chunk: number): number {
  return SNAPSHOT_CONTENT_OFFSET + chunk * (CHUNK_HEAD_BYTES + SNAPSHOT_CHUNK_BYTES);
}

/** Bytes of a whole file with so much content. */
export function snapshotFileBytes(length: number): number {
  return SNAPSHOT_CONTENT_OFFSET + Math.ceil(length / SNAPSHOT_CHUNK_BYTES) * CHUNK_HEAD_BYTES + length + SNAPSHOT_TRAILER_BYTES;
}

/** The first sector. */
export function encodeSnapshotHead(facts: SnapshotFacts, journalId: string, checksum: Checksum): Uint8Array {
  const { group, index, term, loggedTimeMs, voters } = facts;
  const writer = new ByteWriter(128).raw(hexToBytes(journalId)).u32(group).u64(index).u64(term).u64(loggedTimeMs).u16(voters.length);
  for (const voter of voters) writer.u16(voter);
  const sector = new Uint8Array(SECTOR_BYTES);
  sector.set(sealFile('S', writer.take(), checksum));
  return sector;
}

/**
 * Head and trailer of a file, not its chunks. Throws `dataDamaged` with file and offset if it is not whole or another's, `formatUnsupported`,
 * and `DiskFault` if it cannot be read.
 */
export function openSnapshot(disk: Disk, path: string, journalId: string, checksum: Checksum): SnapshotShape {
  const name = parseSnapshotName(path.slice(SNAPSHOT_FOLDER.length + 1));
  if (name === null) throw snapshotDamage(path, 0, 'its name is not that of a snapshot');
  let file: DiskFile;
  try {
    file = disk.open(path, 'read');
  } catch (thrown) {
    if (thrown instanceof DiskFault && thrown.kind === 'missing') throw snapshotDamage(path, 0, 'the file is missing');
    throw thrown;
  }
  try {
    const facts = decodeHead(file.readNow(0, SECTOR_BYTES), path, checksum);
    if (facts.journalId !== journalId || facts.group !== name.group || facts.index !== name.index) {
      throw snapshotDamage(path, FILE_HEAD_BYTES, 'it is the snapshot of another group, index or directory');
    }
    const size = file.size();
    const at = Math.max(0, size - SNAPSHOT_TRAILER_BYTES);
    const codec = new SnapshotCodec(journalId, facts, checksum);
    const trailer = codec.readTrailer(file.readNow(at, SNAPSHOT_TRAILER_BYTES));
    if (trailer === null) throw snapshotDamage(path, at, 'its end is cut off or does not match its checksum');
    if (snapshotFileBytes(trailer.length) !== size || Math.ceil(trailer.length / SNAPSHOT_CHUNK_BYTES) !== trailer.chunks)
      throw snapshotDamage(path, at, `the file has ${size} bytes, its end speaks of ${trailer.length} bytes of content`);
    const { group, index, term, voters, loggedTimeMs } = facts;
    return { path, group, index, term, voters, loggedTimeMs, ...trailer };
  } finally {
    file.close();
  }
}

/** Damage of a snapshot file as an error that names file and offset. */
export function snapshotDamage(path: string, offset: number, what: string): QuorateError {
  return new QuorateError('dataDamaged', `${path} is damaged at offset ${offset}: ${what}`, { file: path, offset, what });
}

function decodeHead(sector: Uint8Array, path: string, checksum: Checksum): SnapshotFacts & { readonly journalId: string } {
  const reader = new ByteReader(unsealFile(sector, 'S', path, checksum));
  try {
    const journalId = bytesToHex(reader.raw(8));
    const facts = { group: reader.u32() as GroupId, index: reader.u64(), term: reader.u64(), loggedTimeMs: reader.u64() };
    const voters: NodeId[] = [];
    for (let left = reader.u16(); left > 0; left--) voters.push(reader.u16() as NodeId);
    reader.end();
    return { journalId, ...facts, voters };
  } catch (cause) {
    throw new QuorateError('dataDamaged', `${path} does not hold a snapshot`, { file: path, offset: FILE_HEAD_BYTES }, { cause });
  }
}
