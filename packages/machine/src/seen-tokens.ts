import { type GroupId, QuorateError, readU32, readU64, writeU32, writeU64 } from '@quorate/base';
import type { Fence, Token } from './resource-machine.js';
import { compareTokens } from './schema/token-fields.js';
import { TABLE, writeU32Be, writeU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/** Highest tokens seen of locks that live in other groups. */
export class SeenTokens {
  readonly #table: Table;
  readonly #max: number;
  readonly #key = new Uint8Array(12);

  constructor(tables: Tables, max: number) {
    this.#table = tables.table(TABLE.seenTokens);
    this.#max = max;
  }

  /** Throws `fenced` if a newer token was seen, `overloaded` if there is no room to remember this one. */
  check(fence: Fence): void {
    const seen = this.#get(fence.group, fence.resource);
    if (seen === undefined) {
      if (this.#table.size >= this.#max) {
        throw new QuorateError('overloaded', `fences of more than ${this.#max} locks of other groups`, { max: this.#max });
      }
    } else if (compareTokens(fence.token, seen) < 0) {
      throw new QuorateError('fenced', `a newer token of resource ${fence.resource} of group ${fence.group} was seen`, {
        group: fence.group,
        resource: fence.resource,
        seenEpoch: seen.epoch,
        seenIndex: seen.index,
      });
    }
  }

  /** Remembers a token that was checked. */
  remember(fence: Fence): void {
    const seen = this.#get(fence.group, fence.resource);
    if (seen !== undefined && compareTokens(fence.token, seen) <= 0) return;
    const value = new Uint8Array(12);
    writeU32(value, 0, fence.token.epoch);
    writeU64(value, 4, fence.token.index);
    this.#table.set(this.#keyOf(fence.group, fence.resource), value);
  }

  #get(group: GroupId, resource: number): Token | undefined {
    const value = this.#table.get(this.#keyOf(group, resource));
    return value === undefined ? undefined : { epoch: readU32(value, 0), index: readU64(value, 4) };
  }

  #keyOf(group: GroupId, resource: number): Uint8Array {
    writeU32Be(this.#key, 0, group);
    writeU64Be(this.#key, 4, resource);
    return this.#key;
  }
}
