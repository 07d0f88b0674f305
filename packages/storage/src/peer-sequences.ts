import type { Incarnation, NodeId } from '@quorate/base';

/** Incarnations remembered per node; the one noted longest ago goes first. A node gets a new one only when it lost its data. */
const INCARNATIONS_PER_NODE = 8;

/** The highest journal sequence seen of each incarnation of each other node (T37). */
export class PeerSequences {
  readonly #nodes = new Map<NodeId, Map<Incarnation, number>>();

  /** True if it is news. */
  note(peer: NodeId, incarnation: Incarnation, sequence: number): boolean {
    let known = this.#nodes.get(peer);
    if (known === undefined) this.#nodes.set(peer, (known = new Map()));
    if (sequence <= (known.get(incarnation) ?? 0)) return false;
    known.delete(incarnation);
    known.set(incarnation, sequence);
    if (known.size > INCARNATIONS_PER_NODE) known.delete(known.keys().next().value as Incarnation);
    return true;
  }

  get(peer: NodeId, incarnation: Incarnation): number {
    return this.#nodes.get(peer)?.get(incarnation) ?? 0;
  }

  *all(): Generator<{ peer: NodeId; incarnation: Incarnation; sequence: number }> {
    for (const [peer, known] of this.#nodes) for (const [incarnation, sequence] of known) yield { peer, incarnation, sequence };
  }
}
