import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { VoteRequest } from '../messages.js';
import { becomeFollower } from '../roles/follower.js';
import { nudge } from '../roles/leader.js';
import type { LeaderState, RoleState } from '../roles/states.js';

/** A leader that asks for a later term leads no more, even if its `leaderGone` was lost. */
export function loseLeaderThatCampaigns(core: Core, from: NodeId, message: VoteRequest): void {
  if (from === core.leader && message.term > core.term) core.leaderIsGone();
}

/** Votes (thesis 3.4, 3.6.1, 9.6). */
export function onVoteRequest(core: Core, _state: RoleState, from: NodeId, message: VoteRequest): void {
  if (message.isPreVote) answerPreVote(core, from, message);
  else answerVote(core, from, message);
}

/** A leader answers like any other; the asker also gets a sign of life: it may only have lost touch. */
export function onVoteRequestAtLeader(core: Core, _state: LeaderState, from: NodeId, message: VoteRequest): void {
  onVoteRequest(core, _state, from, message);
  nudge(core, from);
}

export function refuseVote(core: Core, from: NodeId, message: VoteRequest): void {
  core.send(from, { type: 'voteResponse', term: core.term, isPreVote: message.isPreVote, isGranted: false });
}

function answerPreVote(core: Core, from: NodeId, message: VoteRequest): void {
  const isGranted = !core.isLearner && message.term > core.term && !core.holdsToLeader && isUpToDate(core, message);
  if (!isGranted) refuseVote(core, from, message);
  else core.send(from, { type: 'voteResponse', term: message.term, isPreVote: true, isGranted: true });
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
