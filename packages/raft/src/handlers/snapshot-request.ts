import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { SnapshotHead, SnapshotRequest } from '../messages.js';
import { becomeFollower } from '../roles/follower.js';
import type { CandidateState, FollowerState, LeaderState, PreCandidateState } from '../roles/states.js';
import { isUsurped } from './append-request.js';

/** Somebody else won this term. */
export function snapshotToCandidate(core: Core, _state: PreCandidateState | CandidateState, from: NodeId, message: SnapshotRequest): void {
  if (isUsurped(core, from)) return;
  becomeFollower(core, { term: core.term, leader: from, from });
  snapshotFromLeader(core, core.state as FollowerState, from, message);
}

/** Two leaders in a term cannot be. */
export function snapshotToLeader(core: Core, _state: LeaderState, from: NodeId): void {
  isUsurped(core, from);
}

/**
 * A piece of the leader's snapshot (thesis 5.3). Taken in order, one at a time; doubled, early and late ones change nothing (T39). The
 * answer says how much is stored, and comes once it is.
 */
export function snapshotFromLeader(core: Core, _state: FollowerState, from: NodeId, message: SnapshotRequest): void {
  if (isUsurped(core, from)) return;
  core.leader = from;
  core.termLeader = from;
  core.heardMs = core.nowMs;
  core.restartElectionTimer();
  const { incoming } = core;
  if (message.snapshotIndex <= core.log.commitIndex) {
    // T41: nothing goes back. What it asks about is here; the next append finds out the rest.
    answer(core, from, message, { receivedBytes: 0, isInstalled: true });
    return;
  }
  if (incoming.isOf(from, message)) {
    if (incoming.isNext(message) && isSane(core, from, message, incoming.origin?.head)) incoming.take(message);
    else if (!incoming.isStoring && !incoming.isWhole)
      answer(core, from, message, { receivedBytes: incoming.storedBytes, isInstalled: false });
    return;
  }
  // Whole and being installed: as good as any. The leader asks again, and by then it is here.
  if (incoming.isWhole) return;
  const isStale = incoming.origin?.leaderTerm === message.term && message.snapshotIndex < incoming.origin.index;
  if (isStale) return;
  const { head } = message;
  if (message.offset !== 0) {
    answer(core, from, message, { receivedBytes: 0, isInstalled: false });
    return;
  }
  if (head === undefined || !isSane(core, from, message, head)) return;
  incoming.begin(from, message, head);
  if (incoming.isNext(message)) incoming.take(message);
}

/** The pieces fill exactly the length that the head says. */
function isSane(core: Core, from: NodeId, message: SnapshotRequest, head: SnapshotHead | undefined): boolean {
  const end = message.offset + message.bytes.length;
  if (head !== undefined && (message.isLast ? end === head.length : end < head.length) && message.snapshotTerm <= message.term) return true;
  core.fault(from, `sends a piece up to ${end} of a snapshot of ${head?.length ?? 0} bytes at index ${message.snapshotIndex}`);
  return false;
}

/** Tells the leader how far this replica is with a snapshot. */
export function answer(
  core: Core,
  to: NodeId,
  message: { readonly snapshotIndex: number },
  state: { readonly receivedBytes: number; readonly isInstalled: boolean },
): void {
  core.send(to, { type: 'snapshotResponse', term: core.term, snapshotIndex: message.snapshotIndex, ...state });
}
