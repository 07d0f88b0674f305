import { type Checksum, type Disk, DiskFault, type DiskFile, SECTOR_BYTES, isZero, zerosFrom } from '@quorate/base';
import type { Checkpoint } from './checkpoint.js';
import { FrameCodec, type FrameHeader } from './frame.js';
import { decodeJournalHead } from './journal-head.js';

/*
 * How the journal is read at boot. Frames are expected in order of sequence, each chained to the one before. Where none verifies, the scan
 * goes on sector by sector, through all later files. Then:
 *
 * - the expected frame is found at the start of the next file: the bad place was the unused end of a full file;
 * - a later frame is found that says `durableUpTo` >= the expected sequence, or a checkpoint says so: the frame was durable once and is
 *   damaged now. Reading resumes at the later frame;
 * - nothing of the kind is found: a torn tail, a frame whose sync never returned. Nothing in it was acknowledged.
 */
export const JOURNAL_FOLDER = 'journal';
/** Offset of the first frame: the sector before it holds the head of the file. */
export const FIRST_FRAME_OFFSET: number = SECTOR_BYTES;
/** A journal file has room for a head, a frame and the marker that closes it. */
export const FILE_BYTES_MIN = 8192;
const CHUNK_BYTES = 4_194_304;

/** `journal/0000000001.q` of 1. */
export function journalPath(number: number): string {
  return `${JOURNAL_FOLDER}/${String(number).padStart(10, '0')}.q`;
}

/** Numbers of the journal files in a directory, ascending. */
export function journalNumbers(disk: Disk): number[] {
  const numbers: number[] = [];
  for (const name of disk.list(JOURNAL_FOLDER)) {
    const match = /^([0-9]{10})\.q$/.exec(name);
    if (match !== null) numbers.push(Number(match[1]));
  }
  return numbers.sort((a, b) => a - b);
}

/** A stretch of the journal that was durable and cannot be read. */
export interface ScanDamage {
  readonly file: string;
  readonly offset: number;
  readonly what: string;
  /** Sequences of the frames that are lost. */
  readonly firstSequence: number;
  readonly lastSequence: number;
  /** Null: not known, so any group. */
  readonly groups: readonly number[] | null;
}

/** Receives what the scan finds, in order. */
export interface ScanVisitor {
  /** False: the body verified but is not what a body should be. */
  frame(header: FrameHeader, body: Uint8Array, file: number, bodyOffset: number): boolean;
  damage(damage: ScanDamage): void;
}

export interface ScannedFile {
  readonly number: number;
  /** 0 if the file holds no frame. */
  firstSequence: number;
  lastSequence: number;
  /** Offset after the last frame. */
  endOffset: number;
  /** False: the head of the file is damaged or of another file. Its frames may be sound all the same. */
  isHeadSound: boolean;
  /** The head is sound and the file as long as it says. */
  isWhole: boolean;
  /** Of the head; 0 if it is damaged. */
  format: number;
  readonly bytes: number;
}

export interface ScanResult {
  readonly nextSequence: number;
  /** The last sound frame; null if there is none. */
  readonly last: { readonly header: FrameHeader; readonly file: number; readonly offset: number } | null;
  readonly files: readonly ScannedFile[];
  /** Something that is not zeros follows the last frame: the remains of a torn one. */
  readonly torn: { readonly file: string; readonly offset: number } | null;
  /** The end of the journal is damaged: what follows the last frame is kept as it is. */
  readonly isTailDamaged: boolean;
  /** Highest checkpoint number that a frame knew to be durable. */
  readonly checkpointNumber: number;
}

export interface ScanOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly journalId: string;
  /** Files to read, ascending. */
  readonly numbers: readonly number[];
  readonly checkpoint: Checkpoint | null;
  /** A frame that is read from here instead of from its place; see rescue.ts. */
  readonly rescued: { readonly file: number; readonly offset: number; readonly frame: Uint8Array } | null;
  /** Told with path and offset when a file cannot be read; must throw to stop. */
  readonly unreadable: (fault: DiskFault, path: string, offset: number) => void;
}

interface BadPlace {
  readonly file: string;
  readonly offset: number;
  /** The header verified, its body did not. */
  readonly header: FrameHeader | null;
  readonly isTorn: boolean;
}

/** Reads the whole journal once, in large sequential reads. */
export function scanJournal(options: ScanOptions, visitor: ScanVisitor): ScanResult {
  return new JournalScan(options, visitor).run();
}

class JournalScan {
  readonly #options: ScanOptions;
  readonly #visitor: ScanVisitor;
  readonly #codec: FrameCodec;
  readonly #files: ScannedFile[] = [];
  #next = 1;
  /** Checksum that the next frame must chain to; -1: unknown. */
  #chain = 0;
  #bad: BadPlace | null = null;
  /** A place that should be there and is not: a missing file, or the cut-off end of one. Cleared when the next frame is found after it. */
  #missing: BadPlace | null = null;
  #last: ScanResult['last'] = null;
  #isTailDamaged = false;
  #checkpointNumber = 0;

  constructor(options: ScanOptions, visitor: ScanVisitor) {
    this.#options = options;
    this.#visitor = visitor;
    this.#codec = new FrameCodec(options.journalId, options.checksum);
  }

  run(): ScanResult {
    const { numbers, checkpoint } = this.#options;
    const listed = new Map(checkpoint?.files.map((file) => [file.number, file]));
    const active = checkpoint?.files.at(-1)?.number ?? 0;
    // A listed file that is missing shows as a gap of sequences, unless nothing follows it.
    const all = [...new Set([...listed.keys(), ...numbers])].sort((a, b) => a - b);
    let expected = active === 0 ? 1 : active;
    for (const number of all) {
      const entry = listed.get(number);
      if (entry !== undefined && entry.firstSequence > this.#next) {
        this.#next = entry.firstSequence;
        this.#chain = -1;
        this.#bad = null;
        this.#missing = null;
      }
      if (number > expected) this.#markMissing(journalPath(expected), 0);
      if (numbers.includes(number)) this.#scanFile(number);
      else this.#markMissing(journalPath(number), 0);
      if (entry !== undefined && this.#next <= entry.lastSequence) this.#lose(entry.lastSequence, journalPath(number));
      if (number >= expected) expected = number + 1;
    }
    // The first frame was durable before the identity was.
    if (this.#next === 1) this.#lose(1, journalPath(1));
    if (this.#missing !== null) this.#lose(this.#next, this.#missing.file);
    const torn = this.#bad?.isTorn === true ? { file: this.#bad.file, offset: this.#bad.offset } : null;
    return {
      nextSequence: this.#next,
      last: this.#last,
      files: this.#files,
      torn,
      isTailDamaged: this.#isTailDamaged,
      checkpointNumber: this.#checkpointNumber,
    };
  }

  #scanFile(number: number): void {
    const path = journalPath(number);
    const window = new FileWindow(this.#options.disk.open(path, 'read'), path, this.#options.unreadable);
    const scanned: ScannedFile = {
      number,
      firstSequence: 0,
      lastSequence: 0,
      endOffset: FIRST_FRAME_OFFSET,
      isHeadSound: false,
      isWhole: false,
      format: 0,
      bytes: window.size,
    };
    this.#files.push(scanned);
    try {
      const head = decodeJournalHead(window.view(0, Math.min(SECTOR_BYTES, window.size)), path, this.#options.checksum);
      scanned.isHeadSound = head !== null && head.number === number && head.journalId === this.#options.journalId;
      scanned.format = head?.format ?? 0;
      scanned.isWhole = scanned.isHeadSound && head?.fileBytes === window.size;
      let offset = FIRST_FRAME_OFFSET;
      while (offset + SECTOR_BYTES <= window.size) {
        const { rescued } = this.#options;
        // Space that was never written is most of a journal.
        const zeros = rescued?.file === number ? 0 : window.zerosFrom(offset);
        if (zeros > 0) {
          this.#markBad(path, offset, null, this.#bad?.isTorn === true);
          offset += zeros;
          continue;
        }
        const copy = rescued?.file === number && rescued.offset === offset ? rescued.frame : null;
        const header = this.#codec.header(
          copy?.subarray(0, SECTOR_BYTES) ?? window.view(offset, SECTOR_BYTES),
          number,
          offset,
          window.size - offset,
        );
        const body = header === null ? null : (bodyOf(header, copy) ?? window.view(offset + header.headerBytes, header.bodyBytes));
        const isSound = header !== null && body !== null && this.#codec.isBodySound(header, body);
        if (!isSound || !this.#isWanted(header, path, offset)) {
          const isTorn = header !== null || this.#bad?.isTorn === true || !isZero(window.view(offset, SECTOR_BYTES));
          this.#markBad(path, offset, isSound ? null : header, isTorn);
          offset += SECTOR_BYTES;
          continue;
        }
        this.#take(header, body, scanned, offset, path);
        offset += header.totalBytes;
      }
      if (window.size < FILE_BYTES_MIN || window.size % SECTOR_BYTES !== 0 || (head !== null && window.size < head.fileBytes))
        this.#markMissing(path, window.size);
    } finally {
      window.close();
    }
  }

  #markBad(file: string, offset: number, header: FrameHeader | null, isTorn: boolean): void {
    // Zeros at the end of an earlier file are no place for a frame, and a header that verifies settles where it stood.
    const isBetter =
      this.#bad === null ||
      (this.#bad.file !== file && !this.#bad.isTorn) ||
      (header?.sequence === this.#next && this.#bad.header === null);
    if (isBetter || this.#bad === null) this.#bad = { file, offset, header, isTorn };
    else if (isTorn && !this.#bad.isTorn) this.#bad = { ...this.#bad, isTorn };
  }

  #markMissing(file: string, offset: number): void {
    this.#missing ??= { file, offset, header: null, isTorn: false };
  }

  /** True if reading goes on with this frame; a gap or a break of the chain before it is told as damage first. */
  #isWanted(header: FrameHeader, path: string, offset: number): boolean {
    const { sequence } = header;
    if (sequence < this.#next) return false;
    if (sequence === this.#next) {
      if (this.#chain < 0 || this.#chain === header.previousChecksum) return true;
      // T31: the frame before is sound by itself, but not the one that was there when this one was written.
      const what = 'the frame before is an old one that verifies by itself';
      this.#visitor.damage({ file: path, offset, what, firstSequence: sequence - 1, lastSequence: sequence - 1, groups: null });
      return true;
    }
    if (header.durableUpTo < this.#next) return false;
    const isOne = sequence === this.#next + 1;
    const own = this.#bad?.header?.sequence === this.#next ? this.#bad.header.groups : null;
    this.#tell(this.#bad, path, offset, sequence - 1, isOne ? (own ?? header.previousGroups) : null);
    return true;
  }

  /** Frames up to `lastSequence` were durable and were not found. */
  #lose(lastSequence: number, path: string): void {
    const own = this.#bad?.header;
    const groups = own?.sequence === this.#next && lastSequence === this.#next ? own.groups : null;
    this.#tell(this.#bad, path, FIRST_FRAME_OFFSET, lastSequence, groups);
    this.#next = lastSequence + 1;
    this.#chain = -1;
    this.#bad = null;
    this.#missing = null;
    this.#isTailDamaged = true;
  }

  #tell(badFrame: BadPlace | null, path: string, offset: number, lastSequence: number, groups: readonly number[] | null): void {
    const bad = this.#missing ?? badFrame;
    const what = bad?.header == null ? 'no sound frame where one was durable' : 'the body of a durable frame does not match its checksum';
    this.#visitor.damage({
      file: bad?.file ?? path,
      offset: bad?.offset ?? offset,
      what: this.#missing === null ? what : bad?.offset === 0 ? 'the file is missing' : 'the file is cut short',
      firstSequence: this.#next,
      lastSequence,
      groups,
    });
  }

  #take(header: FrameHeader, body: Uint8Array, scanned: ScannedFile, offset: number, path: string): void {
    const { sequence } = header;
    if (!this.#visitor.frame(header, body, scanned.number, offset + header.headerBytes)) {
      const what = 'the records of a frame make no sense';
      this.#visitor.damage({ file: path, offset, what, firstSequence: sequence, lastSequence: sequence, groups: header.groups });
    }
    if (scanned.firstSequence === 0) scanned.firstSequence = sequence;
    scanned.lastSequence = sequence;
    scanned.endOffset = offset + header.totalBytes;
    this.#checkpointNumber = Math.max(this.#checkpointNumber, header.checkpointNumber);
    this.#last = { header, file: scanned.number, offset };
    this.#next = sequence + 1;
    this.#chain = header.checksum;
    this.#bad = null;
    this.#missing = null;
    this.#isTailDamaged = false;
  }
}

function bodyOf(header: FrameHeader, frame: Uint8Array | null): Uint8Array | null {
  return frame?.subarray(header.headerBytes, header.headerBytes + header.bodyBytes) ?? null;
}

/** A file seen through one large buffer that moves forward. */
class FileWindow {
  readonly size: number;
  readonly #file: DiskFile;
  readonly #path: string;
  readonly #unreadable: ScanOptions['unreadable'];
  #start = 0;
  #bytes: Uint8Array = new Uint8Array(0);

  constructor(file: DiskFile, path: string, unreadable: ScanOptions['unreadable']) {
    this.#file = file;
    this.#path = path;
    this.#unreadable = unreadable;
    this.size = file.size();
  }

  /** The bytes of a range inside the file, sharing memory that later views may leave behind but never overwrite. */
  view(offset: number, length: number): Uint8Array {
    if (offset < this.#start || offset + length > this.#start + this.#bytes.length) {
      this.#start = offset;
      try {
        this.#bytes = this.#file.readNow(offset, Math.min(Math.max(CHUNK_BYTES, length), this.size - offset));
      } catch (thrown) {
        if (!(thrown instanceof DiskFault)) throw thrown;
        this.#unreadable(thrown, this.#path, offset);
        this.#bytes = new Uint8Array(length);
      }
    }
    const at = offset - this.#start;
    return this.#bytes.subarray(at, at + length);
  }

  /** Bytes of whole sectors of zeros from an offset on, as far as the buffer reaches; at least one sector of the file is left there. */
  zerosFrom(offset: number): number {
    this.view(offset, SECTOR_BYTES);
    const zeros = zerosFrom(this.#bytes, offset - this.#start);
    return zeros - (zeros % SECTOR_BYTES);
  }

  close(): void {
    this.#file.close();
  }
}
