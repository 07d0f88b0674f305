import { LIMITS, QuorateError } from '@quorate/base';
import { type ClientResponseBody, type FrameConnection, decodeRequest, encodeResponse } from '@quorate/wire';
import { type ReplyTo, RequestHandler, type RequestNode } from './request-handler.js';

/** A client connection: requests in, answers out, each bounded. */
export class ClientConnection implements ReplyTo {
  readonly frames: FrameConnection;
  readonly #handler: RequestHandler;
  readonly #replied: () => void;
  #open = 0;
  #isClosed = false;
  #hasWaited = false;
  /** Steps that wait for room; each belongs to an open request, so there are never more than those. */
  #waitingForRoom: (() => void)[] = [];
  /** True while it is on the list of those to be flushed at the end of the turn. */
  isFlushDue = false;

  constructor(init: { node: RequestNode; frames: FrameConnection; replied: () => void }) {
    this.frames = init.frames;
    this.#replied = init.replied;
    this.#handler = new RequestHandler(init.node, this);
  }

  request(type: number, body: Uint8Array): void {
    const request = decodeRequest(type, body);
    this.#open++;
    if (this.#open > LIMITS.connectionRequestsMax) {
      this.#handler.failed(
        request.id,
        new QuorateError('overloaded', `more than ${LIMITS.connectionRequestsMax} requests wait on this connection`),
      );
      return;
    }
    this.#handler.handle(request);
  }

  reply(id: number, body: ClientResponseBody): void {
    if (this.#isClosed) return;
    this.#open--;
    const { type, parts } = encodeResponse(id, body);
    this.frames.send(type, parts);
    this.#replied();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  waits(): void {
    this.#hasWaited = true;
  }

  get hasRoom(): boolean {
    return this.#waitingForRoom.length === 0 && this.frames.queuedBytes <= LIMITS.connectionQueueBytesHigh;
  }

  whenRoom(step: () => void): void {
    if (!this.frames.isOpen) return;
    if (this.hasRoom) step();
    else this.#waitingForRoom.push(step);
  }

  /** What was queued is with the operating system. */
  drained(): void {
    const steps = this.#waitingForRoom;
    if (steps.length === 0) return;
    this.#waitingForRoom = [];
    let count = 0;
    while (count < steps.length && this.frames.queuedBytes <= LIMITS.connectionQueueBytesHigh && this.frames.isOpen) steps[count++]?.();
    this.#waitingForRoom = [...steps.slice(count), ...this.#waitingForRoom];
  }

  /** True while a request that could be answered waits for room. */
  get owesAnswers(): boolean {
    return this.#waitingForRoom.length > 0;
  }

  /** True if readers may still wait for it. */
  closed(): boolean {
    this.#isClosed = true;
    this.#waitingForRoom = [];
    return this.#hasWaited;
  }
}
