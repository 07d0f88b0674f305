import { QuorateError } from '@quorate/base';
import type { Done, Fence, PendingCall, Token } from '@quorate/machine';
import type { Holding } from '../client/claims.js';
import { checkTime } from '../client/resource-handle.js';
import type { CallOptions } from './call-options.js';
import { promiseOf, throwIfAborted } from './pending-promise.js';

/** How a holding is given up; null: it was given up or lost before. */
export type GiveUp = (options: CallOptions, done: Done<undefined>) => PendingCall | null;

/** Something held, a lock or leadership, until it is given up or lost. */
export class Held {
  readonly #holding: Holding;
  readonly #giveUp: GiveUp;
  readonly #controller = new AbortController();
  #givenUp: Promise<void> | null = null;

  /** Made by what gives it out. */
  constructor(holding: Holding, giveUp: GiveUp) {
    this.#holding = holding;
    this.#giveUp = giveUp;
    holding.onLost((error) => this.#controller.abort(error));
  }

  /** Grows from holder to holder; what is written under it is fenced with `fence`. */
  get token(): Token {
    return this.#holding.token;
  }
  /** For `WriteOptions.fence`: lets a write happen only while this is held, an append to a stream only until the next holder has appended there. */
  get fence(): Fence {
    return this.#holding.fence;
  }
  /**
   * Aborted when it is lost, with the error as reason: by this process' clock no later than the cluster may give it to another for want of contact.
   * That is the ttl after the last contact, or the `disconnectGraceMs` if it is less: then this also comes when the session goes on later, and what
   * was held is given back. A grace below 150 ms counts as 150 ms until this process sees its connection end. Not on giving it up.
   */
  get lost(): AbortSignal {
    return this.#controller.signal;
  }
  /** True while it is held, as far as this process can know by its clock. Only a fence protects a write that is under way. */
  get isHeld(): boolean {
    return this.#holding.isHeld;
  }

  /** Gives it up, once; the same outcome for each call. Options that are no good give nothing up. */
  protected async giveUp(options: CallOptions): Promise<void> {
    throwIfAborted(options.signal);
    checkTime(options.deadlineMs);
    this.#givenUp ??= this.#end(options);
    return this.#givenUp;
  }

  /** At the end of `await using`: gives it up if it is still held. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      await this.giveUp({});
    } catch (thrown) {
      // Then it is free already, and who cares has been told by `lost`.
      if (!(thrown instanceof QuorateError) || !FREE.has(thrown.code)) throw thrown;
    }
  }

  async #end(options: CallOptions): Promise<void> {
    await promiseOf<undefined>(options.signal, (done) => {
      const pending = this.#giveUp(options, done);
      if (pending === null) throw new QuorateError('notHeld', 'it was lost with its session, so another may have held it since');
      return pending;
    });
  }
}

const FREE: ReadonlySet<string> = new Set(['notHeld', 'sessionExpired', 'closed']);
