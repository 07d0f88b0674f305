import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { TimeoutNow } from '../messages.js';
import { startElection } from '../roles/candidate.js';
import type { FollowerState, PreCandidateState } from '../roles/states.js';

/** The leader hands over: stand for election without waiting and without asking first (thesis 3.10). */
export function onTimeoutNow(core: Core, _state: FollowerState | PreCandidateState, from: NodeId, _message: TimeoutNow): void {
  if (core.termLeader === from && core.canCampaign) startElection(core, { isTransfer: true });
}
