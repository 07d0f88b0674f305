import { ByteReader, ByteWriter, type Checksum, type GroupId, QuorateError, groupId, readU32, writeU32 } from '@quorate/base';
import type { MachinePosition } from './machine-state.js';
import { TABLE_KEY_BYTES_MAX, TABLE_VALUE_BYTES_MAX } from './tables/bounds.js';

/*
 * A snapshot of a machine is a sequence of frames. Little-endian:
 *
 *   u8 type, u32 length of the body, u32 CRC-32C of type, length and body; then the body
 *
 *   1 header   first: u32 magic "QMSN", u16 format 2, u32 group, u64 index, u64 term, u64 logged time ms, u32 epoch, 16 bytes hash in ASCII
 *   2 entries  any number: per entry u16 table, u16 key length, u32 value length, key, value; rising by table, then key, over all frames
 *   3 trailer  last: u64 entries, 16 bytes hash of the tables in ASCII
 *
 * Format 1 had other rows of maps (a change with its value in each). Another format than this is not read.
 *
 * Frames may be cut and joined at will on their way. A snapshot without its trailer is not one (T39); damage shows in the checksum of a frame,
 * in the order or count of entries, in the hash of the tables, or in that of the machine, which also covers the header.
 */
export const FRAME = { header: 1, entries: 2, trailer: 3 } as const;
/** Before each body. */
export const FRAME_HEAD_BYTES = 9;
/** Before each entry. */
export const ENTRY_HEAD_BYTES = 8;
/** Largest piece that is asked for; a frame ends with the entry that goes beyond it. */
export const PIECE_BYTES_MAX = 1_048_576;
/** Longest body. */
export const FRAME_BODY_BYTES_MAX: number = PIECE_BYTES_MAX + ENTRY_HEAD_BYTES + TABLE_KEY_BYTES_MAX + TABLE_VALUE_BYTES_MAX;

const MAGIC = 0x4e53_4d51;
const FORMAT = 2;
const HASH_BYTES = 16;
const HASH = /^[0-9a-f]{16}$/;

/** What a snapshot says of itself at its beginning. */
export interface SnapshotHeader {
  readonly group: GroupId;
  readonly position: MachinePosition;
  /** Of the machine. */
  readonly hash: string;
}

/** What it says at its end. */
export interface SnapshotTrailer {
  readonly entries: number;
  /** Of the tables. */
  readonly hash: string;
}

/** Makes a frame of bytes whose body stands at `FRAME_HEAD_BYTES`. */
export function sealFrame(type: number, frame: Uint8Array, checksum: Checksum): void {
  frame[0] = type;
  writeU32(frame, 1, frame.length - FRAME_HEAD_BYTES);
  writeU32(frame, 5, frameChecksum(frame, checksum));
}

/** True if the checksum of a whole frame is right. */
export function isFrameSound(frame: Uint8Array, checksum: Checksum): boolean {
  return readU32(frame, 5) === frameChecksum(frame, checksum);
}

export function encodeHeader({ group, position, hash }: SnapshotHeader): Uint8Array {
  const writer = new ByteWriter(64).u32(MAGIC).u16(FORMAT).u32(group).u64(position.index).u64(position.term).u64(position.timeMs);
  return writer.u32(position.epoch).raw(asciiOf(hash)).take();
}

/** Throws `formatUnsupported` for what another version wrote, `malformedFrame` for what is no header. */
export function decodeHeader(body: Uint8Array): SnapshotHeader {
  const reader = new ByteReader(body);
  if (reader.u32() !== MAGIC) throw new QuorateError('malformedFrame', 'not a snapshot of a machine');
  const format = reader.u16();
  if (format !== FORMAT)
    throw new QuorateError('formatUnsupported', `snapshot of format ${format}, this version reads ${FORMAT}`, { format });
  const group = groupId(reader.u32());
  const index = reader.u64();
  const term = reader.u64();
  const timeMs = reader.u64();
  const epoch = reader.u32();
  const hash = readHash(reader);
  reader.end();
  return { group, position: { index, term, timeMs, epoch }, hash };
}

export function encodeTrailer({ entries, hash }: SnapshotTrailer): Uint8Array {
  return new ByteWriter(24).u64(entries).raw(asciiOf(hash)).take();
}

/** Throws `malformedFrame`. */
export function decodeTrailer(body: Uint8Array): SnapshotTrailer {
  const reader = new ByteReader(body);
  const entries = reader.u64();
  const hash = readHash(reader);
  reader.end();
  return { entries, hash };
}

function frameChecksum(frame: Uint8Array, checksum: Checksum): number {
  return checksum(frame.subarray(FRAME_HEAD_BYTES), checksum(frame.subarray(0, 5)));
}

function asciiOf(hash: string): Uint8Array {
  return Uint8Array.from(hash, (digit) => digit.charCodeAt(0));
}

function readHash(reader: ByteReader): string {
  const hash = String.fromCharCode(...reader.raw(HASH_BYTES));
  if (!HASH.test(hash)) throw new QuorateError('malformedFrame', 'a hash has 16 hexadecimal digits');
  return hash;
}
