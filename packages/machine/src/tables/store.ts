import { invariant } from '@quorate/base';
import { AddressList } from './address-list.js';
import { KIND_NODE, birthOf, hashAOf, hashBOf, keyLengthOf, kindOf, tableOf, valueLengthOf } from './entry.js';
import { Evacuation } from './evacuation.js';
import { INNER_BYTES, LEAF_BYTES, anyKeyBelow } from './node.js';
import { SlabHeap } from './slab-heap.js';
import type { Tree } from './tree.js';
import { INSERTED, UndoLog } from './undo-log.js';

/** What a live view keeps alive. */
export interface Kept {
  /** It sees what was born in this generation or before. */
  readonly generation: number;
  /** What it still sees and the live tables, and later views, no longer do. */
  readonly dead: AddressList;
}

/**
 * Dead objects that one change of a table looks at when views were released. A change makes fewer than that, so they come to an end; each costs some
 * tenths of a microsecond, so that a write right after a large snapshot takes little longer than others.
 */
const RECLAIM_PER_CHANGE = 8;
/** The same when a view is released: small views are gone at once. */
const RECLAIM_AT_RELEASE = 2048;

/**
 * Memory of all tables and who still sees what. Each entry and node is born in a generation and dies when the live tables drop it; making a
 * view ends a generation.
 *
 *   frozen(x)  <=>  some live view has generation >= birth(x): x must not be changed.
 *   x is freed when it is dead and no live view has birth(x) <= generation < death(x).
 *
 * A dead object is listed with the newest live view that sees it; when that one is released, it passes to the next older one that does.
 */
export class Store {
  readonly heap: SlabHeap = new SlabHeap([LEAF_BYTES, INNER_BYTES]);
  /** Generation of what is written now. */
  generation = 1;
  /** Live views, oldest first. */
  readonly #views: Kept[] = [];
  #newest = 0;
  /** What released views kept, yet to be looked at. */
  readonly #released: Kept[] = [];
  readonly #evacuation = new Evacuation(this);
  /** By number of table. */
  readonly trees: Map<number, Tree> = new Map();
  liveBytes = 0;
  #hashA = 0;
  #hashB = 0;
  /** Changes so far. */
  changes = 0;
  readonly #log = new UndoLog();
  #undo: UndoLog | null = null;

  /** Where changes are noted so that they can be undone; null: nowhere. */
  get undo(): UndoLog | null {
    return this.#undo;
  }

  get hashA(): number {
    return this.#hashA >>> 0;
  }
  get hashB(): number {
    return this.#hashB >>> 0;
  }
  get views(): number {
    return this.#views.length;
  }

  isFrozen(address: number): boolean {
    return this.#newest > 0 && birthOf(this.heap, address) <= this.#newest;
  }

  /** An entry became part of the live content. */
  add(entry: number): void {
    this.#hashA = (this.#hashA + hashAOf(this.heap, entry)) | 0;
    this.#hashB = (this.#hashB + hashBOf(this.heap, entry)) | 0;
    this.liveBytes += keyLengthOf(this.heap, entry) + valueLengthOf(this.heap, entry);
  }

  /** An entry is no longer part of it. */
  subtract(entry: number): void {
    this.#hashA = (this.#hashA - hashAOf(this.heap, entry)) | 0;
    this.#hashB = (this.#hashB - hashBOf(this.heap, entry)) | 0;
    this.liveBytes -= keyLengthOf(this.heap, entry) + valueLengthOf(this.heap, entry);
  }

  /** Nothing live refers to this any more: frees it as soon as no view sees it. */
  retire(address: number): void {
    const newest = this.#views[this.#views.length - 1];
    if (newest !== undefined && birthOf(this.heap, address) <= newest.generation) newest.dead.push(address);
    else this.heap.free(address);
  }

  /** An entry is no longer part of the live content; it is kept if that may be undone. */
  drop(action: number, entry: number): void {
    this.subtract(entry);
    if (this.#undo === null) this.retire(entry);
    else this.#undo.push(action, entry);
  }

  begin(): void {
    invariant(this.#undo === null, 'begin is not nested');
    this.#undo = this.#log;
  }

  /** Ends what `begin` began: what is to be undone. */
  endUndo(): UndoLog {
    const undo = this.#undo;
    invariant(undo !== null, 'rollback and commit follow begin');
    this.#undo = null;
    return undo;
  }

  commit(): void {
    const undo = this.endUndo();
    if (undo.length === 0) return;
    while (undo.length > 0) {
      const action = undo.takeAction();
      const entry = undo.takeEntry();
      if (action !== INSERTED) this.retire(entry);
    }
    this.afterChange();
  }

  openView(): Kept {
    const kept: Kept = { generation: this.generation, dead: new AddressList() };
    this.#views.push(kept);
    this.#newest = kept.generation;
    this.generation++;
    return kept;
  }

  closeView(kept: Kept): void {
    const at = this.#views.indexOf(kept);
    invariant(at >= 0, 'a view is released once');
    this.#views.splice(at, 1);
    this.#newest = this.#views[this.#views.length - 1]?.generation ?? 0;
    if (kept.dead.length > 0) this.#released.push(kept);
    this.reclaim(RECLAIM_AT_RELEASE);
  }

  /** Looks at up to `count` dead objects of released views; true if some are left. */
  reclaim(count: number): boolean {
    let left = count;
    while (left > 0) {
      const released = this.#released[this.#released.length - 1];
      if (released === undefined) return false;
      const older = this.#newestUpTo(released.generation);
      for (; left > 0 && released.dead.length > 0; left--) {
        const address = released.dead.pop();
        if (older !== undefined && birthOf(this.heap, address) <= older.generation) older.dead.push(address);
        else this.heap.free(address);
      }
      if (released.dead.length === 0) this.#released.pop();
    }
    return this.#released.length > 0;
  }

  #newestUpTo(generation: number): Kept | undefined {
    for (let i = this.#views.length - 1; i >= 0; i--) {
      const view = this.#views[i] as Kept;
      if (view.generation <= generation) return view;
    }
    return undefined;
  }

  /** To be called at the end of each change: does a bounded part of the work that is due. */
  afterChange(): void {
    this.changes++;
    if (this.#released.length > 0) this.reclaim(RECLAIM_PER_CHANGE);
    else if (this.#newest === 0 && this.#undo === null) this.#evacuation.step();
  }

  /** Moves an object of a live tree to another place. */
  relocate(address: number): void {
    const heap = this.heap;
    const table = tableOf(heap, kindOf(heap, address) === KIND_NODE ? anyKeyBelow(heap, address) : address);
    const tree = this.trees.get(table);
    invariant(tree !== undefined, 'what is in use belongs to a tree', { table });
    tree.relocate(address);
  }
}
