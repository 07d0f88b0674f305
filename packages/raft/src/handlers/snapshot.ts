import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { SnapshotRequest } from '../messages.js';
import type { RoleState } from '../roles/states.js';

/**
 * A leader offers a snapshot. No log is compacted in this version, so a leader can always send the entries themselves and never offers
 * one; the message exists so that the formats need not change. Whoever gets it anyway says "not wanted": nothing received, nothing installed.
 */
export function onSnapshotRequest(core: Core, _state: RoleState, from: NodeId, message: SnapshotRequest): void {
  core.send(from, {
    type: 'snapshotResponse',
    term: core.term,
    snapshotIndex: message.snapshotIndex,
    receivedBytes: 0,
    isInstalled: false,
  });
}
