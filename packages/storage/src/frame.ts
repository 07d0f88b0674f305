import { type Checksum, SECTOR_BYTES, readU16, readU32, readU64, writeU16, writeU32, writeU64 } from '@quorate/base';
import { hexToBytes } from './hex.js';

/*
 * A frame is one group commit. It starts on a multiple of 512 bytes, so that a scan can resume after damage and so that a small one is one
 * sector, which is there whole or not at all. Little-endian:
 *
 *   0  u32  magic "QFRM"
 *   4  u32  header checksum: CRC-32C of bytes 8..headerBytes, seeded with the CRC of its place (journal id, file number, offset):
 *           a frame of a recycled file, of another file or of another place never verifies
 *   8  u32  header bytes
 *  12  u32  body bytes
 *  16  u32  CRC-32C of the body
 *  20  u32  records in the body; 0: a marker, which only says how far the journal is durable
 *  24  u64  file number
 *  32  u64  sequence: 1 for the first frame of a journal, then one more for each
 *  40  u64  durableUpTo: sequence that was known to be durable when this frame was written
 *  48  u32  header checksum of the frame before (it covers that frame's body): the chain
 *  52  u32  number of the newest checkpoint known to be durable
 *  56  u16  groups in this frame, 0xffff: too many to list
 *  58  u16  groups in the frame before, likewise
 *  60  u32  zero
 *  64       those groups, u32 each: if this frame's body is damaged, or the frame before as a whole, only these groups are touched
 *           body: the records (records.ts), then zeros up to the next multiple of 512
 */
export const FRAME_MAGIC = 0x4d524651;
const FIXED_BYTES = 64;
/** Groups listed per frame at most, so that a header stays inside one sector. */
export const FRAME_GROUPS_LISTED = 48;
const UNLISTED = 0xffff;

/** The decoded header of a frame. */
export interface FrameHeader {
  readonly headerBytes: number;
  readonly bodyBytes: number;
  readonly bodyChecksum: number;
  readonly recordCount: number;
  readonly sequence: number;
  readonly durableUpTo: number;
  readonly previousChecksum: number;
  readonly checkpointNumber: number;
  /** Groups of this frame, and of the one before; null: not listed. */
  readonly groups: readonly number[] | null;
  readonly previousGroups: readonly number[] | null;
  /** Its own header checksum: what the next frame chains to. */
  readonly checksum: number;
  /** Header, body and padding. */
  readonly totalBytes: number;
}

/** What the writer knows when it seals a frame. */
export interface FrameFields {
  readonly file: number;
  readonly offset: number;
  readonly sequence: number;
  readonly durableUpTo: number;
  readonly previousChecksum: number;
  readonly checkpointNumber: number;
  readonly recordCount: number;
  readonly groups: readonly number[] | null;
  readonly previousGroups: readonly number[] | null;
}

export function alignToSector(bytes: number): number {
  return Math.ceil(bytes / SECTOR_BYTES) * SECTOR_BYTES;
}

/** Header bytes for these lists. A list beyond `FRAME_GROUPS_LISTED` in all is left out (the older one first). */
export function frameHeaderBytes(groups: readonly number[] | null, previousGroups: readonly number[] | null): number {
  return FIXED_BYTES + 4 * ((groups?.length ?? 0) + (previousGroups?.length ?? 0));
}

/** Seals and verifies frames of one journal. */
export class FrameCodec {
  readonly #checksum: Checksum;
  readonly #place: Uint8Array = new Uint8Array(24);

  constructor(journalId: string, checksum: Checksum) {
    this.#checksum = checksum;
    this.#place.set(hexToBytes(journalId));
  }

  #seed(file: number, offset: number): number {
    writeU64(this.#place, 8, file);
    writeU64(this.#place, 16, offset);
    return this.#checksum(this.#place);
  }

  /** Fills in the header, of `frameHeaderBytes`, of a frame with this body, in parts; returns its checksum. */
  seal(header: Uint8Array, body: readonly Uint8Array[], fields: FrameFields): number {
    const { groups, previousGroups } = fields;
    const headerBytes = header.length;
    let bodyBytes = 0;
    let bodyChecksum = 0;
    for (const part of body) {
      bodyBytes += part.length;
      bodyChecksum = this.#checksum(part, bodyChecksum);
    }
    writeU32(header, 0, FRAME_MAGIC);
    writeU32(header, 8, headerBytes);
    writeU32(header, 12, bodyBytes);
    writeU32(header, 16, bodyChecksum);
    writeU32(header, 20, fields.recordCount);
    writeU64(header, 24, fields.file);
    writeU64(header, 32, fields.sequence);
    writeU64(header, 40, fields.durableUpTo);
    writeU32(header, 48, fields.previousChecksum);
    writeU32(header, 52, fields.checkpointNumber);
    writeU16(header, 56, groups === null ? UNLISTED : groups.length);
    writeU16(header, 58, previousGroups === null ? UNLISTED : previousGroups.length);
    let at = FIXED_BYTES;
    for (const group of [...(groups ?? []), ...(previousGroups ?? [])]) {
      writeU32(header, at, group);
      at += 4;
    }
    const checksum = this.#checksum(header.subarray(8), this.#seed(fields.file, fields.offset));
    writeU32(header, 4, checksum);
    return checksum;
  }

  /** The header of a sound frame at this place, or null. `room`: bytes from here to the end of the file. */
  header(sector: Uint8Array, file: number, offset: number, room: number): FrameHeader | null {
    if (sector.length < SECTOR_BYTES || readU32(sector, 0) !== FRAME_MAGIC) return null;
    const headerBytes = readU32(sector, 8);
    if (headerBytes < FIXED_BYTES || headerBytes > SECTOR_BYTES) return null;
    const checksum = readU32(sector, 4);
    if (this.#checksum(sector.subarray(8, headerBytes), this.#seed(file, offset)) !== checksum) return null;
    const bodyBytes = readU32(sector, 12);
    const totalBytes = alignToSector(headerBytes + bodyBytes);
    const sequence = readU64(sector, 32);
    const durableUpTo = readU64(sector, 40);
    if (totalBytes > room || readU64(sector, 24) !== file || !Number.isSafeInteger(sequence) || durableUpTo >= sequence) return null;
    const count = readU16(sector, 56);
    const previousCount = readU16(sector, 58);
    const listed = count === UNLISTED ? 0 : count;
    if (frameListBytes(count) + frameListBytes(previousCount) + FIXED_BYTES !== headerBytes) return null;
    return {
      headerBytes,
      bodyBytes,
      bodyChecksum: readU32(sector, 16),
      recordCount: readU32(sector, 20),
      sequence,
      durableUpTo,
      previousChecksum: readU32(sector, 48),
      checkpointNumber: readU32(sector, 52),
      groups: readList(sector, FIXED_BYTES, count),
      previousGroups: readList(sector, FIXED_BYTES + 4 * listed, previousCount),
      checksum,
      totalBytes,
    };
  }

  /** True if `body` is what the header promised. */
  isBodySound(header: FrameHeader, body: Uint8Array): boolean {
    return body.length === header.bodyBytes && this.#checksum(body) === header.bodyChecksum;
  }
}

function frameListBytes(count: number): number {
  return count === UNLISTED ? 0 : 4 * count;
}

function readList(sector: Uint8Array, at: number, count: number): readonly number[] | null {
  if (count === UNLISTED) return null;
  const list: number[] = [];
  for (let i = 0; i < count; i++) list.push(readU32(sector, at + 4 * i));
  return list;
}
