import { ByteWriter, FlightLimit, type GroupId, LIMITS, type LogIndex, type QuorateError } from '@quorate/base';
import type { Done, PendingCall, ReadConsistency, ResourceId } from '@quorate/machine';
import { QUERY_HEADER_BYTES, writeQuery } from '@quorate/wire';
import type { CallContext } from '../core/call.js';
import { SHARED_FLIGHT } from '../core/shared-flight.js';
import type { TurnStep } from '../core/turn-end.js';
import { WaitingList } from '../core/waiting-list.js';
import { callbackThrew } from './listeners.js';
import { type QueryAnswers, QueryBatch, type QueryOwner } from './query-batch.js';
import { QueryCall } from './query-call.js';
import type { Session } from './session.js';

/** What the queries of a client need of it. */
export interface QueriesOwner {
  readonly group: GroupId;
  readonly context: CallContext;
  readonly readers: CallContext;
  readonly seenIndex: LogIndex;
  saw(index: LogIndex): void;
}

/** What a query asks. */
export interface Query {
  readonly resource: ResourceId;
  readonly operation: number;
  readonly args: Uint8Array;
  readonly consistency: ReadConsistency;
  readonly isAfterEvents: boolean;
  readonly deadlineMs: number;
}

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

/** All queries of one client that are not settled: those of a turn are asked together, and all are told in the order of the log. */
export class ClientQueries implements QueryOwner {
  readonly #owner: QueriesOwner;
  readonly #batches = new Set<QueryBatch>();
  /** Answers that wait for their turn, in the order of arrival. */
  #answers: QueryAnswers[] = [];
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
  #count = 0;
  #bytes = 0;
  #toldIndex: LogIndex = 0;
  #isTelling = false;

  constructor(owner: QueriesOwner) {
    this.#owner = owner;
    this.#askStep = owner.context.turnEnd.step(() => this.#ask());
  }

  get group(): GroupId {
    return this.#owner.group;
  }
  get context(): CallContext {
    return this.#owner.context;
  }
  get readers(): CallContext {
    return this.#owner.readers;
  }
  get seenIndex(): LogIndex {
    return this.#owner.seenIndex;
  }
  get toldQueryIndex(): LogIndex {
    return this.#toldIndex;
  }
  /** Those that are not settled, and bytes of their arguments. */
  get count(): number {
    return this.#count;
  }
  get bytes(): number {
    return this.#bytes;
  }

  /** Takes a query; it is asked at the end of the turn. `session`: null if no command was submitted before. */
  add(query: Query, session: Session | null, done: Done<Uint8Array>): PendingCall {
    const { resource, operation, args, consistency, isAfterEvents, deadlineMs } = query;
    const batch = this.#batchFor(consistency, session, args.length);
    writeQuery(this.#writer, resource, operation, args);
    const call = new QueryCall(batch, { deadlineMs, isAfterEvents, bytes: args.length }, done);
    batch.add(call);
    this.#count += 1;
    this.#bytes += args.length;
    const { settings, deadlines } = this.context;
    deadlines.setOnce(call, settings.clock.nowMs() + deadlineMs);
    return call;
  }

  #batchFor(consistency: ReadConsistency, session: Session | null, bytes: number): QueryBatch {
    const gathering = this.#gathering;
    const isSame =
      gathering !== null &&
      gathering.consistency === consistency &&
      gathering.session === session &&
      (session === null || session.commands.lastPlace === gathering.afterPlace) &&
      gathering.calls.length < this.#batchQueriesMax &&
      this.#writer.length + QUERY_HEADER_BYTES + bytes <= BATCH_BYTES_MAX;
    if (isSame) return gathering;
    this.#closeGathering();
    const batch = new QueryBatch(this, { consistency, session });
    this.#gathering = batch;
    this.#batches.add(batch);
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

  /** Asks what may be asked now. The others wait, and more join the last of them. */
  #ask(): void {
    while (this.#queriesUnderWay === 0 || partOf(this.#queriesUnderWay, this.#bytesUnderWay) < this.#flight.part) {
      if (this.#due.size === 0) this.#closeGathering();
      const batch = this.#due.first();
      if (batch === undefined || batch.isWaiting) return;
      batch.dropLate(this.context.settings.clock.nowMs(), this.#queriesUnderWay === 0 ? 0 : this.#flight.answerMs);
      if (batch.isSettled) continue;
      this.#due.shift();
      batch.start();
    }
  }

  /** A session is open, or over: those that waited for it go on. */
  resume(): void {
    for (const batch of [...this.#batches]) if (batch.wasAsked) batch.start();
    this.#ask();
  }

  asked(batch: QueryBatch): void {
    this.#queriesUnderWay += batch.calls.length;
    this.#bytesUnderWay += batch.bytes;
  }

  cameBack(batch: QueryBatch, wasAnswered: boolean): void {
    const { sentMs, calls, bytes } = batch;
    if (wasAnswered) {
      const underWay = partOf(this.#queriesUnderWay, this.#bytesUnderWay);
      this.#flight.answered({ sentMs, nowMs: this.context.settings.clock.nowMs(), part: partOf(calls.length, bytes), underWay });
    }
    this.#queriesUnderWay -= calls.length;
    this.#bytesUnderWay -= bytes;
    if (this.#due.size > 0 || this.#gathering !== null) this.#askStep.plan();
  }

  /** Ends all of them. */
  close(error: QuorateError): void {
    for (const batch of [...this.#batches]) batch.fail(error);
  }

  answered(answers: QueryAnswers): void {
    this.#answers.push(answers);
    this.tell();
  }

  settled(query: QueryCall, done: Done<Uint8Array>, error: QuorateError | null, result: Uint8Array | null, index: LogIndex): void {
    this.#count -= 1;
    this.#bytes -= query.bytes;
    if (error === null) {
      this.#owner.saw(index);
      if (index > this.#toldIndex) this.#toldIndex = index;
    }
    try {
      done(error, result);
    } catch (thrown) {
      callbackThrew(this.context.settings.logger, 'query', thrown);
    }
  }

  batchSettled(batch: QueryBatch): void {
    this.#batches.delete(batch);
    if (batch.wasAsked) return;
    if (batch === this.#gathering) {
      // Those that come next begin another.
      this.#gathering = null;
      this.#writer.clear();
    } else {
      this.#due.gone();
    }
  }

  /** Tells what waits, as far as it is its turn. */
  tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    let told = 0;
    for (; told < this.#answers.length; told++) {
      const answers = this.#answers[told] as QueryAnswers;
      if (!answers.batch.tell(answers)) break;
    }
    if (told > 0) this.#answers = this.#answers.slice(told);
    this.#isTelling = false;
  }
}

/** So much of the most that may be on its way. */
function partOf(queries: number, bytes: number): number {
  return Math.max(queries / FLIGHT_QUERIES_MAX, bytes / FLIGHT_BYTES_MAX);
}

/** Most bytes of arguments that a query can have. */
export const QUERY_ARGS_BYTES_MAX: number = LIMITS.batchPayloadBytesMax - QUERY_HEADER_BYTES;
