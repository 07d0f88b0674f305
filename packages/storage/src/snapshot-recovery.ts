import { type Checksum, type Disk, type GroupId, type Logger, QuorateError } from '@quorate/base';
import type { RecoveredGroup } from './recovery.js';
import { SNAPSHOT_FOLDER, type SnapshotShape, openSnapshot, parseSnapshotName, snapshotPath } from './snapshot-format.js';
import type { Damage } from './types.js';

/** What the folder of snapshots and the journal amount to together. */
export interface RecoveredSnapshots {
  /** The snapshot that each group has, if its file is sound at both ends. */
  readonly usable: ReadonlyMap<GroupId, SnapshotShape>;
  /** Logs that start after a snapshot which is not there. */
  readonly damage: readonly Damage[];
  /** Paths of complete snapshots that the journal does not speak of: the step before or after it was cut off. */
  readonly unreferenced: readonly string[];
}

export interface SnapshotRecoveryOptions {
  readonly disk: Disk;
  readonly checksum: Checksum;
  readonly logger: Logger;
  readonly journalId: string;
  readonly groups: ReadonlyMap<GroupId, RecoveredGroup>;
}

/**
 * Finds the snapshot of each group. One that the journal does not name is no use: whoever wrote it died before its log relied on it. One
 * that it names and that cannot be used is damage if the log starts after it; an older one that is still there may stand in for it, and a
 * log that has all its entries needs none. Changes nothing. Throws `formatUnsupported` and `DiskFault`.
 */
export function recoverSnapshots(options: SnapshotRecoveryOptions): RecoveredSnapshots {
  const { disk, groups, logger } = options;
  const found = new Map<GroupId, number[]>();
  for (const name of disk.list(SNAPSHOT_FOLDER)) {
    const parsed = parseSnapshotName(name);
    if (parsed !== null) found.set(parsed.group, [...(found.get(parsed.group) ?? []), parsed.index]);
  }
  const usable = new Map<GroupId, SnapshotShape>();
  const damage: Damage[] = [];
  const unreferenced: string[] = [];
  for (const [group, recovered] of groups) {
    const { snapshotIndex, state } = recovered;
    const indexes = (found.get(group) ?? []).sort((a, b) => b - a);
    const shape =
      snapshotIndex === 0
        ? null
        : pick(options, group, recovered, indexes, (fault) => {
            logger.log('error', 'snapshotDamaged', { file: fault.file, offset: fault.offset, what: fault.what });
            // Without its file, a log that starts later has lost its beginning (T29: that is no empty log).
            const isNeeded = state.firstIndex > 1 && snapshotIndex >= state.firstIndex - 1;
            if (isNeeded) damage.push(fault);
          });
    if (shape !== null) usable.set(group, shape);
    // One that is named and damaged is kept for whoever wants to look at it.
    for (const index of indexes) if (index !== shape?.index && index !== snapshotIndex) unreferenced.push(snapshotPath(group, index));
  }
  return { usable, damage, unreferenced };
}

/** The newest sound file up to the one that the journal names; `fault` is told why there is none that the log can start from. */
function pick(
  options: SnapshotRecoveryOptions,
  group: GroupId,
  recovered: RecoveredGroup,
  indexes: readonly number[],
  fault: (damage: Damage) => void,
): SnapshotShape | null {
  const { snapshotIndex, state } = recovered;
  let first: Damage = { file: snapshotPath(group, snapshotIndex), offset: 0, what: 'the file is missing', groups: [group] };
  for (const index of indexes) {
    if (index > snapshotIndex || index < state.firstIndex - 1) continue;
    const path = snapshotPath(group, index);
    try {
      const shape = openSnapshot(options.disk, path, options.journalId, options.checksum);
      const isOfLog = recovered.isFrozen || (index <= state.lastIndex && state.termAt(index) === shape.term);
      if (isOfLog) return shape;
      if (index === snapshotIndex)
        first = { file: path, offset: 0, what: `it has term ${shape.term} at index ${index}, the log has not`, groups: [group] };
    } catch (thrown) {
      if (!(thrown instanceof QuorateError) || thrown.code !== 'dataDamaged') throw thrown;
      const offset = Number(thrown.details['offset'] ?? 0);
      if (index === snapshotIndex) first = { file: path, offset, what: String(thrown.details['what'] ?? thrown.message), groups: [group] };
    }
  }
  fault(first);
  return null;
}
