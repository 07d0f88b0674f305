import type { NodeId } from '@quorate/base';
import { decodeMessage } from '@quorate/raft';
import type { PeerFrame } from '@quorate/wire';
import type { Formation } from '../formation.js';
import type { ReplicaSet } from '../groups/replica-set.js';
import type { HostOptions } from '../host-options.js';
import type { PeerTable } from './peer-table.js';

/** Whom the frames of peers are for. */
export interface FrameTarget {
  readonly options: HostOptions;
  readonly replicas: ReplicaSet;
  readonly formation: Formation;
  readonly peers: PeerTable;
  /** Runs a step that stores something: what goes wrong there is the end of the node. */
  readonly orFail: (step: () => void) => void;
}

/** Takes a frame of a peer after the hellos to whom it is for. What is for a group that is not open here is dropped. */
export function takePeerFrame({ options, replicas, formation, peers, orFail }: FrameTarget, from: NodeId, frame: PeerFrame): void {
  switch (frame.type) {
    case 'raft':
      replicas.get(frame.group)?.receive(from, decodeMessage(frame.body, options.checksum));
      return;
    case 'stateHash':
      replicas.get(frame.group)?.receiveState(from, frame);
      return;
    case 'form':
      orFail(() => {
        if (formation.form(frame.clusterId, frame.members)) peers.send(from, { type: 'formed', clusterId: frame.clusterId });
      });
      return;
    case 'formed':
      options.logger.log('info', 'peer formed', { peer: from });
      peers.formed(from, frame.clusterId);
      return;
    case 'heartbeat':
    case 'heartbeatAck':
      return;
  }
}
