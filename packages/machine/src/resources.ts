import { ByteReader, ByteWriter, LIMITS, QuorateError, checkName, fromUtf8, readU64, utf8, writeU64 } from '@quorate/base';
import { type CompiledType, type CompiledTypes, resourceUnsupported } from './compiled-type.js';
import { isTypeName } from './declare-resource.js';
import type { ResourceInfo } from './machine-types.js';
import type { ResourceId } from './resource-machine.js';
import { TABLE, keyOf, readU64Be, writeU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/** The catalogue of resources: by number and by name. Resources are never removed. */
export class Resources {
  readonly #byId: Table;
  readonly #byName: Table;
  readonly #types: CompiledTypes;
  readonly #max: number;
  readonly #key = new Uint8Array(8);

  constructor(tables: Tables, types: CompiledTypes, max: number) {
    this.#byId = tables.table(TABLE.resources);
    this.#byName = tables.table(TABLE.names);
    this.#types = types;
    this.#max = max;
  }

  get count(): number {
    return this.#byId.size;
  }

  get(resource: ResourceId): ResourceInfo | undefined {
    writeU64Be(this.#key, 0, resource);
    const value = this.#byId.get(this.#key);
    return value === undefined ? undefined : decodeResource(resource, value);
  }

  byName(name: string): ResourceInfo | undefined {
    // Longer names have no entry, and must not reach the table as keys.
    if (name === '' || name.length > LIMITS.nameBytesMax) return undefined;
    const value = this.#byName.get(utf8(name));
    return value === undefined ? undefined : this.get(readU64(value, 0));
  }

  list(): ResourceInfo[] {
    const all: ResourceInfo[] = [];
    this.#byId.scan({}, (key, value) => all.push(decodeResource(readU64Be(key, 0), value)) > 0);
    return all;
  }

  /** What may be refused of opening: `nameInvalid`, `kindMismatch`, `overloaded`. The resource if it exists already. */
  checkOpen(type: string, version: number, name: string): ResourceInfo | undefined {
    checkName('resource', name);
    if (!isTypeName(type) || version < 1) {
      throw new QuorateError('nameInvalid', 'a type of resources is lower-case letters, digits and hyphens, with a version from 1', {
        version,
      });
    }
    const existing = this.byName(name);
    if (existing === undefined) {
      if (this.#byId.size >= this.#max) throw new QuorateError('overloaded', `there are ${this.#max} resources`, { max: this.#max });
      return undefined;
    }
    if (existing.type !== type || existing.version !== version) {
      // Rule 24: whoever comes second is told, rather than given something else than asked for.
      const is = `${existing.type} of version ${existing.version}`;
      throw new QuorateError('kindMismatch', `"${name}" is a ${is}, not a ${type} of version ${version}`, {
        type: existing.type,
        version: existing.version,
      });
    }
    return existing;
  }

  create(resource: ResourceId, type: string, version: number, name: string): void {
    const id = new Uint8Array(8);
    writeU64(id, 0, resource);
    this.#byId.set(keyOf(resource), new ByteWriter(64).u16(version).text(type).text(name).take());
    this.#byName.set(utf8(name), id);
  }

  /** The kind of an existing resource. Throws `resourceUnsupported` if this node lacks it. */
  typeOf({ type, version }: ResourceInfo): CompiledType {
    const found = this.findType(type, version);
    if (found === undefined) throw resourceUnsupported(type, version);
    return found;
  }

  findType(type: string, version: number): CompiledType | undefined {
    return this.#types.find(type, version);
  }
}

/** The kind of a resource as its entry in the table says; for the loader of snapshots too. */
export function decodeResource(resource: ResourceId, value: Uint8Array): ResourceInfo {
  const reader = new ByteReader(value);
  const version = reader.u16();
  const type = reader.text();
  const name = fromUtf8(reader.raw(reader.u16()));
  reader.end();
  return { resource, type, version, name };
}
