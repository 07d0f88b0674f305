import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { LeaderGone } from '../messages.js';
import type { FollowerState } from '../roles/states.js';

/** The leader of this term left office: the heartbeats of its node no longer stand for it. */
export function onLeaderGone(core: Core, _state: FollowerState, from: NodeId, _message: LeaderGone): void {
  if (core.leader === from) core.leaderIsGone();
}
