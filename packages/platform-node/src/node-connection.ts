import type { Socket } from 'node:net';
import { type Connection, type ConnectionHandlers, LIMITS } from '@quorate/base';
import { nodeTimers } from './node-time.js';

const CLOSED_HERE = 'closed on this side';
const SILENT: ConnectionHandlers = { data: () => {}, drain: () => {}, closed: () => {} };
/** Time that a connection has after `end` to send what is queued and to see the other side close. */
const END_TIMEOUT_MS = LIMITS.handshakeTimeoutMs;

/**
 * A TCP connection. Bytes written in one turn go to the system in one `writev`: at `flush`, else at the end of the turn. Callbacks come from
 * the event loop only, never from within a call, and none comes after `closed`.
 */
export class NodeConnection implements Connection {
  readonly remote: string;
  readonly #socket: Socket;
  #handlers: ConnectionHandlers = SILENT;
  /** Written in this turn. */
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #isFlushPlanned = false;
  /** True from a write until `drain` was called. */
  #isDrainOwed = false;
  /** No more writes, no more data: `end` or `destroy` was called. */
  #isEnding = false;
  #isClosed = false;
  #reason = 'closed by the other side';
  readonly #written = (): void => this.#afterWrite();

  constructor(socket: Socket, remote: string) {
    this.#socket = socket;
    this.remote = remote;
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      if (!this.#isEnding) this.#reason = REASONS[cause.code ?? ''] ?? cause.message;
    });
    // The other side sends no more: what is queued may still go out, but it need not be read by anybody.
    socket.on('end', () => this.#finish());
    socket.on('close', () => {
      this.#isClosed = true;
      this.#dropPending();
      const handlers = this.#handlers;
      this.#handlers = SILENT;
      handlers.closed(this.#reason);
    });
  }

  /** For the network: who is told. */
  bind(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
  }

  /** For the network: bytes that were read, valid during the call. */
  received(bytes: Uint8Array): void {
    if (!this.#isEnding) this.#handlers.data(bytes);
  }

  get queuedBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength;
  }

  write(bytes: Uint8Array): void {
    if (this.#isEnding || this.#isClosed || bytes.length === 0) return;
    this.#pending.push(bytes);
    this.#pendingBytes += bytes.length;
    this.#isDrainOwed = true;
    if (!this.#isFlushPlanned) {
      this.#isFlushPlanned = true;
      nodeTimers.soon(() => {
        this.#isFlushPlanned = false;
        this.flush();
      });
    }
  }

  flush(): void {
    const chunks = this.#pending;
    if (chunks.length === 0) return;
    this.#pending = [];
    this.#pendingBytes = 0;
    const last = chunks.length - 1;
    if (last > 0) this.#socket.cork();
    for (let i = 0; i < last; i++) this.#socket.write(chunks[i] as Uint8Array);
    this.#socket.write(chunks[last] as Uint8Array, this.#written);
    if (last > 0) this.#socket.uncork();
  }

  pause(): void {
    if (!this.#isEnding) this.#socket.pause();
  }

  resume(): void {
    if (!this.#isClosed) this.#socket.resume();
  }

  end(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.#reason = CLOSED_HERE;
    this.#finish();
  }

  #finish(): void {
    if (this.#isEnding || this.#isClosed) return;
    this.flush();
    this.#isEnding = true;
    this.#socket.end();
    // Read on, so that the other side's end is seen: closing with unread bytes would reset the connection and lose what was sent last.
    this.#socket.resume();
    const timeout = setTimeout(() => this.#socket.destroy(), END_TIMEOUT_MS).unref();
    this.#socket.once('close', () => clearTimeout(timeout));
  }

  destroy(): void {
    if (this.#isClosed) return;
    if (!this.#isEnding) this.#reason = CLOSED_HERE;
    this.#isEnding = true;
    this.#dropPending();
    this.#socket.destroy();
  }

  #dropPending(): void {
    this.#pending = [];
    this.#pendingBytes = 0;
  }

  #afterWrite(): void {
    if (!this.#isDrainOwed || this.#isEnding || this.#isClosed || this.#socket.destroyed || this.queuedBytes > 0) return;
    this.#isDrainOwed = false;
    this.#handlers.drain();
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNRESET: 'reset by the other side',
  ECONNREFUSED: 'connection refused',
  EPIPE: 'closed by the other side',
  ETIMEDOUT: 'timed out',
  ENOTFOUND: 'host name not known',
  EHOSTUNREACH: 'host cannot be reached',
  ENETUNREACH: 'network cannot be reached',
};
