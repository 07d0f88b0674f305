import { type BatchHeader, type LogIndex, type Term, batchLastIndex, batchPayload, invariant, trustedBatchHeader } from '@quorate/base';
import { decodeConfiguration } from './configuration.js';
import type { AppendFact, Configuration, LogReader, LogRestart, LogStart } from './ready.js';
import { TermMap } from './term-map.js';

/**
 * What the core knows of its log: terms, configurations, commit and durable index, and the *tail*: batches that are not durable yet.
 *
 *   firstIndex - 1 <= commitIndex <= lastIndex       commitIndex never goes back
 *   firstIndex - 1 <= durableIndex <= storedIndex <= lastIndex
 *
 * `storedIndex` is what the host has taken; between it and `lastIndex` lie the appends of the next Ready.
 */
export class LogState {
  readonly terms: TermMap;
  readonly #reader: LogReader;
  readonly #configurations: { index: LogIndex; configuration: Configuration }[];
  #commitIndex: LogIndex;
  #durableIndex: LogIndex;
  #storedIndex: LogIndex;
  /** Batches with `lastIndex > durableIndex`, dense up to `lastIndex`. */
  #tail: AppendFact[] = [];
  #tailBytes = 0;
  #appends: AppendFact[] = [];
  #truncateAfter: LogIndex | null = null;
  #restart: LogRestart | null = null;
  /** Completions that do not know of this cut say nothing about what came after it. */
  #cut: { readonly index: LogIndex; readonly version: number } | null = null;
  /** Newest hard state version of any completion. */
  #durableVersion = 0;
  #loggedTimeMs: number | null;

  constructor(start: LogStart, reader: LogReader) {
    this.terms = new TermMap({
      firstIndex: start.firstIndex,
      previousTerm: start.previousTerm,
      lastIndex: start.lastIndex,
      runs: start.terms,
    });
    this.#reader = reader;
    this.#configurations = start.configurations.map((entry) => ({ index: entry.index, configuration: entry.configuration }));
    invariant(this.#configurations.length > 0, 'a log starts with a configuration');
    this.#commitIndex = start.snapshotIndex ?? start.firstIndex - 1;
    invariant(
      this.#commitIndex >= start.firstIndex - 1 && this.#commitIndex <= start.lastIndex,
      'firstIndex - 1 <= snapshotIndex <= lastIndex',
      { snapshotIndex: this.#commitIndex, firstIndex: start.firstIndex, lastIndex: start.lastIndex },
    );
    this.#durableIndex = this.terms.lastIndex;
    this.#storedIndex = this.terms.lastIndex;
    this.#loggedTimeMs = start.lastLoggedTimeMs ?? null;
  }

  get firstIndex(): LogIndex {
    return this.terms.firstIndex;
  }
  get lastIndex(): LogIndex {
    return this.terms.lastIndex;
  }
  get lastTerm(): Term {
    return this.terms.lastTerm;
  }
  get commitIndex(): LogIndex {
    return this.#commitIndex;
  }
  get durableIndex(): LogIndex {
    return this.#durableIndex;
  }
  /** Bytes of the batches that are not durable yet. */
  get tailBytes(): number {
    return this.#tailBytes;
  }
  /** Others are quicker: most of what is not durable here is committed. */
  get isOutrun(): boolean {
    const middle = this.#tail[this.#tail.length >> 1];
    return middle !== undefined && middle.lastIndex <= this.#commitIndex;
  }
  get hasFacts(): boolean {
    return this.#appends.length > 0 || this.#truncateAfter !== null || this.#restart !== null;
  }
  /** Newest configuration in the log, committed or not (thesis 4.1), and its index; index 0: it is not in the log yet. */
  get newestConfiguration(): { readonly index: LogIndex; readonly configuration: Configuration } {
    return this.#configurations.at(-1) as { index: LogIndex; configuration: Configuration }; // never empty: see truncate
  }

  /** Logged time of the last batch; 0 for an empty log, or if it cannot be read. */
  get loggedTimeMs(): number {
    if (this.#loggedTimeMs !== null) return this.#loggedTimeMs;
    const [batch] = this.lastIndex < this.firstIndex ? [] : this.#reader.read(this.lastIndex, 1);
    return batch === undefined ? 0 : trustedBatchHeader(batch).loggedTimeMs;
  }

  /** Adds a verified batch behind the last one. Throws `malformedFrame` for a damaged configuration before anything changed. */
  append(header: BatchHeader, batch: Uint8Array): void {
    const lastIndex = batchLastIndex(header);
    if (header.kind === 'configuration') {
      this.#configurations.push({ index: header.baseIndex, configuration: decodeConfiguration(batchPayload(batch)) });
    }
    this.terms.append(header.baseIndex, lastIndex, header.term);
    const fact: AppendFact = { batch, kind: header.kind, baseIndex: header.baseIndex, lastIndex, term: header.term };
    this.#tail.push(fact);
    this.#tailBytes += batch.length;
    this.#appends.push(fact);
    this.#loggedTimeMs = Math.max(header.loggedTimeMs, this.#loggedTimeMs ?? 0);
  }

  /**
   * Drops every batch after `index`. `version` is that of the hard state stored together with the cut: a completion of an older one may
   * still speak of what was dropped, so it never raises the durable index above `index` again (T13).
   */
  truncate(index: LogIndex, version: number): void {
    invariant(index >= this.#commitIndex, 'committed entries are never cut', { index, commitIndex: this.#commitIndex });
    this.terms.truncateAfter(index);
    while (this.newestConfiguration.index > index) this.#configurations.pop();
    invariant(this.#configurations.length > 0, 'the first configuration is never cut');
    dropAfter(this.#appends, index);
    for (const dropped of dropAfter(this.#tail, index)) this.#tailBytes -= dropped.batch.length;
    if (index < this.#storedIndex) {
      this.#storedIndex = index;
      this.#truncateAfter = Math.min(index, this.#truncateAfter ?? index);
      this.#cut = { index: Math.min(index, this.#cut?.index ?? index), version };
    }
    this.#durableIndex = Math.min(this.#durableIndex, index);
    // The logged time of dropped entries stays a lower bound: nobody is hurt by a time that only grows.
  }

  /** Storage says that everything up to `index` is durable, as of hard state `version`. */
  durable(index: LogIndex, version: number): void {
    if (version < this.#durableVersion) return; // overtaken by a newer completion
    this.#durableVersion = version;
    let bound = Math.min(index, this.#storedIndex);
    if (this.#cut !== null) {
      if (version < this.#cut.version) bound = Math.min(bound, this.#cut.index);
      else this.#cut = null;
    }
    if (bound <= this.#durableIndex) return;
    this.#durableIndex = bound;
    let count = 0;
    while (count < this.#tail.length && (this.#tail[count] as AppendFact).lastIndex <= bound) {
      this.#tailBytes -= (this.#tail[count] as AppendFact).batch.length;
      count++;
    }
    if (count > 0) this.#tail.splice(0, count);
  }

  /**
   * A snapshot took the place of everything up to its index, all of which is committed. Where the log holds that entry, what follows stays;
   * else nothing of the log is any good (thesis 5.3; T38). `version` as in `truncate`: completions from before it speak of the old log.
   */
  restart(snapshot: LogRestart & { readonly configuration: Configuration; readonly loggedTimeMs: number }, version: number): void {
    const { index, term, configuration, loggedTimeMs } = snapshot;
    invariant(index > this.#commitIndex, 'a snapshot never goes back', { index, commitIndex: this.#commitIndex });
    const isSuffixKept = this.terms.termAt(index) === term;
    if (isSuffixKept) {
      this.terms.dropUpTo(index);
      dropUpTo(this.#appends, index);
      for (const dropped of dropUpTo(this.#tail, index)) this.#tailBytes -= dropped.batch.length;
      // What the host has not been given yet it cannot have kept, and what it is to cut is cut at the snapshot at the least.
      if (this.#storedIndex < index) this.#truncateAfter = index;
      else if (this.#truncateAfter !== null) this.#truncateAfter = Math.max(this.#truncateAfter, index);
    } else {
      this.terms.restart(index, term);
      this.#appends = [];
      this.#tail = [];
      this.#tailBytes = 0;
      this.#truncateAfter = index;
      // Beyond what was committed the old log may be another one than the snapshot's.
      this.#durableIndex = Math.min(this.#durableIndex, this.#commitIndex);
    }
    this.#storedIndex = isSuffixKept ? Math.max(this.#storedIndex, index) : index;
    this.#loggedTimeMs = Math.max(loggedTimeMs, this.#loggedTimeMs ?? this.loggedTimeMs);
    const later = this.#configurations.filter((entry) => isSuffixKept && entry.index > index);
    this.#configurations.splice(0, this.#configurations.length, { index, configuration }, ...later);
    this.#restart = { index, term };
    this.#cut = { index: Math.min(this.#durableIndex, this.#cut?.index ?? this.#durableIndex), version };
    this.#commitIndex = index;
  }

  /** The host dropped the entries up to `index`, which a snapshot of its own holds. */
  compacted(index: LogIndex): void {
    invariant(index <= this.#commitIndex && index <= this.#durableIndex, 'what is dropped is committed and durable', {
      index,
      commitIndex: this.#commitIndex,
      durableIndex: this.#durableIndex,
    });
    if (index < this.firstIndex) return;
    this.#loggedTimeMs ??= this.loggedTimeMs;
    this.terms.dropUpTo(index);
    while (this.#configurations.length > 1 && (this.#configurations[1] as { index: LogIndex }).index <= index) this.#configurations.shift();
  }

  /** Raises the commit index; lower values are ignored. */
  commitTo(index: LogIndex): boolean {
    invariant(index <= this.lastIndex, 'commitIndex <= lastIndex', { index, lastIndex: this.lastIndex });
    if (index <= this.#commitIndex) return false;
    this.#commitIndex = index;
    return true;
  }

  /** Facts for the host; they count as stored from here on. */
  take(): { restart: LogRestart | null; truncateAfter: LogIndex | null; appends: readonly AppendFact[] } {
    const taken = { restart: this.#restart, truncateAfter: this.#truncateAfter, appends: this.#appends };
    this.#restart = null;
    this.#truncateAfter = null;
    this.#appends = [];
    this.#storedIndex = this.lastIndex;
    return taken;
  }

  /**
   * Whole batches from `fromIndex` on for a follower: at least one, then more while they fit `maxBytes`; from the tail, older ones through
   * the port. Empty at the end of the log and when the port cannot read now.
   */
  read(fromIndex: LogIndex, maxBytes: number): { batches: readonly Uint8Array[]; lastIndex: LogIndex; bytes: number } {
    const tailIndex = this.#tail[0]?.baseIndex ?? this.lastIndex + 1;
    const batches: Uint8Array[] = [];
    let lastIndex = fromIndex - 1;
    let bytes = 0;
    if (fromIndex >= tailIndex) {
      for (let at = this.#tailPosition(fromIndex); at < this.#tail.length; at++) {
        const fact = this.#tail[at] as AppendFact;
        if (fact.baseIndex !== lastIndex + 1) break;
        if (batches.length > 0 && bytes + fact.batch.length > maxBytes) break;
        batches.push(fact.batch);
        bytes += fact.batch.length;
        lastIndex = fact.lastIndex;
      }
      return { batches, lastIndex, bytes };
    }
    for (const batch of this.#reader.read(fromIndex, maxBytes)) {
      const header = trustedBatchHeader(batch);
      // What the port gives is older than a cut that the host has not taken yet, and a port may be generous: take what fits this log only.
      if (header.baseIndex !== lastIndex + 1 || header.baseIndex >= tailIndex || this.terms.termAt(header.baseIndex) !== header.term) break;
      if (batches.length > 0 && bytes + batch.length > maxBytes) break;
      batches.push(batch);
      bytes += batch.length;
      lastIndex = batchLastIndex(header);
    }
    return { batches, lastIndex, bytes };
  }

  /** The end of the last batch that ends at or before `index`; `index` itself if that cannot be read now. */
  borderAtMost(index: LogIndex): LogIndex {
    if (index < this.firstIndex || index >= this.lastIndex) return index;
    const tail = this.#tail[0];
    if (tail !== undefined && index >= tail.baseIndex) {
      const at = this.#tailPosition(index + 1) - 1;
      const fact = this.#tail[at] as AppendFact; // the tail begins at or before `index`
      return fact.lastIndex <= index ? index : fact.baseIndex - 1;
    }
    const [batch] = this.#reader.read(index, 1);
    if (batch === undefined) return index;
    const header = trustedBatchHeader(batch);
    return header.baseIndex <= index && batchLastIndex(header) > index ? header.baseIndex - 1 : index;
  }

  /** Position of the first batch of the tail that starts at or after `baseIndex`. */
  #tailPosition(baseIndex: LogIndex): number {
    let low = 0;
    let high = this.#tail.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#tail[middle] as AppendFact).baseIndex < baseIndex) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function dropUpTo(facts: AppendFact[], index: LogIndex): AppendFact[] {
  let count = 0;
  while (count < facts.length && (facts[count] as AppendFact).lastIndex <= index) count++;
  return facts.splice(0, count);
}

function dropAfter(facts: AppendFact[], index: LogIndex): AppendFact[] {
  let keep = facts.length;
  while (keep > 0 && (facts[keep - 1] as AppendFact).lastIndex > index) keep--;
  return facts.splice(keep);
}
