import { QuorateError } from '@quorate/base';
import type { Fence, Token } from './resource-machine.js';
import { compareTokens } from './schema/token-fields.js';

/** Where the highest token of each lock is kept: in the tables of a machine, or beside the producers of a stream. */
export interface TokenStore {
  /** Locks known. */
  readonly size: number;
  /** The highest token seen of the lock (or leadership) of a fence. */
  get(fence: Fence): Token | undefined;
  /** Keeps the token of a fence as that of its lock. */
  set(fence: Fence): void;
}

/**
 * The rule of fences on writes outside of the group of the lock: the highest token seen counts. No lock is ever forgotten, for then an old
 * token would pass again; so their number is bounded and one more is refused.
 */
export class SeenTokens {
  readonly #store: TokenStore;
  readonly #max: number;

  /** `max`: locks that are remembered. */
  constructor(store: TokenStore, max: number) {
    this.#store = store;
    this.#max = max;
  }

  /** Null if the write may happen; `fenced` if a newer token was seen, `tooManyFences` if there is no room to remember this lock. */
  refusalOf(fence: Fence): QuorateError | null {
    const { group, resource, token } = fence;
    const seen = this.#store.get(fence);
    if (seen === undefined) {
      if (this.#store.size < this.#max) return null;
      return new QuorateError('tooManyFences', `fences of more than ${this.#max} locks of other groups`, {
        group,
        resource,
        max: this.#max,
      });
    }
    if (compareTokens(token, seen) >= 0) return null;
    return new QuorateError('fenced', `a newer token of resource ${resource} of group ${group} was seen`, {
      group,
      resource,
      seenEpoch: seen.epoch,
      seenIndex: seen.index,
    });
  }

  /** Remembers the token of a fence that was not refused. */
  remember(fence: Fence): void {
    const seen = this.#store.get(fence);
    if (seen === undefined || compareTokens(fence.token, seen) > 0) this.#store.set(fence);
  }
}
