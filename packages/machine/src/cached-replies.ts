import { type LogIndex, invariant, readU32 } from '@quorate/base';
import type { Reply } from './machine-types.js';
import { RepliesWriter, decodeReplies } from './reply-codec.js';
import type { SessionId } from './resource-machine.js';
import type { SessionRecord, Sessions } from './sessions.js';
import { TABLE, keyOf, readU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/** Replies kept until their session acknowledges them: what a repeated command is answered with. Consecutive ones share an entry. */
export class CachedReplies {
  readonly #table: Table;
  readonly #sessions: Sessions;
  /** The replies of the batch that is being applied. */
  readonly writer: RepliesWriter = new RepliesWriter();

  constructor(tables: Tables, sessions: Sessions) {
    this.#table = tables.table(TABLE.replies);
    this.#sessions = sessions;
  }

  /** Keeps the replies of the batch. */
  store(record: SessionRecord): void {
    for (const { firstNumber, count, bytes } of this.writer.entries()) {
      this.#table.set(keyOf(record.session, firstNumber), bytes);
      this.#sessions.countReplies(record, count, bytes.length);
    }
  }

  /** Finds replies of rising numbers: those of an entry are decoded once. */
  finder(session: SessionId): (number: number) => Reply | undefined {
    let first = 0;
    let replies: readonly Reply[] = [];
    return (number) => {
      if (number < first || number >= first + replies.length) {
        first = number;
        replies = [];
        this.#table.scan({ from: keyOf(session, 0), to: keyOf(session, number + 1), isReverse: true }, (key, entry) => {
          first = readU64Be(key, 8);
          replies = decodeReplies(entry);
          return false;
        });
      }
      return replies[number - first];
    };
  }

  /** The session has the replies up to `number`. Entries go as a whole, so some that it has may stay a little longer. */
  acknowledge(record: SessionRecord, number: number): void {
    const known = Math.min(number, record.nextNumber - 1);
    if (known <= record.acknowledgedReplies) return;
    record.acknowledgedReplies = known;
    if (record.keptReplies > 0) this.#dropUpTo(record, known);
  }

  /** Drops up to `max` entries of a session that has ended; gives how many that were. */
  remove(session: SessionId, max: number): number {
    const keys: Uint8Array[] = [];
    this.#table.scan({ from: keyOf(session, 0), to: keyOf(session + 1, 0) }, (key) => keys.push(key.slice()) < max);
    for (const key of keys) this.#table.delete(key);
    return keys.length;
  }

  /** What is kept is dense: keptReplies numbers up to nextNumber - 1, the first of which begins an entry. */
  #dropUpTo(record: SessionRecord, number: LogIndex): void {
    while (record.keptReplies > 0) {
      const first = record.nextNumber - record.keptReplies;
      const key = keyOf(record.session, first);
      const entry = this.#table.get(key);
      invariant(entry !== undefined, 'kept replies are dense', { session: record.session, number: first });
      const count = readU32(entry, 0);
      if (first + count - 1 > number) return;
      const bytes = entry.length;
      this.#table.delete(key);
      this.#sessions.countReplies(record, -count, -bytes);
    }
  }
}
