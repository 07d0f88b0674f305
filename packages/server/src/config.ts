import { resolve } from 'node:path';
import type { Address, ClusterId, LogLevel, NodeId } from '@quorate/base';
import { QuorateError, clusterId, formatAddress, parseAddress } from '@quorate/base';
import type { ConfiguredMember, HostSettings } from '@quorate/host';
import { memberList, memberNode } from './config-members.js';
import { hostSettings } from './config-settings.js';
import { type ConfigSources, ConfigValues } from './config-sources.js';

/** Everything a server process needs to know, validated. */
export interface ServerConfig {
  readonly nodeId: NodeId;
  /** Absolute path of the data directory. */
  readonly dataDirectory: string;
  readonly listen: Address;
  /** Address under which the other members and clients reach this node; it is the one in `members`. */
  readonly advertise: Address;
  /** All members, this node among them. */
  readonly members: readonly ConfiguredMember[];
  /** Null: any cluster; at formation the id is drawn at random. */
  readonly clusterId: ClusterId | null;
  readonly logLevel: LogLevel;
  readonly settings: Partial<HostSettings>;
  /** Stop when standard input ends: a supervisor that holds the other end of the pipe takes its children with it, even when killed. */
  readonly exitWithParent: boolean;
}

const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

/**
 * The configuration from flags, `QUORATE_*` variables and an optional JSON file: a flag wins over a variable, a variable over the file.
 * Anything missing, malformed or contradictory is `invalidArgument` (or `addressInvalid`) whose message and `details.source` name the
 * flag, variable or file and key at fault.
 */
export function loadConfig(sources: ConfigSources): ServerConfig {
  const values = ConfigValues.load(sources);
  const nodeId = values.required('node', memberNode);
  const dataDirectory = values.required('data', (text) => resolve(text));
  const members = values.required('members', memberList);
  const listen = values.optional('listen', parseAddress) ?? ownAddress(values, members, nodeId);
  const advertise = values.optional('advertise', parseAddress) ?? listen;
  checkOwnMember({ values, members, nodeId, advertise });
  return {
    nodeId,
    dataDirectory,
    listen,
    advertise,
    members,
    clusterId: values.optional('cluster', clusterId) ?? null,
    logLevel: values.optional('log-level', logLevel) ?? 'info',
    settings: hostSettings(values.file, values.fileName),
    exitWithParent: sources.flags['exit-with-parent'] === 'true',
  };
}

function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new QuorateError('invalidArgument', `"${text}" is not one of ${LOG_LEVELS.join(', ')}`);
  return level;
}

/** Without `listen` a node listens where the list of members says it is. */
function ownAddress(values: ConfigValues, members: readonly ConfiguredMember[], nodeId: NodeId): Address {
  const own = members.find((member) => member.nodeId === nodeId);
  if (own === undefined) throw notListed(values, members, nodeId);
  return parseAddress(own.address);
}

function checkOwnMember(check: { values: ConfigValues; members: readonly ConfiguredMember[]; nodeId: NodeId; advertise: Address }): void {
  const { values, members, nodeId, advertise } = check;
  const own = members.find((member) => member.nodeId === nodeId);
  if (own === undefined) throw notListed(values, members, nodeId);
  const address = formatAddress(advertise);
  if (own.address === address) return;
  const source = values.sourceOf('advertise') ?? values.sourceOf('listen') ?? values.sourceOf('members') ?? '--members';
  throw new QuorateError(
    'invalidArgument',
    `${source}: node ${nodeId} is reached at ${address}, but ${values.sourceOf('members')} says ${own.address}; ` +
      'set --advertise to the address in the list if it listens elsewhere',
    { source },
  );
}

function notListed(values: ConfigValues, members: readonly ConfiguredMember[], nodeId: NodeId): QuorateError {
  const source = values.sourceOf('members') ?? '--members';
  const listed = members.map((member) => member.nodeId).join(', ');
  return new QuorateError('invalidArgument', `${source}: lists nodes ${listed} but not this one, ${nodeId}`, { source });
}
