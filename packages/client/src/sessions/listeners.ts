import type { Logger, LogIndex, QuorateError } from '@quorate/base';
import type { ResourceId, ResourceListener, SessionState } from '@quorate/machine';
import type { PushedEvent } from '@quorate/wire';

/** Runs a callback of a user: what it throws is logged and stops nobody else. */
export function guarded(logger: Logger, what: string, callback: () => void): void {
  try {
    callback();
  } catch (thrown) {
    callbackThrew(logger, what, thrown);
  }
}

/** Logs what a callback of a user threw. */
export function callbackThrew(logger: Logger, what: string, thrown: unknown): void {
  logger.log('error', 'callbackThrew', { what, error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown) });
}

interface Registration {
  readonly listener: ResourceListener;
  isEnded: boolean;
}

/** Who wants to hear of which resource. A listener that is added or removed while others are told is heeded at once. */
export class Listeners {
  readonly #logger: Logger;
  readonly #byResource = new Map<ResourceId, Set<Registration>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  add(resource: ResourceId, listener: ResourceListener): () => void {
    const registration: Registration = { listener, isEnded: false };
    let all = this.#byResource.get(resource);
    if (all === undefined) {
      all = new Set();
      this.#byResource.set(resource, all);
    }
    all.add(registration);
    return () => {
      registration.isEnded = true;
      const present = this.#byResource.get(resource);
      present?.delete(registration);
      if (present?.size === 0) this.#byResource.delete(resource);
    };
  }

  event(index: LogIndex, event: PushedEvent): void {
    const all = this.#byResource.get(event.resource);
    if (all === undefined) return;
    this.#tell([...all], 'event', (listener) => listener.event(event.code, index, event.fields));
  }
  sessionLost(error: QuorateError): void {
    this.#tell(this.#all(), 'sessionLost', (listener) => listener.sessionLost(error));
  }
  sessionDoubted(error: QuorateError): void {
    this.#tell(this.#all(), 'sessionDoubted', (listener) => listener.sessionDoubted?.(error));
  }
  stateChanged(state: SessionState): void {
    this.#tell(this.#all(), 'stateChanged', (listener) => listener.stateChanged(state));
  }

  #all(): Registration[] {
    return [...this.#byResource.values()].flatMap((all) => [...all]);
  }

  #tell(registrations: readonly Registration[], what: string, tell: (listener: ResourceListener) => void): void {
    for (const registration of registrations) {
      if (!registration.isEnded) guarded(this.#logger, what, () => tell(registration.listener));
    }
  }
}
