import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import { quorumSize } from '../quorum.js';
import { becomeLeader } from './leader.js';

/** Asks all voters whether they would elect this replica. No term moves, so a replica that was cut off disturbs nobody when it returns (thesis 9.6). */
export function startPreVote(core: Core): void {
  core.leader = 0;
  core.restartElectionTimer();
  if (!core.canCampaign) {
    core.state = { role: 'follower' };
    return;
  }
  const state = { role: 'preCandidate', votes: new Set<NodeId>([core.self]) } as const;
  core.state = state;
  if (hasMajority(core, state.votes)) {
    startElection(core, { isTransfer: false });
    return;
  }
  core.sendAll({
    type: 'voteRequest',
    term: core.term + 1,
    isPreVote: true,
    lastIndex: core.log.lastIndex,
    lastTerm: core.log.lastTerm,
    isTransfer: false,
  });
}

/** Stands for election in the next term (thesis 3.4). The requests leave when term and own vote are durable, and only then the own vote counts. */
export function startElection(core: Core, how: { isTransfer: boolean }): void {
  core.adoptTerm(core.term + 1, 0);
  core.votedFor = core.self;
  core.restartElectionTimer();
  core.state = { role: 'candidate', votes: new Set(), voteVersion: core.hardVersion };
  core.sendAll({
    type: 'voteRequest',
    term: core.term,
    isPreVote: false,
    lastIndex: core.log.lastIndex,
    lastTerm: core.log.lastTerm,
    isTransfer: how.isTransfer,
  });
}

/** No leader for the whole wait, or no majority. A candidate that waits for its own disk has asked nobody yet: a new term would not help it. */
export function onElectionDue(core: Core): void {
  if (core.state.role === 'candidate' && core.hardVersionDurable < core.state.voteVersion) core.restartElectionTimer();
  else startPreVote(core);
}

/** The candidate's hard state became durable: its requests leave, its own vote counts. */
export function onCandidateDurable(core: Core): void {
  if (core.state.role !== 'candidate' || core.hardVersionDurable < core.state.voteVersion || core.state.votes.has(core.self)) return;
  core.restartElectionTimer();
  core.state.votes.add(core.self);
  if (hasMajority(core, core.state.votes)) becomeLeader(core);
}

/** True if the voters among `votes` are a majority of the configuration. */
export function hasMajority(core: Core, votes: ReadonlySet<NodeId>): boolean {
  let count = 0;
  for (const voter of core.voters) if (votes.has(voter)) count++;
  return count >= quorumSize(core.voters.length);
}
