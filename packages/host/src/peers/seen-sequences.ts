import type { Incarnation, NodeId } from '@quorate/base';
import type { Storage } from '@quorate/storage';
import type { PeerHello } from '@quorate/wire';

/**
 * The highest journal sequence that each peer said was durable, in its present incarnation. A peer that later opens its directory at a
 * lower one was given an old image of it: what it acknowledged since is gone, so it counts as wiped (T37).
 */
export class SeenSequences {
  readonly #storage: Storage;
  readonly #incarnations = new Map<NodeId, Incarnation>();

  constructor(storage: Storage) {
    this.#storage = storage;
  }

  /** Notes what a peer says of itself; true if its incarnation is another than before. */
  hello(hello: PeerHello): boolean {
    const before = this.#incarnations.get(hello.nodeId);
    this.#incarnations.set(hello.nodeId, hello.incarnation);
    this.note(hello.nodeId, hello.durableSequence);
    return before !== undefined && before !== hello.incarnation;
  }

  note(peer: NodeId, sequence: number): void {
    const incarnation = this.#incarnations.get(peer);
    if (incarnation !== undefined && sequence > this.#storage.peerSequence(peer, incarnation)) {
      this.#storage.notePeerSequence(peer, incarnation, sequence);
    }
  }

  of(peer: NodeId): { seenSequence: number; seenIncarnation: Incarnation | null } {
    const incarnation = this.#incarnations.get(peer);
    if (incarnation === undefined) return { seenSequence: 0, seenIncarnation: null };
    return { seenSequence: this.#storage.peerSequence(peer, incarnation), seenIncarnation: incarnation };
  }

  /** True if the peer's directory is older than what it had told before. */
  isOldImage(hello: PeerHello): boolean {
    return hello.durableSequence < this.#storage.peerSequence(hello.nodeId, hello.incarnation);
  }
}
