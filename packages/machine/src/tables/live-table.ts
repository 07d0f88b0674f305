import { QuorateError, invariant } from '@quorate/base';
import { TABLE_KEY_BYTES_MAX, TABLE_VALUE_BYTES_MAX } from './bounds.js';
import { KIND_ENTRY, entryBytes, keyOf, valueOf, writeBirth, writeEntry, writeValue } from './entry.js';
import type { Store } from './store.js';
import { Tree } from './tree.js';
import { scanTree } from './tree-walk.js';
import type { EntryVisitor, ScanRange, Table } from './types.js';
import { INSERTED, REMOVED, REPLACED } from './undo-log.js';

function checkBounds(key: Uint8Array, value: Uint8Array): void {
  if (key.length < 1 || key.length > TABLE_KEY_BYTES_MAX)
    throw new QuorateError('invalidArgument', `a key of a table has 1 to ${TABLE_KEY_BYTES_MAX} bytes`, { keyBytes: key.length });
  if (value.length > TABLE_VALUE_BYTES_MAX)
    throw new QuorateError('invalidArgument', `a value of a table has at most ${TABLE_VALUE_BYTES_MAX} bytes`, {
      valueBytes: value.length,
    });
}

/** A table that can be changed. */
export class LiveTable implements Table {
  readonly number: number;
  #store: Store;
  #tree: Tree;

  constructor(number: number, store: Store) {
    this.number = number;
    this.#store = store;
    this.#tree = new Tree(number, store);
  }

  get size(): number {
    return this.#tree.size;
  }
  get root(): number {
    return this.#tree.root;
  }

  /** Goes on empty, in another store. */
  restart(store: Store): void {
    this.#store = store;
    this.#tree = new Tree(this.number, store);
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const entry = this.#tree.locate(key);
    return entry === 0 ? undefined : valueOf(this.#store.heap, entry);
  }

  has(key: Uint8Array): boolean {
    return this.#tree.locate(key) !== 0;
  }

  scan(range: ScanRange, visit: EntryVisitor): void {
    const store = this.#store;
    const changes = store.changes;
    scanTree(store.heap, this.#tree.root, range, visit, () => {
      invariant(store.changes === changes && store === this.#store, 'tables are not changed during a scan', { table: this.number });
    });
  }

  set(key: Uint8Array, value: Uint8Array): boolean {
    checkBounds(key, value);
    const store = this.#store;
    const heap = store.heap;
    const bytes = entryBytes(key.length, value.length);
    const old = this.#tree.locate(key);
    if (old !== 0 && store.undo === null && !store.isFrozen(old) && heap.capacityOf(old) === heap.capacityFor(bytes)) {
      store.subtract(old);
      writeValue(heap, old, value);
      store.add(old);
      store.afterChange();
      return false;
    }
    const entry = heap.allocate(bytes);
    writeBirth(heap, entry, store.generation, KIND_ENTRY);
    writeEntry(heap, entry, this.number, key, value);
    if (old === 0) {
      this.#tree.insert(entry, key);
      store.undo?.push(INSERTED, entry);
    } else {
      this.#tree.replace(entry);
      store.drop(REPLACED, old);
    }
    store.add(entry);
    store.afterChange();
    return old === 0;
  }

  delete(key: Uint8Array): boolean {
    const old = this.#tree.locate(key);
    if (old === 0) return false;
    this.#tree.remove();
    this.#store.drop(REMOVED, old);
    this.#store.afterChange();
    return true;
  }

  /** Undoes one change; `entry` is what the undo log holds for it. */
  revert(action: number, entry: number): void {
    const store = this.#store;
    const key = keyOf(store.heap, entry);
    const present = this.#tree.locate(key);
    if (action === INSERTED) {
      invariant(present === entry, 'what was inserted is still there', { table: this.number });
      this.#tree.remove();
      store.drop(REMOVED, entry);
      return;
    }
    if (action === REMOVED) this.#tree.insert(entry, key);
    else {
      this.#tree.replace(entry);
      store.drop(REPLACED, present);
    }
    store.add(entry);
  }
}
