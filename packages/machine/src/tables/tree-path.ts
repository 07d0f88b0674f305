import { hasKey } from './entry.js';
import type { SlabHeap } from './slab-heap.js';

/** A way down a tree: nodes from the root to a leaf, and the place taken in each. */
export class TreePath {
  readonly nodes: number[] = [];
  readonly places: number[] = [];
  /** Of the leaf. */
  depth = 0;
  /** The entry at its end; 0: it ends where none is, or is of no use any more. */
  entry = 0;

  get leaf(): number {
    return this.nodes[this.depth] as number;
  }
}

/** What one command touches again and again, and a few more. */
const REMEMBERED = 4;

/**
 * The last ways down a tree. Handlers read what they then write, and some keys with each command: most of the time the way is known. Whatever
 * changes the tree says here which ways it spoils.
 */
export class TreePaths {
  readonly #paths: readonly TreePath[] = Array.from({ length: REMEMBERED }, () => new TreePath());
  #next = 0;

  /** The way to the entry of a key, if it is known. */
  find(heap: SlabHeap, key: Uint8Array): TreePath | undefined {
    for (let i = 0; i < REMEMBERED; i++) {
      const path = this.#paths[i] as TreePath;
      if (path.entry !== 0 && hasKey(heap, path.entry, key)) return path;
    }
    return undefined;
  }

  /** The one that was begun longest ago, to be filled anew. */
  take(): TreePath {
    const path = this.#paths[this.#next] as TreePath;
    this.#next = (this.#next + 1) % REMEMBERED;
    path.entry = 0;
    path.depth = 0;
    return path;
  }

  /** The node at this depth has another address from now on. */
  moved(depth: number, from: number, to: number): void {
    for (const path of this.#paths) if (path.nodes[depth] === from) path.nodes[depth] = to;
  }

  /** The places in this leaf are others now. */
  forgetLeaf(leaf: number): void {
    for (const path of this.#paths) if (path.leaf === leaf) path.entry = 0;
  }

  forget(): void {
    for (const path of this.#paths) path.entry = 0;
  }
}
