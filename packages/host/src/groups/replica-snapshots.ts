import type { BatchHeader } from '@quorate/base';
import type { Ready } from '@quorate/raft';

/** The snapshots of a replica whose view has any. */
export interface ReplicaSnapshots {
  /** What the core says of a snapshot that a leader sends, or that it is to send itself; comes before all else of that Ready. */
  ready(ready: Ready): void;
  /** A batch of so many bytes was applied. */
  applied(header: BatchHeader, bytes: number): void;
  /** The replica ends. */
  close(): void;
}
