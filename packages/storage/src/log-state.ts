import type { LogIndex, Term } from '@quorate/base';
import { BatchRows, UNPLACED } from './batch-rows.js';

/** Told when a log gets its first batch in a journal file and when it loses its last one there: a file without any is dead. */
export interface FileUses {
  gained(file: number): void;
  lost(file: number): void;
}

interface TermRun {
  firstIndex: LogIndex;
  term: Term;
}

/** What is known of a batch to take it into a log. */
export interface BatchFacts {
  readonly baseIndex: LogIndex;
  readonly count: number;
  readonly term: Term;
  readonly isConfiguration: boolean;
  readonly bytes: number;
}

/**
 * The positions of one log: batches, terms, configurations, both ends.
 * Invariant: rows are contiguous, `base(row + 1) = last(row) + 1`, from `firstIndex` to `lastIndex`.
 */
export class LogState {
  readonly rows: BatchRows = new BatchRows();
  readonly terms: TermRun[] = [];
  readonly configurationIndexes: LogIndex[] = [];
  firstIndex: LogIndex = 1;
  previousTerm: Term = 0;
  lastIndex: LogIndex = 0;
  /** Rows at the front that have a place on disk. */
  placedRows = 0;
  readonly #uses: FileUses;

  constructor(uses: FileUses) {
    this.#uses = uses;
  }

  get lastTerm(): Term {
    return this.terms.at(-1)?.term ?? this.previousTerm;
  }

  /** Last index of the batch in a row. */
  lastOf(row: number): LogIndex {
    return row + 1 < this.rows.length ? this.rows.base(row + 1) - 1 : this.lastIndex;
  }

  /** True if the log can be cut right after `index`. */
  isBorder(index: LogIndex): boolean {
    if (index === this.firstIndex - 1 || index === this.lastIndex) return true;
    const row = this.rows.find(index);
    return row >= 0 && this.lastOf(row) === index;
  }

  /** Adds a batch at the end; `file` and `offset` may be `UNPLACED` and 0. */
  append(batch: BatchFacts, file: number, offset: number): void {
    const row = this.rows.length;
    this.rows.push(batch.baseIndex, file, offset, batch.bytes);
    if (file !== UNPLACED) this.#placed(row, file);
    if (this.terms.length === 0 || batch.term !== this.lastTerm) this.terms.push({ firstIndex: batch.baseIndex, term: batch.term });
    if (batch.isConfiguration) this.configurationIndexes.push(batch.baseIndex);
    this.lastIndex = batch.baseIndex + batch.count - 1;
  }

  /** Gives the first unplaced batch its place; returns its row. */
  place(file: number, offset: number): number {
    const row = this.placedRows;
    this.rows.place(row, file, offset);
    this.#placed(row, file);
    return row;
  }

  #placed(row: number, file: number): void {
    this.placedRows = row + 1;
    if (row === 0 || this.rows.file(row - 1) !== file) this.#uses.gained(file);
  }

  /** Drops every batch that ends after `index`. */
  truncateSuffix(index: LogIndex): void {
    if (index >= this.lastIndex) return;
    let keep = this.rows.find(index) + 1;
    if (keep > 0 && this.lastOf(keep - 1) > index) keep--;
    const last = keep > 0 ? this.lastOf(keep - 1) : this.firstIndex - 1;
    for (let row = keep; row < this.placedRows; row = this.rows.endOfFileRun(row)) {
      // The first file is still in use if a kept batch is in it.
      if (row > keep || keep === 0 || this.rows.file(keep - 1) !== this.rows.file(row)) this.#uses.lost(this.rows.file(row));
    }
    this.rows.keepFirst(keep);
    this.placedRows = Math.min(this.placedRows, keep);
    this.lastIndex = last;
    while (this.terms.length > 0 && (this.terms.at(-1) as TermRun).firstIndex > last) this.terms.pop();
    while ((this.configurationIndexes.at(-1) ?? 0) > last) this.configurationIndexes.pop();
  }

  /** Drops every batch up to and including `index`, a border at or below `lastIndex`; `term` is that of `index`. */
  truncatePrefix(index: LogIndex, term: Term): void {
    if (index < this.firstIndex) return;
    const drop = this.rows.find(index) + 1;
    for (let row = 0; row < Math.min(drop, this.placedRows); ) {
      const end = this.rows.endOfFileRun(row);
      if (end <= drop) this.#uses.lost(this.rows.file(row));
      row = end;
    }
    this.rows.dropFirst(drop);
    this.placedRows = Math.max(0, this.placedRows - drop);
    this.firstIndex = index + 1;
    this.previousTerm = term;
    while (this.terms.length > 1 && (this.terms[1] as TermRun).firstIndex <= this.firstIndex) this.terms.shift();
    const run = this.terms[0];
    if (run !== undefined && run.firstIndex < this.firstIndex) {
      if (this.lastIndex >= this.firstIndex) this.terms[0] = { firstIndex: this.firstIndex, term: run.term };
      else this.terms.length = 0;
    }
    while (this.configurationIndexes.length > 0 && (this.configurationIndexes[0] as LogIndex) <= index) this.configurationIndexes.shift();
  }

  /** Drops everything; the log is empty before `firstIndex`. */
  restart(firstIndex: LogIndex, previousTerm: Term): void {
    this.firstIndex = firstIndex;
    this.previousTerm = previousTerm;
    this.dropAll();
  }

  /** Drops every batch and gives up every place on disk. */
  dropAll(): void {
    for (let row = 0; row < this.placedRows; row = this.rows.endOfFileRun(row)) this.#uses.lost(this.rows.file(row));
    this.rows.keepFirst(0);
    this.placedRows = 0;
    this.lastIndex = this.firstIndex - 1;
    this.terms.length = 0;
    this.configurationIndexes.length = 0;
  }

  /** Term of an index from `firstIndex - 1` to `lastIndex`. */
  termAt(index: LogIndex): Term {
    if (index < this.firstIndex) return this.previousTerm;
    let low = 0;
    let high = this.terms.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.terms[middle] as TermRun).firstIndex <= index) low = middle + 1;
      else high = middle;
    }
    return this.terms[low - 1]?.term ?? this.previousTerm;
  }
}
