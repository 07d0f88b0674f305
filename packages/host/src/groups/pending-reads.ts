import { type Clock, FlightLimit, type GroupId, LIMITS, type LogIndex, QuorateError } from '@quorate/base';
import { LEADER_FLIGHT } from './leader-flight.js';

/** A linearizable read under way. */
export interface PendingRead {
  /** What it keeps while it waits; default 0. */
  readonly bytes?: number;
  /** Queries of clients that it answers; default 0. What has none is little and is taken however busy the node is. */
  readonly queries?: number;
  /** The state is now at least as new as when the read was asked for. */
  run(): void;
  fail(error: QuorateError): void;
}

interface Entry {
  readonly read: PendingRead;
  /** When it was asked for, by the node's clock. */
  readonly sinceMs: number;
}

/** Queries that may wait in a group, at most. */
const QUERIES_MAX = 65_536;

/** Reads that wait for a read-index round, then for the apply of the index it gave (thesis 6.4). */
export class PendingReads {
  readonly #group: GroupId;
  readonly #clock: Clock;
  readonly #unconfirmed = new Map<number, Entry>();
  /** Confirmed, ascending by index. */
  #confirmed: (Entry & { readonly index: LogIndex })[] = [];
  #lastId = 0;
  #bytes = 0;
  #queries = 0;
  /** How many queries may wait: as many as are answered soon. */
  readonly #flight = new FlightLimit(LEADER_FLIGHT);

  constructor(group: GroupId, clock: Clock) {
    this.#group = group;
    this.#clock = clock;
  }

  get size(): number {
    return this.#unconfirmed.size + this.#confirmed.length;
  }

  /** Bytes that all of them keep. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Why this one cannot be taken before others are answered (`overloaded`); null if it can. */
  refusal({ bytes = 0, queries = 0 }: PendingRead): QuorateError | null {
    const isFull = this.size >= LIMITS.connectionRequestsMax || this.#bytes + bytes > LIMITS.groupQueryBytesMax;
    const isBusy = queries > 0 && this.#queries > 0 && this.#queries / QUERIES_MAX >= this.#flight.part;
    if (!isFull && !isBusy) return null;
    return new QuorateError('overloaded', `group ${this.#group} has ${this.size} reads waiting`, { group: this.#group });
  }

  /** Takes a read in and gives the id to ask a read index for. */
  add(read: PendingRead): number {
    this.#lastId = this.#lastId === 0xffff_ffff ? 1 : this.#lastId + 1;
    this.#unconfirmed.set(this.#lastId, { read, sinceMs: this.#clock.nowMs() });
    this.#bytes += read.bytes ?? 0;
    this.#queries += read.queries ?? 0;
    return this.#lastId;
  }

  confirmed(id: number, index: LogIndex): void {
    const entry = this.#unconfirmed.get(id);
    if (entry === undefined) return;
    this.#unconfirmed.delete(id);
    this.#confirmed.push({ ...entry, index });
  }

  failed(id: number, error: QuorateError): void {
    const entry = this.#unconfirmed.get(id);
    if (entry === undefined) return;
    this.#unconfirmed.delete(id);
    this.#left(entry.read);
    entry.read.fail(error);
  }

  /** Runs what was confirmed up to the applied index. */
  applied(appliedIndex: LogIndex): void {
    let count = 0;
    while ((this.#confirmed[count]?.index ?? Number.POSITIVE_INFINITY) <= appliedIndex) count++;
    if (count === 0) return;
    for (const { read, sinceMs } of this.#confirmed.splice(0, count)) {
      read.run();
      const { queries = 0 } = read;
      const underWay = this.#queries / QUERIES_MAX;
      if (queries > 0) this.#flight.answered({ sentMs: sinceMs, nowMs: this.#clock.nowMs(), part: queries / QUERIES_MAX, underWay });
      this.#left(read);
    }
  }

  #left({ bytes = 0, queries = 0 }: PendingRead): void {
    this.#bytes -= bytes;
    this.#queries -= queries;
  }

  failAll(error: QuorateError): void {
    const entries = [...this.#unconfirmed.values(), ...this.#confirmed];
    this.#unconfirmed.clear();
    this.#confirmed = [];
    this.#bytes = 0;
    this.#queries = 0;
    for (const { read } of entries) read.fail(error);
  }
}
