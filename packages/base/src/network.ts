import { QuorateError } from './errors.js';
import { shownValue } from './shown-value.js';

/** Where a node listens or is reached. */
export interface Address {
  readonly host: string;
  /** 1 to 65,535 (0 only to listen on a free port). */
  readonly port: number;
}

/** `host:port` as people write it; IPv6 hosts in brackets. */
export function formatAddress(address: Address): string {
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}

/** Parses `host:port`, `[ipv6]:port` or `:port` (loopback); otherwise `addressInvalid` that says what is wrong. */
export function parseAddress(text: string): Address {
  // Whoever writes no types may give anything.
  if (typeof text !== 'string') throw new QuorateError('addressInvalid', `an address must be a text, not ${shownValue(text)}`);
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]*)):([0-9]{1,5})$/.exec(text);
  const port = match === null ? Number.NaN : Number(match[3]);
  if (match === null || port < 1 || port > 65535) {
    throw new QuorateError('addressInvalid', `"${text}" is not HOST:PORT with a port from 1 to 65535`, { address: text });
  }
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? '127.0.0.1' : host, port };
}

/** What a connection tells its owner. All callbacks come one at a time, never from within a call to the connection. */
export interface ConnectionHandlers {
  /** Bytes in order; valid only during the call. */
  data(bytes: Uint8Array): void;
  /** Queued bytes fell to zero after `queuedBytes` was above zero. */
  drain(): void;
  /** The connection is gone, for whatever reason; called once, nothing follows. */
  closed(reason: string): void;
}

/** A reliable ordered byte stream. */
export interface Connection {
  readonly remote: string;
  /** Bytes written and not yet taken by the operating system. */
  readonly queuedBytes: number;
  /** Queues bytes, which must not change afterwards; never blocks and never throws. What is written in one turn goes out together. */
  write(bytes: Uint8Array): void;
  /** Hands what is queued to the operating system now, before the end of the turn. */
  flush(): void;
  /** Stops and resumes `data`. */
  pause(): void;
  resume(): void;
  /** Sends what is queued, then closes. */
  end(): void;
  /** Closes at once. */
  destroy(): void;
}

/** An open listening address. */
export interface Listener {
  /** The address in use (with the port that was given out for port 0). */
  readonly address: Address;
  /** Stops accepting; open connections stay. */
  close(): void;
}

/** The network as Quorate sees it. */
export interface Network {
  /** Starts to listen. A used address gives `addressInUse`, an impossible one `addressInvalid`. */
  listen(
    address: Address,
    accept: (connection: Connection) => ConnectionHandlers,
    done: (error: QuorateError | null, listener: Listener | null) => void,
  ): void;
  /** Connects; failure is told by `closed`, success by `opened`. */
  connect(address: Address, handlers: ConnectionHandlers & { opened(connection: Connection): void }): { cancel(): void };
}
