import type { Fence, Token, TokenStore } from '@quorate/machine';

/** Highest tokens that a stream has seen, by lock. Part of its state: the same on all replicas, because only applied appends change it. */
export class TokenMap implements TokenStore {
  readonly #tokens = new Map<string, Token>();

  get size(): number {
    return this.#tokens.size;
  }

  get(fence: Fence): Token | undefined {
    return this.#tokens.get(keyOf(fence));
  }

  set(fence: Fence): void {
    this.#tokens.set(keyOf(fence), fence.token);
  }
}

function keyOf({ group, resource }: Fence): string {
  return `${group}/${resource}`;
}
