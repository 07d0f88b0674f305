import type { NodeId } from '@quorate/base';
import type { Core } from './core.js';
import type { Progress } from './progress.js';
import type { LeaderState } from './roles/states.js';

/**
 * Leadership transfer (thesis 3.10): no proposals, bring the target up to date, tell it to stand for election at once. Given up after an
 * election timeout, so that a target that dies half-way stops nobody for long (T10).
 */
export function startTransfer(core: Core, leader: LeaderState, to: NodeId | 0): boolean {
  const target = to === 0 ? mostCaughtUp(leader) : leader.peers.get(to);
  if (target === undefined || target.isLearner || !target.isConnected) return false;
  leader.transfer = { to: target.peer, deadlineMs: core.nowMs + core.options.electionTimeoutMaxMs, isSent: false };
  advanceTransfer(core, leader);
  return true;
}

/** Tells the target as soon as it holds the whole log durably. */
export function advanceTransfer(core: Core, leader: LeaderState): void {
  const transfer = leader.transfer;
  if (transfer === null || transfer.isSent) return;
  const target = leader.peers.get(transfer.to);
  if (target === undefined || target.isLearner || target.matchIndex < core.log.lastIndex) return;
  // A target that was told so late would stand while this leader takes proposals again, which it would lack.
  if (core.nowMs >= transfer.deadlineMs) return;
  transfer.isSent = true;
  core.send(transfer.to, { type: 'timeoutNow', term: core.term });
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
