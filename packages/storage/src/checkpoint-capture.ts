import type { Checkpoint, CheckpointGroup } from './checkpoint.js';
import type { JournalFiles } from './journal-files.js';
import type { PeerSequences } from './peer-sequences.js';
import type { StoredLog } from './stored-log.js';

/** What the journal amounts to right after a frame that holds all that was queued; and the files that nothing in it needs. */
export interface CapturedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly deadFiles: readonly number[];
}

/** Null while damage is open: then nothing is thrown away (T29). */
export function captureCheckpoint(
  at: { readonly number: number; readonly sequence: number },
  state: { readonly logs: Iterable<StoredLog>; readonly files: JournalFiles; readonly peers: PeerSequences },
): CapturedCheckpoint | null {
  const groups: CheckpointGroup[] = [];
  for (const log of state.logs) {
    if (log.isFrozen) return null;
    groups.push({
      group: log.group,
      term: log.hardState.term,
      votedFor: log.hardState.votedFor,
      isLearner: log.hardState.isLearner,
      firstIndex: log.firstIndex,
      previousTerm: log.previousTerm,
      lastIndex: log.lastIndex,
      resetSequence: log.resetSequence,
      snapshotIndex: log.snapshotIndex,
    });
  }
  const { files, deadFiles } = state.files.retained();
  return { checkpoint: { ...at, files, groups, peers: [...state.peers.all()] }, deadFiles };
}
