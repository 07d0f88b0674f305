import { QuorateError, invariant } from '@quorate/base';
import { TABLE_NUMBER_MAX } from './bounds.js';
import { tableOf } from './entry.js';
import { LiveTable } from './live-table.js';
import { StableView } from './stable-view.js';
import type { TableState } from './stable-view.js';
import { Store } from './store.js';
import type { Table, Tables, TablesView } from './types.js';

/** Empty tables. */
export function createTables(): Tables {
  return new SlabTables();
}

class SlabTables implements Tables {
  #store = new Store();
  /** Stores that `clear` left behind because views of them live. */
  readonly #left = new Set<Store>();
  /** By number, ascending. */
  readonly #tables: LiveTable[] = [];
  readonly #byNumber = new Map<number, LiveTable>();

  table(number: number): Table {
    return this.#byNumber.get(number) ?? this.#addTable(number);
  }

  #addTable(number: number): LiveTable {
    if (!Number.isInteger(number) || number < 1 || number > TABLE_NUMBER_MAX)
      throw new QuorateError('invalidArgument', `a table number is 1 to ${TABLE_NUMBER_MAX}`, { table: number });
    const table = new LiveTable(number, this.#store);
    let at = this.#tables.length;
    while (at > 0 && (this.#tables[at - 1] as LiveTable).number > number) at--;
    this.#tables.splice(at, 0, table);
    this.#byNumber.set(number, table);
    return table;
  }

  get hash(): string {
    const { hashA, hashB } = this.#store;
    return hashA.toString(16).padStart(8, '0') + hashB.toString(16).padStart(8, '0');
  }

  get allocatedBytes(): number {
    let bytes = this.#store.heap.allocatedBytes;
    for (const store of this.#left) bytes += store.heap.allocatedBytes;
    return bytes;
  }

  get liveBytes(): number {
    return this.#store.liveBytes;
  }

  begin(): void {
    this.#store.begin();
  }

  rollback(): void {
    const undo = this.#store.endUndo();
    if (undo.length === 0) return;
    while (undo.length > 0) {
      const action = undo.takeAction();
      const entry = undo.takeEntry();
      (this.#byNumber.get(tableOf(this.#store.heap, entry)) as LiveTable).revert(action, entry);
    }
    this.#store.afterChange();
  }

  commit(): void {
    this.#store.commit();
  }

  view(): TablesView {
    const store = this.#store;
    invariant(store.undo === null, 'no view is made between begin and commit');
    const states: TableState[] = [];
    for (const { number, root, size } of this.#tables) if (size > 0) states.push({ number, root, size });
    return new StableView(store, states, this.hash, () => {
      if (store.views === 0) this.#left.delete(store);
    });
  }

  clear(): void {
    invariant(this.#store.undo === null, 'tables are not cleared between begin and commit');
    if (this.#store.views > 0) this.#left.add(this.#store);
    this.#store = new Store();
    for (const table of this.#tables) table.restart(this.#store);
  }
}
