import { type GroupId, LIMITS } from '@quorate/base';
import type { Replica } from '../groups/replica.js';

/** A request that only a leader can take, while none is known. */
export interface LeaderWaiter {
  /** Bytes that it keeps. */
  readonly bytes: number;
  /** Handles it once more; what is refused then is answered so. */
  again(): void;
}

/** Longest wait for a leader, in ms: less than that after which a client takes a node for silent. */
const WAIT_MS = 300;
/** A group without a leader for so many ms will hardly get one that this node hears of: others may know more. */
const ELECTION_MS = 600;
const WAITERS_MAX = 8192;

/**
 * Requests that came while the leader of their group was being replaced. They are handled again once a leader is known: at once if it is this node,
 * else they are sent to it. Otherwise clients would have to ask all nodes again and again, and would come late, or all at the same moment.
 */
export class LeaderWaiters {
  readonly #defer: (step: () => void) => void;
  readonly #byGroup = new Map<GroupId, { readonly untilMs: number; readonly waiter: LeaderWaiter }[]>();
  /** Since when replicas know of no leader. */
  readonly #leaderlessSinceMs = new Map<GroupId, number>();
  readonly #due = new Set<GroupId>();
  #size = 0;
  #bytes = 0;

  /** `defer`: calls back after the present turn, in which the cores must not be asked for more. */
  constructor(defer: (step: () => void) => void) {
    this.#defer = defer;
  }

  get size(): number {
    return this.#size;
  }

  /** When `expire` must be called at the latest. */
  get nextDeadlineMs(): number {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const waiting of this.#byGroup.values()) dueMs = Math.min(dueMs, waiting[0]?.untilMs ?? dueMs);
    return dueMs;
  }

  /** Keeps a request that was refused because there is no leader. False: it is to be answered now. */
  add(replica: Replica, waiter: LeaderWaiter, nowMs: number): boolean {
    const { group } = replica;
    if (nowMs - this.#leaderlessSince(replica, nowMs) >= ELECTION_MS || replica.stopError !== null) return false;
    if (this.#size >= WAITERS_MAX || this.#bytes + waiter.bytes > LIMITS.groupQueryBytesMax) return false;
    this.#size++;
    this.#bytes += waiter.bytes;
    const waiting = this.#byGroup.get(group) ?? [];
    waiting.push({ untilMs: nowMs + WAIT_MS, waiter });
    this.#byGroup.set(group, waiting);
    return true;
  }

  #leaderlessSince({ group, raft }: Replica, nowMs: number): number {
    // A leader that hands over has told another to stand, just now.
    if (raft.leader !== 0) return nowMs;
    const sinceMs = this.#leaderlessSinceMs.get(group) ?? nowMs;
    this.#leaderlessSinceMs.set(group, sinceMs);
    return sinceMs;
  }

  /** Leadership, term or leader of a group changed. */
  changed(replica: Replica, nowMs: number): void {
    const { group } = replica;
    if (replica.raft.leader === 0 && replica.stopError === null) {
      this.#leaderlessSince(replica, nowMs);
      return;
    }
    this.#leaderlessSinceMs.delete(group);
    if (!this.#byGroup.has(group)) return;
    if (this.#due.size === 0) this.#defer(() => this.#handleDue());
    this.#due.add(group);
  }

  /** Those that waited long enough are answered that there is no leader. */
  expire(nowMs: number): void {
    for (const [group, waiting] of [...this.#byGroup]) {
      let count = 0;
      while (count < waiting.length && (waiting[count]?.untilMs ?? 0) <= nowMs) count++;
      if (count > 0) this.#handle(waiting.splice(0, count));
      if (waiting.length === 0) this.#byGroup.delete(group);
    }
  }

  /** Nothing waits any longer: the node stops. */
  flush(): void {
    this.expire(Number.POSITIVE_INFINITY);
  }

  #handleDue(): void {
    const due = [...this.#due];
    this.#due.clear();
    for (const group of due) {
      const waiting = this.#byGroup.get(group) ?? [];
      this.#byGroup.delete(group);
      this.#handle(waiting);
    }
  }

  /** In the order in which they came. */
  #handle(waiting: readonly { readonly waiter: LeaderWaiter }[]): void {
    for (const { waiter } of waiting) {
      this.#size--;
      this.#bytes -= waiter.bytes;
      waiter.again();
    }
  }
}
