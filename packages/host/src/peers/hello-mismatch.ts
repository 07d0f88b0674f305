import { type NodeId, QuorateError } from '@quorate/base';
import type { PeerHello } from '@quorate/wire';
import type { HostOptions } from '../host-options.js';
import type { OwnHello } from './peer-table.js';

/** Why a node that says this hello is no peer of this cluster as it was configured here; null if it is one. */
export function helloMismatch(hello: PeerHello, own: OwnHello, options: Pick<HostOptions, 'members' | 'clusterId'>): QuorateError | null {
  if (hello.nodeId === own.nodeId) {
    return new QuorateError('formationConflict', `two nodes have the id ${own.nodeId}`, { node: own.nodeId });
  }
  const listed = memberIds(options.members);
  if (!options.members.some((member) => member.nodeId === hello.nodeId)) {
    return new QuorateError('clusterMismatch', `node ${hello.nodeId} is not a member of this cluster of nodes ${listed}`, {
      node: hello.nodeId,
    });
  }
  const theirList = memberIds(hello.members);
  if (theirList !== listed) {
    const message = `node ${hello.nodeId} lists nodes ${theirList} as members, node ${own.nodeId} lists ${listed}`;
    return new QuorateError('formationConflict', message, { node: hello.nodeId, theirs: theirList, ours: listed });
  }
  const ourCluster = own.clusterId ?? options.clusterId ?? null;
  if (ourCluster !== null && hello.clusterId !== null && ourCluster !== hello.clusterId) {
    const message = `node ${hello.nodeId} is of cluster ${hello.clusterId}, this node of ${ourCluster}`;
    return new QuorateError('clusterMismatch', message, { node: hello.nodeId, theirs: hello.clusterId, ours: ourCluster });
  }
  return null;
}

function memberIds(members: readonly { readonly nodeId: NodeId }[]): string {
  return members
    .map((member) => member.nodeId)
    .sort((a, b) => a - b)
    .join(', ');
}
