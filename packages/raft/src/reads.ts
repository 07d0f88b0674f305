import type { Core } from './core.js';
import { quorumValue } from './quorum.js';
import { openRound } from './replication.js';
import { votersOf } from './roles/leader.js';
import type { LeaderState } from './roles/states.js';

/**
 * Read-index (thesis 6.4): a read notes the commit index, and is confirmed when a majority has answered a message that was sent after the
 * read came: then no later leader can have committed anything before it. All reads of a turn share a round.
 */
export function addRead(core: Core, leader: LeaderState, id: number): void {
  if (!leader.isEstablished) {
    // The commit index of a new leader may lie behind what its predecessor acknowledged (T52).
    leader.earlyReads.push(id);
    return;
  }
  leader.readRound = openRound(leader);
  leader.reads.push({ id, index: core.log.commitIndex, round: leader.readRound });
  confirmReads(core, leader);
}

/** The leader is established: reads that waited for it begin. */
export function admitEarlyReads(core: Core, leader: LeaderState): void {
  for (const id of leader.earlyReads.splice(0)) addRead(core, leader, id);
}

/** Hands out the reads whose round a majority has acknowledged. */
export function confirmReads(core: Core, leader: LeaderState): void {
  if (leader.reads.length === 0) return;
  const round = quorumValue(votersOf(core, leader, Number.POSITIVE_INFINITY, (peer) => peer.ackedRound, 0));
  let count = 0;
  while (count < leader.reads.length) {
    const read = leader.reads[count];
    if (read === undefined || read.round > round) break;
    core.reads.push({ id: read.id, index: read.index });
    count++;
  }
  if (count > 0) leader.reads.splice(0, count);
}
