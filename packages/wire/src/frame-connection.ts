import {
  type Address,
  type Connection,
  type ConnectionHandlers,
  LIMITS,
  type Network,
  QuorateError,
  type TimerHandle,
  type Timers,
  invariant,
  lengthOfParts,
} from '@quorate/base';
import { fromWireError, toWireError } from './fields.js';
import type { FrameHandlers } from './frame-handlers.js';
import { FrameIntake } from './frame-intake.js';
import { FRAME_TYPES } from './frame-types.js';
import { decodeGoodbye, encodeGoodbye, encodeHello, encodeHelloReply } from './hello.js';
import type { AcceptedReply, Hello, RefusedReply } from './messages.js';
import { OutgoingFrames } from './outgoing-frames.js';
import { encodePreface } from './preface.js';
import { httpAnswer, isProtocolFault } from './protocol-fault.js';

/*
 * One side of a connection, from its first byte to its last:
 *
 *   handshake  both sides send the preface; the dialing side its hello, the accepting side then its reply. A deadline runs.
 *   open       frames of the role that was agreed on, both ways
 *   closing    a goodbye was sent, or the handshake refused: what is queued goes out, what comes in is dropped, until a deadline
 *   closed     `closed` was told, once; nothing follows
 *
 * What is bounded: the frame that is received (small before the handshake is done), what is queued to be sent, and what a client may ask for
 * while its answers wait (its requests are neither handed out nor read while more than `pauseAboveBytes` is queued). Peers are never paused for that, because two
 * sides that both wait for the other to read would wait for ever; a message to a peer that does not fit is refused instead.
 */

/** Bounds of a connection, and whose timers it uses. */
export interface FrameConnectionOptions {
  readonly timers: Timers;
  /** Default `LIMITS.handshakeTimeoutMs`. Also the time that a closing connection has to send what is queued. */
  readonly handshakeTimeoutMs?: number;
  /** Most bytes queued; default `LIMITS.connectionQueueBytesMax`. */
  readonly queueBytesMax?: number;
  /** Bytes queued above which a client's requests are not read; default `LIMITS.connectionQueueBytesHigh`. */
  readonly pauseAboveBytes?: number;
}

/** Whom to dial, and what to say first. */
export interface DialTarget {
  readonly network: Network;
  readonly address: Address;
  /** Asked for when the connection stands, so that it tells the newest state. */
  readonly hello: () => Hello;
}

/** What dialing and accepting side do differently until the connection is open. */
export interface Handshake {
  handshakeFrame(type: number, body: Uint8Array): void;
  closed(error: QuorateError): void;
}

type State = 'handshake' | 'open' | 'closing' | 'closed';

/** A connection that carries frames. Made by `openFrameConnection` and `acceptFrameConnection`. */
export class FrameConnection {
  /** The other side, for people. */
  readonly remote: string;
  /** What the network calls; only for `Network.listen`. */
  readonly connectionHandlers: ConnectionHandlers;
  readonly #timers: Timers;
  readonly #timeoutMs: number;
  readonly #queueBytesMax: number;
  readonly #pauseAboveBytes: number;
  readonly #intake: FrameIntake;
  readonly #outgoing = new OutgoingFrames(LIMITS.frameBytesMax);
  readonly #handshake: Handshake;
  #connection: Connection | null = null;
  #isDialing = false;
  #cancelDial: (() => void) | null = null;
  #handlers: FrameHandlers | null = null;
  #role: 'client' | 'peer' | null = null;
  #state: State = 'handshake';
  #deadline: TimerHandle | null = null;
  /** Why it ends, once known: the first reason counts. */
  #error: QuorateError | null = null;
  #isPrefaceDue = false;
  #isFlushPlanned = false;
  #isPausedByQueue = false;
  /** The owner calls `flush` in each turn in which it sends: nothing is planned here. */
  isFlushedByOwner = false;

  /** Use `openFrameConnection` or `acceptFrameConnection`. */
  constructor(options: FrameConnectionOptions, remote: string, handshake: Handshake) {
    this.remote = remote;
    this.#timers = options.timers;
    this.#timeoutMs = options.handshakeTimeoutMs ?? LIMITS.handshakeTimeoutMs;
    this.#queueBytesMax = options.queueBytesMax ?? LIMITS.connectionQueueBytesMax;
    this.#pauseAboveBytes = options.pauseAboveBytes ?? LIMITS.connectionQueueBytesHigh;
    this.#handshake = handshake;
    this.#intake = new FrameIntake(options.timers, {
      frame: (type, body) => this.#frame(type, body),
      fault: (error) => this.#fault(error),
    });
    this.connectionHandlers = {
      data: (bytes) => {
        if (this.#state === 'open') this.#handlers?.bytesArrived?.();
        this.#intake.data(bytes);
      },
      drain: () => this.#drained(),
      closed: (reason) => this.#gone(reason),
    };
    this.#deadline = this.#timers.set(this.#timeoutMs, () => this.#handshakeLate());
  }

  /** True between the handshake and the end. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  /** Bytes of frames that the operating system has not taken yet. */
  get queuedBytes(): number {
    return this.#outgoing.bytes + (this.#connection?.queuedBytes ?? 0);
  }

  /**
   * Queues a frame; it goes out at the end of the turn, or at `flush`. Parts of 16 KiB and more must not change any more; smaller ones are
   * copied at once. False if it was not queued: the connection is not open, or the queue is full. Then a peer's frame is dropped and the peer
   * will catch up; a client that does not read its answers is cut (`slowConsumer`). A frame over the limit throws `frameTooLarge`.
   */
  send(type: number, parts: readonly Uint8Array[]): boolean {
    if (this.#state !== 'open') return false;
    const bytes = lengthOfParts(parts);
    if (bytes + this.queuedBytes > this.#queueBytesMax) {
      if (this.#role === 'client' && !this.#isDialing) {
        this.destroy(
          new QuorateError('slowConsumer', `${this.remote} does not read its answers: ${this.queuedBytes} bytes are queued`, {
            remote: this.remote,
            queuedBytes: this.queuedBytes,
            max: this.#queueBytesMax,
          }),
        );
      }
      return false;
    }
    this.#outgoing.add(type, parts, bytes);
    this.#planFlush();
    if (this.#role === 'client' && !this.#isDialing && this.queuedBytes > this.#pauseAboveBytes && !this.#isPausedByQueue) {
      this.#isPausedByQueue = true;
      this.#intake.pause('queue');
    }
    return true;
  }

  /** Hands what is queued to the operating system now. */
  flush(): void {
    const connection = this.#connection;
    if (connection === null || this.#outgoing.bytes === 0) return;
    for (const chunk of this.#outgoing.takeChunks()) connection.write(chunk);
    connection.flush();
  }

  /** No `frame` is called until `resume`. */
  pause(): void {
    this.#intake.pause('owner');
  }

  resume(): void {
    this.#intake.resume('owner');
  }

  /**
   * Ends the connection in good order: what is queued goes out, then, if there is an error to tell, a goodbye with it. `closed` follows
   * with that error or `closed`, at the latest after the handshake timeout. A side that dials and was not answered has nothing to wait for.
   */
  close(error?: QuorateError): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    if (this.#connection === null || (this.#isDialing && this.#state === 'handshake')) {
      this.destroy(error);
      return;
    }
    if (error !== undefined) this.#tell(error);
    this.#linger(error ?? new QuorateError('closed', `the connection to ${this.remote} was closed here`, { remote: this.remote }));
  }

  /** Ends the connection at once; `closed` follows with the error given, or `closed`. */
  destroy(error?: QuorateError): void {
    if (this.#state === 'closed') return;
    this.#error ??= error ?? new QuorateError('closed', `the connection to ${this.remote} was closed here`, { remote: this.remote });
    this.#state = 'closing';
    this.#intake.stop();
    this.#outgoing.clear();
    this.#connection?.destroy();
    this.#cancelDial?.();
    this.#cancelDial = null;
    // The network tells it too, unless the dialing was cancelled; whichever comes first.
    this.#timers.defer(() => this.#finish());
  }

  /** Internal: starts to dial. */
  dial(target: DialTarget): void {
    this.#isDialing = true;
    const attempt = target.network.connect(target.address, {
      ...this.connectionHandlers,
      opened: (connection) => {
        this.#cancelDial = null;
        if (this.#state !== 'handshake') {
          connection.destroy();
          return;
        }
        this.#connection = connection;
        this.#intake.bind(connection);
        this.#sayHello(target.hello);
      },
    });
    if (this.#state === 'handshake' && this.#connection === null) this.#cancelDial = () => attempt.cancel();
  }

  #sayHello(makeHello: () => Hello): void {
    try {
      const hello = encodeHello(makeHello());
      this.#outgoing.addRaw(encodePreface());
      this.#outgoing.add(hello.type, hello.parts);
      this.flush();
    } catch (thrown) {
      // A hello that no frame can hold: the owner's configuration, told like any other reason.
      if (!isProtocolFault(thrown)) throw thrown;
      this.destroy(thrown);
    }
  }

  /** Internal: takes an accepted connection. */
  accept(connection: Connection): void {
    this.#connection = connection;
    this.#intake.bind(connection);
    this.#isPrefaceDue = true;
  }

  /** The accepting side says its preface with its first words, not before: to another protocol it would be rubbish in front of them. */
  #addDuePreface(): void {
    if (this.#isPrefaceDue) this.#outgoing.addRaw(encodePreface());
    this.#isPrefaceDue = false;
  }

  /** Internal: the handshake is done. */
  opened(role: 'client' | 'peer', handlers: FrameHandlers): void {
    invariant(this.#state === 'handshake', 'a connection opens once');
    this.#state = 'open';
    this.#role = role;
    this.#handlers = handlers;
    this.#clearDeadline();
    this.#intake.opened(role);
  }

  /** Internal: the accepting side says yes. */
  admit(reply: AcceptedReply, handlers: FrameHandlers): void {
    if (this.#state !== 'handshake') return;
    // First the handlers: they have the connection in their books by now, and must hear of its end also if no frame holds the reply.
    this.opened(reply.status, handlers);
    const frame = encodeHelloReply(reply);
    this.#addDuePreface();
    this.#outgoing.add(frame.type, frame.parts);
    this.flush();
  }

  /** Internal: the accepting side says no. */
  refuse(reply: RefusedReply): void {
    if (this.#state !== 'handshake') return;
    const frame = encodeHelloReply(reply);
    this.#addDuePreface();
    this.#outgoing.add(frame.type, frame.parts);
    this.#linger(fromWireError(reply));
  }

  /** Internal: the other side said why it ends the connection. */
  abandon(error: QuorateError): void {
    this.#linger(error);
  }

  #frame(type: number, body: Uint8Array): void {
    if (type === FRAME_TYPES.goodbye) {
      this.abandon(fromWireError(decodeGoodbye(body)));
    } else if (this.#state === 'handshake') {
      this.#handshake.handshakeFrame(type, body);
    } else if (this.#state === 'open') {
      this.#handlers?.frame(type, body);
    }
  }

  /** The other side broke the protocol: tell it in the words it may understand, then end. */
  #fault(fault: QuorateError): void {
    if (this.#state !== 'handshake' && this.#state !== 'open') return;
    const error = new QuorateError(
      fault.code,
      `${this.remote}: ${fault.message}`,
      { ...fault.details, remote: this.remote },
      { cause: fault },
    );
    if (fault.details['looksLike'] === 'HTTP' && !this.#isDialing) {
      this.#outgoing.clear();
      this.#outgoing.addRaw(httpAnswer(fault.message));
    } else if (fault.code === 'protocolMismatch') {
      this.#outgoing.clear();
      this.#addDuePreface();
    } else {
      this.#tell(fault);
    }
    this.#linger(error);
  }

  #handshakeLate(): void {
    this.#deadline = null;
    const error = new QuorateError('handshakeTimeout', `${this.remote} did not finish its hello within ${this.#timeoutMs} ms`, {
      remote: this.remote,
      timeoutMs: this.#timeoutMs,
    });
    if (this.#connection === null) {
      this.destroy(error);
      return;
    }
    this.#tell(error);
    this.#linger(error);
  }

  /** Queues why this side ends the connection, in the frame that the other side expects now. */
  #tell(error: QuorateError): void {
    const isReply = this.#state === 'handshake' && !this.#isDialing;
    const frame = isReply ? encodeHelloReply({ status: 'refused', ...toWireError(error) }) : encodeGoodbye(toWireError(error));
    this.#addDuePreface();
    this.#outgoing.add(frame.type, frame.parts);
  }

  /** Sends what is queued, ends, and makes sure that it is over soon. */
  #linger(error: QuorateError): void {
    if (this.#state === 'closing' || this.#state === 'closed') return;
    this.#error ??= error;
    this.#state = 'closing';
    this.#intake.stop();
    this.#clearDeadline();
    this.flush();
    this.#connection?.end();
    this.#deadline = this.#timers.set(this.#timeoutMs, () => this.destroy());
  }

  #drained(): void {
    if (this.#isPausedByQueue) {
      this.#isPausedByQueue = false;
      this.#intake.resume('queue');
    }
    if (this.#state === 'open') this.#handlers?.drain();
  }

  #gone(reason: string): void {
    if (this.#error === null) {
      // Before the handshake nothing of the owner's was sent: it may try again elsewhere.
      const code = this.#state === 'handshake' ? 'unavailable' : 'connectionLost';
      const what = this.#state === 'handshake' ? 'no connection' : 'connection lost';
      this.#error = new QuorateError(code, `${this.remote}: ${what} (${reason})`, { remote: this.remote, reason });
    }
    this.#finish();
  }

  #finish(): void {
    if (this.#state === 'closed') return;
    const error = this.#error ?? new QuorateError('closed', `the connection to ${this.remote} was closed`, { remote: this.remote });
    this.#state = 'closed';
    this.#clearDeadline();
    this.#intake.stop();
    this.#outgoing.clear();
    this.#connection = null;
    if (this.#handlers === null) this.#handshake.closed(error);
    else this.#handlers.closed(error);
  }

  #planFlush(): void {
    if (this.#isFlushPlanned || this.isFlushedByOwner) return;
    this.#isFlushPlanned = true;
    this.#timers.soon(() => {
      this.#isFlushPlanned = false;
      this.flush();
    });
  }

  #clearDeadline(): void {
    if (this.#deadline !== null) this.#timers.clear(this.#deadline);
    this.#deadline = null;
  }
}
