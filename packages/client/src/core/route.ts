import { type GroupId, type QuorateError, type Random, randomBetween } from '@quorate/base';
import type { ConnectionPool } from './connection-pool.js';
import type { LeaderCache } from './leader-cache.js';

/**
 * The order in which one call asks nodes: the leader as far as it is known, then hints, then all others in turn (those that were silent of
 * late come last), each at most once in a round. So a round has at most as many hops as there are addresses, however stale the hints are (T09); between rounds the caller waits.
 */
export class Route {
  readonly #pool: ConnectionPool;
  readonly #leaders: LeaderCache;
  /** Null: any node will do. */
  readonly #group: GroupId | null;
  /** Only this address, if given. */
  readonly #only: string | null;
  readonly #tried = new Set<string>();
  #hint: string | null = null;
  #turn: number;
  /** The newest error of each address. */
  readonly causes: Map<string, QuorateError> = new Map();

  constructor(options: { pool: ConnectionPool; leaders: LeaderCache; random: Random; group: GroupId | null; only?: string | null }) {
    this.#pool = options.pool;
    this.#leaders = options.leaders;
    this.#group = options.group;
    this.#only = options.only ?? null;
    this.#turn = randomBetween(options.random, 0, options.pool.addresses.length - 1);
  }

  /** The next address to ask, or null: the round is over. */
  next(): string | null {
    const address = this.#choose();
    if (address !== null) this.#tried.add(address);
    return address;
  }

  #choose(): string | null {
    if (this.#only !== null) return this.#tried.size === 0 ? this.#only : null;
    const hint = this.#hint;
    this.#hint = null;
    if (hint !== null && !this.#tried.has(hint)) return hint;
    const leader = this.#group === null ? undefined : this.#leaders.get(this.#group);
    if (leader !== undefined && !this.#tried.has(leader)) return leader;
    return this.#nextInTurn((address) => !this.#pool.isDoubtful(address)) ?? this.#nextInTurn(() => true);
  }

  #nextInTurn(isWanted: (address: string) => boolean): string | null {
    const { addresses } = this.#pool;
    for (let i = 0; i < addresses.length; i++) {
      const address = addresses[(this.#turn + i) % addresses.length] as string;
      if (this.#tried.has(address) || !isWanted(address)) continue;
      this.#turn = (this.#turn + i + 1) % addresses.length;
      return address;
    }
    return null;
  }

  /** All addresses may be asked again. */
  startRound(): void {
    this.#tried.clear();
  }

  /** An address did not do it. A leader that it named is asked next, unless it was asked in this round. */
  failed(address: string, error: QuorateError): void {
    this.#tried.add(address);
    this.causes.delete(address);
    this.causes.set(address, error);
    if (this.#group !== null) this.#leaders.forget(this.#group, address);
    const hint = error.code === 'notLeader' ? error.details['address'] : undefined;
    if (typeof hint !== 'string' || hint === address || !this.#pool.learn(hint)) return;
    this.#hint = hint;
    if (this.#group !== null) this.#leaders.learn(this.#group, hint);
  }

  /** An address answered as the leader does. */
  succeeded(address: string): void {
    this.causes.clear();
    if (this.#group !== null) this.#leaders.learn(this.#group, address);
  }
}
