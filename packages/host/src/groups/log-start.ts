import type { NodeId } from '@quorate/base';
import type { LogStart } from '@quorate/raft';
import type { GroupLog, SnapshotFacts } from '@quorate/storage';
import { storedConfiguration } from '../snapshots/configuration-at.js';

/**
 * What the consensus core must know of a stored log when it starts: everything in it is durable. `snapshot`: what the machine starts from.
 * Throws `dataDamaged` if a configuration cannot be read.
 */
export function logStart(log: GroupLog, initialVoters: readonly NodeId[], snapshot: SnapshotFacts | null): LogStart {
  const { index, voters } = snapshot ?? { index: 0, voters: initialVoters };
  const configurations: LogStart['configurations'][number][] = [{ index, configuration: { voters } }];
  for (const at of log.configurationIndexes) {
    if (at > index) configurations.push({ index: at, configuration: storedConfiguration(log, at) });
  }
  return {
    hardState: log.hardState,
    terms: log.terms,
    firstIndex: log.firstIndex,
    previousTerm: log.previousTerm,
    lastIndex: log.lastIndex,
    configurations,
    ...(snapshot === null ? {} : { snapshotIndex: index }),
    // Else the last batch says so.
    ...(snapshot === null || log.lastIndex > index ? {} : { lastLoggedTimeMs: snapshot.loggedTimeMs }),
  };
}
