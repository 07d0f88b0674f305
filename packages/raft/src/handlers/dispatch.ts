import { type NodeId, unreachable } from '@quorate/base';
import type { Core } from '../core.js';
import type { RaftMessage } from '../messages.js';
import { becomeFollower } from '../roles/follower.js';
import { loseLeaderThatCampaigns, refuseVote } from './vote-request.js';
import { nudge } from '../roles/leader.js';
import { HANDLERS } from './table.js';

/** Settles the term of a message, then hands it to the present role. */
export function dispatch(core: Core, from: NodeId, message: RaftMessage): void {
  if (message.term < core.term) {
    answerStale(core, from, message);
    return;
  }
  if (message.type === 'voteRequest') loseLeaderThatCampaigns(core, from, message);
  if (message.term > core.term && !observeTerm(core, from, message)) return;
  const handler = HANDLERS[core.state.role][message.type] as (core: Core, state: Core['state'], from: NodeId, message: RaftMessage) => void;
  handler(core, core.state, from, message);
}

/** A later term: normally adopted at once (thesis figure 3.1). False if the message ends here. */
function observeTerm(core: Core, from: NodeId, message: RaftMessage): boolean {
  switch (message.type) {
    case 'voteRequest':
      if (message.isPreVote) return true; // its term is a question, not a fact
      if (core.holdsToLeader && !message.isTransfer) {
        // Not even the term is adopted (thesis 4.2.3). A leader sends an append in answer: a candidate that only lost touch returns, one
        // with a later term refuses it with that term, and the group gets an election that includes it (T05).
        nudge(core, from);
        return false;
      }
      becomeFollower(core, { term: message.term, leader: 0, from });
      return true;
    case 'voteResponse':
      if (message.isPreVote && message.isGranted) return true; // speaks of the term that was asked for
      becomeFollower(core, { term: message.term, leader: 0, from });
      return true;
    case 'appendRequest':
    case 'snapshotRequest':
    case 'timeoutNow':
      becomeFollower(core, { term: message.term, leader: from, from });
      return true;
    case 'appendResponse':
    case 'snapshotResponse':
    case 'leaderGone':
      becomeFollower(core, { term: message.term, leader: 0, from });
      return true;
    default:
      return unreachable(message, 'message');
  }
}

/** A sender with an earlier term learns ours if it waits for an answer, so that a stale leader or candidate steps down. */
function answerStale(core: Core, from: NodeId, message: RaftMessage): void {
  switch (message.type) {
    case 'voteRequest':
      refuseVote(core, from, message);
      return;
    case 'appendRequest':
      core.refuseAppend(from, message);
      return;
    case 'snapshotRequest':
      core.send(from, {
        type: 'snapshotResponse',
        term: core.term,
        snapshotIndex: message.snapshotIndex,
        receivedBytes: 0,
        isInstalled: false,
      });
      return;
    case 'voteResponse':
    case 'appendResponse':
    case 'snapshotResponse':
    case 'timeoutNow':
    case 'leaderGone':
      return;
    default:
      unreachable(message, 'message');
  }
}
