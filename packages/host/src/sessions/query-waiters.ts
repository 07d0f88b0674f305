import { LIMITS, type LogIndex, QuorateError } from '@quorate/base';
import type { Machine, SessionId } from '@quorate/machine';

/** Queries that must not be answered before this replica has applied what their client knows of (rule 9). */
export interface QueryWaiter {
  /** 0: none. */
  readonly session: SessionId;
  /** The command of the session that must be applied; 0: none. */
  readonly afterNumber: number;
  readonly minIndex: LogIndex;
  /** What it keeps while it waits. */
  readonly bytes: number;
  /** By the monotonic clock. */
  readonly deadlineMs: number;
  /** True: only a leader may answer it. */
  readonly isLinearizable: boolean;
  /** Nobody waits for the answer any more. */
  readonly isGone: boolean;
  answer(): void;
  fail(error: QuorateError): void;
}

/** Least time between two looks at all deadlines: there may be very many. */
const EXPIRE_EVERY_MS = 25;

/** Queries that wait for an index, then for a command of their session. */
export class QueryWaiters {
  readonly #view: { readonly machine: Machine };
  #byIndex: QueryWaiter[] = [];
  readonly #bySession = new Map<SessionId, QueryWaiter[]>();
  readonly #touched = new Set<SessionId>();
  /** No waiter wants a lower index. */
  #nextIndex = Number.POSITIVE_INFINITY;
  #nextDeadlineMs = Number.POSITIVE_INFINITY;
  #isAnyGone = false;
  #expiredMs = Number.NEGATIVE_INFINITY;
  #size = 0;
  #bytes = 0;

  /** Of the machine that the view has at the time. */
  constructor(view: { readonly machine: Machine }) {
    this.#view = view;
  }

  get #machine(): Machine {
    return this.#view.machine;
  }

  get size(): number {
    return this.#size;
  }

  /** When `expire` must be called at the latest. */
  get nextDeadlineMs(): number {
    return Math.max(this.#isAnyGone ? Number.NEGATIVE_INFINITY : this.#nextDeadlineMs, this.#expiredMs + EXPIRE_EVERY_MS);
  }

  /** Answers as soon as may be; false if it must wait. `overloaded` if too many wait. */
  add(waiter: QueryWaiter): boolean {
    if (this.#size >= LIMITS.queryWaitersMax || this.#bytes + waiter.bytes > LIMITS.groupQueryBytesMax) {
      waiter.fail(new QuorateError('overloaded', `${this.#size} queries with ${this.#bytes} bytes wait on this node`));
      return true;
    }
    this.#size++;
    this.#bytes += waiter.bytes;
    if (this.#place(waiter)) return true;
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, waiter.deadlineMs);
    return false;
  }

  /** A connection that had queries waiting was closed: they are forgotten with the next `expire`. */
  someAreGone(): void {
    if (this.#size > 0) this.#isAnyGone = true;
  }

  /** The session applied commands, or ended; `progressed` follows. */
  touched(session: SessionId): void {
    if (this.#bySession.has(session)) this.#touched.add(session);
  }

  /** Any session may have applied commands, or ended; `progressed` follows. */
  allTouched(): void {
    for (const session of this.#bySession.keys()) this.#touched.add(session);
  }

  /** The machine applied more. */
  progressed(): void {
    if (this.#machine.appliedIndex >= this.#nextIndex) {
      const waiters = this.#byIndex;
      this.#byIndex = [];
      this.#nextIndex = Number.POSITIVE_INFINITY;
      for (const waiter of waiters) this.#place(waiter);
    }
    if (this.#touched.size === 0) return;
    const sessions = [...this.#touched];
    this.#touched.clear();
    for (const session of sessions) {
      const waiters = this.#bySession.get(session) ?? [];
      this.#bySession.delete(session);
      for (const waiter of waiters) this.#place(waiter);
    }
  }

  /** Those whose time is over are told that this replica is behind; those whose connection is gone are forgotten. */
  expire(nowMs: number): void {
    if (nowMs < this.nextDeadlineMs) return;
    this.#expiredMs = nowMs;
    this.#isAnyGone = false;
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY;
    this.#failSome(
      (waiter) => {
        if (waiter.deadlineMs <= nowMs || waiter.isGone) return true;
        this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, waiter.deadlineMs);
        return false;
      },
      new QuorateError('unavailable', `this replica has not applied what the query must see, only up to ${this.#machine.appliedIndex}`),
    );
  }

  /** This node no longer leads. */
  leadershipLost(error: QuorateError): void {
    this.#failSome((waiter) => waiter.isLinearizable, error);
  }

  failAll(error: QuorateError): void {
    this.#failSome(() => true, error);
  }

  /** True if it was answered. */
  #place(waiter: QueryWaiter): boolean {
    const { session, afterNumber, minIndex } = waiter;
    const machine = this.#machine;
    // Before its own index a session is not known here, and after it, if it is not, it has ended.
    const index = Math.max(minIndex, session);
    if (machine.appliedIndex < index) {
      this.#byIndex.push(waiter);
      this.#nextIndex = Math.min(this.#nextIndex, index);
      return false;
    }
    const mustWait = session !== 0 && afterNumber > 0 && !machine.hasApplied(session, afterNumber);
    if (mustWait && machine.session(session) !== undefined) {
      const others = this.#bySession.get(session);
      if (others === undefined) this.#bySession.set(session, [waiter]);
      else others.push(waiter);
      return false;
    }
    this.#size--;
    this.#bytes -= waiter.bytes;
    waiter.answer();
    return true;
  }

  #failSome(isFailed: (waiter: QueryWaiter) => boolean, error: QuorateError): void {
    const failed: QueryWaiter[] = [];
    const left = (waiters: readonly QueryWaiter[]): QueryWaiter[] =>
      waiters.filter((waiter) => {
        if (!isFailed(waiter)) return true;
        failed.push(waiter);
        return false;
      });
    this.#byIndex = left(this.#byIndex);
    for (const [session, waiters] of this.#bySession) {
      const rest = left(waiters);
      if (rest.length > 0) this.#bySession.set(session, rest);
      else this.#bySession.delete(session);
    }
    this.#size -= failed.length;
    for (const waiter of failed) this.#bytes -= waiter.bytes;
    for (const waiter of failed) waiter.fail(error);
  }
}
