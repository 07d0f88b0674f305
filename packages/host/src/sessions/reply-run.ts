import { LIMITS, type QuorateError, asQuorateError } from '@quorate/base';
import type { Reply } from '@quorate/machine';
import type { ClientResponseBody } from '@quorate/wire';
import type { SessionBinding } from './session-binding.js';

/** The connection that the commands came on. */
export interface RepliesReplyTo {
  /** True while so much is queued to the connection that only small replies should be added. */
  readonly isFull: boolean;
  /** False while not even those should be, or other answers wait. */
  readonly hasRoom: boolean;
  /** Runs a step once it is not full, in order; at once if it is not. Never if the connection is gone. */
  whenFlowing(step: () => void): void;
  reply(id: number, body: ClientResponseBody): void;
}

/** Bytes of replies that go out although the connection is full. */
const SMALL_BYTES = 4096;

/**
 * The replies to the commands of one request, from the first frame to the last. Each leaves once every event of a lower log index is on its way
 * (rule 18), and need not wait for those of its own: what a watch begins with comes in pieces, and its client makes use of each once it has the reply.
 */
export class ReplyRun {
  readonly #id: number;
  readonly #firstNumber: number;
  readonly #replies: readonly Reply[];
  readonly #to: RepliesReplyTo;
  readonly #binding: SessionBinding | null;
  readonly #failed: (id: number, error: QuorateError) => void;
  #done = 0;

  /** `binding`: what pushes the events of the session on this connection; null if none are. */
  constructor(init: {
    readonly id: number;
    readonly firstNumber: number;
    readonly replies: readonly Reply[];
    readonly to: RepliesReplyTo;
    readonly binding: SessionBinding | null;
    readonly failed: (id: number, error: QuorateError) => void;
  }) {
    this.#id = init.id;
    this.#firstNumber = init.firstNumber;
    this.#replies = init.replies;
    this.#to = init.to;
    this.#binding = init.binding;
    this.#failed = init.failed;
  }

  /** Replies that have room go out at once. */
  start(): void {
    if (!this.#to.isFull) this.#sendSome(LIMITS.framePieceBytes);
    else if (this.#to.hasRoom) this.#sendSome(SMALL_BYTES);
    else this.#wait();
  }

  #wait(): void {
    this.#to.whenFlowing(() => this.#sendSome(LIMITS.framePieceBytes));
  }

  /** Those whose turn has come, as many as one frame should hold; the rest later. */
  #sendSome(maxBytes: number): void {
    const from = this.#done;
    const count = this.#replies.length;
    let bytes = 0;
    for (; this.#done < count; this.#done++) {
      const reply = this.#replies[this.#done] as Reply;
      bytes += bytesOf(reply);
      if (bytes > maxBytes && (this.#done > from || maxBytes === SMALL_BYTES)) break;
      if (this.#binding?.catchUp(reply.index) === false) break;
    }
    const isLast = this.#done === count;
    if (this.#done > from || isLast) {
      const replies = from === 0 && isLast ? this.#replies : this.#replies.slice(from, this.#done);
      try {
        this.#to.reply(this.#id, { type: 'replies', firstNumber: this.#firstNumber + from, replies, isLast });
      } catch (thrown) {
        // Thrown on, it would stop the group; so only this client is told.
        this.#failed(this.#id, asQuorateError(thrown));
        return;
      }
    }
    if (!isLast) this.#wait();
  }
}

/** At least what it takes in a frame. */
function bytesOf(reply: Reply): number {
  if (reply.isOk) return 13 + reply.result.length;
  let bytes = 128 + 3 * reply.message.length;
  for (const [key, value] of Object.entries(reply.details)) bytes += 32 + 3 * (key.length + (typeof value === 'string' ? value.length : 0));
  return bytes;
}
