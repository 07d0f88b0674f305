import { type LogIndex, readU16, readU64, writeU16, writeU64 } from '@quorate/base';
import type { MachineLimits } from './machine-limits.js';
import type { EventBatch, SessionEvent } from './machine-types.js';
import type { SessionId } from './resource-machine.js';
import type { SessionRecord, Sessions } from './sessions.js';
import { TABLE, keyOf, readU16Be, readU64Be, writeU16Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/** A batch to which events are still added. */
type OpenBatch = { -readonly [K in keyof EventBatch]: EventBatch[K] } & { readonly events: SessionEvent[] };

const HEAD_BYTES = 18;
/** A place that no rollback comes to. */
const BEFORE_ALL = -1;

interface PendingEvent extends SessionEvent {
  readonly session: SessionId;
  readonly total: PendingTotal;
}

/** What is pending for one session. */
interface PendingTotal {
  readonly record: SessionRecord;
  count: number;
  bytes: number;
  /** Place among all pending events of the one that was too many: nothing after it is kept, as the session must end (T71). */
  overAt: number | null;
}

/**
 * Events kept until their session acknowledges them (rule 17). While one index is applied they are pending; `flush` makes them one batch per
 * session. Pending events are bounded too: none is kept for a session after the one that was too many for it, and all of them together have a
 * limit. Each event is an entry of its own: key session, index, place; value previous index, resource, code, fields.
 */
export class SessionEvents {
  readonly #table: Table;
  readonly #sessions: Sessions;
  readonly #limits: MachineLimits;
  #pending: PendingEvent[] = [];
  #pendingBytes = 0;
  readonly #totals = new Map<SessionId, PendingTotal>();

  constructor(tables: Tables, sessions: Sessions, limits: MachineLimits) {
    this.#table = tables.table(TABLE.events);
    this.#sessions = sessions;
    this.#limits = limits;
  }

  /** Events published at this index so far: a mark to return to. */
  get pendingCount(): number {
    return this.#pending.length;
  }

  /** True if no session has events of this index, or too many for one: there is nothing to flush. */
  get isSettled(): boolean {
    return this.#totals.size === 0;
  }

  /** Bytes that are pending for all sessions. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** True if the session gets no more events at this index, as it has too many. */
  isOver(session: SessionId): boolean {
    const overAt = this.#totals.get(session)?.overAt;
    return overAt !== null && overAt !== undefined;
  }

  /**
   * For a session that is open and not over its limit. False if too much is pending for all sessions: then this one must end, unless what its publisher did `isUndone`,
   * as a command's that is refused.
   */
  publish(session: SessionId, { resource, code, fields }: SessionEvent, isUndone: boolean): boolean {
    const total = this.#totalOf(session);
    if (total === undefined) return true;
    const { pendingEventsMax, pendingEventBytesMax } = this.#limits;
    const at = this.#pending.length;
    const bytes = HEAD_BYTES + fields.length;
    if (at >= pendingEventsMax || this.#pendingBytes + bytes > pendingEventBytesMax) {
      total.overAt = isUndone ? at : BEFORE_ALL;
      return false;
    }
    this.#pending.push({ session, total, resource, code, fields });
    this.#pendingBytes += bytes;
    total.count++;
    total.bytes += bytes;
    if (this.#isTooMuch(total)) total.overAt = at;
    return true;
  }

  /** Takes back what was published since the mark. */
  rollback(mark: number): void {
    for (let at = this.#pending.length - 1; at >= mark; at--) {
      const { total, fields } = this.#pending[at] as PendingEvent;
      const bytes = HEAD_BYTES + fields.length;
      this.#pendingBytes -= bytes;
      total.count--;
      total.bytes -= bytes;
    }
    this.#pending.length = mark;
    for (const [session, total] of this.#totals) {
      if (total.overAt !== null && total.overAt >= mark) total.overAt = null;
      // With nothing left to keep there is no `flush`, and the record of another batch is another object.
      if (total.count === 0 && total.overAt === null) this.#totals.delete(session);
    }
  }

  /** The sessions that may not get what is pending for them, ascending: they must end instead, as no event is ever skipped. */
  overflowing(): SessionId[] {
    const { eventBytesMax } = this.#limits;
    const over: SessionId[] = [];
    let all = this.#sessions.keptEventBytes;
    let largest: { session: SessionId; bytes: number } | null = null;
    for (const [session, total] of this.#totals) {
      if (!this.#sessions.isLive(session)) continue;
      all += total.bytes;
      const held = total.record.keptEventBytes + total.bytes;
      if (total.overAt !== null) over.push(session);
      if (largest === null || held > largest.bytes || (held === largest.bytes && session < largest.session))
        largest = { session, bytes: held };
    }
    if (over.length === 0 && largest !== null && all > eventBytesMax) over.push(largest.session);
    return over.sort((a, b) => a - b);
  }

  /** Keeps what is pending as one batch per session, in the order in which the sessions got their first event. */
  flush(index: LogIndex, publish: (batch: EventBatch) => void): void {
    const bySession = new Map<SessionId, SessionEvent[]>();
    for (const { session, resource, code, fields } of this.#pending) {
      const events = bySession.get(session);
      if (events === undefined) bySession.set(session, [{ resource, code, fields }]);
      else events.push({ resource, code, fields });
    }
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#totals.clear();
    for (const [session, events] of bySession) {
      const record = this.#sessions.touch(session);
      if (record === undefined) continue;
      const previousIndex = record.lastEventIndex;
      let bytes = 0;
      for (let place = 0; place < events.length; place++) {
        const value = encodeEvent(previousIndex, events[place] as SessionEvent);
        this.#table.set(eventKey(session, index, place), value);
        bytes += value.length;
      }
      record.lastEventIndex = index;
      this.#sessions.countEvents(record, events.length, bytes);
      publish({ session, index, previousIndex, first: 0, isLast: true, events });
    }
  }

  /** Events after `index` in order, from place `had` of the very next index on: at least one if there is any, and no more than `maxBytes`. */
  after(session: SessionId, index: LogIndex, maxBytes: number, had: number): EventBatch[] {
    const batches: OpenBatch[] = [];
    let bytes = 0;
    this.#table.scan({ from: eventKey(session, index + 1, had), to: keyOf(session + 1) }, (key, value) => {
      const at = readU64Be(key, 8);
      let batch = batches.at(-1);
      if (batch !== undefined && bytes + value.length > maxBytes) {
        batch.isLast = batch.index !== at;
        return false;
      }
      if (batch?.index !== at) {
        batch = { session, index: at, previousIndex: readU64(value, 0), first: readU16Be(key, 16), isLast: true, events: [] };
        batches.push(batch);
      }
      batch.events.push({ resource: readU64(value, 8), code: readU16(value, 16), fields: value.slice(HEAD_BYTES) });
      bytes += value.length;
      return true;
    });
    return batches;
  }

  /** The session has the events up to `index`. */
  acknowledge(record: SessionRecord, index: LogIndex): void {
    const known = Math.min(index, record.lastEventIndex);
    if (known <= record.acknowledgedEvents) return;
    record.acknowledgedEvents = known;
    if (record.keptEvents === 0) return;
    const { count, bytes } = this.#drop(record.session, known);
    this.#sessions.countEvents(record, -count, -bytes);
  }

  /** Drops up to `max` events of a session that has ended; gives how many that were. */
  remove(session: SessionId, max: number): number {
    return this.#drop(session, Number.MAX_SAFE_INTEGER - 1, max).count;
  }

  #drop(session: SessionId, upTo: LogIndex, max = Number.POSITIVE_INFINITY): { count: number; bytes: number } {
    const keys: Uint8Array[] = [];
    let bytes = 0;
    this.#table.scan({ from: keyOf(session, 0), to: keyOf(session, upTo + 1) }, (key, value) => {
      keys.push(key.slice());
      bytes += value.length;
      return keys.length < max;
    });
    for (const key of keys) this.#table.delete(key);
    return { count: keys.length, bytes };
  }

  #isTooMuch({ record, count, bytes }: PendingTotal): boolean {
    const { sessionEventsMax, sessionEventBytesMax } = this.#limits;
    return record.keptEvents + count > sessionEventsMax || record.keptEventBytes + bytes > sessionEventBytesMax;
  }

  #totalOf(session: SessionId): PendingTotal | undefined {
    const known = this.#totals.get(session);
    if (known !== undefined) return known;
    const record = this.#sessions.touch(session);
    if (record === undefined) return undefined;
    const total = { record, count: 0, bytes: 0, overAt: null };
    this.#totals.set(session, total);
    return total;
  }
}

function encodeEvent(previousIndex: LogIndex, { resource, code, fields }: SessionEvent): Uint8Array {
  const value = new Uint8Array(HEAD_BYTES + fields.length);
  writeU64(value, 0, previousIndex);
  writeU64(value, 8, resource);
  writeU16(value, 16, code);
  value.set(fields, HEAD_BYTES);
  return value;
}

function eventKey(session: SessionId, index: LogIndex, place: number): Uint8Array {
  const key = new Uint8Array(18);
  key.set(keyOf(session, index));
  writeU16Be(key, 16, place);
  return key;
}
