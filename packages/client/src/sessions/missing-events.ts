import { QuorateError } from '@quorate/base';
import type { CallContext } from '../core/call.js';
import { Alarm } from './alarm.js';
import type { EventChain } from './event-chain.js';

/** What looking for missing events needs of a session. */
export interface MissingEventsOwner {
  readonly isBound: boolean;
  /** Has the node push again what was not received. */
  bindAgain(): void;
  /** Events that were named are no longer waited for. */
  stoppedWaiting(): void;
  expired(error: QuorateError): void;
}

/** Time that missing events are waited for before the node is asked again, in ms. */
const WAIT_MS = 1000;
/** How often for events that were only named: an answer knew of them, or a binding. */
const NAMED_TRIES_MAX = 3;
/** How often for events that the chain itself proves. */
const GAP_TRIES_MAX = 8;

/**
 * Watches for events that exist and have not arrived, and asks for them again. One that was only named is given up after a while, so that nothing
 * waits for ever for what does not exist; one that the chain proves is never left out: rather the session is taken for lost (T66).
 */
export class MissingEvents {
  readonly #context: CallContext;
  readonly #chain: EventChain;
  readonly #owner: MissingEventsOwner;
  readonly #alarm: Alarm;
  #tries = 0;
  #isGap = false;

  constructor(context: CallContext, chain: EventChain, owner: MissingEventsOwner) {
    this.#context = context;
    this.#chain = chain;
    this.#owner = owner;
    this.#alarm = new Alarm(context, () => this.#stillMissing());
  }

  /** More may be known to exist, or to have arrived, than before. */
  watch(): void {
    if (!this.#chain.isMissing || !this.#owner.isBound) this.#alarm.clear();
    else if (!this.#alarm.isSet) this.#alarm.set(WAIT_MS);
  }

  /** A batch or a piece of one came in its turn: the node is at it, and those behind it have as long again. */
  arrived(): void {
    this.#isGap = false;
    this.#tries = 0;
    this.#alarm.clear();
    this.watch();
  }

  /** A batch came whose predecessor did not. The first time this is asked for at once. */
  gap(): void {
    if (!this.#isGap) {
      this.#isGap = true;
      this.#tries = 1;
      this.#owner.bindAgain();
    }
    this.watch();
  }

  stop(): void {
    this.#alarm.clear();
  }

  #stillMissing(): void {
    if (!this.#chain.isMissing) return;
    const { received } = this.#chain;
    const isProved = this.#isGap || this.#chain.isWithinBatch;
    this.#tries += 1;
    if (isProved && this.#tries > GAP_TRIES_MAX) {
      this.#owner.expired(new QuorateError('sessionExpired', 'events of this session are lost', { received }));
    } else if (!isProved && this.#tries > NAMED_TRIES_MAX) {
      this.#context.settings.logger.log('warn', 'eventsMissing', { received });
      this.#tries = 0;
      this.#chain.stopExpecting();
      this.#owner.stoppedWaiting();
    } else {
      this.#owner.bindAgain();
      this.watch();
    }
  }
}
