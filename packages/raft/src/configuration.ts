import { ByteReader, ByteWriter, type NodeId, QuorateError, nodeId } from '@quorate/base';
import type { Configuration } from './ready.js';

/*
 * Payload of a batch of kind `configuration`, little-endian:
 *
 *   0  u8   version, 1
 *   1  u16  number of voters, 1 to VOTERS_MAX
 *   3  u16  node id of each voter, strictly ascending, none 0
 */
const VERSION = 1;

/** Hard. Most voters of a group: beyond seven nobody gains, 31 leaves room for odd tests and keeps a configuration in one sector. */
export const VOTERS_MAX = 31;

/** Bytes of the largest payload. */
export const CONFIGURATION_BYTES_MAX: number = 3 + 2 * VOTERS_MAX;

/** A configuration with its voters in ascending order. Throws `invalidArgument` if there are none, too many, or one twice. */
export function configurationOf(voters: readonly NodeId[]): Configuration {
  const sorted = [...voters].sort((a, b) => a - b);
  if (sorted.length < 1 || sorted.length > VOTERS_MAX || new Set(sorted).size !== sorted.length) {
    throw new QuorateError('invalidArgument', `a group has 1 to ${VOTERS_MAX} different voters, not [${sorted.join(', ')}]`);
  }
  return { voters: sorted };
}

/** The payload of a configuration batch. */
export function encodeConfiguration(configuration: Configuration): Uint8Array {
  const { voters } = configurationOf(configuration.voters);
  const writer = new ByteWriter(3 + 2 * voters.length).u8(VERSION).u16(voters.length);
  for (const voter of voters) writer.u16(voter);
  return writer.take();
}

/** The configuration in a payload; `malformedFrame` for anything that `encodeConfiguration` does not produce. */
export function decodeConfiguration(payload: Uint8Array): Configuration {
  const reader = new ByteReader(payload);
  const version = reader.u8();
  if (version !== VERSION) throw new QuorateError('malformedFrame', `configuration version ${version} is unknown`, { version });
  const count = reader.u16();
  if (count < 1 || count > VOTERS_MAX) throw new QuorateError('malformedFrame', `a configuration of ${count} voters`, { count });
  const voters: NodeId[] = [];
  for (let i = 0; i < count; i++) {
    const id = reader.u16();
    if (id <= (voters.at(-1) ?? 0)) throw new QuorateError('malformedFrame', 'voters of a configuration do not ascend', { id });
    voters.push(nodeId(id));
  }
  reader.end();
  return { voters };
}
