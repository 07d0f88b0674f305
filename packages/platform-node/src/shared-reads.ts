import { Socket, type SocketConstructorOpts } from 'node:net';

/** What a socket keeps of the system's; Node does not document it. */
interface Handle {
  useUserBuffer?: unknown;
}
type HandleOptions = SocketConstructorOpts & { handle: Handle };

/**
 * Reads accepted connections into one buffer, as `connect` can with its option `onread` and a server cannot: otherwise each read is new memory
 * of 64 KiB, cut to what came and soon garbage, and passes through a stream first. What was read is used up before the next read of any
 * connection, so one buffer does for all of them.
 */
export class SharedReads {
  readonly #buffer: Uint8Array;

  constructor(bytes: number) {
    this.#buffer = new Uint8Array(bytes);
  }

  /**
   * The socket to use in place of an accepted one that does not read yet (`pauseOnConnect`). `received` gets what comes, valid during the
   * call. Where this is not possible it is the same socket, and works all the same.
   */
  into(accepted: Socket, received: (bytes: Uint8Array) => void): Socket {
    const handle = handleOf(accepted);
    if (handle === null) return accepted.on('data', received).resume();
    const onread = {
      buffer: this.#buffer,
      callback: (count: number, buffer: Uint8Array): boolean => {
        received(count === buffer.length ? buffer : buffer.subarray(0, count));
        return true;
      },
    };
    const socket = new Socket({ handle, onread } as HandleOptions);
    // It has given its handle away: nothing that happens to it can touch the connection.
    (accepted as unknown as { _handle: Handle | null })._handle = null;
    return socket;
  }
}

/** Null where a buffer cannot be shared: Windows reads into it while others are served. */
function handleOf(socket: Socket): Handle | null {
  const handle = (socket as unknown as { _handle?: Handle | null })._handle;
  return process.platform !== 'win32' && typeof handle?.useUserBuffer === 'function' ? handle : null;
}
