import type { GroupId } from '@quorate/base';

const GROUPS_MAX = 10_000;

/** Where the leader of each group was last seen. Hints only: a wrong one costs a hop. */
export class LeaderCache {
  readonly #addresses = new Map<GroupId, string>();

  get(group: GroupId): string | undefined {
    return this.#addresses.get(group);
  }
  learn(group: GroupId, address: string): void {
    if (this.#addresses.get(group) === address) return;
    this.#addresses.delete(group);
    this.#addresses.set(group, address);
    if (this.#addresses.size > GROUPS_MAX) {
      for (const oldest of this.#addresses.keys()) {
        this.#addresses.delete(oldest);
        break;
      }
    }
  }
  /** Forgets the hint if it still is this one. */
  forget(group: GroupId, address: string): void {
    if (this.#addresses.get(group) === address) this.#addresses.delete(group);
  }
}
