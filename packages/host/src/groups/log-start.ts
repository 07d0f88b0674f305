import { type NodeId, QuorateError, batchPayload } from '@quorate/base';
import { type LogStart, decodeConfiguration } from '@quorate/raft';
import type { GroupLog } from '@quorate/storage';

/** What the consensus core must know of a stored log when it starts: everything in it is durable. */
export function logStart(log: GroupLog, initialVoters: readonly NodeId[]): LogStart {
  const configurations: LogStart['configurations'][number][] = [{ index: 0, configuration: { voters: initialVoters } }];
  for (const index of log.configurationIndexes) {
    const batch = log.read(index, 1)[0];
    if (batch === undefined)
      throw new QuorateError('dataDamaged', `the configuration at index ${index} of group ${log.group} cannot be read`, { index });
    configurations.push({ index, configuration: decodeConfiguration(batchPayload(batch)) });
  }
  return {
    hardState: log.hardState,
    terms: log.terms,
    firstIndex: log.firstIndex,
    previousTerm: log.previousTerm,
    lastIndex: log.lastIndex,
    configurations,
  };
}
