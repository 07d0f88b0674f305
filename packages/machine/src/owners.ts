import { QuorateError } from '@quorate/base';
import type { ResourceId, SessionId } from './resource-machine.js';
import { EMPTY, TABLE, keyOf, readU64Be, writeU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/**
 * Which resources own something for which session: those are told when it ends, all in one step, so there may not be too many of them. How many
 * there are is counted beside the table, of which it follows; `commit` or `rollback` must come after each handler.
 */
export class Owners {
  readonly #table: Table;
  readonly #max: number;
  readonly #key = new Uint8Array(16);
  readonly #counts = new Map<SessionId, number>();
  /** Sessions counted up (positive) and down (negative) by the handler that runs. */
  readonly #undo: SessionId[] = [];

  constructor(tables: Tables, max: number) {
    this.#table = tables.table(TABLE.owners);
    this.#max = max;
    this.#table.scan({}, (key) => {
      this.#count(readU64Be(key, 0), 1);
      return true;
    });
  }

  /** Resources that own something for this session. */
  countOf(session: SessionId): number {
    return this.#counts.get(session) ?? 0;
  }

  /** Throws `overloaded` if there are too many, where that is `isBounded`. */
  own(session: SessionId, resource: ResourceId, isBounded: boolean): void {
    const key = this.#keyOf(session, resource);
    const count = this.countOf(session);
    if (isBounded && count >= this.#max && !this.#table.has(key)) {
      throw new QuorateError('overloaded', `${count} resources hold something for this session`, { session, max: this.#max });
    }
    if (!this.#table.set(key, EMPTY)) return;
    this.#count(session, 1);
    this.#undo.push(session);
  }

  disown(session: SessionId, resource: ResourceId): void {
    if (!this.#table.delete(this.#keyOf(session, resource))) return;
    this.#count(session, -1);
    this.#undo.push(-session);
  }

  /** What the handler changed lasts. */
  commit(): void {
    if (this.#undo.length > 0) this.#undo.length = 0;
  }

  /** The tables were rolled back. */
  rollback(): void {
    for (const session of this.#undo) this.#count(Math.abs(session), session > 0 ? -1 : 1);
    this.#undo.length = 0;
  }

  /** Takes out what a session owned; the resources in ascending order. */
  take(session: SessionId): ResourceId[] {
    if (!this.#counts.delete(session)) return [];
    const resources: ResourceId[] = [];
    this.#table.scan({ from: keyOf(session), to: keyOf(session + 1) }, (key) => resources.push(readU64Be(key, 8)) > 0);
    for (const resource of resources) this.#table.delete(this.#keyOf(session, resource));
    return resources;
  }

  #count(session: SessionId, change: 1 | -1): void {
    const count = this.countOf(session) + change;
    if (count === 0) this.#counts.delete(session);
    else this.#counts.set(session, count);
  }

  #keyOf(session: SessionId, resource: ResourceId): Uint8Array {
    writeU64Be(this.#key, 0, session);
    writeU64Be(this.#key, 8, resource);
    return this.#key;
  }
}
