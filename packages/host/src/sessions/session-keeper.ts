import type { SessionId, SessionInfo } from '@quorate/machine';
import { type Due, DueHeap } from './due-heap.js';

/** What carries a session on this node: a client connection. */
export interface SessionContact {
  /** When a frame came on it last, in ms of the node's awake clock. */
  readonly heardAtMs: number;
}

/** Sessions looked at in one call: there may be very many that are due, or seem so after a change of leader. */
const LOOKS_MAX = 4096;
/** Time in which a client finds a new leader when the old one is gone, in ms: it rests for 200 at most between two looks. */
const REBIND_MS = 400;

/** How many sessions may end together: what they hold is freed in one step. */
export interface OverLimits {
  readonly max: number;
  readonly heldMax: number;
  readonly heldBy: (session: SessionId) => number;
}

interface KeptSession extends Due {
  readonly session: SessionId;
  readonly ttlMs: number;
  readonly graceMs: number;
  /** Last contact that is known of, without that of the present carrier. */
  contactMs: number;
  carrier: SessionContact | null;
  /** When its last carrier was lost, and in which leadership of this node: it has a grace only in that one. */
  lostMs: number;
  lostIn: number;
  /** It must end whatever comes. */
  isCondemned: boolean;
}

/**
 * The lives of the sessions of a group, kept by its leader on its own clock: what is over must be proposed to be expired, and only the commit of
 * that expires it (rule 13). All times in ms of the node's awake clock.
 *
 * A session lives for its ttl after the last frame of the connection that carries it. If that connection closes, what remains shrinks to the
 * grace; a new carrier restores the ttl. A new leader gives every session its full ttl (T58), so what the one before knew need not be told. But
 * if the leader before it is gone, so are the connections that carried the sessions there: what no connection carries here has its grace then.
 *
 * Every replica knows the sessions, so that beginning to lead costs the same for any number of them: due times in the heap are only lower
 * bounds, put right as they come up.
 */
export class SessionKeeper {
  readonly #kept = new Map<SessionId, KeptSession>();
  readonly #heap = new DueHeap<KeptSession>();
  /** Those whose grace is less than their ttl. */
  readonly #impatient = new Set<KeptSession>();
  /** Leaderships of this node so far, and when the last one began. */
  #leadership = 0;
  #startedMs = 0;
  /** When, in this leadership, the leader before it was known to be gone. */
  #leaderGoneMs = Number.POSITIVE_INFINITY;

  get size(): number {
    return this.#kept.size;
  }

  /** When `takeOver` may have something; `Infinity`: nothing is kept. Contacts move it later by themselves. */
  get nextDueMs(): number {
    return this.#heap.first?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  /** This node leads from now on: each session gets its full ttl. */
  start(nowMs: number): void {
    this.#leadership++;
    this.#startedMs = nowMs;
    this.#leaderGoneMs = Number.POSITIVE_INFINITY;
  }

  /** The leader before this one is gone, with all its connections. Only while this node leads. */
  leaderGone(nowMs: number): void {
    this.#leaderGoneMs = Math.min(this.#leaderGoneMs, nowMs);
    for (const kept of this.#impatient) this.#moveAhead(kept);
  }

  opened({ session, ttlMs, graceMs }: Pick<SessionInfo, 'session' | 'ttlMs' | 'graceMs'>, nowMs: number): void {
    const kept: KeptSession = {
      session,
      ttlMs,
      graceMs,
      contactMs: nowMs,
      carrier: null,
      lostMs: 0,
      lostIn: -1,
      isCondemned: false,
      dueMs: 0,
      heapAt: -1,
    };
    this.#kept.set(session, kept);
    if (graceMs < ttlMs) this.#impatient.add(kept);
    this.#heap.set(kept, this.#dueOf(kept));
  }

  ended(session: SessionId): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    this.#kept.delete(session);
    this.#impatient.delete(kept);
    this.#heap.remove(kept);
  }

  /** The machine is another one: these are its open sessions, and no others. Those that were known go on as they are. */
  replaced(open: readonly SessionInfo[], nowMs: number): void {
    const all = new Set<SessionId>();
    for (const info of open) {
      all.add(info.session);
      if (!this.#kept.has(info.session)) this.opened(info, nowMs);
    }
    for (const session of [...this.#kept.keys()]) if (!all.has(session)) this.ended(session);
  }

  /** A connection carries the session from now on. */
  carried(session: SessionId, carrier: SessionContact, nowMs: number): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.contactMs = nowMs;
    kept.carrier = carrier;
    kept.lostIn = -1;
    kept.isCondemned = false;
  }

  /** The connection that carried the session closed. */
  lost(session: SessionId, carrier: SessionContact, nowMs: number): void {
    const kept = this.#kept.get(session);
    if (kept?.carrier !== carrier) return;
    kept.contactMs = Math.max(kept.contactMs, carrier.heardAtMs);
    kept.carrier = null;
    kept.lostMs = nowMs;
    kept.lostIn = this.#leadership;
    this.#moveAhead(kept);
  }

  /** The session must end, though its client is there. */
  condemn(session: SessionId): void {
    const kept = this.#kept.get(session);
    if (kept === undefined) return;
    kept.isCondemned = true;
    this.#moveAhead(kept);
  }

  /**
   * Takes out sessions whose time is over, until there are `max` or what they hold has come to `heldMax`; each must end, or be given back by `retry`.
   * More may be over: see `nextDueMs`.
   */
  takeOver(nowMs: number, { max, heldMax, heldBy }: OverLimits): SessionId[] {
    const over: SessionId[] = [];
    let held = 0;
    for (let looks = 0; looks < LOOKS_MAX && over.length < max && held < heldMax; looks++) {
      const { first } = this.#heap;
      if (first === undefined || first.dueMs > nowMs) break;
      const dueMs = this.#dueOf(first);
      if (dueMs > nowMs) {
        this.#heap.set(first, dueMs);
      } else {
        this.#heap.remove(first);
        over.push(first.session);
        held += heldBy(first.session);
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

  /** Its due time may now come before that in the heap. One that is being expired is in none. */
  #moveAhead(kept: KeptSession): void {
    if (kept.heapAt >= 0) this.#heap.set(kept, this.#dueOf(kept));
  }

  #dueOf({ contactMs, carrier, ttlMs, graceMs, lostMs, lostIn, isCondemned }: KeptSession): number {
    if (isCondemned) return Number.NEGATIVE_INFINITY;
    const heardMs = carrier === null ? contactMs : Math.max(contactMs, carrier.heardAtMs);
    const dueMs = Math.max(heardMs, this.#startedMs) + ttlMs;
    if (lostIn === this.#leadership) return Math.min(dueMs, lostMs + graceMs);
    const isElsewhere = carrier === null && contactMs < this.#startedMs;
    return isElsewhere ? Math.min(dueMs, this.#leaderGoneMs + Math.max(graceMs, REBIND_MS)) : dueMs;
  }
}
