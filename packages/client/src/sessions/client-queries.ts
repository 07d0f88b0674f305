import { type GroupId, LIMITS, type LogIndex, type QuorateError } from '@quorate/base';
import type { Done, PendingCall, ReadConsistency } from '@quorate/machine';
import { QUERY_HEADER_BYTES } from '@quorate/wire';
import type { CallContext } from '../core/call.js';
import { callbackThrew } from './listeners.js';
import type { QueryAnswers, QueryBatch, QueryOwner } from './query-batch.js';
import { type Query, QueryCall } from './query-call.js';
import { QueryLane } from './query-lane.js';
import type { Session } from './session.js';

/** What the queries of a client need of it. */
export interface QueriesOwner {
  readonly group: GroupId;
  readonly context: CallContext;
  readonly readers: CallContext;
  readonly seenIndex: LogIndex;
  saw(index: LogIndex): void;
}

/** All queries of one client that are not settled: those of a turn are asked together, and all are told in the order of the log. */
export class ClientQueries implements QueryOwner {
  readonly #owner: QueriesOwner;
  readonly #batches = new Set<QueryBatch>();
  /** Answers that wait for their turn, in the order of arrival. */
  #answers: QueryAnswers[] = [];
  readonly #lanes: Readonly<Record<ReadConsistency, QueryLane>>;
  #count = 0;
  #bytes = 0;
  #toldIndex: LogIndex = 0;
  #isTelling = false;

  constructor(owner: QueriesOwner) {
    this.#owner = owner;
    this.#lanes = { linearizable: new QueryLane(this, 'linearizable'), sequential: new QueryLane(this, 'sequential') };
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
    const { args, consistency, isAfterEvents, deadlineMs } = query;
    const batch = this.#lanes[consistency].add(query, session);
    this.#batches.add(batch);
    const call = new QueryCall(batch, { deadlineMs, isAfterEvents, bytes: args.length }, done);
    batch.add(call);
    this.#count += 1;
    this.#bytes += args.length;
    const { settings, deadlines } = this.context;
    deadlines.setOnce(call, settings.clock.nowMs() + deadlineMs);
    return call;
  }

  /** A session is open, or over: those that waited for it go on. */
  resume(): void {
    for (const batch of [...this.#batches]) if (batch.wasAsked) batch.start();
    this.wake();
  }

  /** Something may have come true that some wait for. */
  wake(): void {
    this.#lanes.linearizable.wake();
    this.#lanes.sequential.wake();
  }

  asked(batch: QueryBatch): void {
    this.#lanes[batch.consistency].asked(batch);
  }

  cameBack(batch: QueryBatch, wasAnswered: boolean): void {
    this.#lanes[batch.consistency].cameBack(batch, wasAnswered);
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
    this.#lanes[batch.consistency].settled(batch);
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

/** Most bytes of arguments that a query can have. */
export const QUERY_ARGS_BYTES_MAX: number = LIMITS.batchPayloadBytesMax - QUERY_HEADER_BYTES;
