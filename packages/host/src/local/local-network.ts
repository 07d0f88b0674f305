import {
  type Address,
  type Connection,
  type ConnectionHandlers,
  type Listener,
  type Network,
  type QuorateError,
  type Timers,
  formatAddress,
} from '@quorate/base';
import { LocalConnection } from './local-connection.js';

type Accept = (connection: Connection) => ConnectionHandlers;

/**
 * The network of a node that is embedded in a process together with its clients: a connection to an address that is listened on through
 * this same object stays within the process, every other goes through `inner`. Both speak the same protocol.
 */
export class LocalNetwork implements Network {
  readonly #inner: Network;
  readonly #timers: Timers;
  readonly #listening = new Map<string, Accept>();
  #count = 0;

  constructor(inner: Network, timers: Timers) {
    this.#inner = inner;
    this.#timers = timers;
  }

  listen(address: Address, accept: Accept, done: (error: QuorateError | null, listener: Listener | null) => void): void {
    this.#inner.listen(address, accept, (error, listener) => {
      if (listener === null) {
        done(error, null);
        return;
      }
      const names = new Set([formatAddress(address), formatAddress(listener.address)]);
      for (const name of names) this.#listening.set(name, accept);
      done(null, {
        address: listener.address,
        close: () => {
          for (const [name, known] of this.#listening) if (known === accept) this.#listening.delete(name);
          listener.close();
        },
      });
    });
  }

  /** From now on `alias` is another name of the address that is listened on as `listening`: what others are told of it. */
  alias(alias: Address, listening: Address): void {
    const accept = this.#listening.get(formatAddress(listening));
    if (accept !== undefined) this.#listening.set(formatAddress(alias), accept);
  }

  connect(address: Address, handlers: ConnectionHandlers & { opened(connection: Connection): void }): { cancel(): void } {
    const accept = this.#listening.get(formatAddress(address));
    if (accept === undefined) return this.#inner.connect(address, handlers);
    let isCancelled = false;
    this.#timers.defer(() => {
      if (isCancelled) return;
      this.#count += 1;
      const { dialed, accepted } = LocalConnection.pair(
        { dialed: formatAddress(address), accepted: `this process #${this.#count}` },
        this.#timers,
      );
      accepted.bind(accept(accepted));
      dialed.bind(handlers);
      handlers.opened(dialed);
    });
    return {
      cancel: () => {
        isCancelled = true;
      },
    };
  }
}
