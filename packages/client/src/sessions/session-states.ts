import { type Logger, QuorateError, type Timers } from '@quorate/base';
import type { SessionState } from '@quorate/machine';
import { guarded } from './listeners.js';

/** Told of each change of the state: the new one, and the one that was told before. What it gives is of no interest; it may be `async`. */
export type SessionStateListener = (state: SessionState, previous: SessionState) => unknown;

/** A listener of a session's state, until it is ended. */
export interface SessionStateSubscription {
  /** Nothing more is told, not even what has already happened. May be called again. */
  end(): void;
  /** At the end of `using`: the same. */
  [Symbol.dispose](): void;
}

/** Listeners of one client: some are a program's parts, more are a leak. */
const LISTENERS_MAX = 1000;
/** Changes that wait to be told. A turn has few, unless a program asks for sessions and gives them up in a circle. */
const CHANGES_MAX = 16;

interface Registration {
  readonly listener: SessionStateListener;
  isEnded: boolean;
}

interface Change {
  readonly state: SessionState;
  readonly previous: SessionState;
  /** Who listened when it happened. */
  readonly registrations: readonly Registration[];
}

/**
 * Tells the changes of a client's session, one after the other, each to all listeners in the order in which they came: what one is told as `previous` it was
 * told before, or was so when it came. Never from within a call of the user; if more than 16 wait, the last of them stands for those that follow.
 */
export class SessionStates {
  readonly #timers: Timers;
  readonly #logger: Logger;
  readonly #registrations = new Set<Registration>();
  #changes: Change[] = [];
  /** The last that is told, or will be. */
  #state: SessionState = 'opening';
  #isPlanned = false;

  constructor(timers: Timers, logger: Logger) {
    this.#timers = timers;
    this.#logger = logger;
  }

  /** `invalidArgument` for what is no function, `overloaded` for too many. */
  add(listener: SessionStateListener): SessionStateSubscription {
    if (typeof listener !== 'function') {
      throw new QuorateError('invalidArgument', `listener must be a function, not ${typeof listener}`, { path: 'listener' });
    }
    if (this.#registrations.size >= LISTENERS_MAX) {
      throw new QuorateError('overloaded', `${LISTENERS_MAX} listen to the state of this session already`, { max: LISTENERS_MAX });
    }
    const registration: Registration = { listener, isEnded: false };
    this.#registrations.add(registration);
    const end = (): void => {
      registration.isEnded = true;
      this.#registrations.delete(registration);
    };
    return { end, [Symbol.dispose]: end };
  }

  /** The state is this one now; whoever listens is told soon. */
  change(state: SessionState): void {
    if (state === this.#state) return;
    const previous = this.#state;
    this.#state = state;
    if (this.#registrations.size > 0) this.#remember({ state, previous, registrations: [...this.#registrations] });
  }

  /** Tells what waits. */
  flush(): void {
    const changes = this.#changes;
    this.#changes = [];
    for (const { state, previous, registrations } of changes) {
      for (const registration of registrations) {
        if (!registration.isEnded) guarded(this.#logger, 'sessionState', () => registration.listener(state, previous));
      }
    }
  }

  #remember(change: Change): void {
    const last = this.#changes.at(-1);
    if (last !== undefined && this.#changes.length >= CHANGES_MAX) {
      this.#changes.pop();
      if (last.previous === change.state) return;
      this.#changes.push({ ...last, state: change.state });
    } else {
      this.#changes.push(change);
    }
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    this.#timers.defer(() => {
      this.#isPlanned = false;
      this.flush();
    });
  }
}
