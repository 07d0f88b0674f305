import { ByteReader, ByteWriter, type Checksum, type Disk, QuorateError, clusterId, incarnation, nodeId } from '@quorate/base';
import { bytesToHex, hexToBytes } from './hex.js';
import { sealFile, unsealFile } from './sealed-file.js';
import type { Identity } from './types.js';

/*
 * `identity`: a sealed file (letter I). It is written as `identity.new`, synced, renamed over `identity`, and the folder synced, so that at
 * every moment there is one whole identity or, before the first, none. Body:
 *
 *   8 bytes  journal id: the incarnation of the first identity of this directory; all frames of the journal are bound to it
 *   u16      node id
 *   8 bytes  incarnation
 *   u8       1 if formed, then 8 bytes cluster id
 *   u8       1 if it joined a cluster formed before
 *   u16      members; each: u16 node id, u16 length and address, u8 1 if known, then 8 bytes incarnation
 *
 * A damaged identity is never taken for a missing one.
 */
export const IDENTITY_FILE = 'identity';
const IDENTITY_NEW = 'identity.new';
const IDENTITY_BYTES_MAX = 16_777_216;

/** An identity and the journal that belongs to it. */
export interface StoredIdentity {
  readonly identity: Identity;
  /** 16 hexadecimal digits. */
  readonly journalId: string;
}

/** The identity of a directory, or null if there is none. Throws `dataDamaged` or `formatUnsupported`. */
export function loadIdentity(disk: Disk, checksum: Checksum): StoredIdentity | null {
  if (!disk.list('').includes(IDENTITY_FILE)) return null;
  const file = disk.open(IDENTITY_FILE, 'read');
  try {
    return decodeIdentity(unsealFile(file.readNow(0, Math.min(file.size(), IDENTITY_BYTES_MAX)), 'I', IDENTITY_FILE, checksum));
  } finally {
    file.close();
  }
}

/** Replaces the identity; durable when it returns. Throws `DiskFault`, and then the old one is still in force or the new one already is. */
export function storeIdentity(disk: Disk, stored: StoredIdentity, checksum: Checksum): void {
  if (disk.list('').includes(IDENTITY_NEW)) disk.removeNow(IDENTITY_NEW);
  const file = disk.open(IDENTITY_NEW, 'create');
  try {
    file.writeNow(0, [sealFile('I', encodeIdentity(stored), checksum)]);
    file.syncNow();
  } finally {
    file.close();
  }
  disk.rename(IDENTITY_NEW, IDENTITY_FILE);
  disk.syncDirectory('');
}

function encodeIdentity({ identity, journalId }: StoredIdentity): Uint8Array {
  const writer = new ByteWriter();
  writer.raw(hexToBytes(journalId)).u16(identity.nodeId).raw(hexToBytes(identity.incarnation));
  writeOptionalHex(writer, identity.clusterId);
  writer.u8(identity.isRejoined ? 1 : 0).u16(identity.members.length);
  for (const member of identity.members) {
    writer.u16(member.nodeId).text(member.address);
    writeOptionalHex(writer, member.incarnation);
  }
  return writer.take();
}

function decodeIdentity(body: Uint8Array): StoredIdentity {
  try {
    const reader = new ByteReader(body);
    const journalId = bytesToHex(reader.raw(8));
    const id = nodeId(reader.u16());
    const ownIncarnation = incarnation(bytesToHex(reader.raw(8)));
    const cluster = readOptionalHex(reader);
    const isRejoined = reader.u8() === 1;
    const members: Identity['members'][number][] = [];
    for (let left = reader.u16(); left > 0; left--) {
      const member = nodeId(reader.u16());
      const address = reader.text();
      const memberIncarnation = readOptionalHex(reader);
      members.push({ nodeId: member, address, incarnation: memberIncarnation === null ? null : incarnation(memberIncarnation) });
    }
    reader.end();
    const identity = {
      nodeId: id,
      incarnation: ownIncarnation,
      clusterId: cluster === null ? null : clusterId(cluster),
      isRejoined,
      members,
    };
    return { identity, journalId };
  } catch (cause) {
    throw new QuorateError('dataDamaged', `${IDENTITY_FILE} does not hold an identity`, { file: IDENTITY_FILE, offset: 0 }, { cause });
  }
}

function writeOptionalHex(writer: ByteWriter, hex: string | null): void {
  writer.u8(hex === null ? 0 : 1);
  if (hex !== null) writer.raw(hexToBytes(hex));
}

function readOptionalHex(reader: ByteReader): string | null {
  return reader.u8() === 0 ? null : bytesToHex(reader.raw(8));
}
