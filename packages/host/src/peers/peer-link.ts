import { type Clock, type GroupId, LIMITS, type NodeId } from '@quorate/base';
import { type FrameConnection, type PeerFrame, type PeerHello, encodePeerFrame, encodeRaftFrame } from '@quorate/wire';

const NONE: readonly GroupId[] = [];
/** Groups that may send again at a time after the queue was full: each may have a whole window to send. */
const RESUMED_AT_ONCE = 8;

/** An open connection to a peer after the hellos. */
export class PeerLink {
  hello: PeerHello;
  readonly #frames: FrameConnection;
  readonly #clock: Clock;
  #heardAtMs: number;
  #acknowledgedAtMs: number;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;
  #nonce = 1;
  /** Something has come since the last heartbeat was sent. */
  #isAnswered = false;
  /** Highest nonce that the peer asked with. */
  #heardNonce = 0;
  #lastAnswer: { readonly nonce: number; readonly atMs: number } | null = null;
  /** Groups of which a message was dropped because the queue was full, in the order in which they may send again. */
  readonly #dropped = new Set<GroupId>();

  /** `before`: the connection to this peer that was open last. */
  constructor(init: { hello: PeerHello; frames: FrameConnection; clock: Clock; before?: PeerLink | undefined }) {
    this.hello = init.hello;
    this.#frames = init.frames;
    this.#clock = init.clock;
    this.#heardAtMs = init.clock.nowMs();
    this.#acknowledgedAtMs = init.before?.acknowledgedAtMs ?? Number.NEGATIVE_INFINITY;
  }

  get nodeId(): NodeId {
    return this.hello.nodeId;
  }
  get frames(): FrameConnection {
    return this.#frames;
  }
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** When the peer last showed that it hears this node, on this connection or an earlier one. */
  get acknowledgedAtMs(): number {
    return this.#acknowledgedAtMs;
  }

  /** Whatever comes of the peer is a sign of life, also the beginning of a frame. */
  heard(): void {
    this.#heardAtMs = this.#clock.nowMs();
    this.#isAnswered = true;
  }

  /** The last answer of this node to a heartbeat; null: there was none. */
  get lastAnswer(): { readonly nonce: number; readonly atMs: number } | null {
    return this.#lastAnswer;
  }
  answers(nonce: number): void {
    this.#lastAnswer = { nonce, atMs: this.#clock.nowMs() };
  }

  send(frame: PeerFrame): void {
    const { type, parts } = encodePeerFrame(frame);
    this.#frames.send(type, parts);
  }

  /** False if the message was dropped: a peer that reads slower than it is sent to loses messages, not this node its memory. */
  sendRaft(group: GroupId, parts: readonly Uint8Array[]): boolean {
    const frame = encodeRaftFrame(group, parts);
    if (this.#frames.send(frame.type, frame.parts)) return true;
    this.#dropped.add(group);
    return false;
  }

  /** Groups that lost messages and may send again now that there is room: a few at a time, so that they do not fill the queue at once. */
  takeResumable(): readonly GroupId[] {
    if (this.#dropped.size === 0 || this.#frames.queuedBytes > LIMITS.connectionQueueBytesHigh) return NONE;
    const resumable: GroupId[] = [];
    for (const group of this.#dropped) {
      if (resumable.length === RESUMED_AT_ONCE) break;
      resumable.push(group);
    }
    for (const group of resumable) this.#dropped.delete(group);
    return resumable;
  }

  /** The peer answered a heartbeat of this node, which it was sent: so it hears. */
  answered(nonce: number): void {
    if (nonce > this.#nonce) return;
    this.#acknowledgedAtMs = this.#clock.nowMs();
  }

  /** The peer asks with this nonce: with one after the first it says that something came since the last heartbeat. */
  asked(nonce: number): void {
    if (nonce <= this.#heardNonce) return;
    if (this.#heardNonce > 0) this.#acknowledgedAtMs = this.#clock.nowMs();
    this.#heardNonce = nonce;
  }

  /** When the last heartbeat was sent. */
  get heartbeatAtMs(): number {
    return this.#heartbeatAtMs;
  }

  heartbeat(nowMs: number, everyMs: number, durableSequence: number): void {
    if (nowMs - this.#heartbeatAtMs < everyMs) return;
    this.#heartbeatAtMs = nowMs;
    // Another nonce says to the peer that it is heard.
    if (this.#isAnswered) this.#nonce++;
    this.#isAnswered = false;
    this.send({ type: 'heartbeat', nonce: this.#nonce, durableSequence });
  }
}
