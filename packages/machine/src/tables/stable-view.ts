import { invariant } from '@quorate/base';
import { keyOf, valueOf } from './entry.js';
import { countOf, keyAt } from './node.js';
import type { Kept, Store } from './store.js';
import { TreeWalk, findEntry, scanTree } from './tree-walk.js';
import type { EntryVisitor, ReadableTable, ScanRange, TablesView, ViewCursor } from './types.js';

/** A table as it was. */
export interface TableState {
  readonly number: number;
  readonly root: number;
  readonly size: number;
}

/** Where to go on: the table and the place in its tree. Never changed once handed out. */
class Cursor {
  readonly view: StableView;
  readonly at: number;
  readonly walk: TreeWalk;
  constructor(view: StableView, at: number, walk: TreeWalk) {
    this.view = view;
    this.at = at;
    this.walk = walk;
  }
}

/** A view: roots of the trees as they were, which the store keeps until `release`. */
export class StableView implements TablesView {
  readonly tables: readonly number[];
  readonly size: number;
  readonly hash: string;
  readonly #states: readonly TableState[];
  readonly #store: Store;
  readonly #kept: Kept;
  readonly #onRelease: () => void;
  #isReleased = false;

  constructor(store: Store, states: readonly TableState[], hash: string, onRelease: () => void) {
    this.#store = store;
    this.#states = states;
    this.#kept = store.openView();
    this.#onRelease = onRelease;
    this.hash = hash;
    this.tables = states.map(({ number }) => number);
    let size = 0;
    for (const state of states) size += state.size;
    this.size = size;
  }

  readonly #checkLive = (): void => {
    invariant(!this.#isReleased, 'a released view is not used');
  };

  table(number: number): ReadableTable {
    this.#checkLive();
    const state = this.#states.find((each) => each.number === number);
    return new StableTable(this.#store, state?.root ?? 0, state?.size ?? 0, this.#checkLive);
  }

  resume(cursor: ViewCursor | null, visit: (table: number, key: Uint8Array, value: Uint8Array) => boolean): ViewCursor | null {
    this.#checkLive();
    const heap = this.#store.heap;
    let at = 0;
    let walk = new TreeWalk(heap);
    if (cursor === null) walk.start(this.#states[0]?.root ?? 0, undefined, false);
    else {
      invariant(cursor instanceof Cursor && cursor.view === this, 'a cursor is used with its own view');
      at = cursor.at;
      walk = cursor.walk.copy();
    }
    for (;;) {
      const state = this.#states[at];
      if (state === undefined) return null;
      for (; walk.leaf !== 0; walk.step(false)) {
        const count = countOf(heap, walk.leaf);
        for (let i = walk.place; i < count; i++) {
          const entry = keyAt(heap, walk.leaf, i);
          const isWanted = visit(state.number, keyOf(heap, entry), valueOf(heap, entry));
          this.#checkLive();
          if (isWanted) continue;
          walk.place = i + 1;
          if (i + 1 === count) walk.step(false);
          if (walk.leaf === 0 && at + 1 === this.#states.length) return null;
          return new Cursor(this, at, walk);
        }
      }
      at++;
      walk.start(this.#states[at]?.root ?? 0, undefined, false);
    }
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#store.closeView(this.#kept);
    this.#onRelease();
  }
}

class StableTable implements ReadableTable {
  readonly size: number;
  readonly #store: Store;
  readonly #root: number;
  readonly #checkLive: () => void;

  constructor(store: Store, root: number, size: number, checkLive: () => void) {
    this.#store = store;
    this.#root = root;
    this.size = size;
    this.#checkLive = checkLive;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    this.#checkLive();
    const entry = findEntry(this.#store.heap, this.#root, key);
    return entry === 0 ? undefined : valueOf(this.#store.heap, entry);
  }

  has(key: Uint8Array): boolean {
    this.#checkLive();
    return findEntry(this.#store.heap, this.#root, key) !== 0;
  }

  scan(range: ScanRange, visit: EntryVisitor): void {
    this.#checkLive();
    scanTree(this.#store.heap, this.#root, range, visit, this.#checkLive);
  }
}
