import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { VoteResponse } from '../messages.js';
import { hasMajority, startElection } from '../roles/candidate.js';
import { becomeLeader } from '../roles/leader.js';
import type { CandidateState, PreCandidateState } from '../roles/states.js';

/** A majority would elect this replica: stand. */
export function onPreVoteResponse(core: Core, state: PreCandidateState, from: NodeId, message: VoteResponse): void {
  if (!message.isPreVote || !message.isGranted || message.term !== core.term + 1) return;
  state.votes.add(from);
  if (hasMajority(core, state.votes)) startElection(core, { isTransfer: false });
}

/** A vote of this term. */
export function onVoteResponse(core: Core, state: CandidateState, from: NodeId, message: VoteResponse): void {
  if (message.isPreVote || !message.isGranted || message.term !== core.term) return;
  state.votes.add(from);
  if (hasMajority(core, state.votes)) becomeLeader(core);
}
