import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { SnapshotResponse } from '../messages.js';
import { nudge } from '../roles/leader.js';
import type { LeaderState } from '../roles/states.js';

/** How far a peer is with the snapshot that it is sent. It never counts for commit: the append after it does. */
export function onSnapshotResponse(core: Core, state: LeaderState, from: NodeId, message: SnapshotResponse): void {
  const peer = state.peers.get(from);
  if (peer === undefined) return;
  peer.responded(core.nowMs);
  const { transfer } = peer;
  if (peer.mode !== 'snapshot' || transfer === null || transfer.reader.index !== message.snapshotIndex) return;
  if (message.isInstalled) {
    // If the log was compacted beyond it meanwhile, the next snapshot follows.
    peer.probeFrom(transfer.reader.index + 1);
    nudge(core, from);
    return;
  }
  transfer.answered(message.receivedBytes);
}
