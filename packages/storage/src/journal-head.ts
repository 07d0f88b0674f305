import { ByteReader, ByteWriter, type Checksum, QuorateError } from '@quorate/base';
import { bytesToHex, hexToBytes } from './hex.js';
import { sealFile, sealedFormat, unsealFile } from './sealed-file.js';

/*
 * The first sector of a journal file: a sealed head (letter J) whose body is
 *
 *   8 bytes  journal id
 *   u64      file number: that of its name
 *   u64      length of the file, all of which is written and synced before the file gets its name: a shorter one was cut
 */
export interface JournalHead {
  readonly journalId: string;
  readonly number: number;
  readonly fileBytes: number;
}

/** A head that was read. */
export interface FoundJournalHead extends JournalHead {
  readonly format: number;
}

/** The bytes of a head; the rest of its sector is zeros. */
export function encodeJournalHead(head: JournalHead, sectorBytes: number, checksum: Checksum): Uint8Array {
  const sector = new Uint8Array(sectorBytes);
  const body = new ByteWriter(24).raw(hexToBytes(head.journalId)).u64(head.number).u64(head.fileBytes).take();
  sector.set(sealFile('J', body, checksum));
  return sector;
}

/** The head of a file; null if it is damaged, which harms nothing else, for frames do not need it. A newer format throws `formatUnsupported`. */
export function decodeJournalHead(sector: Uint8Array, path: string, checksum: Checksum): FoundJournalHead | null {
  try {
    const reader = new ByteReader(unsealFile(sector, 'J', path, checksum));
    return { format: sealedFormat(sector), journalId: bytesToHex(reader.raw(8)), number: reader.u64(), fileBytes: reader.u64() };
  } catch (thrown) {
    if (thrown instanceof QuorateError && thrown.code !== 'formatUnsupported') return null;
    throw thrown;
  }
}
