import { readU32, readU64, writeU32, writeU64 } from '@quorate/base';
import type { Fence, Token } from './resource-machine.js';
import type { TokenStore } from './seen-tokens.js';
import { TABLE, writeU32Be, writeU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/** Highest tokens seen of locks of other groups, in a table of the machine. */
export class TokenTable implements TokenStore {
  readonly #table: Table;
  readonly #key = new Uint8Array(12);

  constructor(tables: Tables) {
    this.#table = tables.table(TABLE.seenTokens);
  }

  get size(): number {
    return this.#table.size;
  }

  get(fence: Fence): Token | undefined {
    const value = this.#table.get(this.#keyOf(fence));
    return value === undefined ? undefined : { epoch: readU32(value, 0), index: readU64(value, 4) };
  }

  set(fence: Fence): void {
    const value = new Uint8Array(12);
    writeU32(value, 0, fence.token.epoch);
    writeU64(value, 4, fence.token.index);
    this.#table.set(this.#keyOf(fence), value);
  }

  #keyOf({ group, resource }: Fence): Uint8Array {
    writeU32Be(this.#key, 0, group);
    writeU64Be(this.#key, 4, resource);
    return this.#key;
  }
}
