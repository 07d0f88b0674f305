import type { NodeId } from '@quorate/base';
import type { Core } from './core.js';
import type { OutgoingMessage } from './messages.js';
import type { Progress } from './progress.js';
import type { LeaderState } from './roles/states.js';

/**
 * Leadership transfer (thesis 3.10): no proposals, bring the target up to date, tell it to stand for election at once. Given up after an
 * election timeout, so that a target that dies half-way stops nobody for long (T10). The commit index no longer waits for entries: none come, and
 * once this node has stopped nobody might know what is committed until there is a new leader.
 */
export function startTransfer(core: Core, leader: LeaderState, to: NodeId | 0): boolean {
  const target = to === 0 ? mostCaughtUp(leader) : leader.peers.get(to);
  if (target === undefined || target.isLearner || !target.isConnected) return false;
  leader.transfer = { to: target.peer, deadlineMs: core.nowMs + core.options.electionTimeoutMaxMs, isSent: false };
  leader.roundDueMs = core.nowMs;
  return true;
}

/** True if the target is to be told: it holds the whole log durably. */
export function isTransferDue(core: Core, { transfer, peers }: LeaderState): boolean {
  if (transfer === null || transfer.isSent) return false;
  const target = peers.get(transfer.to);
  // A target that was told too late would stand while this leader takes proposals again, which it would lack.
  return target !== undefined && !target.isLearner && target.matchIndex >= core.log.lastIndex && core.nowMs < transfer.deadlineMs;
}

/** Tells the target, behind what else it is sent: from then on it refuses what this leader says. */
export function sendTransfer(core: Core, leader: LeaderState, into: OutgoingMessage[]): void {
  const { transfer } = leader;
  if (transfer === null || !isTransferDue(core, leader)) return;
  transfer.isSent = true;
  into.push({ to: transfer.to, message: { type: 'timeoutNow', term: core.term } });
}

function mostCaughtUp(leader: LeaderState): Progress | undefined {
  let best: Progress | undefined;
  for (const peer of leader.peers.values()) {
    if (peer.isLearner || !peer.isConnected) continue;
    if (
      best === undefined ||
      peer.matchIndex > best.matchIndex ||
      (peer.matchIndex === best.matchIndex && peer.respondedMs > best.respondedMs)
    )
      best = peer;
  }
  return best;
}
