import type { LogIndex, NodeId } from '@quorate/base';
import type { Progress } from '../progress.js';

export interface FollowerState {
  readonly role: 'follower';
}

/** Asks whether an election would be won, before any term moves (thesis 9.6). */
export interface PreCandidateState {
  readonly role: 'preCandidate';
  readonly votes: Set<NodeId>;
}

export interface CandidateState {
  readonly role: 'candidate';
  readonly votes: Set<NodeId>;
  /** Hard state version that holds the vote for itself: it counts only once this is durable (T02). */
  readonly voteVersion: number;
}

/** A handover under way: no proposals until it is done or given up (thesis 3.10). */
export interface Transfer {
  readonly to: NodeId;
  readonly deadlineMs: number;
  isSent: boolean;
}

/** A read that waits until a majority has acknowledged a round begun after it came (thesis 6.4). */
export interface PendingRead {
  readonly id: number;
  readonly index: LogIndex;
  readonly round: number;
}

export interface LeaderState {
  readonly role: 'leader';
  readonly peers: Map<NodeId, Progress>;
  /**
   * Number carried by every append and echoed by its response. A new one begins when reads come and when the commit index moves: whoever
   * echoes it got a message that was sent after that.
   */
  round: number;
  /** Newest round that some message carried; a round that nobody has seen yet can take more reads. */
  roundSent: number;
  /** Newest round that reads wait for: it goes out at once. Those after it only tell of a commit index and go out with whatever is next. */
  readRound: number;
  /** When the newest round goes out by itself. */
  roundDueMs: number;
  /** Own-term entry committed: reads may be answered (T52). */
  isEstablished: boolean;
  /** Reads that came before that. */
  readonly earlyReads: number[];
  reads: PendingRead[];
  transfer: Transfer | null;
  /** Index of the first entry of this term. */
  readonly firstOwnIndex: LogIndex;
}

export type RoleState = FollowerState | PreCandidateState | CandidateState | LeaderState;

/** The state of one role. */
export type StateOf<R extends RoleState['role']> = Extract<RoleState, { readonly role: R }>;
