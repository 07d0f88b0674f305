import type { LogIndex, NodeId, Term } from '@quorate/base';
import type { Raft } from '@quorate/raft';
import type { PlainDisk } from './disk.js';
import { PlainMachine, PlainReceiver } from './machine.js';

/** A node of the cluster: its disk, and its replica while the process runs. */
export interface Member {
  readonly id: NodeId;
  readonly disk: PlainDisk;
  raft: Raft | null;
  readonly heard: Map<NodeId, number>;
  /** When each last acknowledged a heartbeat of this node. */
  readonly acknowledged: Map<NodeId, number>;
  commitIndex: LogIndex;
  /** Frames do not complete by themselves while held. */
  isDiskHeld: boolean;
  diskMs: number;
  reads: { id: number; index: LogIndex }[];
  readsFailed: number[];
  /** As the last Ready said. */
  learnersWaiting: readonly NodeId[];
  machine: PlainMachine;
  readonly receiver: PlainReceiver;
  /** Work on snapshots under way: a piece being read for a peer, or stored, a snapshot being installed. */
  jobs: { readonly what: 'send' | 'receive'; readonly dueMs: number; readonly run: () => void }[];
  /** Snapshots that its replica has open. */
  openReaders: number;
  /** The next steps on snapshots that fail: no space, say. */
  failures: number;
  installs: number;
}

/** Something that was proposed, and whether its leader committed it. */
export interface Proposal {
  readonly text: string;
  readonly node: NodeId;
  readonly index: LogIndex;
  readonly term: Term;
  isAcked: boolean;
}

/** A node that has not started. */
export function newMember(id: NodeId, disk: PlainDisk, diskMs = 2): Member {
  return {
    id,
    disk,
    raft: null,
    heard: new Map(),
    acknowledged: new Map(),
    commitIndex: 0,
    isDiskHeld: false,
    diskMs,
    reads: [],
    readsFailed: [],
    learnersWaiting: [],
    machine: new PlainMachine(),
    receiver: new PlainReceiver(),
    jobs: [],
    openReaders: 0,
    failures: 0,
    installs: 0,
  };
}
