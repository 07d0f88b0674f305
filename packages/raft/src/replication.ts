import type { LogIndex } from '@quorate/base';
import type { Core } from './core.js';
import type { OutgoingMessage } from './messages.js';
import type { Progress } from './progress.js';
import type { LeaderState } from './roles/states.js';
import { type SnapshotReader, SnapshotTransfer } from './snapshots.js';

const NONE: readonly Uint8Array[] = [];
/** Bytes of batches that a peer is sent in a turn, unless one batch has more: they may have to be read from the disk, and others wait for that. */
const TURN_BYTES = 524_288;
/** The same of the first question where the logs meet: its answer may be no, and a slow link is to bring signs of life both ways within an election timeout. */
const PROBE_BYTES = 65_536;
/** Few milliseconds of a slow link: heartbeats behind a piece must not wait until an election starts (T73). */
const SNAPSHOT_PIECE_BYTES = 262_144;

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
    (peer.mode !== 'pipeline' ||
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
  if (isRoundOwed(core, leader, peer)) return true;
  if (peer.mode === 'snapshot') return hasPieceToSend(peer);
  return admitAtOf(core, peer) !== peer.sentAdmitAt || hasEntriesToSend(core, peer);
}

/** True if the newest round must go to the peer now, if need be without entries: reads wait for it, or the commit index has waited. */
function isRoundOwed(core: Core, leader: LeaderState, peer: Progress): boolean {
  return peer.sentRound < leader.readRound || (peer.sentRound < leader.round && core.nowMs >= leader.roundDueMs);
}

/** A round that no message has carried yet: what is sent with it leaves after this moment. */
export function openRound(leader: LeaderState): number {
  if (leader.roundSent >= leader.round) leader.round++;
  return leader.round;
}

/** When the peer is to be told of a newer commit index that nothing has taken along until then. */
export function roundDueMs(leader: LeaderState, peer: Progress): number {
  return peer.isConnected && peer.mode !== 'probe' && peer.sentRound < leader.round ? leader.roundDueMs : Number.POSITIVE_INFINITY;
}

function hasPieceToSend(peer: Progress): boolean {
  return peer.transfer === null ? !peer.isReadBlocked : peer.transfer.isDue;
}

/**
 * The next piece of the snapshot, if none is under way: the host is asked to read it, and then it is sent; once all are, an empty one asks how far
 * the peer is.
 */
function sendPiece(core: Core, peer: Progress, into: OutgoingMessage[]): void {
  if (!hasPieceToSend(peer)) return;
  const transfer = (peer.transfer ??= openTransfer(core, peer));
  if (transfer === null) {
    peer.isReadBlocked = true; // tried again with the next heartbeat
    return;
  }
  const { reader, offset } = transfer;
  const bytes = transfer.take(core.nowMs);
  if (bytes === null) {
    core.snapshotReads.push({ reader, offset, maxBytes: core.options.snapshotPieceBytes ?? SNAPSHOT_PIECE_BYTES });
    return;
  }
  into.push({
    to: peer.peer,
    message: {
      type: 'snapshotRequest',
      term: core.term,
      snapshotIndex: reader.index,
      snapshotTerm: reader.term,
      offset,
      isLast: offset + bytes.length === reader.head.length,
      bytes,
      ...(offset === 0 ? { head: reader.head } : {}),
    },
  });
}

/** The host has read a piece, or could not (null): then the transfer is given up, and begins anew with the next heartbeat. */
export function pieceWasRead(leader: LeaderState, reader: SnapshotReader, offset: number, bytes: Uint8Array | null): void {
  for (const peer of leader.peers.values()) {
    if (peer.transfer?.reader !== reader || peer.transfer.wasRead(offset, bytes)) continue;
    peer.endTransfer();
    peer.isReadBlocked = true;
  }
}

/** The newest snapshot, if the log goes on right after it; from where an earlier transfer of the same one got to. */
function openTransfer(core: Core, peer: Progress): SnapshotTransfer | null {
  const reader = core.snapshots.open();
  if (reader === null) return null;
  if (reader.index >= core.log.firstIndex - 1 && reader.index <= core.log.commitIndex)
    return new SnapshotTransfer(reader, peer.startOffset(reader.index));
  reader.close();
  return null;
}

function hasEntriesToSend(core: Core, peer: Progress): boolean {
  return (
    !peer.isReadBlocked &&
    peer.nextIndex <= core.log.lastIndex &&
    peer.inflightMessages < core.options.windowMessages &&
    peer.inflightBytes < peer.link.bytes
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
    // Compacted beneath it: what it needs next is in the snapshot only.
    if (peer.mode !== 'snapshot' && peer.nextIndex < core.log.firstIndex) peer.needsSnapshot();
    if (peer.mode === 'snapshot') {
      sendPiece(core, peer, into);
      if (peer.isHeartbeatDue || isRoundOwed(core, leader, peer)) sendOne(core, leader, peer, NONE, into);
      continue;
    }
    if (peer.mode === 'probe') {
      // A question that is repeated goes without the entries: they are on their way, and sent again and again they would fill a slow link for good.
      const bytes = Math.min(core.options.appendMessageBytes, PROBE_BYTES);
      const batches = peer.isProbeSent ? NONE : core.log.read(peer.nextIndex, bytes).batches;
      peer.isProbeSent = true;
      sendOne(core, leader, peer, batches, into);
      continue;
    }
    // Entries are answered when they are durable, what has none at once: a read must not wait for a disk.
    if (peer.isHeartbeatDue || peer.sentRound < leader.readRound) sendOne(core, leader, peer, NONE, into);
    if (sendEntries(core, leader, peer, into)) {
      askLink(core, leader, peer, into);
    } else if (isRoundOwed(core, leader, peer) || admitAtOf(core, peer) !== peer.sentAdmitAt) {
      sendOne(core, leader, peer, NONE, into);
    }
  }
}

/** If much is on its way, a message behind it, of a round of its own, that is answered as soon as it has come. */
function askLink(core: Core, leader: LeaderState, peer: Progress, into: OutgoingMessage[]): void {
  const bytes = peer.inflightBytes;
  if (!peer.link.wantsQuestion(bytes)) return;
  peer.link.asked({ round: openRound(leader), sentMs: core.nowMs, bytes });
  sendOne(core, leader, peer, NONE, into);
}

/**
 * Sends from `nextIndex` on until the window is full (in messages, and in bytes unless one batch alone is larger than the rest of it), or it is
 * enough for this turn: then there is more to send at once.
 */
function sendEntries(core: Core, leader: LeaderState, peer: Progress, into: OutgoingMessage[]): boolean {
  const { appendMessageBytes } = core.options;
  let sentBytes = 0;
  while (hasEntriesToSend(core, peer) && sentBytes < TURN_BYTES) {
    const room = peer.link.bytes - peer.inflightBytes;
    const { batches, lastIndex, bytes } = core.log.read(peer.nextIndex, Math.min(appendMessageBytes, room, TURN_BYTES - sentBytes));
    if (batches.length === 0 || (bytes > room && peer.inflightMessages > 0)) {
      peer.isReadBlocked = true; // until an answer makes room, or the next heartbeat tries the port again
      break;
    }
    sendOne(core, leader, peer, batches, into);
    peer.sent(lastIndex, bytes);
    sentBytes += bytes;
  }
  return sentBytes > 0;
}

function sendOne(core: Core, leader: LeaderState, peer: Progress, batches: readonly Uint8Array[], into: OutgoingMessage[]): void {
  // Beside a snapshot goes the earliest place there is: if it matches after all, no snapshot is needed.
  const prevIndex = Math.max(peer.nextIndex, core.log.firstIndex) - 1;
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
