import type { BatchKind, GroupId, LogIndex, NodeId, Term } from '@quorate/base';
import type { OutgoingMessage } from './messages.js';

/** What a replica is at present (thesis 3.3). `preCandidate` asks whether an election could be won, without a new term (thesis 9.6). */
export type Role = 'follower' | 'preCandidate' | 'candidate' | 'leader';

/** Term and vote, durable before anything that follows from them leaves the node (thesis figure 3.1). */
export interface HardState {
  readonly term: Term;
  /** 0: none in this term. */
  readonly votedFor: NodeId | 0;
  /** True while this replica lost its data and waits to be re-admitted: it neither votes nor counts. */
  readonly isLearner: boolean;
}

/** The voters of a group. It is a log entry from the first day; the one in force is the newest in the log, committed or not (thesis 4.1). */
export interface Configuration {
  readonly voters: readonly NodeId[];
}

/** What the core needs to know of the stored log when it starts. */
export interface LogStart {
  readonly hardState: HardState;
  /** Runs of equal terms, ascending, the first starting at `firstIndex`. */
  readonly terms: readonly { readonly firstIndex: LogIndex; readonly term: Term }[];
  /** First index that is there; everything before was compacted into a snapshot at `firstIndex - 1`. */
  readonly firstIndex: LogIndex;
  /** Term of the entry before `firstIndex`; 0 for index 0. */
  readonly previousTerm: Term;
  /** 0 for an empty log. All of it is durable. */
  readonly lastIndex: LogIndex;
  /** Newest configuration in the log and where it stands; the initial one at index 0 if there is none. */
  readonly configurations: readonly { readonly index: LogIndex; readonly configuration: Configuration }[];
  /** Logged time of the last batch, if the host knows it; otherwise the core reads that batch when it first leads. */
  readonly lastLoggedTimeMs?: number;
}

/** The leader reads what it sends through this port: stored bytes, as they are. */
export interface LogReader {
  /**
   * Whole batches from the one that holds `fromIndex` on: at least one, then more while they fit `maxBytes`.
   * Empty if they cannot be read now (damage, or a load under way); the core tries again on the next tick.
   */
  read(fromIndex: LogIndex, maxBytes: number): readonly Uint8Array[];
}

/** A batch to append, already encoded. */
export interface AppendFact {
  readonly batch: Uint8Array;
  readonly kind: BatchKind;
  readonly baseIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly term: Term;
}

/**
 * What the host must do, in this order, taken once per turn:
 * 1. store `hardState`, cut the log after `truncateAfter`, append `appends` (all go into the next journal frame);
 * 2. `sendNow` at once; messages that promise something durable are withheld by the core until `onDurable`;
 * 3. apply committed batches up to `commitIndex`; answer `reads`;
 * 4. when the frame is durable, tell `onDurable`.
 */
export interface Ready {
  /** To be stored if not null; `version` comes back in `onDurable`. */
  readonly hardState: (HardState & { readonly version: number }) | null;
  /** Drop every batch after this index, before the appends; null: nothing to cut. Always a batch border, never below the commit index. */
  readonly truncateAfter: LogIndex | null;
  readonly appends: readonly AppendFact[];
  readonly sendNow: readonly OutgoingMessage[];
  readonly commitIndex: LogIndex;
  /** Confirmed linearizable reads: may be served once `index` is applied. */
  readonly reads: readonly { readonly id: number; readonly index: LogIndex }[];
  /** Reads that can no longer be confirmed here: the caller goes to the leader. */
  readonly readsFailed: readonly number[];
  readonly role: Role;
  readonly term: Term;
  /** 0: unknown. */
  readonly leader: NodeId | 0;
  /** True once the leader committed an entry of its own term: only then does it answer reads and count as established. */
  readonly isEstablished: boolean;
  /**
   * On a leader: peers that answered in this term as learners and have no barrier yet. The host proposes a barrier (`proposeNoop`) for
   * each and calls `learnerBarrier`; until then each Ready names them again.
   */
  readonly learnersWaiting: readonly NodeId[];
  /** Messages that a correct peer cannot have sent; they were dropped. For the log of the operator: a peer is broken or of another cluster. */
  readonly faults: readonly PeerFault[];
}

/** What a peer sent against the protocol. */
export interface PeerFault {
  readonly from: NodeId;
  readonly what: string;
}

/**
 * When this node last heard of a peer by any frame; null: not connected. Stands in for group heartbeats: while it is not null, a leader
 * sends nothing to a follower that lacks nothing. Where no node heartbeats exist, null throughout gives Raft's usual heartbeats.
 */
export interface PeerContacts {
  heardAtMs(peer: NodeId): number | null;
}

/** Who this replica is, and its bounds. Times in ms, sizes in bytes; equal on all replicas of a group, or nearly so. */
export interface RaftOptions {
  readonly group: GroupId;
  readonly self: NodeId;
  /** 150 and 300 by default: an election starts after a random time in between without a leader's sign of life. */
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  /** Least time between two empty appends to a follower that does not answer. */
  readonly heartbeatMs: number;
  /** Most append messages on their way to one follower, at least 1. */
  readonly windowMessages: number;
  /** Most bytes of batches on their way to one follower; one batch always may, however large. */
  readonly windowBytes: number;
  /** Most bytes of batches in one append message; one batch always fits. */
  readonly appendMessageBytes: number;
}
