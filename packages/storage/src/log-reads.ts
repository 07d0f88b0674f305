import { DiskFault, type GroupId, type LogIndex, asQuorateError, invariant, verifyBatch } from '@quorate/base';
import { UNPLACED } from './batch-rows.js';
import { journalPath } from './journal-scan.js';
import type { LogState } from './log-state.js';
import type { CachedLog } from './recent-batches.js';
import type { LogHost } from './stored-log.js';

/** Bytes between two batches of a log up to which both are fetched with one read. */
const READ_GAP_BYTES = 4096;

/** What the reads of a log need to know of it. */
export interface ReadLog extends CachedLog {
  readonly group: GroupId;
  readonly state: LogState;
  /** Replaced by a reset: what it says of files counts no longer. */
  readonly isRetired: boolean;
}

/** A part of a journal file. */
interface Span {
  readonly file: number;
  readonly offset: number;
  readonly length: number;
}

/** Rows of a log, `end` not among them. */
interface Rows {
  readonly row: number;
  readonly end: number;
}

/** The reads of one log: from memory what is there, else from the files of the journal, verified. */
export class LogReads {
  readonly #log: ReadLog;
  readonly #host: LogHost;

  constructor(log: ReadLog, host: LogHost) {
    this.#log = log;
    this.#host = host;
  }

  /** See `GroupLog.read`. */
  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[] {
    const { group, state } = this.#log;
    const { rows } = state;
    if (fromIndex > state.lastIndex) return [];
    invariant(fromIndex >= state.firstIndex, 'fromIndex >= firstIndex', { group, fromIndex, firstIndex: state.firstIndex });
    this.#host.checkOpen();
    const batches: Uint8Array[] = [];
    let left = maxBytes;
    for (let row = rows.find(fromIndex); row < rows.length; ) {
      if (batches.length > 0 && rows.bytes(row) > left) break;
      const cached = this.#host.recent.get(this.#log, row);
      if (cached !== undefined) {
        batches.push(cached);
        left -= cached.length;
        row++;
        continue;
      }
      const end = this.#spanEnd(row, left);
      if (!this.#readSpan({ row, end }, batches)) break;
      for (; row < end; row++) left -= rows.bytes(row);
    }
    return batches;
  }

  /** See `GroupLog.bytesTogether`. */
  bytesTogether(index: LogIndex, maxBytes: number): number {
    const row = this.#log.state.rows.find(index);
    if (this.#host.recent.get(this.#log, row) !== undefined) return 0;
    return this.#placeOf({ row, end: this.#spanEnd(row, maxBytes) }).length;
  }

  /** See `GroupLog.readLater`. */
  readLater(fromIndex: LogIndex, maxBytes: number, done: (batches: readonly Uint8Array[] | null) => void): void {
    const { group, state } = this.#log;
    const { firstIndex, lastIndex, rows } = state;
    invariant(fromIndex >= firstIndex && fromIndex <= lastIndex, 'firstIndex <= fromIndex <= lastIndex', { group, fromIndex });
    this.#host.checkOpen();
    const row = rows.find(fromIndex);
    const span = this.#placeOf({ row, end: this.#spanEnd(row, maxBytes) });
    this.#host.files.read(span.file, span.offset, span.length, (fault, bytes) => {
      const found = this.#rowsAt(fromIndex, span);
      if (found === null) return done(null);
      const batches: Uint8Array[] = [];
      if (fault === null) this.#takeVerified(found, span, bytes, batches);
      else this.#unreadable(span, fault);
      return done(batches);
    });
  }

  /** Rows from `row` on that one read of the disk fetches: same file, close together, within `maxBytes`, at least one. */
  #spanEnd(row: number, maxBytes: number): number {
    const { rows } = this.#log.state;
    const file = rows.file(row);
    const start = rows.offset(row);
    let end = row + 1;
    for (; end < rows.length; end++) {
      const gap = rows.offset(end) - rows.offset(end - 1) - rows.bytes(end - 1);
      const length = rows.offset(end) + rows.bytes(end) - start;
      if (rows.file(end) !== file || length > maxBytes || gap > READ_GAP_BYTES || this.#host.recent.get(this.#log, end) !== undefined)
        break;
    }
    return end;
  }

  /** The place of rows that one read fetches. */
  #placeOf({ row, end }: Rows): Span {
    const { rows } = this.#log.state;
    const file = rows.file(row);
    const offset = rows.offset(row);
    invariant(file !== UNPLACED, 'a batch that is not in memory has a place on disk', { group: this.#log.group });
    return { file, offset, length: rows.offset(end - 1) + rows.bytes(end - 1) - offset };
  }

  /** The rows from that of an index on that are where a span was read; null: it is somewhere else by now, or gone. */
  #rowsAt(index: LogIndex, { file, offset, length }: Span): Rows | null {
    const { isRetired, state } = this.#log;
    const { rows } = state;
    if (isRetired || index < state.firstIndex || index > state.lastIndex) return null;
    const row = rows.find(index);
    if (rows.file(row) !== file || rows.offset(row) !== offset) return null;
    let end = row + 1;
    while (end < rows.length && rows.file(end) === file && rows.offset(end) + rows.bytes(end) <= offset + length) end++;
    return { row, end };
  }

  #readSpan(read: Rows, batches: Uint8Array[]): boolean {
    const span = this.#placeOf(read);
    let bytes: Uint8Array;
    try {
      bytes = this.#host.files.handle(span.file).readNow(span.offset, span.length);
    } catch (thrown) {
      if (!(thrown instanceof DiskFault)) throw thrown;
      this.#unreadable(span, thrown);
      return false;
    }
    return this.#takeVerified(read, span, bytes, batches);
  }

  #unreadable({ file, offset }: Span, fault: DiskFault): void {
    const what = `a batch cannot be read: ${fault.message}`;
    this.#host.reportDamage({ file: journalPath(file), offset, what, groups: [this.#log.group] });
  }

  /** Adds the batches of rows to a list, up to the first one that is damaged; false if there is one. */
  #takeVerified({ row, end }: Rows, span: Span, bytes: Uint8Array, batches: Uint8Array[]): boolean {
    const { group, state } = this.#log;
    const { rows } = state;
    for (let at = row; at < end; at++) {
      const offset = rows.offset(at) - span.offset;
      const batch = bytes.subarray(offset, offset + rows.bytes(at));
      const what = this.#faultOf(batch, rows.base(at));
      if (what !== null) {
        this.#host.reportDamage({ file: journalPath(span.file), offset: rows.offset(at), what, groups: [group] });
        return false;
      }
      batches.push(batch);
    }
    return true;
  }

  /** Why bytes are not the batch of this group and index (T30), or null. */
  #faultOf(batch: Uint8Array, baseIndex: LogIndex): string | null {
    const { group, state } = this.#log;
    try {
      const header = verifyBatch(batch, this.#host.checksum);
      const isMine = header.group === group && header.baseIndex === baseIndex && header.term === state.termAt(baseIndex);
      return isMine ? null : `another batch stands there: group ${header.group}, index ${header.baseIndex}, term ${header.term}`;
    } catch (thrown) {
      return asQuorateError(thrown).message;
    }
  }
}
