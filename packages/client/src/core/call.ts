import { type GroupId, QuorateError } from '@quorate/base';
import { type ClientRequestBody, type ClientResponse, fromWireError } from '@quorate/wire';
import type { ConnectionPool } from './connection-pool.js';
import type { Deadline, DeadlineHeap } from './deadline-heap.js';
import type { LeaderCache } from './leader-cache.js';
import type { NodeLink, RequestSink } from './node-link.js';
import type { Settings } from './options.js';
import { Backoff, deadlineError, isAmbiguous, isFinalHandshakeFault, reactionTo } from './retry.js';
import { Route } from './route.js';
import { STALL_MAX_MS } from './stall.js';
import type { TurnEnd } from './turn-end.js';

/** What calls and producers share of a client. */
export interface CallContext {
  readonly settings: Settings;
  readonly pool: ConnectionPool;
  readonly leaders: LeaderCache;
  readonly deadlines: DeadlineHeap;
  readonly turnEnd: TurnEnd;
}

/** What a call asks, whom, and how long. */
export interface CallOptions {
  readonly body: ClientRequestBody;
  /** The group whose leader must answer; null: any node. */
  readonly group: GroupId | null;
  /** Only this address. */
  readonly only?: string | null;
  readonly deadlineMs: number;
  /** Time that the node itself may wait before it answers. */
  readonly waitMs?: number;
  /** False for requests that change something: then a deadline after a lost answer is told as unknown. */
  readonly isRead: boolean;
  /** Throws `malformedFrame` if the answer does not fit the question. `partial`: more of it follows. */
  readonly check?: (response: ClientResponse) => 'partial' | void;
  /** Called once. Views in the response are valid only during the call. */
  readonly done: (error: QuorateError | null, response: ClientResponse | null) => void;
}

/** Rounds in which every node told a fault of its own before that fault is told to the caller. */
const FAULTY_ROUNDS_MAX = 3;
/** Copies that were given up whose answers are still welcome. */
const GIVEN_UP_MAX = 4;

/**
 * One request, asked until it is answered or its deadline comes: it follows leaders, goes on to other nodes when one is lost, silent or
 * broken, and waits between rounds. Only for requests that may be asked twice. Settles exactly once (T77).
 */
export class Call implements Deadline {
  dueMs = 0;
  heapAt = -1;
  readonly #context: CallContext;
  readonly #options: CallOptions;
  readonly #route: Route;
  readonly #backoff: Backoff;
  readonly #deadlineAtMs: number;
  #attempt: Attempt | null = null;
  /** Earlier attempts that were silent for too long: an answer of theirs is as good as any. */
  readonly #givenUp: Attempt[] = [];
  #sameAgain: string | null = null;
  #stallMs: number;
  #isSettled = false;
  #mayHaveHappened = false;
  #faultyRounds = 0;

  constructor(context: CallContext, options: CallOptions) {
    this.#context = context;
    this.#options = options;
    const { settings } = context;
    this.#route = new Route({
      pool: context.pool,
      leaders: context.leaders,
      random: settings.random,
      group: options.group,
      only: options.only ?? null,
    });
    this.#backoff = new Backoff(settings.random, { firstMs: 15, maxMs: 250 });
    this.#deadlineAtMs = settings.clock.nowMs() + options.deadlineMs;
    this.#stallMs = settings.stallMs;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }
  /** What each node said last. */
  get causes(): ReadonlyMap<string, QuorateError> {
    return this.#route.causes;
  }

  /** Asks the first node. */
  start(): void {
    this.#next();
  }

  /** Ends the call, unless it is settled: with `aborted` if it may have changed something, else with `cancelled`. */
  cancel(): void {
    const { body, isRead } = this.#options;
    const error = this.#hasEffect
      ? new QuorateError('aborted', `${body.type} was aborted; it may have happened`)
      : new QuorateError('cancelled', `${body.type} was aborted${isRead ? '' : '; it was not sent'}`);
    this.#settle(error, null);
  }

  /** Ends the call because the client is closed: `aborted` if it may have changed something, else `error`. */
  close(error: QuorateError): void {
    this.#settle(
      this.#hasEffect ? new QuorateError('aborted', `${error.message}; the call may have happened`, {}, { cause: error }) : error,
      null,
    );
  }

  /** It may have changed something, or may yet. */
  get #hasEffect(): boolean {
    return !this.#options.isRead && (this.#mayHaveHappened || this.#attempt?.wasSent === true);
  }

  expire(nowMs: number): void {
    if (nowMs >= this.#deadlineAtMs) {
      if (this.#attempt?.wasSent === true) this.#mayHaveHappened = true;
      this.#settle(this.#deadlineError(), null);
      return;
    }
    const attempt = this.#attempt;
    if (attempt === null) {
      this.#next();
      return;
    }
    if (this.#isOnItsWay(attempt, nowMs)) {
      this.#arm(nowMs + this.#stallMs);
      return;
    }
    attempt.link.suspect();
    this.#stallMs = Math.min(this.#stallMs * 2, STALL_MAX_MS);
    const silent = new QuorateError('connectionLost', `${attempt.link.address}: no answer yet`, { remote: attempt.link.address });
    this.#attempt = null;
    this.#giveUp(attempt);
    this.#route.failed(attempt.link.address, silent);
    this.#next();
  }

  /** A node that goes on answering others has a queue; to ask again would make it longer (T74). But not for ever: this one may be lost in it. */
  #isOnItsWay(attempt: Attempt, nowMs: number): boolean {
    const { heardMs } = attempt.link;
    return (
      heardMs > attempt.startMs && nowMs - heardMs < this.#stallMs && nowMs - attempt.startMs < STALL_MAX_MS + (this.#options.waitMs ?? 0)
    );
  }

  #giveUp(attempt: Attempt): void {
    if (!attempt.wasSent) {
      attempt.abandon();
      return;
    }
    this.#mayHaveHappened = true;
    this.#givenUp.push(attempt);
    if (this.#givenUp.length > GIVEN_UP_MAX) this.#givenUp.shift()?.abandon();
  }

  answered(attempt: Attempt, response: ClientResponse): void {
    const { address } = attempt.link;
    if (response.type !== 'error') {
      if (this.#options.check?.(response) === 'partial') {
        if (this.#attempt === attempt) this.#arm(this.#context.settings.clock.nowMs() + this.#stallMs);
        return;
      }
      if (this.#attempt === attempt) this.#attempt = null;
      this.#route.succeeded(address);
      this.#settle(null, response);
      return;
    }
    if (this.#attempt !== attempt) {
      this.#forget(attempt);
      return;
    }
    this.#attempt = null;
    const error = fromWireError(response);
    if (isAmbiguous(error)) this.#mayHaveHappened = true;
    const reaction = reactionTo(error);
    if (reaction === 'surface') {
      this.#settle(error, null);
      return;
    }
    if (reaction === 'sameNode') {
      this.#route.causes.set(address, error);
      this.#sameAgain = address;
      this.#wait();
      return;
    }
    this.#route.failed(address, error);
    this.#next();
  }

  failed(attempt: Attempt, error: QuorateError): void {
    if (this.#attempt !== attempt) {
      this.#forget(attempt);
      return;
    }
    this.#attempt = null;
    if (attempt.wasSent) this.#mayHaveHappened = true;
    this.#route.failed(attempt.link.address, error);
    this.#next();
  }

  #forget(attempt: Attempt): void {
    const at = this.#givenUp.indexOf(attempt);
    if (at >= 0) this.#givenUp.splice(at, 1);
  }

  #next(): void {
    if (this.#isSettled) return;
    let address = this.#sameAgain;
    this.#sameAgain = null;
    if (address === null) address = this.#route.next();
    if (address === null) {
      this.#roundOver();
      return;
    }
    const nowMs = this.#context.settings.clock.nowMs();
    const attempt = new Attempt(this, this.#context.pool.link(address), nowMs);
    this.#attempt = attempt;
    attempt.start(this.#options.body);
    this.#arm(nowMs + this.#stallMs + (this.#options.waitMs ?? 0));
  }

  #roundOver(): void {
    const fault = finalFault(this.#route.causes);
    if (fault !== null) {
      this.#faultyRounds += 1;
      if (isFinalHandshakeFault(fault) || this.#faultyRounds >= FAULTY_ROUNDS_MAX) {
        this.#settle(fault, null);
        return;
      }
    } else {
      this.#faultyRounds = 0;
    }
    this.#route.startRound();
    this.#wait();
  }

  #wait(): void {
    this.#arm(this.#context.settings.clock.nowMs() + this.#backoff.next());
  }

  #arm(dueMs: number): void {
    this.#context.deadlines.set(this, Math.min(dueMs, this.#deadlineAtMs));
  }

  #deadlineError(): QuorateError {
    return deadlineError({
      what: this.#options.body.type,
      deadlineMs: this.#options.deadlineMs,
      causes: this.#route.causes,
      mayHaveHappened: this.#mayHaveHappened && !this.#options.isRead,
    });
  }

  #settle(error: QuorateError | null, response: ClientResponse | null): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#attempt?.abandon();
    this.#attempt = null;
    for (const attempt of this.#givenUp.splice(0)) attempt.abandon();
    this.#context.deadlines.clear(this);
    this.#options.done(error, response);
  }
}

/** If every address has a fault that time does not mend, one of them; else null. */
export function finalFault(causes: ReadonlyMap<string, QuorateError>): QuorateError | null {
  let first: QuorateError | null = null;
  for (const error of causes.values()) {
    if (error.retry !== 'never') return null;
    first ??= error;
  }
  return first;
}

/** The error of an answer that does not belong to its question. */
export function wrongType(response: ClientResponse): QuorateError {
  return new QuorateError('malformedFrame', `unexpected answer of type ${response.type}`);
}

/** One way of a call to one node. */
class Attempt implements RequestSink {
  readonly link: NodeLink;
  readonly startMs: number;
  readonly #call: Call;
  #id = 0;
  wasSent = false;

  constructor(call: Call, link: NodeLink, startMs: number) {
    this.#call = call;
    this.link = link;
    this.startMs = startMs;
  }

  start(body: ClientRequestBody): void {
    this.#id = this.link.request(body, this);
  }
  abandon(): void {
    this.link.cancel(this.#id);
  }
  sent(): void {
    this.wasSent = true;
  }
  answered(response: ClientResponse): void {
    this.#call.answered(this, response);
  }
  failed(error: QuorateError): void {
    this.#call.failed(this, error);
  }
}
