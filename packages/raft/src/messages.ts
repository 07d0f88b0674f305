import type { LogIndex, NodeId, Term } from '@quorate/base';
import type { Configuration } from './ready.js';

/*
 * Messages between the replicas of one group. They carry no group id: the envelope of the host does.
 * `from` is given beside a message, taken from the connection it came on, never from its bytes.
 */

/** Asks for a vote. With `isPreVote` nothing is promised and no term moves: "would you, in this term?" (thesis 9.6) */
export interface VoteRequest {
  readonly type: 'voteRequest';
  /** The term of the election; for a pre-vote the candidate's term + 1. */
  readonly term: Term;
  readonly isPreVote: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: Term;
  /** Set by a leader's `transferLeader`: voters then do not hold to their present leader (thesis 4.2.3). */
  readonly isTransfer: boolean;
}

/** Answer to a vote request. A granted vote of a term is durable before it leaves (thesis 3.4); a granted pre-vote promises nothing (9.6). */
export interface VoteResponse {
  readonly type: 'voteResponse';
  /** For a granted pre-vote the term asked for; otherwise the voter's own term. */
  readonly term: Term;
  readonly isPreVote: boolean;
  readonly isGranted: boolean;
}

/** Entries after `prevIndex`, or none: then a heartbeat, a commit notice or a read-index probe. */
export interface AppendRequest {
  readonly type: 'appendRequest';
  readonly term: Term;
  readonly prevIndex: LogIndex;
  readonly prevTerm: Term;
  readonly commitIndex: LogIndex;
  /** Number of the leader's newest read-index round; the response repeats it. Grows within a term. */
  readonly probe: number;
  /** Barrier index for a learner that may vote again once it holds it durably and knows it committed; 0 if none. */
  readonly admitAt: LogIndex;
  /** Whole batches, in order, dense after `prevIndex`. */
  readonly batches: readonly Uint8Array[];
}

/** Answer to an append: what this follower holds of the leader's log, or where the two logs may still agree (thesis 3.5). */
export interface AppendResponse {
  readonly type: 'appendResponse';
  readonly term: Term;
  /** False: `prevIndex` did not match; then `matchIndex` is a hint where it may (at most the follower's last index, thesis 5.3). */
  readonly isAccepted: boolean;
  /** If accepted: the highest index that is durable here *and* verified against this leader's log in this term. */
  readonly matchIndex: LogIndex;
  /** If accepted: highest index received and verified, durable or not; frees the leader's window. If refused: `prevIndex` of the request. */
  readonly receivedIndex: LogIndex;
  /** If refused: term of the follower's entry at the hint (0: none), so the leader can skip a whole term. */
  readonly hintTerm: Term;
  readonly probe: number;
  /** This replica lost its data and must not be counted. */
  readonly isLearner: boolean;
}

/** What a replica must know of a snapshot beside its content. */
export interface SnapshotHead {
  /** Bytes of the whole content. */
  readonly length: number;
  /** In force at its index. */
  readonly configuration: Configuration;
  /** Logged time at its index: no later entry has an earlier one. */
  readonly loggedTimeMs: number;
}

/** One piece of a snapshot. The next is sent when this one is answered. */
export interface SnapshotRequest {
  readonly type: 'snapshotRequest';
  readonly term: Term;
  readonly snapshotIndex: LogIndex;
  readonly snapshotTerm: Term;
  /** Position of the piece in the content. */
  readonly offset: number;
  /** With the piece at offset 0, and only there. */
  readonly head?: SnapshotHead;
  readonly isLast: boolean;
  /** Bytes of this piece; an empty one at the end asks how far the follower is. */
  readonly bytes: Uint8Array;
}

/** How much of a snapshot a follower holds (thesis 5.2). */
export interface SnapshotResponse {
  readonly type: 'snapshotResponse';
  readonly term: Term;
  readonly snapshotIndex: LogIndex;
  /** Bytes stored so far, in order: where the next piece starts. 0: begin at the front. No meaning with `isInstalled`. */
  readonly receivedBytes: number;
  /** All entries up to `snapshotIndex` are here, by this snapshot or anyhow. */
  readonly isInstalled: boolean;
}

/** A leader hands over: start an election at once (thesis 3.10). */
export interface TimeoutNow {
  readonly type: 'timeoutNow';
  readonly term: Term;
}

/** "I no longer lead in `term`": the node-pair heartbeat does not stand in for this group any more. */
export interface LeaderGone {
  readonly type: 'leaderGone';
  readonly term: Term;
}

/** Every message between replicas; `type` tells them apart. Encoded and decoded by `encodeMessage` and `decodeMessage`. */
export type RaftMessage =
  | VoteRequest
  | VoteResponse
  | AppendRequest
  | AppendResponse
  | SnapshotRequest
  | SnapshotResponse
  | TimeoutNow
  | LeaderGone;

/** A message and the replica that it is for. It may be lost, doubled or overtaken on its way: the core expects no better. */
export interface OutgoingMessage {
  readonly to: NodeId;
  readonly message: RaftMessage;
}
