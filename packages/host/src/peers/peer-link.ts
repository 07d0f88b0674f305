import type { Clock, GroupId, NodeId } from '@quorate/base';
import { type FrameConnection, type PeerFrame, type PeerHello, encodePeerFrame, encodeRaftFrame } from '@quorate/wire';

/** An open connection to a peer after the hellos. */
export class PeerLink {
  hello: PeerHello;
  readonly #frames: FrameConnection;
  readonly #clock: Clock;
  #heardAtMs: number;
  #heartbeatAtMs = Number.NEGATIVE_INFINITY;
  #nonce = 0;

  constructor(init: { hello: PeerHello; frames: FrameConnection; clock: Clock }) {
    this.hello = init.hello;
    this.#frames = init.frames;
    this.#clock = init.clock;
    this.#heardAtMs = init.clock.nowMs();
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

  /** Any frame of the peer is a sign of life. */
  heard(): void {
    this.#heardAtMs = this.#clock.nowMs();
  }

  send(frame: PeerFrame): void {
    const { type, parts } = encodePeerFrame(frame);
    this.#frames.send(type, parts);
  }

  /** A peer that does not read for long loses messages, not memory: the core sends anew what is not acknowledged. */
  sendRaft(group: GroupId, parts: readonly Uint8Array[]): void {
    const frame = encodeRaftFrame(group, parts);
    this.#frames.send(frame.type, frame.parts);
  }

  heartbeat(nowMs: number, everyMs: number, durableSequence: number): void {
    if (nowMs - this.#heartbeatAtMs < everyMs) return;
    this.#heartbeatAtMs = nowMs;
    this.#nonce++;
    this.send({ type: 'heartbeat', nonce: this.#nonce, durableSequence });
  }
}
