import { LIMITS, QuorateError } from '@quorate/base';
import {
  type ClientResponseBody,
  type FrameConnection,
  type ServerPush,
  decodeRequest,
  encodePush,
  encodeResponse,
  isLastAnswer,
} from '@quorate/wire';
import type { SessionBinding } from '../sessions/session-binding.js';
import type { LeaderWaiter } from './leader-waiters.js';
import { type ReplyTo, RequestHandler, type RequestNode } from './request-handler.js';

/** A client connection: requests in, answers out, each bounded. */
export class ClientConnection implements ReplyTo {
  readonly frames: FrameConnection;
  readonly bindings: Set<SessionBinding> = new Set();
  readonly #node: RequestNode;
  readonly #handler: RequestHandler;
  readonly #replied: () => void;
  #heardAtMs: number;
  #open = 0;
  #isClosed = false;
  #hasWaited = false;
  /** Steps that wait for room; each belongs to an open request, so there are never more than those. */
  #waitingForRoom: (() => void)[] = [];
  #waitingToFlow: (() => void)[] = [];
  /** True while it is on the list of those to be flushed at the end of the turn. */
  isFlushDue = false;

  constructor(init: { node: RequestNode; frames: FrameConnection; replied: () => void }) {
    this.#node = init.node;
    this.#heardAtMs = init.node.awake.nowMs();
    this.frames = init.frames;
    // At the end of the node's turn, see `replied`.
    this.frames.isFlushedByOwner = true;
    this.#replied = init.replied;
    this.#handler = new RequestHandler(init.node, this);
  }

  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  request(type: number, body: Uint8Array): void {
    this.#heardAtMs = this.#node.awake.nowMs();
    const request = decodeRequest(type, body);
    this.#open++;
    if (this.#open > LIMITS.connectionRequestsMax) {
      this.#handler.failed(
        request.id,
        new QuorateError('overloaded', `more than ${LIMITS.connectionRequestsMax} requests wait on this connection`),
      );
      return;
    }
    this.#handler.handle(request, () => this.#waiter(type, body.slice()));
  }

  #waiter(type: number, body: Uint8Array): LeaderWaiter {
    return {
      bytes: body.length,
      again: () => {
        if (!this.#isClosed) this.#handler.handle(decodeRequest(type, body), null);
      },
    };
  }

  reply(id: number, body: ClientResponseBody): void {
    if (this.#isClosed) return;
    const { type, parts } = encodeResponse(id, body);
    this.frames.send(type, parts);
    if (isLastAnswer(body)) this.#open--;
    this.#replied();
  }

  push(push: ServerPush): void {
    if (this.#isClosed) return;
    const { type, parts } = encodePush(push);
    this.frames.send(type, parts);
    this.#replied();
  }

  cut(error: QuorateError): void {
    this.frames.close(error);
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  waits(): void {
    this.#hasWaited = true;
  }

  get isFull(): boolean {
    return !this.frames.isOpen || this.frames.queuedBytes > LIMITS.connectionFlowBytes;
  }

  whenFlowing(step: () => void): void {
    if (!this.frames.isOpen) return;
    if (this.#waitingToFlow.length === 0 && !this.isFull) step();
    else this.#waitingToFlow.push(step);
  }

  get hasRoom(): boolean {
    return this.#waitingForRoom.length === 0 && this.#isRoomy;
  }

  get #isRoomy(): boolean {
    return this.frames.isOpen && this.frames.queuedBytes <= LIMITS.connectionQueueBytesHigh;
  }

  whenRoom(step: () => void): void {
    if (!this.frames.isOpen) return;
    if (this.hasRoom) step();
    else this.#waitingForRoom.push(step);
  }

  /** What was queued is with the operating system. First what comes in small pieces, then what a client asked for. */
  drained(): void {
    const flowing = this.#waitingToFlow;
    this.#waitingToFlow = [];
    this.#waitingToFlow = [...runWhile(flowing, () => !this.isFull), ...this.#waitingToFlow];
    const roomy = this.#waitingForRoom;
    this.#waitingForRoom = [];
    this.#waitingForRoom = [...runWhile(roomy, () => this.#isRoomy), ...this.#waitingForRoom];
  }

  /** True while a request that could be answered waits for room. */
  get owesAnswers(): boolean {
    return this.#waitingForRoom.length > 0 || this.#waitingToFlow.length > 0;
  }

  /** True if readers may still wait for it. */
  closed(): boolean {
    this.#isClosed = true;
    this.#waitingForRoom = [];
    this.#waitingToFlow = [];
    for (const binding of [...this.bindings]) binding.carrierClosed();
    this.bindings.clear();
    return this.#hasWaited;
  }
}

/** Runs steps in order as long as they may; gives those that are left. */
function runWhile(steps: readonly (() => void)[], mayRun: () => boolean): readonly (() => void)[] {
  let count = 0;
  while (count < steps.length && mayRun()) steps[count++]?.();
  return steps.slice(count);
}
