import { QuorateError, invariant } from '@quorate/base';
import { SPACE_KEY_BYTES_MAX } from './machine-limits.js';
import type { ReadableSpace, ResourceId, Space } from './resource-machine.js';
import { keyOf, keyWith, writeU64Be } from './table-keys.js';
import { TABLE_VALUE_BYTES_MAX } from './tables/bounds.js';
import type { EntryVisitor, ReadableTable, ScanRange, Table } from './tables/types.js';

const PREFIX_BYTES = 8;

/** Makes keys of the table from keys of a resource, in one buffer: get, has, set and delete are done with a key when they return. */
export class SpaceKeys {
  readonly #buffer = new Uint8Array(PREFIX_BYTES + SPACE_KEY_BYTES_MAX);
  // The buffer cut to the length of a key, by that length: making such a view costs more than all else here.
  readonly #views: (Uint8Array | undefined)[] = [];

  /** Valid until the next one. Throws `keyTooLarge`. */
  make(resource: ResourceId, key: Uint8Array): Uint8Array {
    if (key.length > SPACE_KEY_BYTES_MAX) {
      throw new QuorateError('keyTooLarge', `a key has at most ${SPACE_KEY_BYTES_MAX} bytes, this one ${key.length}`, {
        bytes: key.length,
      });
    }
    const buffer = this.#buffer;
    const { length } = key;
    writeU64Be(buffer, 0, resource);
    if (length > 64) buffer.set(key, PREFIX_BYTES);
    else for (let i = 0; i < length; i++) buffer[PREFIX_BYTES + i] = key[i] as number;
    return (this.#views[length] ??= buffer.subarray(0, PREFIX_BYTES + length));
  }
}

/** What one resource keeps, read only. Keys of the table begin with its number. */
export class ReadableResourceSpace implements ReadableSpace {
  readonly #table: ReadableTable;
  readonly #keys: SpaceKeys;
  readonly #resource: ResourceId;

  constructor(table: ReadableTable, keys: SpaceKeys, resource: ResourceId) {
    this.#table = table;
    this.#keys = keys;
    this.#resource = resource;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#table.get(this.#keys.make(this.#resource, key));
  }

  has(key: Uint8Array): boolean {
    return this.#table.has(this.#keys.make(this.#resource, key));
  }

  scan(range: ScanRange, visit: EntryVisitor): void {
    const from = range.from === undefined ? keyOf(this.#resource) : keyWith(this.#resource, range.from);
    const to = range.to === undefined ? keyOf(this.#resource + 1) : keyWith(this.#resource, range.to);
    this.#table.scan({ from, to, isReverse: range.isReverse === true }, (key, value) => visit(key.subarray(PREFIX_BYTES), value));
  }
}

/** What is being applied: when a space may be changed, and what that costs. */
export interface SpaceGuard {
  readonly isApplying: boolean;
  workLeft: number;
}

/** What one resource keeps, while a handler runs. */
export class ResourceSpace extends ReadableResourceSpace implements Space {
  readonly #table: Table;
  readonly #keys: SpaceKeys;
  readonly #resource: ResourceId;
  readonly #guard: SpaceGuard;

  constructor(table: Table, keys: SpaceKeys, resource: ResourceId, guard: SpaceGuard) {
    super(table, keys, resource);
    this.#table = table;
    this.#keys = keys;
    this.#resource = resource;
    this.#guard = guard;
  }

  set(key: Uint8Array, value: Uint8Array): boolean {
    invariant(this.#guard.isApplying, 'a space is changed only while a handler runs');
    if (value.length > TABLE_VALUE_BYTES_MAX) {
      throw new QuorateError('valueTooLarge', `a value has at most ${TABLE_VALUE_BYTES_MAX} bytes, this one ${value.length}`, {
        bytes: value.length,
      });
    }
    this.#guard.workLeft--;
    return this.#table.set(this.#keys.make(this.#resource, key), value);
  }

  delete(key: Uint8Array): boolean {
    invariant(this.#guard.isApplying, 'a space is changed only while a handler runs');
    this.#guard.workLeft--;
    return this.#table.delete(this.#keys.make(this.#resource, key));
  }
}
