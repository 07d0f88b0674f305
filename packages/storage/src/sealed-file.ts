import { type Checksum, QuorateError, readU32, writeU32 } from '@quorate/base';

/*
 * Every file of a data directory starts with the same head, in all formats to come, so that a file of a newer version can be told from a
 * damaged one. Little-endian:
 *
 *   0  8 bytes  "QUORATE" and a letter: I identity, J journal file, C checkpoint, R rescue, S snapshot
 *   8  u32      format of the body
 *  12  u32      body length
 *  16  u32      CRC-32C of the body
 *  20  u32      CRC-32C of bytes 0..20
 *  24           body
 */
export const FILE_HEAD_BYTES = 24;

/** Which kind of file a head belongs to. */
export type FileLetter = 'I' | 'J' | 'C' | 'R' | 'S';

/**
 * Newest format of each kind of file that this version reads, and the one it writes. Format 2 of journal files and checkpoints knows
 * snapshots; files of format 1 are read as well.
 */
export const FILE_FORMATS: Readonly<Record<FileLetter, number>> = { I: 1, J: 2, C: 2, R: 1, S: 1 };

const NAME = 'QUORATE';

/** Head and body as one array. */
export function sealFile(letter: FileLetter, body: Uint8Array, checksum: Checksum): Uint8Array {
  const file = new Uint8Array(FILE_HEAD_BYTES + body.length);
  for (let i = 0; i < NAME.length; i++) file[i] = NAME.charCodeAt(i);
  file[NAME.length] = letter.charCodeAt(0);
  writeU32(file, 8, FILE_FORMATS[letter]);
  writeU32(file, 12, body.length);
  writeU32(file, 16, checksum(body));
  writeU32(file, 20, checksum(file.subarray(0, 20)));
  file.set(body, FILE_HEAD_BYTES);
  return file;
}

/** Format of a file that `unsealFile` accepted. */
export function sealedFormat(bytes: Uint8Array): number {
  return readU32(bytes, 8);
}

/** The body of a sealed file. A wrong head or body gives `dataDamaged`, a newer format `formatUnsupported`, both naming file and offset. */
export function unsealFile(bytes: Uint8Array, letter: FileLetter, path: string, checksum: Checksum): Uint8Array {
  const damaged = (what: string, offset: number): QuorateError =>
    new QuorateError('dataDamaged', `${path} is damaged at offset ${offset}: ${what}`, { file: path, offset, what });
  if (bytes.length < FILE_HEAD_BYTES) throw damaged('the file is shorter than its head', bytes.length);
  if (checksum(bytes.subarray(0, 20)) !== readU32(bytes, 20)) throw damaged('the checksum of the head does not match', 0);
  for (let i = 0; i <= NAME.length; i++) {
    if (bytes[i] !== (i === NAME.length ? letter : NAME).charCodeAt(i === NAME.length ? 0 : i))
      throw damaged('it is a file of another kind', 0);
  }
  const format = readU32(bytes, 8);
  if (format > FILE_FORMATS[letter] || format === 0) {
    throw new QuorateError('formatUnsupported', `${path} has format ${format}; this version reads up to ${FILE_FORMATS[letter]}`, {
      file: path,
      format,
    });
  }
  const length = readU32(bytes, 12);
  if (length > bytes.length - FILE_HEAD_BYTES) throw damaged(`the body should have ${length} bytes`, bytes.length);
  const body = bytes.subarray(FILE_HEAD_BYTES, FILE_HEAD_BYTES + length);
  if (checksum(body) !== readU32(bytes, 16)) throw damaged('the checksum of the body does not match', FILE_HEAD_BYTES);
  return body;
}
