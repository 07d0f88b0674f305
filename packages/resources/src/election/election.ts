import type { Fence, SessionId, Token } from '@quorate/machine';
import type { QuorateError } from '@quorate/base';
import type { Holding } from '../client/claims.js';
import { CLIENT_LIMITS } from '../client/client-limits.js';
import type { ResourceHandle } from '../client/resource-handle.js';
import { type ValueCodec, decodeValueWith, encodeValueWith } from '../codecs/value-codec.js';
import { BufferedIterator } from '../promises/buffered-iterator.js';
import { type CallOptions, type QueryOptions, queryTimeOf, timeOf } from '../promises/call-options.js';
import { Held } from '../promises/held.js';
import { promiseOf } from '../promises/pending-promise.js';
import { RESOURCE_LIMITS } from '../resource-limits.js';
import { standForElection, stepDown } from './election-claims.js';
import type { ElectionDeclaration } from './election-declaration.js';
import { type LeaderRecord, LeaderObservers } from './leader-observers.js';

/** Who leads. */
export interface Leader<T> {
  readonly session: SessionId;
  /** The term: grows from leader to leader. */
  readonly token: Token;
  readonly fence: Fence;
  /** What it said of itself; undefined: nothing. */
  readonly about: T | undefined;
  /** True if it is of this client. */
  readonly isOwn: boolean;
}

/** Leadership, until it is resigned or lost. Its token is the term. */
export class Leadership extends Held {
  /** Steps down; the candidate that waits longest leads then. `notHeld`: it was lost before. Goes on after its deadline (`unavailable`). */
  resign(options: CallOptions = {}): Promise<void> {
    return this.giveUp(options);
  }
}

/**
 * One leader among candidates, in order of coming. A candidate whose session ends is out. A process that was stopped may still believe that it
 * leads; so fence what it writes.
 *
 * @example
 * ```ts
 * await using leadership = await client.election('scheduler').campaign({ host: 'a' });
 * while (!leadership.lost.aborted) await runJobs({ fence: leadership.fence });
 * ```
 */
export class Election<T = unknown> {
  readonly #handle: ResourceHandle<ElectionDeclaration>;
  readonly #codec: ValueCodec<T>;

  /** Use `Resources.election`. */
  constructor(handle: ResourceHandle<ElectionDeclaration>, codec: ValueCodec<T>) {
    this.#handle = handle;
    this.#codec = codec;
  }

  get name(): string {
    return this.#handle.name;
  }

  /**
   * Stands for election and waits until it leads. `about` is told to all who ask who leads; at most 4096 bytes (`valueTooLarge`, `valueInvalid`).
   * `deadlineMs` limits only the time until the cluster has the candidacy. `aborted`: it is withdrawn, even if elected meanwhile;
   * `sessionExpired`: it is gone with the session, or was elected without contact with the cluster, and has resigned; `unavailable`, `overloaded`.
   */
  async campaign(about?: T, options: CallOptions = {}): Promise<Leadership> {
    const encoded = about === undefined ? NOTHING : encodeValueWith(this.#codec, about, ABOUT);
    const holding = await promiseOf<Holding>(options.signal, (done) => standForElection(this.#handle, encoded, timeOf(options), done));
    return new Leadership(holding, (time, done) => stepDown(this.#handle, holding, timeOf(time), done));
  }

  /** Who leads; null: nobody. */
  async leader(options: QueryOptions = {}): Promise<Leader<T> | null> {
    const leader = await promiseOf<LeaderRecord>(options.signal, (done) => this.#handle.query('leader', {}, queryTimeOf(options), done));
    return this.#leaderOf(leader);
  }

  /**
   * Who leads: the present leader (or null), then each change, in order, until it is left or aborted. Goes on after a lost session: then comes who
   * leads by now, if it is another. One who does not keep up is given the newest 1024.
   */
  observe(options: CallOptions = {}): AsyncGenerator<Leader<T> | null, void, undefined> {
    let leave: (() => void) | null = null;
    const leaders = new BufferedIterator<Leader<T> | null>({
      itemsMax: CLIENT_LIMITS.observedLeadersMax,
      bytesMax: Number.POSITIVE_INFINITY,
      signal: options.signal,
      left: () => leave?.(),
    });
    if (leaders.isOver) return leaders;
    leave = LeaderObservers.of(this.#handle).observe(
      {
        leader: (record) => {
          let leader: Leader<T> | null;
          try {
            leader = this.#leaderOf(record);
          } catch (thrown) {
            leave?.();
            leaders.end(thrown as QuorateError);
            return;
          }
          if (leaders.push(leader, 0) || leaders.isOver) return;
          leaders.dropOldest();
          leaders.push(leader, 0);
        },
        ended: (error) => leaders.end(error),
      },
      timeOf(options),
    );
    return leaders;
  }

  #leaderOf(leader: LeaderRecord): Leader<T> | null {
    if (leader === null) return null;
    const { session, token, about } = leader;
    return {
      session,
      token,
      fence: { group: this.#handle.context.group, resource: this.#handle.resource, token },
      about: about.length === 0 ? undefined : decodeValueWith(this.#codec, about, 'what the leader says of itself'),
      isOwn: session === this.#handle.session,
    };
  }
}

const NOTHING = new Uint8Array(0);
const ABOUT = { what: 'what a candidate says of itself', max: RESOURCE_LIMITS.candidateBytesMax };
