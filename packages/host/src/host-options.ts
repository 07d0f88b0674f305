import type {
  Address,
  Checksum,
  Clock,
  ClusterId,
  Disk,
  Logger,
  LogIndex,
  Network,
  NodeId,
  QuorateError,
  Random,
  Timers,
} from '@quorate/base';
import type { AnyResourceType } from '@quorate/machine';
import type { NodeStatus } from '@quorate/wire';
import type { Replica } from './groups/replica.js';

/** A member as the operator lists it. */
export interface ConfiguredMember {
  readonly nodeId: NodeId;
  /** `host:port` under which the others and clients reach it. */
  readonly address: string;
}

/** Soft settings: they may differ between starts and nodes. */
export interface HostSettings {
  /** A leader's sign of life to each other node, per node pair. */
  readonly heartbeatMs: number;
  /** An election starts after a random time in this range without a leader's sign of life. */
  readonly electionTimeoutMinMs: number;
  readonly electionTimeoutMaxMs: number;
  /**
   * For so long after its leader's last sign of life a node votes for nobody, even if the connection to the leader is lost: one that comes back
   * within that time costs no election. At least twice `heartbeatMs`, at most `electionTimeoutMinMs`; by default three
   * times `heartbeatMs`.
   */
  readonly leaseMs: number;
  /** False: no such promise; the next leader is elected as soon as the connection to the present one is lost. */
  readonly leases: boolean;
  /** Least time between two looks at deadlines. */
  readonly tickMs: number;
  /** A connection to a peer on which nothing came for so long is half open: it is closed and dialed anew. */
  readonly peerSilenceMs: number;
  /** Longest wait for leadership to move and answers to leave at a stop. */
  readonly drainMs: number;
  /**
   * Size of a journal file in bytes, the same on all nodes. From `LIMITS.frameBytesMax` on every legal batch fits, and configurations give no less; a leader with
   * smaller ones refuses what does not fit with `recordTooLarge`.
   */
  readonly journalFileBytes: number;
  /**
   * Bytes of log between two snapshots of a group with a machine; more if its state is larger. A log holds up to a quarter more than that,
   * and up to four times as much while a connected follower is behind.
   */
  readonly snapshotLogBytes: number;
  readonly syncMode: 'adaptive' | 'sync' | 'async';
}

/** Heartbeats that a promise lasts, unless it is given: one may be lost or late. */
const LEASE_HEARTBEATS = 3;

/**
 * What applies where `HostOptions.settings` says nothing: fail-over some 130 ms after the connections of the leader close, within half a second of
 * its silence; about 33 small messages a second per pair of nodes.
 */
export const DEFAULT_SETTINGS: HostSettings = {
  heartbeatMs: 30,
  electionTimeoutMinMs: 150,
  electionTimeoutMaxMs: 300,
  leaseMs: 90,
  leases: true,
  tickMs: 5,
  peerSilenceMs: 3000,
  drainMs: 3000,
  journalFileBytes: 64 * 1024 * 1024,
  snapshotLogBytes: 64 * 1024 * 1024,
  syncMode: 'adaptive',
};

/** Settings with their defaults. */
export function settingsWith(given: Partial<HostSettings> = {}): HostSettings {
  const settings = { ...DEFAULT_SETTINGS, ...given };
  const { heartbeatMs, electionTimeoutMinMs } = settings;
  return { ...settings, leaseMs: given.leaseMs ?? Math.min(LEASE_HEARTBEATS * heartbeatMs, electionTimeoutMinMs) };
}

/** What a node is started with: its place in the cluster, and the ports to the world. */
export interface HostOptions {
  readonly nodeId: NodeId;
  /** If given, the directory and all peers must belong to this cluster; at formation it becomes the id. */
  readonly clusterId?: ClusterId;
  readonly listen: Address;
  /** Address that others are told, if it is not the listening one. */
  readonly advertise: Address;
  /** All members, this node among them. */
  readonly members: readonly ConfiguredMember[];
  /**
   * Kinds of resources that this node has. One that the log names and is missing here stops its group on this node (`resourceUnsupported`),
   * so all nodes should have the same.
   */
  readonly resources: readonly AnyResourceType[];
  /** Opened on the data directory. */
  readonly disk: Disk;
  readonly network: Network;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: Random;
  readonly checksum: Checksum;
  readonly logger: Logger;
  /** Version of the product, for `status`. */
  readonly version: string;
  /** Process id, for `status`. */
  readonly pid: number;
  /** Figures of the process that the node runs in, asked for each status. */
  readonly processMetrics?: () => Readonly<Record<string, number>>;
  readonly settings?: Partial<HostSettings>;
}

/** What of a replica can be looked at from outside. */
export type LookedAtReplica = Pick<Replica, 'group' | 'raft' | 'log' | 'view' | 'appliedIndex' | 'stopError'>;

/** What a running node tells whoever started it. */
export interface HostEvents {
  /** The node cannot go on: its disk failed for good, or an invariant broke. It has stopped acknowledging; the process should end. */
  fatal(error: QuorateError): void;
  /** A replica had its turn: its facts may have changed. For whoever looks on from outside; it only reads. */
  turned?(replica: LookedAtReplica): void;
}

/** How far a replica has applied its log, and what came of it. */
export interface AppliedState {
  readonly appliedIndex: LogIndex;
  /** 32 bits unsigned: equal on all nodes at an equal index, or they have diverged (T19). */
  readonly hash: number;
}

/** A running node. */
export interface Host {
  /** Where it listens. */
  readonly address: Address;
  status(): NodeStatus;
  /** Bytes of the snapshots that this node is getting from leaders: it will soon hold as much more. */
  readonly receivingBytes: number;
  /** The state of a group on this node; null if there is no replica of it here. */
  appliedState(group: number): AppliedState | null;
  /** Hands leadership over, answers what is under way, closes the directory. Calls back once; a second stop is the same stop. */
  stop(done: (error: QuorateError | null) => void): void;
}
