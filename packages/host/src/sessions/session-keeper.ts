import type { SessionId, SessionInfo } from '@quorate/machine';
import { type Due, DueHeap } from './due-heap.js';

/** What carries a session on this node: a client connection. */
export interface SessionContact {
  /** When a frame came on it last, in ms of the node's awake clock. */
  readonly heardAtMs: number;
}

interface KeptSession extends Due {
  readonly session: SessionId;
  readonly ttlMs: number;
  readonly graceMs: number;
  /** Last contact that is known of, without that of the present carrier. */
  contactMs: number;
  carrier: SessionContact | null;
  /** End of the grace after its carrier was lost; `Infinity`: it has one, or never had one here; `-Infinity`: it must end whatever comes. */
  graceDueMs: number;
}

/**
 * The lives of the sessions of a group, kept by its leader on its own clock: what is over must be proposed to be expired, and only the commit of
 * that expires it (rule 13). All times in ms of the node's awake clock.
 *
 * A session lives for its ttl after the last frame of the connection that carries it. If that connection closes, what remains shrinks to the
 * grace; a new carrier restores the ttl. A new leader gives every session its full ttl (T58), so what the one before knew need not be told.
 */
export class SessionKeeper {
  readonly #kept = new Map<SessionId, KeptSession>();
  readonly #heap = new DueHeap<KeptSession>();

  get size(): number {
    return this.#kept.size;
  }

  /** When `takeOver` may have something; `Infinity`: nothing is kept. Contacts move it later by themselves. */
  get nextDueMs(): number {
    return this.#heap.first?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** This node leads from now on: each session gets its full ttl. */
  start(sessions: readonly SessionInfo[], carrierOf: (session: SessionId) => SessionContact | null, nowMs: number): void {
    this.stop();
    for (const info of sessions) this.#keep(info, carrierOf(info.session), nowMs);
  }

  /** This node no longer leads. */
  stop(): void {
    this.#kept.clear();
    this.#heap.clear();
  }

  opened(info: SessionInfo, nowMs: number): void {
    this.#keep(info, null, nowMs);
  }

  ended(session: SessionId): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    this.#kept.delete(session);
    this.#heap.remove(kept);
  }

  /** A connection carries the session from now on. */
  carried(session: SessionId, carrier: SessionContact, nowMs: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.contactMs = nowMs;
    kept.carrier = carrier;
    kept.graceDueMs = Number.POSITIVE_INFINITY;
    // Its due time is now later than the heap says, unless it was moved ahead for its grace or is being expired.
    if (kept.heapAt >= 0) this.#heap.set(kept, dueOf(kept));
  }

  /** The connection that carried the session closed. */
  lost(session: SessionId, carrier: SessionContact, nowMs: number): void {
    const kept = this.#kept.get(session);
    if (kept?.carrier !== carrier) return;
    kept.contactMs = Math.max(kept.contactMs, carrier.heardAtMs);
    kept.carrier = null;
    kept.graceDueMs = nowMs + kept.graceMs;
    if (kept.heapAt >= 0) this.#heap.set(kept, dueOf(kept));
  }

  /** The session must end, though its client is there. */
  condemn(session: SessionId): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.graceDueMs = Number.NEGATIVE_INFINITY;
    if (kept.heapAt >= 0) this.#heap.set(kept, dueOf(kept));
  }

  /** Takes out up to `max` sessions whose time is over; each must end, or be given back by `retry`. */
  takeOver(nowMs: number, max: number): SessionId[] {
    const over: SessionId[] = [];
    for (let first = this.#heap.first; first !== undefined && first.dueMs <= nowMs && over.length < max; first = this.#heap.first) {
      const dueMs = dueOf(first);
      if (dueMs > nowMs) {
        this.#heap.set(first, dueMs);
      } else {
        this.#heap.remove(first);
        over.push(first.session);
      }
    }
    return over;
  }

  /** These could not be expired: they are looked at again at `dueMs`. */
  retry(sessions: readonly SessionId[], dueMs: number): void {
    for (const session of sessions) {
      const kept = this.#kept.get(session);
      if (kept !== undefined && kept.heapAt < 0) this.#heap.set(kept, dueMs);
    }
  }

  #keep({ session, ttlMs, graceMs }: SessionInfo, carrier: SessionContact | null, nowMs: number): void {
    const kept: KeptSession = {
      session,
      ttlMs,
      graceMs,
      contactMs: nowMs,
      carrier,
      graceDueMs: Number.POSITIVE_INFINITY,
      dueMs: 0,
      heapAt: -1,
    };
    this.#kept.set(session, kept);
    this.#heap.set(kept, dueOf(kept));
  }
}

function dueOf({ contactMs, carrier, ttlMs, graceDueMs }: KeptSession): number {
  const contact = carrier === null ? contactMs : Math.max(contactMs, carrier.heardAtMs);
  return Math.min(contact + ttlMs, graceDueMs);
}
