import { readU64, writeU64 } from '@quorate/base';
import type { ResourceId } from './resource-machine.js';
import { EMPTY, TABLE, keyOf, keyWith, readU64Be, writeU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/** A timer whose time has come. */
export interface DueTimer {
  readonly dueMs: number;
  readonly resource: ResourceId;
  readonly id: Uint8Array;
}

/** Timers of all resources, in order of (due, resource, id), in logged time (rules 14 and 15). */
export class MachineTimers {
  readonly #byDue: Table;
  readonly #byId: Table;
  // Due time of the first; null: not known, look. Every change forgets it and no handler asks for it, so a rollback has nothing to undo here.
  #nextMs: number | null = null;

  constructor(tables: Tables) {
    this.#byDue = tables.table(TABLE.timers);
    this.#byId = tables.table(TABLE.timerIds);
  }

  /** Infinity if there is none. */
  get nextMs(): number {
    if (this.#nextMs === null) {
      let next = Number.POSITIVE_INFINITY;
      if (this.#byDue.size > 0) {
        this.#byDue.scan({}, (key) => {
          next = readU64Be(key, 0);
          return false;
        });
      }
      this.#nextMs = next;
    }
    return this.#nextMs;
  }

  set(resource: ResourceId, id: Uint8Array, dueMs: number): void {
    const idKey = keyWith(resource, id);
    const before = this.#byId.get(idKey);
    if (before !== undefined) this.#byDue.delete(dueKey(readU64(before, 0), idKey));
    const value = new Uint8Array(8);
    writeU64(value, 0, dueMs);
    this.#byId.set(idKey, value);
    this.#byDue.set(dueKey(dueMs, idKey), EMPTY);
    this.#nextMs = null;
  }

  clear(resource: ResourceId, id: Uint8Array): void {
    const idKey = keyWith(resource, id);
    const before = this.#byId.get(idKey);
    if (before === undefined) return;
    this.#byDue.delete(dueKey(readU64(before, 0), idKey));
    this.#byId.delete(idKey);
    this.#nextMs = null;
  }

  /** Takes out the first timer that is due at or before `timeMs`. */
  takeDue(timeMs: number): DueTimer | null {
    if (this.nextMs > timeMs) return null;
    let first: Uint8Array | null = null;
    this.#byDue.scan({ to: keyOf(timeMs + 1) }, (key) => {
      first = key.slice();
      return false;
    });
    if (first === null) return null;
    const key: Uint8Array = first;
    this.#byDue.delete(key);
    this.#byId.delete(key.subarray(8));
    this.#nextMs = null;
    return { dueMs: readU64Be(key, 0), resource: readU64Be(key, 8), id: key.subarray(16) };
  }
}

function dueKey(dueMs: number, idKey: Uint8Array): Uint8Array {
  const key = new Uint8Array(8 + idKey.length);
  writeU64Be(key, 0, dueMs);
  key.set(idKey, 8);
  return key;
}
