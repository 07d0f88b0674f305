import { type Connection, LIMITS, type QuorateError, type TimerHandle, type Timers } from '@quorate/base';
import { FrameDecoder } from './frame-decoder.js';
import { isProtocolFault } from './protocol-fault.js';

/** Time after which a large buffer that was not needed goes, in ms; it may take twice as long. New memory for each large frame would be garbage by megabytes. */
const TIDY_MS = 1000;

/** Bytes taken in between two rests until the end of the turn: some ms of work, so that a burst on one connection does not hold up all others. */
const TURN_BYTES = 262_144;

/** Who wants that nothing is read for a while: the owner of the connection, or the queue of what is to be sent. */
export type PauseReason = 'owner' | 'queue';

/** Who is told what comes in. */
export interface FrameSink {
  frame(type: number, body: Uint8Array): void;
  /** The other side broke the protocol; nothing is received any more. */
  fault(error: QuorateError): void;
}

/**
 * The receiving half of a connection: cuts bytes into frames, and reads nothing while somebody wants a pause, nor on and on within a turn of
 * the event loop.
 */
export class FrameIntake {
  readonly #timers: Timers;
  readonly #sink: FrameSink;
  readonly #decoder = new FrameDecoder({ frameBytesMax: LIMITS.helloFrameBytesMax, expectPreface: true });
  readonly #onFrame = (type: number, body: Uint8Array): void => this.#sink.frame(type, body);
  readonly #pauses = new Set<PauseReason>();
  #source: Connection | null = null;
  #isOpen = false;
  #isResumePlanned = false;
  #isStopped = false;
  /** Since the last rest. */
  #bytes = 0;
  #isResting = false;
  #tidying: TimerHandle | null = null;

  constructor(timers: Timers, sink: FrameSink) {
    this.#timers = timers;
    this.#sink = sink;
  }

  /** Where the bytes come from: what is paused and resumed. */
  bind(source: Connection): void {
    this.#source = source;
  }

  /** The handshake is done: frames may be large from now on. */
  opened(role: 'client' | 'peer'): void {
    this.#decoder.setFrameBytesMax(LIMITS.frameBytesMax);
    // Connections between peers are few and carry large frames all the time.
    if (role === 'peer') this.#decoder.setKeepBytesMax(LIMITS.frameBytesMax);
    this.#isOpen = true;
    if (this.#pauses.size > 0) this.#suspend();
  }

  data(bytes: Uint8Array): void {
    this.#receive(() => this.#decoder.push(bytes, this.#onFrame));
    if (this.#decoder.isUntidy && this.#tidying === null) this.#tidyLater();
    this.#bytes += bytes.length;
    if (this.#bytes >= TURN_BYTES) this.#rest();
  }

  /** Reads nothing more in this turn. */
  #rest(): void {
    this.#bytes = 0;
    if (this.#isStopped || this.#isResting) return;
    this.#isResting = true;
    this.#source?.pause();
    this.#timers.defer(() => {
      this.#isResting = false;
      if (!this.#decoder.isSuspended) this.#source?.resume();
    });
  }

  #tidyLater(): void {
    this.#tidying = this.#timers.set(TIDY_MS, () => {
      this.#tidying = null;
      this.#decoder.tidy();
      if (this.#decoder.isUntidy) this.#tidyLater();
    });
  }

  /** No frame is handed out until every reason is gone, but for those of the handshake; may be called from within `frame`. */
  pause(reason: PauseReason): void {
    this.#pauses.add(reason);
    if (this.#isOpen && !this.#isStopped) this.#suspend();
  }

  /** A reason is gone; frames come in a later turn at the earliest. */
  resume(reason: PauseReason): void {
    this.#pauses.delete(reason);
    if (this.#isStopped || this.#pauses.size > 0 || !this.#decoder.isSuspended || this.#isResumePlanned) return;
    this.#isResumePlanned = true;
    this.#timers.defer(() => this.#resumeNow());
  }

  /** Whatever comes is dropped, and read, so that the end of the other side is seen. */
  stop(): void {
    this.#isStopped = true;
    if (this.#tidying !== null) this.#timers.clear(this.#tidying);
    this.#decoder.stop();
    this.#source?.resume();
    this.#source = null;
  }

  #suspend(): void {
    this.#decoder.suspend();
    this.#source?.pause();
  }

  /** Frames that were received already come first; they may pause it again. */
  #resumeNow(): void {
    this.#isResumePlanned = false;
    if (this.#pauses.size > 0) return;
    this.#receive(() => this.#decoder.resume(this.#onFrame));
    if (!this.#decoder.isSuspended && !this.#isResting) this.#source?.resume();
  }

  #receive(decode: () => void): void {
    if (this.#isStopped) return;
    try {
      decode();
    } catch (thrown) {
      if (!isProtocolFault(thrown)) throw thrown;
      if (!this.#isStopped) this.#sink.fault(thrown);
    }
  }
}
