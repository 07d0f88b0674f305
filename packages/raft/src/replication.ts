import type { LogIndex } from '@quorate/base';
import type { Core } from './core.js';
import type { OutgoingMessage } from './messages.js';
import type { Progress } from './progress.js';
import type { LeaderState } from './roles/states.js';

const NONE: readonly Uint8Array[] = [];

/** Where a learner may be counted again: its barrier, once that is committed; 0 before. */
function admitAtOf(core: Core, peer: Progress): LogIndex {
  return peer.isLearner && peer.barrierIndex !== 0 && core.log.commitIndex >= peer.barrierIndex ? peer.barrierIndex : 0;
}

/**
 * True if the peer may lack anything: entries, the newest commit index, the round of a read, or its admission. Then heartbeats go to it
 * until its answers say otherwise; a peer that lacks nothing gets no messages at all, as long as the heartbeats of its node stand in.
 */
export function isOwedAnything(core: Core, leader: LeaderState, peer: Progress): boolean {
  return (
    peer.isConnected &&
    (peer.mode === 'probe' ||
      peer.matchIndex < core.log.lastIndex ||
      peer.ackedRound < leader.round ||
      admitAtOf(core, peer) !== 0 ||
      leader.transfer?.to === peer.peer ||
      core.contacts.heardAtMs(peer.peer) === null)
  );
}

/** True if `sendAppends` would send this peer something. */
function hasSends(core: Core, leader: LeaderState, peer: Progress): boolean {
  if (!peer.isConnected) return false;
  if (peer.isHeartbeatDue) return true;
  if (peer.mode === 'probe') return !peer.isProbeSent;
  return peer.sentRound < leader.round || admitAtOf(core, peer) !== peer.sentAdmitAt || hasEntriesToSend(core, peer);
}

function hasEntriesToSend(core: Core, peer: Progress): boolean {
  return (
    !peer.isReadBlocked &&
    peer.nextIndex <= core.log.lastIndex &&
    peer.inflightMessages < core.options.windowMessages &&
    peer.inflightBytes < core.options.windowBytes
  );
}

/** True if some peer is to be sent something now. */
export function hasAppendsToSend(core: Core, leader: LeaderState): boolean {
  for (const peer of leader.peers.values()) if (hasSends(core, leader, peer)) return true;
  return false;
}

/** Builds what each peer is to be sent now: entries as far as its window allows, else an empty append if there is something to tell. */
export function sendAppends(core: Core, leader: LeaderState, into: OutgoingMessage[]): void {
  for (const peer of leader.peers.values()) {
    if (!hasSends(core, leader, peer)) continue;
    if (peer.mode === 'probe') {
      const { batches } = core.log.read(peer.nextIndex, core.options.appendMessageBytes);
      peer.isProbeSent = true;
      sendOne(core, leader, peer, batches, into);
      continue;
    }
    const isSent = sendEntries(core, leader, peer, into);
    if (!isSent && (peer.isHeartbeatDue || peer.sentRound < leader.round || admitAtOf(core, peer) !== peer.sentAdmitAt)) {
      sendOne(core, leader, peer, NONE, into);
    }
  }
}

/** Sends from `nextIndex` on until the window is full: in messages, and in bytes unless one batch alone is larger than the rest of it. */
function sendEntries(core: Core, leader: LeaderState, peer: Progress, into: OutgoingMessage[]): boolean {
  const { windowBytes, appendMessageBytes } = core.options;
  let isSent = false;
  while (hasEntriesToSend(core, peer)) {
    const room = windowBytes - peer.inflightBytes;
    const { batches, lastIndex, bytes } = core.log.read(peer.nextIndex, Math.min(appendMessageBytes, room));
    if (batches.length === 0 || (bytes > room && peer.inflightMessages > 0)) {
      peer.isReadBlocked = true; // until an answer makes room, or the next heartbeat tries the port again
      break;
    }
    sendOne(core, leader, peer, batches, into);
    peer.sent(lastIndex, bytes);
    isSent = true;
  }
  return isSent;
}

function sendOne(core: Core, leader: LeaderState, peer: Progress, batches: readonly Uint8Array[], into: OutgoingMessage[]): void {
  const prevIndex = peer.nextIndex - 1;
  const admitAt = admitAtOf(core, peer);
  peer.sentMs = core.nowMs;
  peer.sentRound = leader.round;
  peer.sentAdmitAt = admitAt;
  peer.isHeartbeatDue = false;
  leader.roundSent = leader.round;
  into.push({
    to: peer.peer,
    message: {
      type: 'appendRequest',
      term: core.term,
      prevIndex,
      prevTerm: core.log.terms.termAt(prevIndex) ?? 0,
      commitIndex: core.log.commitIndex,
      probe: leader.round,
      admitAt,
      batches,
    },
  });
}
