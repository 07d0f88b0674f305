import type { NodeId } from '@quorate/base';
import type { Core } from '../core.js';
import type { AppendResponse } from '../messages.js';
import type { Progress } from '../progress.js';
import { confirmReads } from '../reads.js';
import { advanceCommit } from '../roles/leader.js';
import type { LeaderState } from '../roles/states.js';

/** A peer's answer in this term: moves its progress, then everything that depends on a majority. */
export function onAppendResponse(core: Core, state: LeaderState, from: NodeId, message: AppendResponse): void {
  const peer = state.peers.get(from);
  if (peer === undefined) return;
  // A number that was never sent proves nothing.
  const round = Math.min(message.probe, state.roundSent);
  peer.responded(core.nowMs);
  observeLearner(peer, message);
  if (round > peer.ackedRound) peer.ackedRound = round;
  peer.link.answered(peer.ackedRound, core.nowMs);
  if (message.isAccepted) {
    const receivedIndex = Math.min(message.receivedIndex, core.log.lastIndex);
    const matchIndex = Math.min(message.matchIndex, receivedIndex);
    // While it gets a snapshot, only an answer from where the log goes on ends that; earlier ones were on their way.
    if (peer.mode !== 'snapshot' || receivedIndex >= core.log.firstIndex - 1) peer.accepted(matchIndex, receivedIndex);
    admit(peer, message);
  } else {
    refused(core, peer, message);
  }
  advanceCommit(core, state);
  confirmReads(core, state);
}

/** It says that it lost its data: what it acknowledged before counts no longer, and it needs a barrier of its own. */
function observeLearner(peer: Progress, message: AppendResponse): void {
  if (message.isLearner && !peer.isLearner) peer.forget();
}

/**
 * It says that it may be counted again. Believed only with the barrier durable there: an answer from before it lost its data, arriving
 * late, cannot have it, because the barrier was proposed after that.
 */
function admit(peer: Progress, message: AppendResponse): void {
  if (!peer.isLearner || message.isLearner) return;
  if (peer.sentAdmitAt === 0 || message.matchIndex < peer.sentAdmitAt) return;
  peer.isLearner = false;
  peer.barrierIndex = 0;
  peer.sentAdmitAt = 0;
}

/** The logs part before `prevIndex`: go on where the hint says they may meet (thesis 3.5). */
function refused(core: Core, peer: Progress, message: AppendResponse): void {
  const prevIndex = message.receivedIndex;
  // Answers to messages from before the last turn back say nothing new.
  if (peer.mode === 'snapshot') return;
  const isCurrent =
    peer.mode === 'probe'
      ? peer.isProbeSent && prevIndex === peer.nextIndex - 1
      : prevIndex > peer.matchIndex && prevIndex < peer.nextIndex;
  if (!isCurrent) return;
  // Where the hint is a conflicting entry, our entry of that index may lie inside a batch: only borders are sent from.
  const { firstIndex } = core.log;
  // Its log and this one part before this one starts, or its log ends before: only a snapshot helps.
  if (message.matchIndex < firstIndex - 1 || prevIndex <= firstIndex - 1) {
    peer.needsSnapshot();
    return;
  }
  const meeting = core.log.borderAtMost(core.log.terms.lastIndexOfTermAtMost(message.matchIndex, message.hintTerm));
  peer.probeFrom(Math.max(Math.min(meeting + 1, prevIndex), firstIndex));
}
