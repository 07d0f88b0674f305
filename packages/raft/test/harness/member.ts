import type { LogIndex, NodeId, Term } from '@quorate/base';
import type { Raft } from '@quorate/raft';
import type { PlainDisk } from './disk.js';

/** A node of the cluster: its disk, and its replica while the process runs. */
export interface Member {
  readonly id: NodeId;
  readonly disk: PlainDisk;
  raft: Raft | null;
  readonly heard: Map<NodeId, number>;
  commitIndex: LogIndex;
  /** Frames do not complete by themselves while held. */
  isDiskHeld: boolean;
  diskMs: number;
  reads: { id: number; index: LogIndex }[];
  readsFailed: number[];
  /** As the last Ready said. */
  learnersWaiting: readonly NodeId[];
}

/** Something that was proposed, and whether its leader committed it. */
export interface Proposal {
  readonly text: string;
  readonly node: NodeId;
  readonly index: LogIndex;
  readonly term: Term;
  isAcked: boolean;
}
