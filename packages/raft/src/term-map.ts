import { type LogIndex, type Term, invariant } from '@quorate/base';

/** Entries from `firstIndex` to the next run (or the end of the log) have this term. */
export interface TermRun {
  readonly firstIndex: LogIndex;
  readonly term: Term;
}

/**
 * The term of every entry of a log, run-length: terms never decrease along a log, so a log of any length has as many runs as it saw leaders.
 * Invariant: runs ascend strictly in index and in term; the first starts at `firstIndex` unless the log is empty.
 */
export class TermMap {
  readonly #firstIndexes: number[] = [];
  readonly #terms: number[] = [];
  #firstIndex: LogIndex;
  #previousTerm: Term;
  #lastIndex: LogIndex;

  constructor(init: { firstIndex: LogIndex; previousTerm: Term; lastIndex: LogIndex; runs: readonly TermRun[] }) {
    this.#firstIndex = init.firstIndex;
    this.#previousTerm = init.previousTerm;
    this.#lastIndex = init.firstIndex - 1;
    for (const [at, run] of init.runs.entries()) {
      const next = init.runs[at + 1];
      this.append(run.firstIndex, next === undefined ? init.lastIndex : next.firstIndex - 1, run.term);
    }
    invariant(this.#lastIndex === Math.max(init.lastIndex, init.firstIndex - 1), 'term runs cover the log', { lastIndex: init.lastIndex });
  }

  get firstIndex(): LogIndex {
    return this.#firstIndex;
  }
  /** `firstIndex - 1` for an empty log. */
  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }
  get lastTerm(): Term {
    return this.#terms.at(-1) ?? this.#previousTerm;
  }
  get runs(): readonly TermRun[] {
    return this.#firstIndexes.map((firstIndex, at) => ({ firstIndex, term: this.#terms[at] as number }));
  }

  /** Term of the entry at `index`, also of the one before `firstIndex`; undefined outside of the log. */
  termAt(index: LogIndex): Term | undefined {
    if (index > this.#lastIndex || index < this.#firstIndex - 1) return undefined;
    if (index === this.#firstIndex - 1) return this.#previousTerm;
    return this.#terms[this.#runOf(index)];
  }

  /** Adds entries `firstIndex .. lastIndex` of one term behind the last one. */
  append(firstIndex: LogIndex, lastIndex: LogIndex, term: Term): void {
    invariant(firstIndex === this.#lastIndex + 1 && lastIndex >= firstIndex, 'entries are dense', {
      firstIndex,
      lastIndex,
      after: this.#lastIndex,
    });
    invariant(term >= this.lastTerm, 'terms never decrease along a log', { term, lastTerm: this.lastTerm });
    if (this.#terms.length === 0 || term > this.lastTerm) {
      this.#firstIndexes.push(firstIndex);
      this.#terms.push(term);
    }
    this.#lastIndex = lastIndex;
  }

  /** Drops every entry after `index`. */
  truncateAfter(index: LogIndex): void {
    invariant(index >= this.#firstIndex - 1, 'a cut stays within the log', { index, firstIndex: this.#firstIndex });
    if (index >= this.#lastIndex) return;
    while (this.#firstIndexes.length > 0 && (this.#firstIndexes.at(-1) as number) > index) {
      this.#firstIndexes.pop();
      this.#terms.pop();
    }
    this.#lastIndex = index;
  }

  /** Drops every entry up to `index`, which is in the log or just before it. */
  dropUpTo(index: LogIndex): void {
    invariant(index >= this.#firstIndex - 1 && index <= this.#lastIndex, 'what is dropped is there', {
      index,
      firstIndex: this.#firstIndex,
    });
    if (index < this.#firstIndex) return;
    const run = this.#runOf(index);
    this.#previousTerm = this.#terms[run] as number;
    const isRunLeft = index < this.#lastIndex && this.#firstIndexes[run + 1] !== index + 1;
    this.#firstIndexes.splice(0, isRunLeft ? run : run + 1);
    this.#terms.splice(0, isRunLeft ? run : run + 1);
    if (isRunLeft) this.#firstIndexes[0] = index + 1;
    this.#firstIndex = index + 1;
  }

  /** Drops everything: the log is empty, after an entry at `index` of this term. */
  restart(index: LogIndex, term: Term): void {
    this.#firstIndexes.length = 0;
    this.#terms.length = 0;
    this.#firstIndex = index + 1;
    this.#previousTerm = term;
    this.#lastIndex = index;
  }

  /**
   * Largest index at most `index` whose term is at most `term`; `firstIndex - 1` if there is none. With it both sides of a mismatch skip
   * whole terms (thesis 5.3: one round for each conflicting term instead of one for each entry).
   */
  lastIndexOfTermAtMost(index: LogIndex, term: Term): LogIndex {
    let at = Math.min(index, this.#lastIndex);
    if (at < this.#firstIndex) return this.#firstIndex - 1;
    let run = this.#runOf(at);
    while (run >= 0 && (this.#terms[run] as number) > term) {
      at = (this.#firstIndexes[run] as number) - 1;
      run--;
    }
    return at;
  }

  /** Position of the run that holds `index`, by bisection; nearly every call asks for the newest run. */
  #runOf(index: LogIndex): number {
    let high = this.#firstIndexes.length - 1;
    if (index >= (this.#firstIndexes[high] as number)) return high;
    let low = 0;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#firstIndexes[middle] as number) <= index) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
