import { ByteWriter, FlightLimit } from '@quorate/base';
import type { ReadConsistency } from '@quorate/machine';
import { QUERY_HEADER_BYTES, writeQuery } from '@quorate/wire';
import { SHARED_FLIGHT } from '../core/shared-flight.js';
import type { TurnStep } from '../core/turn-end.js';
import { WaitingList } from '../core/waiting-list.js';
import { QueryBatch, type QueryOwner } from './query-batch.js';
import type { Query } from './query-call.js';
import type { Session } from './session.js';

/** Queries of one request, and bytes of them unless one has more: a node answers them in one go, and everything else waits for that. */
const BATCH_QUERIES_MAX = 1024;
const BATCH_BYTES_MAX = 131_072;
/** A request has no more than such a part of the queries that may be on their way. */
const BATCH_PARTS = 2;
/** Queries and bytes of them that are on their way at a time, at most. */
const FLIGHT_QUERIES_MAX = 16_384;
const FLIGHT_BYTES_MAX = 8_388_608;
/** Lists of some turns share an allocation. */
const PIECE_BYTES = 65_536;

/**
 * The queries of one client and one consistency from their call until they are asked: those of a turn together, and those that wait for room on the way. Each consistency has
 * its own lane, since other nodes may answer: what waits for a leader holds up nothing that any replica answers.
 */
export class QueryLane {
  readonly #owner: QueryOwner;
  readonly #consistency: ReadConsistency;
  /** The list of `#gathering`. */
  readonly #writer = new ByteWriter(PIECE_BYTES);
  #gathering: QueryBatch | null = null;
  /** Closed, to be asked at the end of the turn, or once there is room on the way. */
  readonly #due = new WaitingList<QueryBatch>((batch) => batch.isSettled);
  /** How much may be on its way. */
  readonly #flight = new FlightLimit(SHARED_FLIGHT);
  #queriesUnderWay = 0;
  #bytesUnderWay = 0;
  readonly #askStep: TurnStep;

  constructor(owner: QueryOwner, consistency: ReadConsistency) {
    this.#owner = owner;
    this.#consistency = consistency;
    this.#askStep = owner.context.turnEnd.step(() => this.#ask());
  }

  /** Takes a query and gives the batch that it belongs to. */
  add({ resource, operation, args }: Query, session: Session | null): QueryBatch {
    const batch = this.#batchFor(session, args.length);
    writeQuery(this.#writer, resource, operation, args);
    return batch;
  }

  #batchFor(session: Session | null, bytes: number): QueryBatch {
    const gathering = this.#gathering;
    const isSame =
      gathering !== null &&
      gathering.session === session &&
      (session === null || session.commands.lastPlace === gathering.afterPlace) &&
      gathering.calls.length < this.#batchQueriesMax &&
      this.#writer.length + QUERY_HEADER_BYTES + bytes <= BATCH_BYTES_MAX;
    if (isSame) return gathering;
    this.#closeGathering();
    const batch = new QueryBatch(this.#owner, { consistency: this.#consistency, session });
    this.#gathering = batch;
    this.#askStep.plan();
    return batch;
  }

  get #batchQueriesMax(): number {
    return Math.min(BATCH_QUERIES_MAX, Math.ceil((this.#flight.part * FLIGHT_QUERIES_MAX) / BATCH_PARTS));
  }

  #closeGathering(): void {
    const batch = this.#gathering;
    if (batch === null) return;
    this.#gathering = null;
    batch.close(this.#writer.cut());
    this.#due.push(batch);
  }

  /** Something may have come true that the first of them waited for. */
  wake(): void {
    if (this.#due.size > 0 || this.#gathering !== null) this.#askStep.plan();
  }

  /** Asks what may be asked now. The others wait, and more join the last of them. */
  #ask(): void {
    while (this.#queriesUnderWay === 0 || partOf(this.#queriesUnderWay, this.#bytesUnderWay) < this.#flight.part) {
      if (this.#due.size === 0) this.#closeGathering();
      const batch = this.#due.first();
      if (batch === undefined || batch.isWaiting) return;
      batch.dropLate(this.#owner.context.settings.clock.nowMs(), this.#queriesUnderWay === 0 ? 0 : this.#flight.answerMs);
      if (batch.isSettled) continue;
      this.#due.shift();
      batch.start();
    }
  }

  /** A batch of it is on its way. */
  asked(batch: QueryBatch): void {
    this.#queriesUnderWay += batch.calls.length;
    this.#bytesUnderWay += batch.bytes;
  }

  /** It is not on its way any more. */
  cameBack({ sentMs, calls, bytes }: QueryBatch, wasAnswered: boolean): void {
    if (wasAnswered) {
      const underWay = partOf(this.#queriesUnderWay, this.#bytesUnderWay);
      const { clock } = this.#owner.context.settings;
      this.#flight.answered({ sentMs, nowMs: clock.nowMs(), part: partOf(calls.length, bytes), underWay });
    }
    this.#queriesUnderWay -= calls.length;
    this.#bytesUnderWay -= bytes;
    this.wake();
  }

  /** Nobody waits for a batch of it any more. */
  settled(batch: QueryBatch): void {
    if (batch.wasAsked) return;
    if (batch === this.#gathering) {
      // Those that come next begin another.
      this.#gathering = null;
      this.#writer.clear();
    } else {
      this.#due.gone();
    }
  }
}

/** So much of the most that may be on its way. */
function partOf(queries: number, bytes: number): number {
  return Math.max(queries / FLIGHT_QUERIES_MAX, bytes / FLIGHT_BYTES_MAX);
}
