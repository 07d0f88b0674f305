import { type LogIndex, type NodeId, batchLastIndex, batchPayload, trustedBatchHeader } from '@quorate/base';
import { decodeConfiguration } from '../configuration.js';
import type { Core } from '../core.js';
import type { AppendRequest } from '../messages.js';
import { admitSelf, becomeFollower } from '../roles/follower.js';
import type { CandidateState, FollowerState, LeaderState, PreCandidateState } from '../roles/states.js';

/** Somebody else won this term. */
export function appendToCandidate(core: Core, _state: PreCandidateState | CandidateState, from: NodeId, message: AppendRequest): void {
  if (isUsurped(core, from)) return;
  becomeFollower(core, { term: core.term, leader: from, from });
  appendFromLeader(core, core.state as FollowerState, from, message);
}

/** A term has one leader at most: one that is known excludes every other. */
export function isUsurped(core: Core, from: NodeId): boolean {
  if (core.termLeader === 0 || core.termLeader === from) return false;
  core.fault(from, `sends appends in term ${core.term}, which node ${core.termLeader} leads`);
  return true;
}

/** Two leaders in a term cannot be. */
export function appendToLeader(core: Core, _state: LeaderState, from: NodeId): void {
  isUsurped(core, from);
}

/** Entries, or a sign of life, of the leader (thesis 3.5). */
export function appendFromLeader(core: Core, _state: FollowerState, from: NodeId, message: AppendRequest): void {
  if (isUsurped(core, from)) return;
  core.leader = from;
  core.termLeader = from;
  core.heardMs = core.nowMs;
  core.restartElectionTimer();
  if (core.deferredPreVotes.size > 0) core.deferredPreVotes.clear();
  if (message.probe > core.probeSeen) core.probeSeen = message.probe;
  const verified = matchPrevious(core, from, message);
  if (verified === null) return;
  const newBytes = takeBatches(core, from, message, verified);
  // Everything up to `verifiedIndex` was compared with this leader's log in this term, so it may be committed as far as the leader says;
  // what lies beyond may be another leader's (thesis 3.5, T14).
  core.log.commitTo(Math.min(message.commitIndex, core.verifiedIndex));
  // A snapshot of what has come as entries meanwhile is not needed any longer.
  if (core.incoming.origin !== null && core.incoming.origin.index <= core.log.commitIndex) core.incoming.abandon();
  if (message.admitAt > core.admitAt) core.admitAt = message.admitAt;
  owesResponse(core, newBytes);
  admitSelf(core);
}

/**
 * What was appended is answered once, when it is durable: that it has come is of little use to the leader. It is told at once if the leader's
 * window would not do until then, and whatever appended nothing is answered at once: that is what a leader sends that wants a sign of life.
 */
function owesResponse(core: Core, newBytes: number): void {
  const { windowMessages, windowBytes } = core.options;
  core.unansweredBytes += newBytes;
  core.unansweredMessages++;
  if (newBytes === 0 || 2 * core.unansweredBytes >= windowBytes || 2 * core.unansweredMessages >= windowMessages) core.isResponseDue = true;
}

/** The index up to which the logs agree before the entries of this request; null if they do not, or the request is nonsense. */
function matchPrevious(core: Core, from: NodeId, message: AppendRequest): LogIndex | null {
  const { log } = core;
  const { prevIndex, prevTerm } = message;
  // Below what is kept everything is committed, so it is in the log of every leader (leader completeness, thesis 3.6.3).
  if (prevIndex < log.firstIndex - 1) return log.firstIndex - 1;
  if (log.terms.termAt(prevIndex) === prevTerm) return prevIndex;
  if (prevIndex <= log.commitIndex) {
    core.fault(from, `has term ${prevTerm} at index ${prevIndex}, which is committed here with term ${log.terms.termAt(prevIndex) ?? 0}`);
    return null;
  }
  // Highest entry that may agree: not beyond the request, not beyond this log, not of a later term than the request's; committed ones do.
  const hint = Math.max(log.terms.lastIndexOfTermAtMost(Math.min(prevIndex, log.lastIndex), prevTerm), log.commitIndex);
  core.send(from, {
    type: 'appendResponse',
    term: core.term,
    isAccepted: false,
    matchIndex: hint,
    receivedIndex: prevIndex,
    hintTerm: log.terms.termAt(hint) ?? 0,
    probe: core.probeSeen,
    isLearner: core.isLearner,
  });
  return null;
}

/**
 * Appends what is new. A batch that is here already is skipped: a late request never cuts what a newer one brought (T17). Gives the bytes of
 * what was appended; 0 also if not all could be taken.
 */
function takeBatches(core: Core, from: NodeId, message: AppendRequest, agreed: LogIndex): number {
  const { log } = core;
  let newBytes = 0;
  let verified = agreed;
  let expected = message.prevIndex + 1;
  for (const batch of message.batches) {
    const header = trustedBatchHeader(batch);
    const lastIndex = batchLastIndex(header);
    if (header.group !== core.options.group || header.baseIndex !== expected || header.term > core.term) {
      core.fault(
        from,
        `sends a batch of group ${header.group}, index ${header.baseIndex}, term ${header.term} where index ${expected} is due`,
      );
      break;
    }
    expected = lastIndex + 1;
    if (header.baseIndex < log.firstIndex) continue;
    const presentTerm = log.terms.termAt(header.baseIndex);
    if (presentTerm === header.term) {
      if (lastIndex > log.lastIndex) {
        core.fault(from, `sends batch ${header.baseIndex}..${lastIndex} of term ${header.term}, which ends at ${log.lastIndex} here`);
        break;
      }
      verified = lastIndex;
      continue;
    }
    if (header.term < (log.terms.termAt(header.baseIndex - 1) ?? 0) || !isReadable(core, from, batch, header.kind)) break;
    if (presentTerm !== undefined) {
      if (header.baseIndex <= log.commitIndex || header.baseIndex <= core.verifiedIndex) {
        core.fault(from, `has term ${header.term} at index ${header.baseIndex}, where ${presentTerm} is committed or its own`);
        break;
      }
      core.truncate(header.baseIndex - 1);
    }
    if (core.isTailFull) break;
    log.append(header, batch);
    core.loggedAtMs = core.nowMs;
    verified = lastIndex;
    newBytes += batch.length;
  }
  core.verifiedIndex = Math.max(core.verifiedIndex, verified);
  return verified === expected - 1 ? newBytes : 0;
}

function isReadable(core: Core, from: NodeId, batch: Uint8Array, kind: string): boolean {
  if (kind !== 'configuration') return true;
  try {
    decodeConfiguration(batchPayload(batch));
    return true;
  } catch {
    core.fault(from, 'sends a configuration that cannot be read');
    return false;
  }
}
