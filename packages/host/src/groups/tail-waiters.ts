import { LIMITS, QuorateError } from '@quorate/base';
import type { Replica } from './replica.js';

/** A reader that waits for a record that is not there yet. */
export interface TailWaiter {
  readonly deadlineMs: number;
  /** True: only a leader may answer it. */
  readonly isLinearizable: boolean;
  /** True once nobody waits for the answer any more. */
  isGone(): boolean;
  /** True if it was answered. `isLast`: it must be answered now, with whatever there is. */
  attempt(isLast: boolean): boolean;
  fail(error: QuorateError): void;
}

/** Least time between two looks at all deadlines: there may be very many. */
const EXPIRE_EVERY_MS = 25;

/** Readers at the end of their streams, by replica: tried after each apply, answered empty at their deadline. */
export class TailWaiters {
  readonly #byReplica = new Map<Replica, TailWaiter[]>();
  #size = 0;
  /** No deadline comes before this. */
  #nextDeadlineMs = Number.POSITIVE_INFINITY;
  #isAnyGone = false;
  #expiredMs = Number.NEGATIVE_INFINITY;

  /** When `expire` must be called at the latest. */
  get nextDeadlineMs(): number {
    return Math.max(this.#isAnyGone ? Number.NEGATIVE_INFINITY : this.#nextDeadlineMs, this.#expiredMs + EXPIRE_EVERY_MS);
  }

  get size(): number {
    return this.#size;
  }

  /** Throws `overloaded` if too many wait. */
  add(replica: Replica, waiter: TailWaiter): void {
    if (this.#size >= LIMITS.tailWaitersMax) throw new QuorateError('overloaded', `${this.#size} readers wait for records on this node`);
    this.#size++;
    this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, waiter.deadlineMs);
    const waiters = this.#byReplica.get(replica);
    if (waiters === undefined) {
      this.#byReplica.set(replica, [waiter]);
      replica.onApplied = () => this.#settle(replica, (w) => w.attempt(replica.stopError !== null));
    } else {
      waiters.push(waiter);
    }
  }

  /** A connection that had readers waiting was closed: they are forgotten with the next `expire`. */
  someAreGone(): void {
    this.#isAnyGone = true;
  }

  expire(nowMs: number): void {
    if (nowMs < this.nextDeadlineMs) return;
    this.#expiredMs = nowMs;
    this.#isAnyGone = false;
    this.#nextDeadlineMs = Number.POSITIVE_INFINITY;
    this.#settleAll((waiter) => waiter.isGone() || (waiter.deadlineMs <= nowMs && waiter.attempt(true)));
    for (const waiters of this.#byReplica.values()) {
      for (const waiter of waiters) this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, waiter.deadlineMs);
    }
  }

  /** Answers all with what there is: the node stops. */
  flush(): void {
    this.#settleAll((waiter) => waiter.attempt(true));
  }

  /** The replica no longer leads: whoever wants a leader is sent on, instead of waiting where records may come late or never. */
  leadershipLost(replica: Replica, error: QuorateError): void {
    this.#settle(replica, (waiter) => {
      if (waiter.isLinearizable) waiter.fail(error);
      return waiter.isLinearizable;
    });
  }

  #settleAll(isDone: (waiter: TailWaiter) => boolean): void {
    for (const replica of [...this.#byReplica.keys()]) this.#settle(replica, isDone);
  }

  #settle(replica: Replica, isDone: (waiter: TailWaiter) => boolean): void {
    const waiters = this.#byReplica.get(replica);
    if (waiters === undefined) return;
    const left = waiters.filter((waiter) => !isDone(waiter));
    this.#size -= waiters.length - left.length;
    if (left.length > 0) this.#byReplica.set(replica, left);
    else {
      this.#byReplica.delete(replica);
      replica.onApplied = null;
    }
  }
}
