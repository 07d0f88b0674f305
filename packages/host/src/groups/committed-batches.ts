import { type LogIndex, batchLastIndex, trustedBatchHeader } from '@quorate/base';
import type { GroupLog } from '@quorate/storage';

/** Bytes that are taken at once, from memory or in small reads of the disk, if there are so many; at least one batch. */
const AT_ONCE_BYTES = 131_072;
/** The same of what is read ahead: some milliseconds of work, during which the next ones are read. */
const AHEAD_BYTES = 524_288;
/** Less than this in one piece is not worth a turn of the loop each: where many groups write, the batches of one lie scattered. */
const AHEAD_LEAST_BYTES = 32_768;

/** Batches on their way from the disk, or here and not begun. */
interface Fetched {
  /** Base index of the first one. */
  readonly index: LogIndex;
  /** Null: they are on their way. */
  outcome: 'changed' | 'unreadable' | readonly Uint8Array[] | null;
}

/**
 * The batches of a log that are to be applied, one after the other. They are taken some at a time; what is not applied in the same turn is kept
 * for the next one. Only committed ones are kept: they never change, while others may be replaced. What is in memory no more is read ahead,
 * without holding up the thread: a node that was started again has all of its log to go through while others need its answers.
 */
export class CommittedBatches {
  readonly #log: Pick<GroupLog, 'read' | 'readLater' | 'bytesTogether'>;
  /** Called when what was on its way is here. */
  readonly #arrived: () => void;
  #batches: readonly Uint8Array[] = [];
  #at = 0;
  /** Base index of the batch at `#at`. */
  #index: LogIndex = 0;
  #fetched: Fetched | null = null;

  constructor(log: Pick<GroupLog, 'read' | 'readLater' | 'bytesTogether'>, arrived: () => void) {
    this.#log = log;
    this.#arrived = arrived;
  }

  /**
   * The batch at `index`, a base index up to `commitIndex`; null: it is committed in part only; undefined: it cannot be read; 'onItsWay': it is
   * to be asked for again once `arrived` was called.
   */
  get(index: LogIndex, commitIndex: LogIndex): Uint8Array | null | undefined | 'onItsWay' {
    if (this.#at === this.#batches.length || this.#index !== index) {
      const batches = this.#next(index, commitIndex);
      if (batches === 'onItsWay' || batches === undefined) return batches;
      this.#batches = batches;
      this.#at = 0;
      this.#index = index;
    }
    return this.#batches[this.#at] ?? null;
  }

  /** The batch that was got is applied; `next`: the index after it. */
  taken(next: LogIndex): void {
    this.#at++;
    this.#index = next;
    if (this.#at === this.#batches.length) this.#batches = [];
    if (this.#batches.length === 0) this.#at = 0;
  }

  /** Committed batches from `index` on; none if it is committed in part only. */
  #next(index: LogIndex, commitIndex: LogIndex): readonly Uint8Array[] | undefined | 'onItsWay' {
    // What was fetched for another index is of no use any more: a snapshot took the place of what was to be applied.
    const outcome = this.#fetched?.index === index ? this.#fetched.outcome : 'changed';
    if (outcome === null) return 'onItsWay';
    this.#fetched = null;
    if (outcome === 'unreadable') return undefined;
    if (outcome !== 'changed') return this.#begun(outcome, commitIndex);
    if (this.#isWorthReadingAhead(index)) {
      this.#fetch(index, commitIndex);
      return 'onItsWay';
    }
    const batches = this.#log.read(index, AT_ONCE_BYTES);
    return batches.length === 0 ? undefined : committed(batches, commitIndex);
  }

  /** What was fetched is about to be applied: what comes behind it is fetched meanwhile. */
  #begun(batches: readonly Uint8Array[], commitIndex: LogIndex): readonly Uint8Array[] {
    const last = batches.at(-1);
    const next = last === undefined ? Number.POSITIVE_INFINITY : batchLastIndex(trustedBatchHeader(last)) + 1;
    if (next <= commitIndex && this.#isWorthReadingAhead(next)) this.#fetch(next, commitIndex);
    return batches;
  }

  #isWorthReadingAhead(index: LogIndex): boolean {
    return this.#log.bytesTogether(index, 2 * AHEAD_LEAST_BYTES) >= AHEAD_LEAST_BYTES;
  }

  #fetch(index: LogIndex, commitIndex: LogIndex): void {
    const fetched: Fetched = { index, outcome: null };
    this.#fetched = fetched;
    this.#log.readLater(index, AHEAD_BYTES, (batches) => {
      if (batches === null) fetched.outcome = 'changed';
      else fetched.outcome = batches.length === 0 ? 'unreadable' : committed(batches, commitIndex);
      if (this.#fetched === fetched) this.#arrived();
    });
  }
}

/** Those that are committed as a whole. */
function committed(batches: readonly Uint8Array[], commitIndex: LogIndex): readonly Uint8Array[] {
  const beyond = batches.findIndex((batch) => batchLastIndex(trustedBatchHeader(batch)) > commitIndex);
  return beyond < 0 ? batches : batches.slice(0, beyond);
}
