import { type LogIndex, type NodeId, invariant } from '@quorate/base';
import { encodeConfiguration } from '../configuration.js';
import type { Core } from '../core.js';
import { Progress } from '../progress.js';
import { quorumValue } from '../quorum.js';
import { admitEarlyReads, confirmReads } from '../reads.js';
import { isOwedAnything, openRound, roundDueMs } from '../replication.js';
import { becomeFollower } from './follower.js';
import type { LeaderState } from './states.js';

const EMPTY = new Uint8Array(0);

/** Takes office: a no-op of the own term, because nothing older may be committed by counting (thesis 3.6.2, 6.4; T11). */
export function becomeLeader(core: Core): void {
  invariant(core.canCampaign, 'only a voter leads');
  const peers = new Map<NodeId, Progress>();
  const nextIndex = core.log.lastIndex + 1;
  for (const peer of core.voters) {
    if (peer === core.self) continue;
    peers.set(peer, new Progress({ peer, nextIndex, isConnected: !core.disconnected.has(peer), nowMs: core.nowMs, options: core.options }));
  }
  core.state = {
    role: 'leader',
    peers,
    round: 1,
    roundSent: 0,
    readRound: 0,
    roundDueMs: core.nowMs,
    isEstablished: false,
    earlyReads: [],
    reads: [],
    transfer: null,
    firstOwnIndex: nextIndex,
  };
  core.leader = core.self;
  core.termLeader = core.self;
  appendNoop(core);
  const newest = core.log.newestConfiguration;
  if (newest.index === 0) {
    // The first leader of a group writes down who its voters are: from here on the log itself says it.
    const payload = encodeConfiguration(newest.configuration);
    core.appendOwn('configuration', payload, { payloadChecksum: core.checksumOf(payload), count: 1, loggedTimeMs: core.ownLoggedTimeMs });
  }
}

/** A batch without meaning for the machine: the first of a term, or a barrier. */
export function appendNoop(core: Core): LogIndex {
  return core.appendOwn('noop', EMPTY, { payloadChecksum: core.checksumOf(EMPTY), count: 1, loggedTimeMs: core.ownLoggedTimeMs });
}

/** Leaves office: tells everyone, because the heartbeats of its node would otherwise keep its followers waiting, and gives up its reads. */
export function retire(core: Core, leader: LeaderState): void {
  for (const peer of leader.peers.values()) peer.endTransfer();
  core.sendAll({ type: 'leaderGone', term: core.term });
  for (const id of leader.earlyReads) core.readsFailed.push(id);
  for (const read of leader.reads) core.readsFailed.push(read.id);
}

/**
 * Commits what a majority holds durably, itself counted like any other by its own durable index (T12), and only up to an entry of this
 * term; older ones come with it (thesis 3.6.2, figure 3.7; T11).
 */
export function advanceCommit(core: Core, leader: LeaderState): void {
  const index = quorumValue(votersOf(core, leader, core.log.durableIndex, (peer) => peer.matchIndex, 0));
  if (index <= core.log.commitIndex || core.log.terms.termAt(index) !== core.term) return;
  core.log.commitTo(index);
  if (leader.roundSent >= leader.round) leader.roundDueMs = core.nowMs + (leader.transfer === null ? (core.options.commitTellMs ?? 0) : 0);
  openRound(leader);
  if (!leader.isEstablished) {
    leader.isEstablished = true;
    admitEarlyReads(core, leader);
  }
}

/** One value for each voter; learners have `none`. */
export function votersOf(core: Core, leader: LeaderState, own: number, of: (peer: Progress) => number, none: number): number[] {
  const values: number[] = [];
  for (const voter of core.voters) {
    if (voter === core.self) {
      values.push(own);
      continue;
    }
    const peer = leader.peers.get(voter);
    values.push(peer === undefined || peer.isLearner ? none : of(peer));
  }
  return values;
}

/** A sign of life for a peer that seems to miss its leader. */
export function nudge(core: Core, to: NodeId): void {
  if (core.state.role !== 'leader') return;
  const peer = core.state.peers.get(to);
  if (peer === undefined) return;
  peer.isConnected = true;
  peer.isHeartbeatDue = true;
}

/** Last moment at which a majority, this node included, had acknowledged what this node sent: one that is only heard may hear nothing (T07). */
function quorumContactMs(core: Core, leader: LeaderState): number {
  const contactMs = (peer: Progress): number => Math.max(peer.respondedMs, core.contacts.acknowledgedAtMs(peer.peer));
  return quorumValue(votersOf(core, leader, Number.POSITIVE_INFINITY, contactMs, Number.NEGATIVE_INFINITY));
}

/** Steps down without a majority in contact (check-quorum, thesis 6.2), gives up a late transfer, marks the heartbeats that are due. */
export function tickLeader(core: Core, leader: LeaderState): void {
  if (core.nowMs - quorumContactMs(core, leader) >= core.options.electionTimeoutMaxMs) {
    becomeFollower(core, { term: core.term, leader: 0, from: 0 });
    return;
  }
  if (leader.transfer !== null && core.nowMs >= leader.transfer.deadlineMs) leader.transfer = null;
  for (const peer of leader.peers.values()) {
    if (peer.transfer?.isSent === true && core.nowMs >= peer.transfer.retryAtMs(core.options.electionTimeoutMaxMs)) peer.transfer.retry();
    if (core.nowMs < heartbeatAtMs(core, peer) || !isOwedAnything(core, leader, peer)) continue;
    peer.heartbeatDue();
    if (leader.transfer?.to === peer.peer) leader.transfer.isSent = false;
  }
  confirmReads(core, leader);
}

/** When `tickLeader` has something to do. */
export function leaderDueMs(core: Core, leader: LeaderState): number {
  let due = quorumContactMs(core, leader) + core.options.electionTimeoutMaxMs;
  if (leader.transfer !== null) due = Math.min(due, leader.transfer.deadlineMs);
  for (const peer of leader.peers.values()) {
    if (isOwedAnything(core, leader, peer)) due = Math.min(due, heartbeatAtMs(core, peer), roundDueMs(leader, peer));
    if (peer.transfer?.isSent === true) due = Math.min(due, peer.transfer.retryAtMs(core.options.electionTimeoutMaxMs));
  }
  return due;
}

/** Half of the shortest election timeout at most: a peer that hears without being heard must not start an election. */
function heartbeatAtMs(core: Core, peer: Progress): number {
  return peer.heartbeatAtMs(core.options.heartbeatMs, core.options.electionTimeoutMinMs / 2);
}
