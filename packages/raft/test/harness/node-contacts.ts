import type { PeerContacts } from '@quorate/raft';
import type { Member } from './member.js';

/** What a node knows of the others by the heartbeats of nodes. */
export function contactsOf({ heard, acknowledged }: Member): PeerContacts {
  return {
    heardAtMs: (peer) => heard.get(peer) ?? null,
    lastHeardAtMs: (peer) => heard.get(peer) ?? Number.NEGATIVE_INFINITY,
    acknowledgedAtMs: (peer) => acknowledged.get(peer) ?? Number.NEGATIVE_INFINITY,
  };
}

/** Every node that runs sends a heartbeat to every other. `told` is called for each that arrives. */
export function exchangeHeartbeats(
  members: readonly Member[],
  nowMs: number,
  isLinked: (from: number, to: number) => boolean,
  told: (to: Member, from: Member) => void,
): void {
  for (const from of members) {
    if (from.raft === null) continue;
    for (const to of members) {
      if (to === from || to.raft === null || !isLinked(from.id, to.id)) continue;
      to.heard.set(from.id, nowMs);
      // A heartbeat is answered at once, or the next one tells of the answer: either way it takes both directions.
      if (isLinked(to.id, from.id)) from.acknowledged.set(to.id, nowMs);
      told(to, from);
    }
  }
}
