import { type Connection, type ConnectionHandlers, type Random, crc32c, randomBetween, randomChance } from '@quorate/base';
import type { SimEvent } from './event-heap.js';
import { SimulationFault } from './faults.js';
import type { NetworkCalls } from './network-calls.js';
import type { Flow, SimLink } from './sim-link.js';
import type { SimProcess } from './sim-process.js';
import type { TraceHash } from './trace-hash.js';

/** Bytes given to `write` and what they were then: they must not change until they arrived. */
interface Part {
  readonly bytes: Uint8Array;
  readonly print: number;
}

/** Bytes that left a process together and arrive together. `keep` is lowered when a reset cuts them off. */
interface Segment {
  readonly parts: readonly Part[];
  readonly bytes: number;
  keep: number;
}

/** What an end of a connection needs from the network around it. */
export interface ConnectionContext {
  readonly random: Random;
  /** What is sent is mixed into it: two runs that differ only in content differ in their hash. */
  readonly trace: TraceHash;
  readonly process: SimProcess;
  readonly remote: string;
  /** Of the process. */
  readonly calls: NetworkCalls;
  /** True for the end that dialed. */
  readonly isDialer: boolean;
  /** To the other node and back. */
  readonly outward: SimLink;
  readonly inward: SimLink;
  /** Bytes that may be on their way or unread at the other side: both socket buffers together. */
  readonly windowBytes: number;
  /** The end is gone; called once. */
  readonly onGone: (end: SimConnection) => void;
}

/** A slow link delivers what it is given piece by piece: what it carries in so many ms, a packet at the least. */
const PIECE_MS = 5;
const PACKET_BYTES = 1460;

const NO_HANDLERS: ConnectionHandlers = { data: () => {}, drain: () => {}, closed: () => {} };

/**
 * One end of a simulated TCP connection. It keeps the contract of `Connection` to the letter: callbacks never from within a call, bytes in
 * order, `closed` once. The bytes given to `data` are destroyed after the call, and bytes that changed after `write` are found on arrival.
 */
export class SimConnection implements Connection {
  readonly remote: string;
  readonly process: SimProcess;
  readonly #context: ConnectionContext;
  readonly #flow: Flow = { lastArrivalMs: 0 };
  #peer: SimConnection | undefined;
  #handlers: ConnectionHandlers = NO_HANDLERS;
  #isAttached = false;
  /** Written by the process and not yet taken by the operating system. */
  #queue: Part[] = [];
  #queuedBytes = 0;
  #flushEvent: SimEvent | null = null;
  #inFlight: Segment[] = [];
  /** Something in flight was lost: nothing that is sent later arrives, until both ends have heard that the connection is over. */
  #isCutOff = false;
  /** Sent and not yet read by the other process. */
  #unreadBytes = 0;
  #received: Uint8Array[] = [];
  #isReadScheduled = false;
  #isPaused = false;
  /** What arrives lies in the buffers of the system, whatever the owner wants. */
  #isHeld = false;
  #isEnding = false;
  #hasSentEnd = false;
  #hasReceivedEnd = false;
  #isClosed = false;

  constructor(context: ConnectionContext) {
    this.#context = context;
    this.remote = context.remote;
    this.process = context.process;
  }

  /** Joins two ends; the network does this before anything is sent. */
  static join(a: SimConnection, b: SimConnection): void {
    a.#peer = b;
    b.#peer = a;
  }

  /** Gives the owner's handlers; the network does this once. */
  attach(handlers: ConnectionHandlers): void {
    this.#handlers = handlers;
    this.#isAttached = true;
    if (this.#received.length > 0 || this.#hasReceivedEnd) this.#scheduleRead();
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }
  get isClosed(): boolean {
    return this.#isClosed;
  }
  get isDialer(): boolean {
    return this.#context.isDialer;
  }

  write(bytes: Uint8Array): void {
    if (this.#isClosed || this.#isEnding || bytes.length === 0) return;
    const crash = this.#context.calls.enter();
    this.#queue.push({ bytes, print: fingerprint(bytes) });
    this.#queuedBytes += bytes.length;
    this.#flushEvent ??= this.process.defer(() => {
      this.#flushEvent = null;
      this.#pump(false);
    });
    if (crash !== null) this.#context.calls.die();
  }

  flush(): void {
    if (this.#isClosed) return;
    const crash = this.#context.calls.enter();
    // Everything goes out now: nothing is left for later.
    if (this.#flushEvent !== null) this.#flushEvent.callback = null;
    this.#flushEvent = null;
    this.#pump(true);
    if (crash === 'midway') this.cutInFlight();
    if (crash !== null) this.#context.calls.die();
  }

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#scheduleRead();
  }

  end(): void {
    if (this.#isClosed || this.#isEnding) return;
    const crash = this.#context.calls.enter();
    this.#isEnding = true;
    if (crash !== null) this.#context.calls.die();
    this.process.timers.defer(() => this.#pump(false));
  }

  destroy(): void {
    if (this.#isClosed) return;
    this.#goAway('destroyed', () => this.#peer?.breakOff('the other side closed the connection'));
  }

  /** The other side is known to be gone, or the cable was pulled: closes this end now, from an event of the network or of its process. */
  breakOff(reason: string): void {
    if (!this.#isClosed) this.#goAway(reason, null);
  }

  /** The process died and its operating system closes the socket: what it already sent still arrives, then the end. */
  abandon(): void {
    if (this.#isClosed) return;
    this.#goAway('process ended', () => this.#peer?.breakOff('the other process ended'));
  }

  /** The machine lost power, or the cable: nothing more arrives and nobody tells the other side. */
  vanish(reason = 'power lost'): void {
    if (this.#isClosed) return;
    for (const segment of this.#inFlight) segment.keep = 0;
    this.#goAway(reason, null);
  }

  /** What has arrived and what arrives is given to the owner only after `release`. */
  hold(): void {
    this.#isHeld = true;
  }
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#scheduleRead();
  }

  /** A reset on the way: of what is in flight only a random number of bytes still arrives, possibly the middle of a frame; then nothing behind it. */
  cutInFlight(): void {
    for (const segment of this.#inFlight) {
      if (this.#isCutOff) segment.keep = 0;
      else if (randomChance(this.#context.random, 0.5)) {
        this.#isCutOff = true;
        segment.keep = randomBetween(this.#context.random, 0, segment.bytes - 1);
      }
    }
  }

  /** Marks this end closed, tells its owner in a later event, and tells the other side through the link if asked. */
  #goAway(reason: string, tellPeer: (() => void) | null): void {
    this.#isClosed = true;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#received = [];
    this.process.timers.defer(() => this.#handlers.closed(reason));
    const peer = this.#peer;
    if (tellPeer !== null && peer !== undefined) this.#context.outward.send(this.#flow, 0, this.process.nowMs, tellPeer, peer.process);
    this.#context.onGone(this);
  }

  /** Hands queued bytes to the operating system as far as the window allows. */
  #pump(isWithinCall: boolean): void {
    if (this.#isClosed) return;
    const had = this.#queuedBytes;
    if (had > 0) this.#transmit();
    if (had > 0 && this.#queuedBytes === 0) {
      if (isWithinCall) this.process.timers.defer(() => this.#drained());
      else this.#drained();
    }
    if (this.#isEnding && this.#queuedBytes === 0 && !this.#hasSentEnd && !this.#isClosed) {
      this.#hasSentEnd = true;
      const peer = this.#peer;
      if (peer !== undefined) this.#context.outward.send(this.#flow, 0, this.process.nowMs, () => peer.#receiveEnd(), peer.process);
    }
  }

  #drained(): void {
    if (!this.#isClosed && this.#queuedBytes === 0) this.#handlers.drain();
  }

  #transmit(): void {
    let room = this.#context.windowBytes - this.#unreadBytes;
    // Not for every few bytes that were read: one sends when a good piece fits, as TCP does.
    if (room < Math.min(this.#queuedBytes, this.#context.windowBytes / 4)) return;
    const { outward } = this.#context;
    const pieceBytes = Math.max(PACKET_BYTES, Math.floor(outward.conditions.bytesPerMs * PIECE_MS));
    while (room > 0 && this.#queuedBytes > 0) room -= this.#transmitPiece(Math.min(room, pieceBytes));
  }

  /** Sends so many bytes of the queue as one; gives how many there were. */
  #transmitPiece(bytesMax: number): number {
    let room = bytesMax;
    const parts: Part[] = [];
    let bytes = 0;
    let taken = 0;
    for (const part of this.#queue) {
      if (part.bytes.length > room) {
        if (room === 0) break;
        this.#check(part);
        parts.push(partOf(part.bytes.subarray(0, room)));
        this.#queue[taken] = partOf(part.bytes.subarray(room));
        bytes += room;
        break;
      }
      parts.push(part);
      taken++;
      bytes += part.bytes.length;
      room -= part.bytes.length;
    }
    this.#queue = taken === this.#queue.length ? [] : this.#queue.slice(taken);
    this.#queuedBytes -= bytes;
    this.#unreadBytes += bytes;
    const segment: Segment = { parts, bytes, keep: this.#isCutOff ? 0 : bytes };
    this.#inFlight.push(segment);
    for (const part of parts) this.#context.trace.mix(part.print);
    const peer = this.#peer as SimConnection;
    this.#context.outward.send(this.#flow, bytes, this.process.nowMs, () => this.#arrive(segment, peer), peer.process);
    return bytes;
  }

  #arrive(segment: Segment, peer: SimConnection): void {
    this.#inFlight.shift();
    for (const part of segment.parts) this.#check(part);
    if (peer.#isClosed || segment.keep === 0) return;
    peer.#received.push(copyOf(segment));
    peer.#read();
  }

  #check(part: Part): void {
    if (fingerprint(part.bytes) === part.print) return;
    throw new SimulationFault(`${this.process.name} changed bytes after it wrote them to the connection to ${this.remote}`);
  }

  #scheduleRead(): void {
    if (this.#isReadScheduled) return;
    this.#isReadScheduled = true;
    this.process.timers.defer(() => {
      this.#isReadScheduled = false;
      this.#read();
    });
  }

  /** Gives what has arrived to the owner, unless it paused. Runs only as an event of the process. */
  #read(): void {
    // What comes before the owner has the connection waits for it.
    if (!this.#isAttached) return;
    let taken = 0;
    while (!this.#isPaused && !this.#isHeld && !this.#isClosed && this.#received.length > 0) {
      const bytes = this.#received[0] as Uint8Array;
      let take = bytes.length;
      if (take > 1 && randomChance(this.#context.random, this.#context.inward.conditions.chunkChance)) {
        take = randomBetween(this.#context.random, 1, take - 1);
      }
      if (take === bytes.length) this.#received.shift();
      else this.#received[0] = bytes.subarray(take);
      const given = take === bytes.length ? bytes : bytes.subarray(0, take);
      const crash = this.#context.calls.enter();
      this.#handlers.data(given);
      if (crash !== null) this.#context.calls.die();
      // "Valid only during the call": whoever kept it finds rubbish.
      given.fill(0xdb);
      taken += take;
    }
    if (taken > 0) (this.#peer as SimConnection).#acknowledged(taken, this.#context.outward);
    if (this.#hasReceivedEnd && this.#received.length === 0) this.#finish();
  }

  /** The other process read some bytes: its window opens for us, at once if nobody waits for it. */
  #acknowledged(bytes: number, wayBack: SimLink): void {
    const credit = (): void => {
      this.#unreadBytes -= bytes;
      if (this.#queuedBytes > 0) this.#pump(false);
    };
    if (this.#queuedBytes === 0 && !wayBack.isCut) this.#unreadBytes -= bytes;
    else if (!this.#isClosed) wayBack.send((this.#peer as SimConnection).#flow, 0, this.process.nowMs, credit, this.process);
  }

  #receiveEnd(): void {
    if (this.#isClosed) return;
    this.#hasReceivedEnd = true;
    if (this.#isAttached && this.#received.length === 0) this.#finish();
  }

  /** Both directions are over: the other side ended, and this side has read everything. */
  #finish(): void {
    if (this.#isClosed) return;
    if (this.#queuedBytes > 0) this.#pump(false);
    if (this.#isClosed) return;
    const peer = this.#peer;
    this.#goAway(this.#isEnding ? 'ended' : 'the other side ended the connection', this.#hasSentEnd ? null : () => peer?.breakOff('ended'));
  }
}

/** The bytes that arrive, as the other side's own: it may destroy them. */
function copyOf({ parts, bytes, keep }: Segment): Uint8Array {
  const [first] = parts;
  if (parts.length === 1 && first !== undefined) return first.bytes.slice(0, keep);
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    whole.set(part.bytes, at);
    at += part.bytes.length;
  }
  return keep === bytes ? whole : whole.subarray(0, keep);
}

function partOf(bytes: Uint8Array): Part {
  return { bytes, print: fingerprint(bytes) };
}

/** Cheap: the whole of short parts, the ends of long ones. */
function fingerprint(bytes: Uint8Array): number {
  if (bytes.length <= 1024) return crc32c(bytes);
  return crc32c(bytes.subarray(bytes.length - 512), crc32c(bytes.subarray(0, 512)));
}
