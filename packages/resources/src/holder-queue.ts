import { type LogIndex, QuorateError, invariant } from '@quorate/base';
import {
  type ReadableSpace,
  type SessionId,
  type Space,
  type Token,
  bytes,
  compareTokens,
  decodeFields,
  decodeValue,
  encodeFields,
  encodeValue,
  readU64Be,
  token,
  u53,
} from '@quorate/machine';
import { RESOURCE_LIMITS } from './resource-limits.js';
import { spaceKey } from './space-key.js';

/*
 * One holder and those who wait for it in order of coming: what a lock and an election have in common. Each claim has a ticket, the log
 * index of the command that made it. Sections of the space that belong to it:
 *
 *   1                      the holder: u64 session, u64 ticket, token, bytes said about itself
 *   2  u64 ticket          a waiter: u64 session, u64 due ms (0: waits for ever), bytes
 *   3  u64 session, u64 ticket   nothing: the waiters of a session
 *   4                      the newest token that was given: so that one that comes is always greater
 *   5                      u64 number of waiters
 *
 * Invariants: nobody whose session is live waits while nobody holds; each grant goes to a live session and has a greater token than all before it.
 * Claims of a session that is over may be left when there were very many: they get nothing, and go in portions, by a timer with the id 6, u64 session.
 *
 * A claim that waits ends at one log index, in one of four ways (rule 21): granted, timed out, taken back, or its session ended. A time that is up
 * counts before whatever comes at that time or later, as timers do (rule 15).
 */
const HOLDER = spaceKey(1);
const LAST_TOKEN = spaceKey(4);
const WAITERS = spaceKey(5);
const LEFT_TIMER = 6;
/** Claims of a session are looked up so many at a time. */
const DROPPED_AT_ONCE = 1024;
const waiterKey = (ticket: LogIndex): Uint8Array => spaceKey(2, ticket);
const leftTimer = (session: SessionId): Uint8Array => spaceKey(LEFT_TIMER, session);
const ofSessionKey = (session: SessionId, ticket: LogIndex): Uint8Array => spaceKey(3, session, ticket);

const CLAIM = bytes({ max: RESOURCE_LIMITS.candidateBytesMax });
const HOLDER_FIELDS = { session: u53(), ticket: u53(), token: token(), about: CLAIM };
const WAITER_FIELDS = { session: u53(), dueMs: u53(), about: CLAIM };
const TOKEN_FIELDS = { token: token() };
const COUNT = u53();

/** Who holds it. */
export interface Holder {
  readonly session: SessionId;
  readonly ticket: LogIndex;
  readonly token: Token;
  readonly about: Uint8Array;
}

/** Who waits for it. */
export interface Waiter {
  readonly session: SessionId;
  readonly ticket: LogIndex;
  /** 0: waits for ever. */
  readonly dueMs: number;
  readonly about: Uint8Array;
}

/** What the queue needs of the command, timer or end of a session that is being applied. */
export interface QueueCall {
  readonly space: Space;
  readonly token: Token;
  setTimer(id: Uint8Array, dueMs: number): void;
  clearTimer(id: Uint8Array): void;
  isLive(session: SessionId): boolean;
  /** For what can wait, see `ApplyCall`. */
  readonly mayGoOn: boolean;
  continueLater(id: Uint8Array): void;
  own(session: SessionId): void;
  disown(session: SessionId): void;
}

/** The present holder, if there is one. */
export function holderIn(space: ReadableSpace): Holder | null {
  const stored = space.get(HOLDER);
  if (stored === undefined) return null;
  const { session, ticket, token: held, about } = decodeFields(HOLDER_FIELDS, stored);
  return { session, ticket, token: held, about: about.slice() };
}

/** Number of those who wait. */
export function waiterCount(space: ReadableSpace): number {
  const stored = space.get(WAITERS);
  return stored === undefined ? 0 : decodeValue(COUNT, stored);
}

/** The queue of one resource while something is applied; `granted` is told of each claim that waited and holds now. */
export class HolderQueue {
  readonly #call: QueueCall;
  readonly #granted: (holder: Holder) => void;

  constructor(call: QueueCall, granted: (holder: Holder) => void) {
    this.#call = call;
    this.#granted = granted;
  }

  get holder(): Holder | null {
    return holderIn(this.#call.space);
  }

  /** Claims it. Gives the token, or null: the claim waits (`waitMs` null: for ever; 0: it is dropped at once). Throws `overloaded`. */
  claim(claim: {
    readonly session: SessionId;
    readonly ticket: LogIndex;
    readonly nowMs: number;
    readonly waitMs: number | null;
    readonly about: Uint8Array;
  }): Token | null {
    const { session, ticket, nowMs, waitMs, about } = claim;
    if (this.holder === null) return this.#hold({ session, ticket, about });
    if (waitMs === 0) return null;
    if (waiterCount(this.#call.space) >= RESOURCE_LIMITS.waitersMax) {
      throw new QuorateError('overloaded', `${RESOURCE_LIMITS.waitersMax} wait already`, { max: RESOURCE_LIMITS.waitersMax });
    }
    const dueMs = waitMs === null ? 0 : nowMs + waitMs;
    this.#call.space.set(waiterKey(ticket), encodeFields(WAITER_FIELDS, { session, dueMs, about }, 'waiter'));
    this.#call.space.set(ofSessionKey(session, ticket), new Uint8Array(0));
    this.#count(1);
    if (dueMs !== 0) this.#call.setTimer(waiterKey(ticket), dueMs);
    this.#call.own(session);
    return null;
  }

  /** Gives it up; false: the session does not hold it by this token. The next one gets it. */
  release(session: SessionId, held: Token): boolean {
    const { holder } = this;
    if (holder === null || holder.session !== session || compareTokens(holder.token, held) !== 0) return false;
    this.#free(session);
    return true;
  }

  /** Takes a claim back, whether it waits or holds by now. `none`: there is no such claim of that session. */
  cancel(session: SessionId, ticket: LogIndex): 'none' | 'waited' | 'held' {
    const { holder } = this;
    if (holder !== null && holder.ticket === ticket && holder.session === session) {
      this.#free(session);
      return 'held';
    }
    const waiter = this.#waiter(ticket);
    if (waiter === null || waiter.session !== session) return 'none';
    this.#drop(waiter);
    this.disownIfDone(session);
    return 'waited';
  }

  /** A timer of this queue rang; gives the waiter whose time was up. */
  timer(id: Uint8Array): Waiter | null {
    if (id[0] === LEFT_TIMER) {
      this.#dropAll(readU64Be(id, 1));
      return null;
    }
    const waiter = this.#waiter(readU64Be(id, 1));
    if (waiter === null) return null;
    this.#drop(waiter);
    this.disownIfDone(waiter.session);
    return waiter;
  }

  /** A session is over: what it claimed is dropped, what it held goes to the next. */
  sessionEnded(session: SessionId): void {
    const { holder } = this;
    if (holder?.session === session) {
      this.#call.space.delete(HOLDER);
      this.#grantNext();
    }
    this.#dropAll(session);
  }

  /** Drops the claims of a session that is over, as many as the batch has room for; the others by a timer. */
  #dropAll(session: SessionId): void {
    for (let tickets = this.#ticketsOf(session, DROPPED_AT_ONCE); tickets.length > 0; tickets = this.#ticketsOf(session, DROPPED_AT_ONCE)) {
      for (const ticket of tickets) {
        if (!this.#call.mayGoOn) {
          this.#call.continueLater(leftTimer(session));
          return;
        }
        const waiter = this.#waiter(ticket);
        invariant(waiter !== null, 'the claims of a session wait', { session, ticket });
        this.#drop(waiter);
      }
    }
  }

  #free(session: SessionId): void {
    this.#call.space.delete(HOLDER);
    this.disownIfDone(session);
    this.#grantNext();
  }

  #grantNext(): void {
    let next: Waiter | null = null;
    let lastOver: SessionId = 0;
    this.#call.space.scan({ from: spaceKey(2), to: spaceKey(3) }, (key, value) => {
      const waiter = waiterOf(key, value);
      const isOver = waiter.session === lastOver || !this.#call.isLive(waiter.session);
      if (isOver) lastOver = waiter.session;
      else next = waiter;
      return isOver;
    });
    const waiter = next as Waiter | null;
    if (waiter === null) return;
    this.#drop(waiter);
    this.#granted({ session: waiter.session, ticket: waiter.ticket, token: this.#hold(waiter), about: waiter.about });
  }

  #hold(claim: { readonly session: SessionId; readonly ticket: LogIndex; readonly about: Uint8Array }): Token {
    const { space } = this.#call;
    const given = this.#nextToken();
    space.set(LAST_TOKEN, encodeFields(TOKEN_FIELDS, { token: given }, 'last'));
    const { session, ticket, about } = claim;
    space.set(HOLDER, encodeFields(HOLDER_FIELDS, { session, ticket, token: given, about }, 'holder'));
    this.#call.own(session);
    return given;
  }

  /**
   * That of this moment. A holder may end at the very index of its grant (the grant was one event too many for its session), so there can be several
   * grants at one index: then the one after the newest.
   */
  #nextToken(): Token {
    const { space, token: given } = this.#call;
    const stored = space.get(LAST_TOKEN);
    if (stored === undefined) return given;
    const last = decodeFields(TOKEN_FIELDS, stored).token;
    return compareTokens(given, last) > 0 ? given : { epoch: last.epoch, index: last.index + 1 };
  }

  #drop(waiter: Waiter): void {
    this.#call.space.delete(waiterKey(waiter.ticket));
    this.#call.space.delete(ofSessionKey(waiter.session, waiter.ticket));
    this.#count(-1);
    if (waiter.dueMs !== 0) this.#call.clearTimer(waiterKey(waiter.ticket));
  }

  #count(change: number): void {
    this.#call.space.set(WAITERS, encodeValue(COUNT, waiterCount(this.#call.space) + change, 'waiters'));
  }

  /** The session is told of no more, unless it still claims something. */
  disownIfDone(session: SessionId): void {
    if (this.holder?.session !== session && this.#ticketsOf(session, 1).length === 0) this.#call.disown(session);
  }

  #ticketsOf(session: SessionId, max: number = RESOURCE_LIMITS.waitersMax): LogIndex[] {
    const tickets: LogIndex[] = [];
    this.#call.space.scan({ from: ofSessionKey(session, 0), to: ofSessionKey(session + 1, 0) }, (key) => {
      tickets.push(readU64Be(key, 9));
      return tickets.length < max;
    });
    return tickets;
  }

  #waiter(ticket: LogIndex): Waiter | null {
    const key = waiterKey(ticket);
    const stored = this.#call.space.get(key);
    return stored === undefined ? null : waiterOf(key, stored);
  }
}

function waiterOf(key: Uint8Array, value: Uint8Array): Waiter {
  const fields = decodeFields(WAITER_FIELDS, value);
  return { session: fields.session, ticket: readU64Be(key, 1), dueMs: fields.dueMs, about: fields.about.slice() };
}
