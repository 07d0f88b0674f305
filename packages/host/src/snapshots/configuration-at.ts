import { type LogIndex, type NodeId, QuorateError, batchPayload } from '@quorate/base';
import { type Configuration, decodeConfiguration } from '@quorate/raft';
import type { GroupLog, SnapshotFacts } from '@quorate/storage';

/** The configuration in a batch of the log. Throws `dataDamaged` if it cannot be read. */
export function storedConfiguration(log: GroupLog, index: LogIndex): Configuration {
  const batch = log.read(index, 1)[0];
  if (batch === undefined)
    throw new QuorateError('dataDamaged', `the configuration at index ${index} of group ${log.group} cannot be read`, { index });
  return decodeConfiguration(batchPayload(batch));
}

/** The voters in force at an index that is applied: what no later entry can change. Throws `dataDamaged` if they cannot be read. */
export function votersAt(
  log: GroupLog,
  snapshot: Pick<SnapshotFacts, 'index' | 'voters'> | null,
  initialVoters: readonly NodeId[],
  index: LogIndex,
): readonly NodeId[] {
  const newest = log.configurationIndexes.findLast((at) => at <= index && at > (snapshot?.index ?? 0));
  return newest === undefined ? (snapshot?.voters ?? initialVoters) : storedConfiguration(log, newest).voters;
}
