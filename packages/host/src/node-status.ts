import type { Identity, Storage } from '@quorate/storage';
import type { GroupStatus, Member, NodeStatus } from '@quorate/wire';
import type { NodeRoster } from './catalogue/node-roster.js';
import type { ClientTable } from './clients/client-table.js';
import type { DataLoss } from './data-loss.js';
import type { Formation } from './formation.js';
import type { Replica } from './groups/replica.js';
import type { ReplicaSet } from './groups/replica-set.js';
import type { WaitingRequests } from './clients/waiting-requests.js';
import type { HostOptions } from './host-options.js';
import type { MachineGroups } from './sessions/machine-groups.js';
import type { NodeState } from './node-state.js';
import type { NodeSnapshots } from './snapshots/node-snapshots.js';
import type { PeerTable } from './peers/peer-table.js';

/** Bytes of a group in a status beside its name, rounded up. */
const GROUP_STATUS_BYTES = 64;

/** What a status tells of. */
export interface StatusSource {
  readonly options: HostOptions;
  readonly storage: Storage;
  readonly replicas: ReplicaSet;
  readonly roster: NodeRoster;
  readonly formation: Formation;
  readonly state: NodeState;
  readonly peers: PeerTable;
  readonly loss: DataLoss;
  readonly waiters: WaitingRequests;
  readonly machines: MachineGroups;
  readonly snapshots: NodeSnapshots;
  readonly clients: ClientTable;
  readonly isDiskFull: () => boolean;
}

/** The addresses of members as they are configured now: those of the formation are only the first. */
export function membersNow(identity: Identity, options: HostOptions): Member[] {
  const addresses = new Map(options.members.map((member) => [member.nodeId, member.address]));
  return identity.members.map((member) => ({ ...member, address: addresses.get(member.nodeId) ?? member.address }));
}

/**
 * A node as it says of itself, with groups of at most `groupBytesMax` bytes when encoded. Of more groups than that those in trouble come
 * first; metric `groups` says how many there are, `groupsNotListed` how many of them were left out.
 */
export function nodeStatus(source: StatusSource, groupBytesMax: number = Number.POSITIVE_INFINITY): NodeStatus {
  const { options, roster, replicas, peers } = source;
  const { identity } = source.formation;
  const groups = listedGroups(replicas, groupBytesMax);
  return {
    nodeId: identity.nodeId,
    clusterId: identity.clusterId,
    incarnation: identity.incarnation,
    state: source.state.name,
    version: options.version,
    pid: options.pid,
    members: membersNow(identity, options).map((member) => ({
      ...member,
      incarnation: roster.incarnationOf(member),
      isConnected: member.nodeId === options.nodeId || peers.heardAtMs(member.nodeId) !== null,
    })),
    groups,
    metrics: {
      ...source.storage.metrics,
      groups: replicas.size,
      groupsNotListed: replicas.size - groups.length,
      ...source.machines.metrics(),
      ...source.snapshots.metrics(),
      tailReaders: source.waiters.tails.size,
      clientConnections: source.clients.size,
      peerMessagesDropped: peers.messagesDropped,
      diskFull: source.isDiskFull() ? 1 : 0,
      ...options.processMetrics?.(),
    },
    damage: source.loss.notes,
  };
}

function listedGroups(replicas: ReplicaSet, bytesMax: number): GroupStatus[] {
  const all = [...replicas.all()];
  const bytesOf = (replica: Replica): number => GROUP_STATUS_BYTES + 3 * replica.name.length;
  if (all.reduce((bytes, replica) => bytes + bytesOf(replica), 0) <= bytesMax) return all.map((replica) => replica.status());
  const listed: GroupStatus[] = [];
  let left = bytesMax;
  for (const isInTrouble of [true, false]) {
    for (const replica of all) {
      const hasTrouble = replica.stopError !== null || replica.raft.isLearner || replica.raft.leader === 0;
      if (hasTrouble === isInTrouble && (left -= bytesOf(replica)) >= 0) listed.push(replica.status());
    }
  }
  return listed;
}
