import type { BatchKind, GroupId, LogIndex, NodeId, Term } from '@quorate/base';
import type { OutgoingMessage, SnapshotHead } from './messages.js';
import type { SnapshotReader } from './snapshots.js';

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
  /**
   * Index of the snapshot that the machine starts from, from `firstIndex - 1` to `lastIndex`: everything up to it is committed. Its
   * configuration is then the first of `configurations`, at this index. Without it `firstIndex - 1`.
   */
  readonly snapshotIndex?: LogIndex;
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

/** A piece of a snapshot that a leader sends, in order, without gaps, one at a time. */
export interface SnapshotPiece {
  readonly index: LogIndex;
  readonly term: Term;
  readonly head: SnapshotHead;
  /** 0: a snapshot begins; whatever was received before is void. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  /** The content is whole with this piece. */
  readonly isLast: boolean;
}

/** A piece of a snapshot that this leader is to send. */
export interface SnapshotReadFact {
  /** As `SnapshotSource.open` gave it. */
  readonly reader: SnapshotReader;
  readonly offset: number;
  readonly maxBytes: number;
}

/** The log starts anew after a snapshot. */
export interface LogRestart {
  readonly index: LogIndex;
  readonly term: Term;
}

/**
 * What the host must do, in this order, taken once per turn:
 * 0. of a snapshot being received: give up what was stored (`isSnapshotAbandoned`), then store the `snapshotPiece`; `restart` the log;
 * 1. store `hardState`, cut the log after `truncateAfter`, append `appends` (all go into the next journal frame);
 * 2. `sendNow` at once; messages that promise something durable are withheld by the core until `onDurable`;
 * 3. apply committed batches up to `commitIndex`; answer `reads`;
 * 4. when the frame is durable, tell `onDurable`.
 */
export interface Ready {
  /** To be stored if not null; `version` comes back in `onDurable`. */
  readonly hardState: (HardState & { readonly version: number }) | null;
  /** The log starts after a snapshot that `snapshotInstalled` told of; before `truncateAfter` and `appends`. Null: no. */
  readonly restart: LogRestart | null;
  /** The snapshot being received is not needed any longer: remove what was stored of it. */
  readonly isSnapshotAbandoned: boolean;
  /** Store this piece, then call `snapshotStored`, or `snapshotFailed`. After the last one install it, then call `snapshotInstalled`. */
  readonly snapshotPiece: SnapshotPiece | null;
  /**
   * On a leader: read these pieces, `maxBytes` or less, and call `snapshotRead` with each, soon or when there is time for it. One at a time for each
   * reader: a later one replaces it; none for one that was closed.
   */
  readonly snapshotReads: readonly SnapshotReadFact[];
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
  /** When anything of the peer came last, also on a connection that is gone; `-Infinity`: never. */
  lastHeardAtMs(peer: NodeId): number;
  /**
   * When the peer last acknowledged something that this node had sent, also on a connection that is gone; `-Infinity`: never. To hear a peer
   * proves nothing about what it hears.
   */
  acknowledgedAtMs(peer: NodeId): number;
}

/** Who this replica is, and its bounds. Times in ms, sizes in bytes; equal on all replicas of a group, or nearly so. */
export interface RaftOptions {
  readonly group: GroupId;
  readonly self: NodeId;
  /** 150 and 300 by default: an election starts after a random time in between without a leader's sign of life. */
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  /**
   * For so long after a sign of life of its leader a replica votes for nobody, itself included, whatever it learns meanwhile (thesis 4.2.3, 6.4.1);
   * after a start for so long too. At most `electionTimeoutMinMs`. 0, the default: it promises nothing.
   */
  readonly leaseMs?: number;
  /** Least time between two empty appends to a follower that does not answer. */
  readonly heartbeatMs: number;
  /** Most append messages on their way to one follower, at least 1. */
  readonly windowMessages: number;
  /** Most bytes of batches on their way to one follower; one batch always may, however large. */
  readonly windowBytes: number;
  /** Most bytes of batches in one append message; one batch always fits. */
  readonly appendMessageBytes: number;
  /**
   * How long a newer commit index may wait for entries or a read to go out with, before followers are told of it by a message of its own.
   * Default 0: it never waits. Under load nearly all are told for nothing extra.
   */
  readonly commitTellMs?: number;
  /** Bytes of a piece of a snapshot; default 262,144: small enough that what is behind it on the connection does not wait for long. */
  readonly snapshotPieceBytes?: number;
}
