import { invariant } from '@quorate/base';
import type { Reply } from './machine-types.js';
import { type RepliesWriter, decodeReplies } from './reply-codec.js';
import type { SessionId } from './resource-machine.js';

/** The replies of a batch. Only the replica that proposed it asks for them, so they are made from what was written of them when somebody does. */
export class RepliesOutcome {
  readonly type = 'replies';
  readonly session: SessionId;
  readonly firstNumber: number;
  readonly #repeated: readonly Reply[];
  #writer: RepliesWriter | null;
  readonly #batch: number;
  #replies: readonly Reply[] = [];

  constructor(init: { session: SessionId; firstNumber: number; repeated: readonly Reply[]; writer: RepliesWriter }) {
    this.session = init.session;
    this.firstNumber = init.firstNumber;
    this.#repeated = init.repeated;
    this.#writer = init.writer;
    this.#batch = init.writer.batch;
  }

  /** One per command, also for those applied before. To be asked for the first time before the next batch is applied. */
  get replies(): readonly Reply[] {
    const writer = this.#writer;
    if (writer !== null) {
      invariant(writer.batch === this.#batch, 'replies are asked for before the next batch is applied', { session: this.session });
      const replies = [...this.#repeated];
      for (const { bytes } of writer.entries()) replies.push(...decodeReplies(bytes));
      this.#replies = replies;
      this.#writer = null;
    }
    return this.#replies;
  }
}
