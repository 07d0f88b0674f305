import type { Replica } from './replica.js';

/** A reader that waits for a record that is not there yet. */
export interface TailWaiter {
  readonly deadlineMs: number;
  /** True if it was answered. `isLast`: it must be answered now, with whatever there is. */
  attempt(isLast: boolean): boolean;
}

/** Readers at the end of their streams, by replica: tried after each apply, answered empty at their deadline. */
export class TailWaiters {
  readonly #byReplica = new Map<Replica, TailWaiter[]>();

  add(replica: Replica, waiter: TailWaiter): void {
    const waiters = this.#byReplica.get(replica);
    if (waiters === undefined) {
      this.#byReplica.set(replica, [waiter]);
      replica.onApplied = () => this.#try(replica, (w) => w.attempt(replica.stopError !== null));
    } else {
      waiters.push(waiter);
    }
  }

  expire(nowMs: number): void {
    for (const replica of [...this.#byReplica.keys()]) this.#try(replica, (waiter) => waiter.deadlineMs <= nowMs && waiter.attempt(true));
  }

  /** Answers all with what there is: the node stops, or the replica was replaced. */
  flush(): void {
    for (const replica of [...this.#byReplica.keys()]) this.#try(replica, (waiter) => waiter.attempt(true));
  }

  #try(replica: Replica, isDone: (waiter: TailWaiter) => boolean): void {
    const waiters = this.#byReplica.get(replica);
    if (waiters === undefined) return;
    const left = waiters.filter((waiter) => !isDone(waiter));
    if (left.length > 0) this.#byReplica.set(replica, left);
    else {
      this.#byReplica.delete(replica);
      replica.onApplied = null;
    }
  }
}
