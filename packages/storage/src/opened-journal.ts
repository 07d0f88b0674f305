import type { DiskFault, GroupId } from '@quorate/base';
import type { DiskPace } from './disk-pace.js';
import type { JournalFiles } from './journal-files.js';
import type { JournalStart } from './journal-start.js';
import type { PeerSequences } from './peer-sequences.js';
import type { RecoveredGroup } from './recovery.js';
import type { SnapshotShape } from './snapshot-format.js';
import type { Damage } from './types.js';

/** What a sound directory with an identity gives to the storage that opens it. */
export interface OpenedJournal {
  readonly files: JournalFiles;
  readonly pace: DiskPace;
  readonly start: JournalStart;
  readonly checkpointNumber: number;
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
  readonly frozenUnknown: Set<GroupId>;
  readonly peers: PeerSequences;
  readonly damage: readonly Damage[];
  readonly recoveredSequence: number;
  /** The snapshots that the groups have. */
  readonly snapshots: ReadonlyMap<GroupId, SnapshotShape>;
}

/** Called by the files of the journal, which exist before the storage does. */
export interface FileEvents {
  prepared(): void;
  full(): void;
  failed(fault: DiskFault): void;
  emptied(): void;
}
