import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { VoteRequest } from '../messages.js';
import { becomeFollower } from '../roles/follower.js';
import { nudge } from '../roles/leader.js';
import type { LeaderState, PreCandidateState, RoleState } from '../roles/states.js';

/** A leader that asks for a later term leads no more, even if its `leaderGone` was lost. */
export function loseLeaderThatCampaigns(core: Core, from: NodeId, message: VoteRequest): void {
  if (from === core.leader && message.term > core.term) core.leaderIsGone();
}

/** Votes (thesis 3.4, 3.6.1, 9.6). */
export function onVoteRequest(core: Core, _state: RoleState, from: NodeId, message: VoteRequest): void {
  if (message.isPreVote) answerPreVote(core, from, message);
  else answerVote(core, from, message);
}

/** Two ask each other at the same moment: if both stood, neither would be elected. The one that the other prefers goes first. */
export function onVoteRequestAtPreCandidate(core: Core, state: PreCandidateState, from: NodeId, message: VoteRequest): void {
  if (!message.isPreVote) {
    onVoteRequest(core, state, from, message);
    return;
  }
  if (!answerPreVote(core, from, message) || !goesFirst(core, from, message)) return;
  core.state = { role: 'follower' };
  core.letGoFirst();
}

/** Pre-votes that could not be granted while this replica held to a leader, which is gone now. */
export function grantDeferred(core: Core): void {
  const deferred = [...core.deferredPreVotes];
  core.deferredPreVotes.clear();
  for (const [from, message] of deferred) if (message.term > core.term) answerPreVote(core, from, message);
}

/** A leader answers like any other; the asker also gets a sign of life: it may only have lost touch. */
export function onVoteRequestAtLeader(core: Core, _state: LeaderState, from: NodeId, message: VoteRequest): void {
  onVoteRequest(core, _state, from, message);
  nudge(core, from);
}

export function refuseVote(core: Core, from: NodeId, message: VoteRequest): void {
  core.send(from, { type: 'voteResponse', term: core.term, isPreVote: message.isPreVote, isGranted: false });
}

/** True if it is granted. */
function answerPreVote(core: Core, from: NodeId, message: VoteRequest): boolean {
  if (!mayBePreVoted(core, message) || core.holdsToLeader) {
    refuseVote(core, from, message);
    // One who lost the connection to a leader a moment before this replica need not ask again.
    if (core.state.role !== 'leader' && mayBePreVoted(core, message)) core.deferredPreVotes.set(from, message);
    return false;
  }
  core.send(from, { type: 'voteResponse', term: message.term, isPreVote: true, isGranted: true });
  return true;
}

/** Nothing but the hold to a leader speaks against it. */
function mayBePreVoted(core: Core, message: VoteRequest): boolean {
  return !core.isLearner && message.term > core.term && isUpToDate(core, message);
}

/** Its log holds more, or it has the higher id: each of two sees the same one before the other. */
function goesFirst(core: Core, from: NodeId, message: VoteRequest): boolean {
  return from > core.self || message.lastTerm > core.log.lastTerm || message.lastIndex > core.log.lastIndex;
}

function answerVote(core: Core, from: NodeId, message: VoteRequest): void {
  // The same candidate may ask again: its first request or our answer may have been lost (T03).
  const isRepeated = core.votedFor === from;
  const isFree = core.votedFor === 0 && (!core.holdsToLeader || message.isTransfer);
  if (core.isLearner || !(isRepeated || isFree) || !isUpToDate(core, message)) {
    refuseVote(core, from, message);
    return;
  }
  if (!isRepeated) {
    core.votedFor = from;
    core.hardStateChanged();
  }
  // A voter that was about to stand for election itself lets this candidate try first.
  if (core.state.role === 'preCandidate') becomeFollower(core, { term: core.term, leader: 0, from });
  else core.restartElectionTimer();
  core.send(from, { type: 'voteResponse', term: core.term, isPreVote: false, isGranted: true });
}

/** The candidate's log holds everything that this replica may have helped to commit (thesis 3.6.1). */
function isUpToDate(core: Core, message: VoteRequest): boolean {
  return message.lastTerm > core.log.lastTerm || (message.lastTerm === core.log.lastTerm && message.lastIndex >= core.log.lastIndex);
}
