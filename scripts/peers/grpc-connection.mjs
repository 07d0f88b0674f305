// Unary gRPC calls over one HTTP/2 connection, with nothing between them and Node's own HTTP/2: the driver of a peer should cost as little as can be.
import http2 from 'node:http2';

const REOPEN_MS = 20;
/** Of the connection, in bytes: answers never wait for room. */
const WINDOW_BYTES = 1 << 24;

/** The name of a gRPC status for the list of errors. */
const status = (code) => `grpcStatus${code}`;

export class GrpcConnection {
  #session = null;
  #isClosed = false;

  constructor(authority) {
    this.authority = authority;
  }

  /** Resolves when it stands; rejects if it cannot be made. From then on it is made anew whenever it ends. */
  open() {
    return new Promise((resolve, reject) => {
      const session = http2.connect(`http://${this.authority}`, { settings: { enablePush: false, initialWindowSize: 1 << 20 } });
      session.setMaxListeners(0);
      session.once('connect', () => {
        session.setLocalWindowSize(WINDOW_BYTES);
        this.#session = session;
        resolve();
      });
      session.on('error', reject);
      session.once('close', () => {
        this.#session = null;
        setTimeout(() => this.#reopen(), REOPEN_MS);
      });
    });
  }

  /** `done(errorCode, answer)`, once, later. */
  call(path, message, done) {
    if (this.#session === null || this.#session.destroyed) {
      setImmediate(() => done('disconnected', null));
      return;
    }
    const request = this.#session.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
    let code = null;
    let failure = null;
    const parts = [];
    request.on('response', (headers) => (code ??= headers['grpc-status'] ?? null));
    request.on('trailers', (headers) => (code = headers['grpc-status'] ?? code));
    request.on('data', (part) => parts.push(part));
    request.on('error', () => (failure = 'disconnected'));
    request.once('close', () => {
      if (failure !== null || code === null) done(failure ?? 'disconnected', null);
      else if (code !== '0') done(status(code), null);
      else done(null, parts.length === 1 ? parts[0].subarray(5) : Buffer.concat(parts).subarray(5));
    });
    const framed = Buffer.allocUnsafe(5 + message.length);
    framed.writeUInt8(0, 0);
    framed.writeUInt32BE(message.length, 1);
    message.copy(framed, 5);
    request.end(framed);
  }

  #reopen() {
    if (!this.#isClosed) void this.open().catch(() => {});
  }

  close() {
    this.#isClosed = true;
    this.#session?.destroy();
  }
}
