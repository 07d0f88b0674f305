import type { SessionId, Token } from '@quorate/machine';
import type { Holding } from '../client/claims.js';
import type { ResourceHandle } from '../client/resource-handle.js';
import { type CallOptions, type QueryOptions, queryTimeOf, timeOf } from '../promises/call-options.js';
import { Held } from '../promises/held.js';
import { promiseOf } from '../promises/pending-promise.js';
import { claimLock, notAcquired, releaseLock } from './lock-claims.js';
import type { LockDeclaration } from './lock-declaration.js';

/** How long to wait for a lock. `deadlineMs` limits only the time until the cluster has the claim, not the wait for the lock. */
export interface AcquireOptions extends CallOptions {
  /** Longest wait in ms, by the clock of the cluster; default: for ever. 0: only if it is free. */
  readonly waitMs?: number;
}

/** Who holds a lock. */
export interface LockHolder {
  readonly session: SessionId;
  readonly token: Token;
  /** Number of claims that wait. */
  readonly waiters: number;
}

/** A lock that is held. Ends with `release`, at the end of `await using`, or when it is lost with the session. */
export class HeldLock extends Held {
  /**
   * Gives the lock up; a second call gives the same. Goes on after its deadline (`unavailable`). `notHeld`: it was lost before, so what was done
   * under it may not have been alone.
   */
  release(options: CallOptions = {}): Promise<void> {
    return this.giveUp(options);
  }
}

/**
 * A lock: one holder at a time, in order of coming, freed when the session of its holder ends. Not re-entrant: who holds it and acquires it
 * again waits for itself. A process that was stopped may still believe that it holds it; so fence what you write under it.
 *
 * @example
 * ```ts
 * await using held = await client.lock('billing').acquire({ waitMs: 10_000 });
 * await client.map('bills').set('42', bill, { fence: held.fence });
 * ```
 */
export class Lock {
  readonly #handle: ResourceHandle<LockDeclaration>;

  /** Use `Resources.lock`. */
  constructor(handle: ResourceHandle<LockDeclaration>) {
    this.#handle = handle;
  }

  get name(): string {
    return this.#handle.name;
  }

  /**
   * Waits for the lock. `lockTimeout` (it was not acquired, for certain) after `waitMs`; `aborted`: the claim is taken back, even if it was
   * granted meanwhile; `sessionExpired`: it is gone with the session, or was granted without contact with the cluster, and is given back;
   * `unavailable`: the cluster did not answer in time, and if it does later, the claim is taken back; `overloaded`.
   */
  async acquire(options: AcquireOptions = {}): Promise<HeldLock> {
    const held = await this.#claim(options.waitMs ?? null, options);
    if (held === null) throw notAcquired(this.name);
    return held;
  }

  /** The lock if it is free, else null. Errors as `acquire`. */
  async tryAcquire(options: CallOptions = {}): Promise<HeldLock | null> {
    return this.#claim(0, options);
  }

  /** Who holds it; null: nobody. */
  async holder(options: QueryOptions = {}): Promise<LockHolder | null> {
    const { isHeld, session, token, waiters } = await promiseOf<{
      readonly isHeld: boolean;
      readonly session: SessionId;
      readonly token: Token | null;
      readonly waiters: number;
    }>(options.signal, (done) => this.#handle.query('holder', {}, queryTimeOf(options), done));
    return isHeld && token !== null ? { session, token, waiters } : null;
  }

  async #claim(waitMs: number | null, options: CallOptions): Promise<HeldLock | null> {
    const holding = await promiseOf<Holding | null>(options.signal, (done) => claimLock(this.#handle, waitMs, timeOf(options), done));
    if (holding === null) return null;
    return new HeldLock(holding, (time, done) => releaseLock(this.#handle, holding, timeOf(time), done));
  }
}
