import { type LogIndex, QuorateError } from '@quorate/base';
import type { PushedEvent, ServerPush } from '@quorate/wire';

/** Events of one log index. */
export interface EventsAt {
  readonly index: LogIndex;
  readonly events: readonly PushedEvent[];
  /** None of this index follows. */
  readonly isLast: boolean;
}

/** Bytes of events that wait here to be told; what comes beyond is asked for again later. */
const HELD_BYTES_MAX = 33_554_432;
const BYTES_PER_EVENT = 64;
/** Events of one batch besides its last piece: their number goes into a request. */
const BATCH_EVENTS_MAX = 0xffff;

/**
 * The events of one session in the order of the log, each once: every batch names the one before it, so a gap or a repetition is seen (T66). The
 * batch of one index may come in pieces, and is told in pieces; it is received and delivered with the last of them.
 *
 * Invariant: delivered ≤ received ≤ known. Batches between `delivered` and `received` wait here for their turn, and pieces of the next one.
 */
export class EventChain {
  #received: LogIndex = 0;
  #delivered: LogIndex = 0;
  #known: LogIndex = 0;
  /** The batch of which some pieces came, and how many events; 0: none. */
  #partIndex: LogIndex = 0;
  #partCount = 0;
  #held: EventsAt[] = [];
  #heldBytes = 0;

  /** The chain begins at the number of the session. */
  start(session: LogIndex): void {
    this.#received = session;
    this.#delivered = session;
    this.#known = session;
  }

  /** Index of the newest batch that arrived whole, with all before it. */
  get received(): LogIndex {
    return this.#received;
  }
  /** Every event up to this index has arrived. */
  get receivedUpTo(): LogIndex {
    return this.#partIndex === 0 ? this.#received : this.#partIndex - 1;
  }
  /** True if a piece of a batch arrived, and not its last one. */
  get isWithinBatch(): boolean {
    return this.#partIndex !== 0;
  }
  /** What need not be pushed again: the events up to an index, and so many of the very next one. */
  get has(): { readonly acknowledgedEvents: LogIndex; readonly nextEvents: number } {
    return { acknowledgedEvents: this.receivedUpTo, nextEvents: this.#partCount };
  }
  /** Index of the newest batch that was told. */
  get delivered(): LogIndex {
    return this.#delivered;
  }
  /** True if events exist that have not arrived. */
  get isMissing(): boolean {
    return this.#known > this.#received;
  }
  /** The next batch to be told. */
  get head(): EventsAt | undefined {
    return this.#held[0];
  }

  /** A batch or a piece of one arrived. The bytes of what is new are copied if it is taken. `gap`: some before it are missing; `full`: too much waits already. */
  offer(push: Extract<ServerPush, { type: 'events' }>): 'taken' | 'old' | 'gap' | 'full' {
    const { index, first, isLast } = push;
    if (index <= this.receivedUpTo) return 'old';
    this.expect(index);
    if (push.previousIndex > this.#received) return 'gap';
    if (this.isWithinBatch && index !== this.#partIndex) return 'gap';
    const had = this.#partCount;
    if (first > had) return 'gap';
    const fresh = push.events.slice(had - first);
    if (fresh.length === 0 && !isLast) return 'old';
    if (!isLast && had + fresh.length > BATCH_EVENTS_MAX)
      throw new QuorateError('malformedFrame', `more than ${BATCH_EVENTS_MAX} events of index ${index}`);
    let bytes = 0;
    for (const event of fresh) bytes += BYTES_PER_EVENT + event.fields.length;
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > HELD_BYTES_MAX) return 'full';
    this.#heldBytes += bytes;
    const events = fresh.map(({ resource, code, fields }) => ({ resource, code, fields: fields.slice() }));
    this.#held.push({ index, events, isLast });
    if (isLast) this.#received = index;
    this.#partIndex = isLast ? 0 : index;
    this.#partCount = isLast ? 0 : had + events.length;
    return 'taken';
  }

  /** Events up to this index exist. */
  expect(index: LogIndex): void {
    if (index > this.#known) this.#known = index;
  }

  /** The missing events are no longer waited for; they are still taken if they come. */
  stopExpecting(): void {
    this.#known = this.#received;
  }

  /** Takes the head out: it is told now. */
  take(): EventsAt | undefined {
    const head = this.#held.shift();
    if (head === undefined) return undefined;
    for (const event of head.events) this.#heldBytes -= BYTES_PER_EVENT + event.fields.length;
    return head;
  }

  /** The batch at this index was told to all listeners, with its last piece. */
  told(index: LogIndex): void {
    this.#delivered = index;
  }
}
