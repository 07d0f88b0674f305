import { type GroupId, type LogIndex, QuorateError } from '@quorate/base';
import type { Done, ReadConsistency, ResourceId } from '@quorate/machine';
import type { ClientRequestBody, ClientResponse } from '@quorate/wire';
import { Call, type CallContext, wrongType } from '../core/call.js';
import { deadlineError } from '../core/retry.js';
import { Alarm } from './alarm.js';
import type { Session } from './session.js';

/** What a query needs of its client. */
export interface QueryOwner {
  readonly group: GroupId;
  readonly context: CallContext;
  /** The same with another idea of whom to ask first: for reads that any node may answer. */
  readonly readers: CallContext;
  /** No answer may be based on less. */
  readonly seenIndex: LogIndex;
  /** Index of the newest answer to a query that was told. */
  readonly toldQueryIndex: LogIndex;
  /** An answer is here; it is told in its turn, by `tell`. */
  answered(query: QueryCall): void;
  /** It is over: `done` is to be called. */
  settled(query: QueryCall, done: Done<Uint8Array>, error: QuorateError | null, result: Uint8Array | null): void;
}

/** What a query asks. */
export interface Query {
  readonly resource: ResourceId;
  readonly operation: number;
  readonly args: Uint8Array;
  readonly consistency: ReadConsistency;
  /** The answer is of no use if events of its session up to then are still to come. */
  readonly isAfterEvents: boolean;
  readonly deadlineMs: number;
}

/**
 * One query. It names the last command before it and the highest index seen, so that its answer is never older than what its caller knows
 * (rule 9), and is told after the replies and events that come before it (rule 18). While its session is being opened it waits; if the session
 * ends it goes on without: what the session did is in the log, or is unknown.
 */
export class QueryCall {
  readonly query: Query;
  readonly #owner: QueryOwner;
  readonly #session: Session | null;
  readonly #afterNumber: number;
  readonly #deadlineAtMs: number;
  readonly #alarm: Alarm;
  #done: Done<Uint8Array> | null;
  #call: Call | null = null;
  /** What the present attempt named as the least index. */
  #minIndex: LogIndex = 0;
  #answer: { readonly index: LogIndex; readonly eventIndex: LogIndex; readonly result: Uint8Array } | null = null;

  /** `session`: null if no command was submitted before. */
  constructor(owner: QueryOwner, query: Query, session: Session | null, done: Done<Uint8Array>) {
    this.#owner = owner;
    this.query = query;
    this.#session = session;
    this.#afterNumber = session === null ? 0 : session.join();
    this.#done = done;
    this.#deadlineAtMs = owner.context.settings.clock.nowMs() + query.deadlineMs;
    this.#alarm = new Alarm(owner.context, () => this.#expired());
  }

  /** Asks, or waits for its session. */
  start(): void {
    if (this.#done === null || this.#call !== null || this.#answer !== null) return;
    if (this.#isWaiting()) this.#alarm.setAt(this.#deadlineAtMs);
    else this.#ask();
  }

  /** Tells the answer if it is its turn, or asks again if something newer was told meanwhile; false if it must wait. */
  tell(): boolean {
    const answer = this.#answer;
    if (answer === null) return true;
    if (this.#session !== null && !this.#session.isToldUpTo(this.#afterNumber, answer.index, answer.eventIndex)) return false;
    if (answer.index < this.#owner.toldQueryIndex) {
      this.#answer = null;
      this.#ask();
    } else {
      this.#tellAnswer(answer);
    }
    return true;
  }

  /** What its answer is based on; 0 if there is none. */
  get answerIndex(): LogIndex {
    return this.#answer?.index ?? 0;
  }

  cancel(): void {
    this.#settle(new QuorateError('aborted', 'the query was aborted'), null);
  }
  close(error: QuorateError): void {
    this.#settle(error, null);
  }

  #isWaiting(): boolean {
    const session = this.#session;
    return session !== null && session.id === 0 && !session.isEnded && this.#afterNumber > 0;
  }

  #ask(): void {
    this.#alarm.clear();
    const { context, readers } = this.#owner;
    const isLinearizable = this.query.consistency === 'linearizable';
    const leftMs = this.#deadlineAtMs - context.settings.clock.nowMs();
    if (leftMs <= 0) {
      this.#expired();
      return;
    }
    const body = (): ClientRequestBody => this.#body();
    const call = new Call(isLinearizable ? context : readers, {
      // Asked for at each attempt: what was seen since then counts too.
      get body() {
        return body();
      },
      group: this.#owner.group,
      deadlineMs: leftMs,
      isRead: true,
      check: (response) => this.#check(response),
      done: (error) => this.#asked(error),
    });
    this.#call = call;
    call.start();
  }

  #body(): ClientRequestBody {
    const { resource, operation, args, consistency } = this.query;
    const session = this.#session;
    const hasSession = session !== null && session.id !== 0 && !session.isEnded;
    this.#minIndex = this.#owner.seenIndex;
    return {
      type: 'query',
      group: this.#owner.group,
      session: hasSession ? session.id : 0,
      afterNumber: hasSession ? this.#afterNumber : 0,
      minIndex: this.#minIndex,
      consistency,
      resource,
      operation,
      args,
    };
  }

  #check(response: ClientResponse): void {
    if (response.type !== 'queryResult') throw wrongType(response);
    const { index, eventIndex } = response;
    if (index < this.#minIndex) {
      throw new QuorateError('malformedFrame', `an answer as of index ${index} where ${this.#minIndex} was seen`, { index });
    }
    this.#answer = { index, eventIndex, result: response.result.slice() };
  }

  #asked(error: QuorateError | null): void {
    this.#call = null;
    const session = this.#session;
    if (error !== null) {
      if (error.code === 'sessionExpired' && session !== null && session.id !== 0) {
        session.expired(error);
        this.start();
      } else {
        this.#settle(error, null);
      }
      return;
    }
    if (session !== null && this.#answer !== null) session.expectEvents(this.#answer.eventIndex);
    this.#alarm.setAt(this.#deadlineAtMs);
    this.#owner.answered(this);
  }

  #expired(): void {
    const answer = this.#answer;
    // The answer is right, only what belongs before it did not come in time.
    if (answer !== null && answer.index >= this.#owner.toldQueryIndex) {
      this.#tellAnswer(answer);
      return;
    }
    const causes = this.#session?.causes ?? new Map<string, QuorateError>();
    this.#settle(deadlineError({ what: 'query', deadlineMs: this.query.deadlineMs, mayHaveHappened: false, causes }), null);
  }

  #tellAnswer({ eventIndex, result }: { readonly eventIndex: LogIndex; readonly result: Uint8Array }): void {
    if (!this.query.isAfterEvents || this.#session?.hasTold(eventIndex) === true) this.#settle(null, result);
    else this.#settle(new QuorateError('unavailable', 'events that belong before this answer have not come'), null);
  }

  #settle(error: QuorateError | null, result: Uint8Array | null): void {
    const done = this.#done;
    if (done === null) return;
    this.#done = null;
    this.#alarm.clear();
    this.#call?.cancel();
    this.#call = null;
    this.#owner.settled(this, done, error, result);
    this.#session?.leave();
  }
}
