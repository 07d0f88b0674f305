import { type AddressInfo, type LookupFunction, type Server, type Socket, connect, createServer } from 'node:net';
import {
  type Address,
  type Connection,
  type ConnectionHandlers,
  type Listener,
  type Logger,
  type Network,
  QuorateError,
  SILENT_LOGGER,
  formatAddress,
} from '@quorate/base';
import { NodeConnection } from './node-connection.js';
import { SharedReads } from './shared-reads.js';

/** What a read of a dialed connection takes at once; the buffer is used for every read of that connection. */
const READ_BUFFER_BYTES = 65_536;
/** A host that vanished without a word is noticed after this time of silence and some probes of the system. */
const KEEP_ALIVE_MS = 30_000;

/** What a network over TCP can be told; everything has a default. */
export interface NodeNetworkOptions {
  /** Told of connections that could not be accepted (`acceptFailed`), as when the process has no file descriptors left. */
  readonly logger?: Logger;
}

/** What `localhost` means everywhere, in the order of trying; whatever the system makes of the name. A listener takes the first. */
const LOOPBACKS = [
  { address: '127.0.0.1', family: 4 },
  { address: '::1', family: 6 },
] as const;
const lookupLocalhost: LookupFunction = (_, options, done) => {
  if (options.all === true) done(null, [...LOOPBACKS]);
  else done(null, LOOPBACKS[0].address, LOOPBACKS[0].family);
};
const isLocalhost = (host: string): boolean => host.toLowerCase() === 'localhost';

/** TCP. An open listener or connection keeps the process alive. */
export class NodeNetwork implements Network {
  readonly #logger: Logger;
  readonly #reads = new SharedReads(READ_BUFFER_BYTES);

  constructor(options: NodeNetworkOptions = {}) {
    this.#logger = options.logger ?? SILENT_LOGGER;
  }

  listen(
    address: Address,
    accept: (connection: Connection) => ConnectionHandlers,
    done: (error: QuorateError | null, listener: Listener | null) => void,
  ): void {
    const options = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS, pauseOnConnect: true };
    const server = createServer(options, (accepted) => {
      // Bytes come in a later turn at the earliest.
      const socket = this.#reads.into(accepted, (bytes) => connection.received(bytes));
      const connection = new NodeConnection(socket, remoteOf(socket));
      connection.bind(accept(connection));
    });
    const failed = (cause: Error): void => done(listenFault(address, cause), null);
    server.once('error', failed);
    const listening = (): void => {
      server.removeListener('error', failed);
      server.on('error', (cause) => this.#logger.log('warn', 'acceptFailed', { address: formatAddress(address), error: cause.message }));
      done(null, new NodeListener(server, address));
    };
    try {
      const host = isLocalhost(address.host) ? LOOPBACKS[0].address : address.host;
      server.listen({ host, port: address.port, exclusive: true }, listening);
    } catch (cause) {
      server.removeListener('error', failed);
      setImmediate(failed, cause as Error);
    }
  }

  connect(address: Address, handlers: ConnectionHandlers & { opened(connection: Connection): void }): { cancel(): void } {
    let dialing: { socket: Socket; connection: NodeConnection };
    try {
      dialing = this.#dial(address, handlers);
    } catch (cause) {
      // A port out of range and the like.
      setImmediate(() => handlers.closed((cause as Error).message));
      return { cancel: () => {} };
    }
    return {
      cancel: () => {
        if (dialing.socket.connecting) dialing.connection.destroy();
      },
    };
  }

  #dial(
    address: Address,
    handlers: ConnectionHandlers & { opened(connection: Connection): void },
  ): { socket: Socket; connection: NodeConnection } {
    const socket: Socket = connect({
      host: address.host,
      port: address.port,
      ...(isLocalhost(address.host) ? { lookup: lookupLocalhost, autoSelectFamily: true } : {}),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_MS,
      onread: {
        buffer: new Uint8Array(READ_BUFFER_BYTES),
        callback: (count, buffer) => {
          connection.received(count === buffer.length ? buffer : buffer.subarray(0, count));
          return true;
        },
      },
    });
    const connection = new NodeConnection(socket, formatAddress(address));
    connection.bind(handlers);
    socket.once('connect', () => handlers.opened(connection));
    return { socket, connection };
  }
}

class NodeListener implements Listener {
  readonly address: Address;
  readonly #server: Server;

  constructor(server: Server, asked: Address) {
    this.#server = server;
    this.address = { host: asked.host, port: (server.address() as AddressInfo).port };
  }

  close(): void {
    this.#server.close();
  }
}

function remoteOf(socket: Socket): string {
  return socket.remoteAddress === undefined ? 'unknown' : formatAddress({ host: socket.remoteAddress, port: socket.remotePort ?? 0 });
}

const LISTEN_REASONS: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'is not an address of this machine',
  ENOTFOUND: 'has a host name that is not known',
  EAI_AGAIN: 'has a host name that cannot be looked up now',
  EACCES: 'may not be used by this user (ports below 1024 need a privilege)',
};

function listenFault(address: Address, cause: Error): QuorateError {
  const text = formatAddress(address);
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (code === 'EADDRINUSE')
    return new QuorateError('addressInUse', `address ${text} is in use by another process`, { address: text }, { cause });
  return new QuorateError(
    'addressInvalid',
    `cannot listen on ${text}: it ${LISTEN_REASONS[code] ?? `is refused (${cause.message})`}`,
    { address: text, system: code },
    { cause },
  );
}
