import { type GroupId, type LogIndex, QuorateError, concatBytes } from '@quorate/base';
import type { Done, ReadConsistency } from '@quorate/machine';
import { type ClientRequestBody, type ClientResponse, QUERY_HEADER_BYTES, QueryResultList, fromWireError } from '@quorate/wire';
import { Call, type CallContext, wrongType } from '../core/call.js';
import { deadlineError } from '../core/retry.js';
import { isTooLate, tooLate } from '../core/shared-flight.js';
import type { AnsweredAt, QueryCall } from './query-call.js';
import type { Session } from './session.js';

/** What queries need of their client. */
export interface QueryOwner {
  readonly group: GroupId;
  readonly context: CallContext;
  /** The same with another idea of whom to ask first: for reads that any node may answer. */
  readonly readers: CallContext;
  /** No answer may be based on less. */
  readonly seenIndex: LogIndex;
  /** Index of the newest answer to a query that was told. */
  readonly toldQueryIndex: LogIndex;
  /** Some of a batch are answered; they are told in their turn, by `tell`. */
  answered(answers: QueryAnswers): void;
  /** It is over: `done` is to be called. */
  settled(query: QueryCall, done: Done<Uint8Array>, error: QuorateError | null, result: Uint8Array | null, index: LogIndex): void;
  /** It is on its way. */
  asked(batch: QueryBatch): void;
  /** It is not on its way any more: answered or refused, or nobody waits for it. */
  cameBack(batch: QueryBatch, wasAnswered: boolean): void;
  /** All of its queries are settled. */
  batchSettled(batch: QueryBatch): void;
}

/** What queries must have in common to be asked together. */
export interface QueryKey {
  readonly consistency: ReadConsistency;
  /** Null if no command was submitted before. */
  readonly session: Session | null;
}

/** Queries of one answer, which are told together. */
export interface QueryAnswers extends AnsweredAt {
  readonly batch: QueryBatch;
  /** Places in the batch. */
  readonly first: number;
  readonly end: number;
}

/** Results that are copied together, in bytes: whoever keeps one keeps no more than this beside it. */
const COPY_BYTES = 4096;

/**
 * The queries of one turn between two commands, asked in one request. They name the last command before them and the highest index seen, so that no
 * answer is older than what its caller knows (rule 9), and are told after the replies and events that come before them (rule 18). While their
 * session is being opened they wait; if the session ends they go on without: what the session did is in the log, or is unknown.
 */
export class QueryBatch {
  readonly consistency: ReadConsistency;
  readonly session: Session | null;
  /** Place of the last command before them; 0 if there was none. */
  readonly afterPlace: number;
  calls: QueryCall[] = [];
  /** When it was asked last, of the client's clock in ms. */
  sentMs = 0;
  readonly #owner: QueryOwner;
  #queries: Uint8Array | null = null;
  #live = 0;
  #wasAsked = false;
  #call: Call | null = null;
  /** Results came of all before this place; what comes next must follow on. */
  #coveredTo = 0;
  /** What came in the last frame of the answer, until the call is over. */
  #last: QueryAnswers | null = null;
  #causes: ReadonlyMap<string, QuorateError> = new Map();
  /** The least that any attempt named. */
  #minIndex: LogIndex = Number.POSITIVE_INFINITY;

  constructor(owner: QueryOwner, { consistency, session }: QueryKey) {
    this.#owner = owner;
    this.consistency = consistency;
    this.session = session;
    this.afterPlace = session === null ? 0 : session.join();
  }

  /** Takes one more, while the list is not closed. */
  add(call: QueryCall): void {
    this.calls.push(call);
    this.#live += 1;
  }

  /** No more come: this is what they ask, as `writeQuery` makes it. */
  close(queries: Uint8Array): void {
    this.#queries = queries;
  }

  get isSettled(): boolean {
    return this.#live === 0;
  }
  get wasAsked(): boolean {
    return this.#wasAsked;
  }
  /** Length of what it asks; 0 while the list is not closed. */
  get bytes(): number {
    return this.#queries?.length ?? 0;
  }

  /** Before it is asked for the first time: ends those that are too late, and forgets all that are settled. */
  dropLate(nowMs: number, answerMs: number): void {
    for (const call of this.calls)
      if (!call.isSettled && isTooLate(call, nowMs, answerMs)) this.settle(call, tooLate(call, answerMs), null);
    if (this.#queries === null || this.#live === this.calls.length || this.#live === 0) return;
    const parts: Uint8Array[] = [];
    let at = 0;
    for (const call of this.calls) {
      const end = at + QUERY_HEADER_BYTES + call.bytes;
      if (!call.isSettled) parts.push(this.#queries.subarray(at, end));
      at = end;
    }
    this.#queries = concatBytes(parts);
    this.calls = this.calls.filter((call) => !call.isSettled);
  }

  /** Asks, or waits for its session. */
  start(): void {
    if (this.#call !== null || this.#live === 0 || this.#queries === null || this.isWaiting) return;
    if (this.calls.every((call) => call.isSettled || call.answeredAt !== null)) return;
    this.#ask(this.#queries);
  }

  /** True while its session is being opened, or commands before it wait for a node. */
  get isWaiting(): boolean {
    const { session } = this;
    return session !== null && !session.isEnded && !session.mayNumber(this.afterPlace);
  }

  #ask(queries: Uint8Array): void {
    const { context, readers, group } = this.#owner;
    const body = (): ClientRequestBody => this.#body(queries);
    const call = new Call(this.consistency === 'linearizable' ? context : readers, {
      // Asked for at each attempt: what was seen since then counts too.
      get body() {
        return body();
      },
      group,
      // Each of them has its own.
      deadlineMs: Number.POSITIVE_INFINITY,
      isRead: true,
      check: (response) => this.#check(response),
      done: (error) => this.#asked(error),
    });
    this.#call = call;
    this.#wasAsked = true;
    this.sentMs = context.settings.clock.nowMs();
    this.#owner.asked(this);
    this.#coveredTo = 0;
    this.#causes = call.causes;
    call.start();
  }

  #body(queries: Uint8Array): ClientRequestBody {
    const { session } = this;
    const hasSession = session !== null && session.id !== 0 && !session.isEnded;
    const { group, seenIndex } = this.#owner;
    this.#minIndex = Math.min(this.#minIndex, seenIndex);
    return {
      type: 'queries',
      group,
      session: hasSession ? session.id : 0,
      afterNumber: hasSession ? session.commands.numberAt(this.afterPlace) : 0,
      minIndex: seenIndex,
      consistency: this.consistency,
      count: this.calls.length,
      queries,
    };
  }

  #check(response: ClientResponse): 'partial' | undefined {
    if (response.type !== 'queryResults') throw wrongType(response);
    const { index, eventIndex, first, count, isLast } = response;
    if (index < this.#minIndex) {
      throw new QuorateError('malformedFrame', `an answer as of index ${index} where ${this.#minIndex} was seen`, { index });
    }
    const end = first + count;
    if (end > this.calls.length || first > this.#coveredTo || (isLast && Math.max(end, this.#coveredTo) < this.calls.length)) {
      throw new QuorateError('malformedFrame', `results ${first} to ${end} of ${this.calls.length}, after ${this.#coveredTo} came`, {
        first,
        end,
      });
    }
    this.#coveredTo = Math.max(end, this.#coveredTo);
    const answers: QueryAnswers = { batch: this, index, eventIndex, first, end };
    this.#take(answers, response.results);
    this.session?.expectEvents(eventIndex);
    if (isLast) {
      this.#last = answers;
      return undefined;
    }
    this.#owner.answered(answers);
    return 'partial';
  }

  #take(answers: QueryAnswers, results: Uint8Array): void {
    const list = new QueryResultList(results);
    let copy = results;
    let copiedFrom = 0;
    let copiedTo = 0;
    for (let place = answers.first; place < answers.end; place++) {
      list.next();
      const call = this.calls[place] as QueryCall;
      if (call.isSettled || call.answeredAt !== null) continue;
      call.answeredAt = answers;
      if (list.error !== null) {
        call.error = fromWireError(list.error);
        continue;
      }
      if (list.end > copiedTo) {
        copiedFrom = list.start;
        copiedTo = Math.max(list.end, Math.min(results.length, list.start + COPY_BYTES));
        copy = results.slice(copiedFrom, copiedTo);
      }
      call.result = copy.subarray(list.start - copiedFrom, list.end - copiedFrom);
    }
  }

  #asked(error: QuorateError | null): void {
    this.#call = null;
    this.#owner.cameBack(this, error === null);
    const last = this.#last;
    this.#last = null;
    if (error === null) {
      if (last !== null) this.#owner.answered(last);
      // Those whose answers had become old before the last came.
      this.start();
      return;
    }
    const { session } = this;
    if (error.code === 'sessionExpired' && session !== null && session.id !== 0) {
      session.expired(error);
      this.start();
      return;
    }
    for (const call of this.calls) if (call.answeredAt === null) this.settle(call, error, null);
  }

  /** Tells some if it is their turn, or asks again if something newer was told meanwhile; false if they must wait. */
  tell(answers: QueryAnswers): boolean {
    const { session } = this;
    const { index, eventIndex, first, end } = answers;
    if (session !== null && !session.isToldUpTo(this.afterPlace, index, eventIndex)) return false;
    const isOld = index < this.#owner.toldQueryIndex;
    for (let place = first; place < end; place++) {
      const call = this.calls[place] as QueryCall;
      // One that was answered twice is told with its own answer, in the turn of that.
      if (call.answeredAt !== answers) continue;
      if (isOld) call.forgetAnswer();
      else this.#tellAnswer(call);
    }
    if (isOld) this.start();
    return true;
  }

  #tellAnswer(call: QueryCall): void {
    const { answeredAt } = call;
    if (answeredAt === null) return;
    if (call.error !== null || !call.isAfterEvents || this.session?.hasTold(answeredAt.eventIndex) === true) {
      this.settle(call, call.error, call.result);
    } else {
      this.settle(call, new QuorateError('unavailable', 'events that belong before this answer have not come'), null);
    }
  }

  callExpired(call: QueryCall): void {
    // The answer is right, only what belongs before it did not come in time.
    if (call.answeredAt !== null && call.answeredAt.index >= this.#owner.toldQueryIndex) {
      this.#tellAnswer(call);
      return;
    }
    const causes = this.#causes.size > 0 ? this.#causes : (this.session?.causes ?? this.#causes);
    this.settle(call, deadlineError({ what: 'query', deadlineMs: call.deadlineMs, mayHaveHappened: false, causes }), null);
  }

  /** Ends all of them. */
  fail(error: QuorateError): void {
    for (const call of this.calls) this.settle(call, error, null);
  }

  /** Ends one, unless it is settled. */
  settle(call: QueryCall, error: QuorateError | null, result: Uint8Array | null): void {
    const done = call.take();
    if (done === null) return;
    this.#live -= 1;
    this.#owner.context.deadlines.clear(call);
    if (this.#live === 0) this.#call?.cancel();
    this.#owner.settled(call, done, error, result, error === null ? (call.answeredAt?.index ?? 0) : 0);
    call.result = null;
    if (this.#live > 0) return;
    this.#owner.batchSettled(this);
    this.session?.leave();
  }
}
