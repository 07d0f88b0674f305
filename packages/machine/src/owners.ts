import type { ResourceId, SessionId } from './resource-machine.js';
import { EMPTY, TABLE, keyOf, readU64Be, writeU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/** Which resources own something for which session: those are told when it ends. */
export class Owners {
  readonly #table: Table;
  readonly #key = new Uint8Array(16);

  constructor(tables: Tables) {
    this.#table = tables.table(TABLE.owners);
  }

  own(session: SessionId, resource: ResourceId): void {
    this.#table.set(this.#keyOf(session, resource), EMPTY);
  }

  disown(session: SessionId, resource: ResourceId): void {
    this.#table.delete(this.#keyOf(session, resource));
  }

  /** Takes out what a session owned; the resources in ascending order. */
  take(session: SessionId): ResourceId[] {
    const resources: ResourceId[] = [];
    this.#table.scan({ from: keyOf(session), to: keyOf(session + 1) }, (key) => resources.push(readU64Be(key, 8)) > 0);
    for (const resource of resources) this.#table.delete(this.#keyOf(session, resource));
    return resources;
  }

  #keyOf(session: SessionId, resource: ResourceId): Uint8Array {
    writeU64Be(this.#key, 0, session);
    writeU64Be(this.#key, 8, resource);
    return this.#key;
  }
}
