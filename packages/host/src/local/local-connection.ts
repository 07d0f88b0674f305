import type { Connection, ConnectionHandlers, Timers } from '@quorate/base';

const CLOSED_HERE = 'closed on this side';
const CLOSED_THERE = 'closed by the other side';
const SILENT: ConnectionHandlers = { data: () => {}, drain: () => {}, closed: () => {} };

/**
 * One end of a connection within this process. Bytes are handed over as they are, in order, at the end of a turn; nothing is copied, so what
 * is written must not change, and what is received is valid only during the call. While the other end is paused they wait here.
 */
export class LocalConnection implements Connection {
  readonly remote: string;
  readonly #timers: Timers;
  #handlers: ConnectionHandlers = SILENT;
  #peer: LocalConnection | null = null;
  /** Written here and not yet received there. */
  #outgoing: Uint8Array[] = [];
  #queuedBytes = 0;
  #isDrainOwed = false;
  #isPaused = false;
  #isEnding = false;
  #isClosed = false;
  #isDeliveryPlanned = false;

  private constructor(remote: string, timers: Timers) {
    this.remote = remote;
    this.#timers = timers;
  }

  /** Two ends of one connection; both must be bound before the end of this turn. */
  static pair(
    remotes: { readonly dialed: string; readonly accepted: string },
    timers: Timers,
  ): { dialed: LocalConnection; accepted: LocalConnection } {
    const dialed = new LocalConnection(remotes.dialed, timers);
    const accepted = new LocalConnection(remotes.accepted, timers);
    dialed.#peer = accepted;
    accepted.#peer = dialed;
    return { dialed, accepted };
  }

  /** For the network: who is told. */
  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  write(bytes: Uint8Array): void {
    if (this.#isEnding || this.#isClosed || bytes.length === 0) return;
    this.#outgoing.push(bytes);
    this.#queuedBytes += bytes.length;
    this.#isDrainOwed = true;
    this.#planDelivery();
  }

  /** Everything is handed over at the end of the turn anyway. */
  flush(): void {}

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    if (this.#peer !== null) this.#peer.#planDelivery();
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#isEnding = true;
    this.#planDelivery();
  }

  destroy(): void {
    this.#close(CLOSED_HERE);
  }

  #planDelivery(): void {
    if (this.#isDeliveryPlanned || this.#isClosed) return;
    this.#isDeliveryPlanned = true;
    this.#timers.defer(() => {
      this.#isDeliveryPlanned = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    const peer = this.#peer;
    while (peer !== null && !this.#isClosed && !peer.#isPaused && this.#outgoing.length > 0) {
      const chunks = this.#outgoing;
      this.#outgoing = [];
      for (const [at, bytes] of chunks.entries()) {
        if (peer.#isPaused || peer.#isClosed) {
          this.#outgoing.unshift(...chunks.slice(at));
          break;
        }
        this.#queuedBytes -= bytes.length;
        // The end that closes hears nothing more; the other one reads what was sent before.
        if (!peer.#isEnding) peer.#handlers.data(bytes);
      }
    }
    if (this.#isClosed || this.#outgoing.length > 0) return;
    if (this.#isEnding) this.#close(CLOSED_HERE);
    else if (this.#isDrainOwed) {
      this.#isDrainOwed = false;
      this.#handlers.drain();
    }
  }

  #close(reason: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#outgoing = [];
    this.#queuedBytes = 0;
    const peer = this.#peer;
    this.#timers.defer(() => {
      const handlers = this.#handlers;
      this.#handlers = SILENT;
      handlers.closed(reason);
    });
    if (peer !== null) peer.#close(CLOSED_THERE);
  }
}
