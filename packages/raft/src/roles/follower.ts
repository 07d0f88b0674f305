import type { NodeId, Term } from '@quorate/base';
import type { Core } from '../core.js';
import type { Configuration, LogRestart } from '../ready.js';
import { retire } from './leader.js';

/**
 * Follows `leader` (0: nobody known) in `term`, which is the present one or a later one. `from` sent the message that brought it about
 * (0: no message).
 */
export function becomeFollower(core: Core, to: { term: Term; leader: NodeId | 0; from: NodeId | 0 }): void {
  if (core.state.role === 'leader') retire(core, core.state);
  core.state = { role: 'follower' };
  if (to.term > core.term) core.adoptTerm(to.term, to.from);
  core.leader = to.leader;
  if (to.leader !== 0) core.termLeader = to.leader;
  core.restartElectionTimer();
}

/** Queues one response for all appends of this turn, and for what became durable since. */
export function sendDueResponse(core: Core): void {
  if (!core.isResponseDue) return;
  core.answered();
  if (core.state.role !== 'follower' || core.leader === 0) return;
  const matchIndex = Math.min(core.log.durableIndex, core.verifiedIndex);
  core.respondedMatch = matchIndex;
  core.send(core.leader, {
    type: 'appendResponse',
    term: core.term,
    isAccepted: true,
    matchIndex,
    receivedIndex: core.verifiedIndex,
    hintTerm: 0,
    probe: core.probeSeen,
    isLearner: core.isLearner,
  });
}

/** What is durable has grown: tell the leader (never before, T22), and see whether a learner is complete. */
export function onFollowerDurable(core: Core): void {
  if (Math.min(core.log.durableIndex, core.verifiedIndex) > core.respondedMatch) core.isResponseDue = true;
  admitSelf(core);
}

/**
 * The log starts anew after a snapshot, all of which is committed, so it is in the log of every leader of this term or later. The leader
 * hears of it once the new start is durable, because all messages wait for the hard state that goes with it.
 */
export function installSnapshot(
  core: Core,
  snapshot: LogRestart & { readonly configuration: Configuration; readonly loggedTimeMs: number },
): void {
  core.hardStateChanged();
  core.log.restart(snapshot, core.hardVersion);
  core.loggedAtMs = core.nowMs;
  core.verifiedIndex = Math.min(Math.max(core.verifiedIndex, snapshot.index), core.log.lastIndex);
  // A vote that was asked for with the old log is worth nothing now.
  if (core.state.role !== 'follower') core.state = { role: 'follower' };
  core.restartElectionTimer();
  if (core.leader === 0) return;
  core.send(core.leader, {
    type: 'snapshotResponse',
    term: core.term,
    snapshotIndex: snapshot.index,
    receivedBytes: 0,
    isInstalled: true,
  });
  core.isResponseDue = true;
}

/**
 * A learner may vote and count again once it holds the barrier durably and knows it committed. The barrier was committed by the other
 * voters after this replica lost its data, so whatever it had acknowledged or voted for before is settled without it. Its responses say so
 * only when the changed hard state is durable, because all messages wait for it.
 */
export function admitSelf(core: Core): void {
  if (!core.isLearner || core.admitAt === 0) return;
  const held = Math.min(core.log.durableIndex, core.verifiedIndex, core.log.commitIndex);
  if (held < core.admitAt) return;
  core.isLearner = false;
  core.hardStateChanged();
  core.isResponseDue = true;
  core.restartElectionTimer();
}
