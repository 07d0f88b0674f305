import type { NodeId } from '@quorate/base';
import type { RaftMessage, RaftOptions } from '@quorate/raft';

export interface Flight {
  readonly id: number;
  readonly from: NodeId;
  readonly to: NodeId;
  readonly dueMs: number;
  readonly bytes: Uint8Array;
  readonly message: RaftMessage;
}

export interface ClusterOptions {
  readonly nodes: number;
  readonly seed?: number;
  readonly latencyMs?: number;
  readonly diskMs?: number;
  readonly raft?: Partial<RaftOptions>;
  /** False: nodes hear nothing of each other but raft messages. */
  readonly hasContacts?: boolean;
  /** False: nobody is told of lost and opened connections. */
  readonly tellsConnections?: boolean;
  readonly learners?: readonly number[];
  readonly trace?: (line: string) => void;
}
