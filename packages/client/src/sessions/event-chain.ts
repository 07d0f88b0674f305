import type { LogIndex } from '@quorate/base';
import type { PushedEvent, ServerPush } from '@quorate/wire';

/** All events of one log index. */
export interface EventsAt {
  readonly index: LogIndex;
  readonly events: readonly PushedEvent[];
}

/** Bytes of events that wait here to be told; what comes beyond is asked for again later. */
const HELD_BYTES_MAX = 33_554_432;
const BYTES_PER_EVENT = 64;

/**
 * The events of one session in the order of the log, each once: every batch names the one before it, so a gap or a repetition is seen (T66).
 *
 * Invariant: delivered ≤ received ≤ known. Batches between `delivered` and `received` wait here for their turn.
 */
export class EventChain {
  #received: LogIndex = 0;
  #delivered: LogIndex = 0;
  #known: LogIndex = 0;
  #held: EventsAt[] = [];
  #heldBytes = 0;

  /** The chain begins at the number of the session. */
  start(session: LogIndex): void {
    this.#received = session;
    this.#delivered = session;
    this.#known = session;
  }

  /** Index of the newest batch that arrived with all before it. */
  get received(): LogIndex {
    return this.#received;
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

  /** A batch arrived. Its bytes are copied if it is taken. `gap`: batches before it are missing; `full`: too much waits already. */
  offer(push: Extract<ServerPush, { type: 'events' }>): 'taken' | 'old' | 'gap' | 'full' {
    if (push.index <= this.#received) return 'old';
    this.expect(push.index);
    if (push.previousIndex > this.#received) return 'gap';
    let bytes = 0;
    for (const event of push.events) bytes += BYTES_PER_EVENT + event.fields.length;
    if (this.#heldBytes > 0 && this.#heldBytes + bytes > HELD_BYTES_MAX) return 'full';
    this.#heldBytes += bytes;
    this.#received = push.index;
    const events = push.events.map(({ resource, code, fields }) => ({ resource, code, fields: fields.slice() }));
    this.#held.push({ index: push.index, events });
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

  /** The batch at this index was told to all listeners. */
  told(index: LogIndex): void {
    this.#delivered = index;
  }
}
