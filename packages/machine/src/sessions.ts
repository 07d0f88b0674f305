import { type LogIndex, invariant, readU32, readU64, writeU32, writeU64 } from '@quorate/base';
import type { SessionInfo } from './machine-types.js';
import { SESSION_KEY_BYTES, type SessionRequest } from './payload-codec.js';
import type { SessionId } from './resource-machine.js';
import { TABLE, keyOf, readU64Be, writeU64Be } from './table-keys.js';
import type { Table, Tables } from './tables/types.js';

/*
 * Record of a session, little-endian: u32 ttl ms, u32 grace ms, u64 next number, u64 acknowledged replies, u64 acknowledged events, u64 index
 * of the last event batch, u64 kept replies, u64 their bytes, u64 kept events, u64 their bytes, 16 bytes key.
 */
const RECORD_BYTES = 88;

/** An open session while a batch is applied; written back by `store`. */
export interface SessionRecord {
  readonly session: SessionId;
  readonly key: Uint8Array;
  readonly ttlMs: number;
  readonly graceMs: number;
  nextNumber: number;
  acknowledgedReplies: number;
  acknowledgedEvents: LogIndex;
  lastEventIndex: LogIndex;
  keptReplies: number;
  keptReplyBytes: number;
  keptEvents: number;
  keptEventBytes: number;
}

/** Open sessions. Records that a batch touches are held as objects until its end. */
export class Sessions {
  readonly #records: Table;
  readonly #keys: Table;
  readonly #touched = new Map<SessionId, SessionRecord>();
  readonly #tableKey = new Uint8Array(8);
  readonly #value = new Uint8Array(RECORD_BYTES);
  #keptReplyBytes = 0;
  #keptEventBytes = 0;

  constructor(tables: Tables) {
    this.#records = tables.table(TABLE.sessions);
    this.#keys = tables.table(TABLE.sessionKeys);
    this.#records.scan({}, (key, value) => {
      const { keptReplyBytes, keptEventBytes } = decodeRecord(readU64Be(key, 0), value);
      this.#keptReplyBytes += keptReplyBytes;
      this.#keptEventBytes += keptEventBytes;
      return true;
    });
  }

  get count(): number {
    return this.#records.size;
  }
  /** Bytes of replies kept for all sessions; the sum over the records, so it need not be state itself. */
  get keptReplyBytes(): number {
    return this.#keptReplyBytes;
  }
  get keptEventBytes(): number {
    return this.#keptEventBytes;
  }

  isLive(session: SessionId): boolean {
    return this.#touched.has(session) || this.#records.has(this.#keyOf(session));
  }

  /** The record of an open session, to be read only; for queries between batches. */
  peek(session: SessionId): SessionRecord | undefined {
    const touched = this.#touched.get(session);
    if (touched !== undefined) return touched;
    const value = this.#records.get(this.#keyOf(session));
    return value === undefined ? undefined : decodeRecord(session, value);
  }

  /** The record of an open session; what is changed in it lasts. */
  touch(session: SessionId): SessionRecord | undefined {
    const record = this.peek(session);
    if (record !== undefined) this.#touched.set(session, record);
    return record;
  }

  byKey(key: Uint8Array): SessionRecord | undefined {
    const value = this.#keys.get(key);
    return value === undefined ? undefined : this.peek(readU64(value, 0));
  }

  open(session: SessionId, { key, ttlMs, graceMs }: SessionRequest): void {
    const record: SessionRecord = {
      session,
      key: key.slice(),
      ttlMs,
      graceMs,
      nextNumber: 1,
      acknowledgedReplies: 0,
      acknowledgedEvents: session,
      lastEventIndex: session,
      keptReplies: 0,
      keptReplyBytes: 0,
      keptEvents: 0,
      keptEventBytes: 0,
    };
    const value = new Uint8Array(8);
    writeU64(value, 0, session);
    this.#keys.set(key, value);
    this.#write(record);
  }

  remove(record: SessionRecord): void {
    this.#touched.delete(record.session);
    this.#records.delete(this.#keyOf(record.session));
    this.#keys.delete(record.key);
    this.#keptReplyBytes -= record.keptReplyBytes;
    this.#keptEventBytes -= record.keptEventBytes;
  }

  countReplies(record: SessionRecord, count: number, bytes: number): void {
    record.keptReplies += count;
    record.keptReplyBytes += bytes;
    this.#keptReplyBytes += bytes;
  }

  countEvents(record: SessionRecord, count: number, bytes: number): void {
    record.keptEvents += count;
    record.keptEventBytes += bytes;
    this.#keptEventBytes += bytes;
  }

  /** Writes back what was touched. */
  store(): void {
    for (const record of this.#touched.values()) this.#write(record);
    this.#touched.clear();
  }

  list(): SessionInfo[] {
    const all: SessionInfo[] = [];
    this.#records.scan({}, (key, value) => {
      all.push(infoOf(decodeRecord(readU64Be(key, 0), value)));
      return true;
    });
    return all;
  }

  #keyOf(session: SessionId): Uint8Array {
    writeU64Be(this.#tableKey, 0, session);
    return this.#tableKey;
  }

  #write(record: SessionRecord): void {
    const value = this.#value;
    writeU32(value, 0, record.ttlMs);
    writeU32(value, 4, record.graceMs);
    writeU64(value, 8, record.nextNumber);
    writeU64(value, 16, record.acknowledgedReplies);
    writeU64(value, 24, record.acknowledgedEvents);
    writeU64(value, 32, record.lastEventIndex);
    writeU64(value, 40, record.keptReplies);
    writeU64(value, 48, record.keptReplyBytes);
    writeU64(value, 56, record.keptEvents);
    writeU64(value, 64, record.keptEventBytes);
    value.set(record.key, 72);
    this.#records.set(keyOf(record.session), value);
  }
}

/** What others may know of a session. */
export function infoOf(record: SessionRecord): SessionInfo {
  const { session, ttlMs, graceMs, nextNumber, lastEventIndex, acknowledgedReplies, acknowledgedEvents } = record;
  return { session, ttlMs, graceMs, nextNumber, lastEventIndex, acknowledgedReplies, acknowledgedEvents };
}

function decodeRecord(session: SessionId, value: Uint8Array): SessionRecord {
  invariant(value.length === RECORD_BYTES, 'the record of a session has 88 bytes', { session, bytes: value.length });
  return {
    session,
    ttlMs: readU32(value, 0),
    graceMs: readU32(value, 4),
    nextNumber: readU64(value, 8),
    acknowledgedReplies: readU64(value, 16),
    acknowledgedEvents: readU64(value, 24),
    lastEventIndex: readU64(value, 32),
    keptReplies: readU64(value, 40),
    keptReplyBytes: readU64(value, 48),
    keptEvents: readU64(value, 56),
    keptEventBytes: readU64(value, 64),
    key: value.slice(72, 72 + SESSION_KEY_BYTES),
  };
}
