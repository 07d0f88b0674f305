import { TailWaiters } from '../groups/tail-waiters.js';
import type { Replica } from '../groups/replica.js';
import { LeaderWaiters } from './leader-waiters.js';

/** Requests of clients that wait on this node: for records, and for a leader. */
export class WaitingRequests {
  readonly tails: TailWaiters = new TailWaiters();
  readonly leaders: LeaderWaiters;

  constructor(defer: (step: () => void) => void) {
    this.leaders = new LeaderWaiters(defer);
  }

  /** When `expire` must be called at the latest. */
  get nextDeadlineMs(): number {
    return Math.min(this.tails.nextDeadlineMs, this.leaders.nextDeadlineMs);
  }

  expire(nowMs: number): void {
    this.tails.expire(nowMs);
    this.leaders.expire(nowMs);
  }

  /** Leadership, term or leader of a group changed. */
  changed(replica: Replica, nowMs: number): void {
    if (!replica.isLeader) this.tails.leadershipLost(replica, replica.notLeader());
    this.leaders.changed(replica, nowMs);
  }

  /** Nothing waits any longer: the node stops. */
  flush(): void {
    this.tails.flush();
    this.leaders.flush();
  }
}
