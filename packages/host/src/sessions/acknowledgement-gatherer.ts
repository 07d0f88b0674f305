import type { LogIndex, QuorateError } from '@quorate/base';
import { type Acknowledgement, type SessionId, encodeAcknowledge } from '@quorate/machine';
import type { Proposer } from '../groups/pending-proposals.js';

/** Time that acknowledgements are gathered for, in ms, and sessions that go into one entry at most. */
const GATHER_MS = 100;
const SESSIONS_MAX = 1000;

interface Waiter {
  readonly to: Proposer;
  readonly id: number;
}

/** Acknowledgements that found no commands to ride on: those of many sessions become one log entry. */
export class AcknowledgementGatherer {
  readonly #propose: (payload: Uint8Array, proposer: Proposer, id: number) => void;
  #gathered = new Map<SessionId, Acknowledgement>();
  #waiters: Waiter[] = [];
  /** Those of entries under way, by their number. */
  readonly #underWay = new Map<number, Waiter[]>();
  #lastId = 0;
  #dueMs = Number.POSITIVE_INFINITY;

  constructor(propose: (payload: Uint8Array, proposer: Proposer, id: number) => void) {
    this.#propose = propose;
  }

  /** When `flush` must be called; `Infinity`: nothing is gathered. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** `to` is told under `id` once it is committed, with an outcome of type `none`, or that it was not. */
  add(session: SessionId, replies: number, events: LogIndex, to: Proposer, id: number, nowMs: number): void {
    const known = this.#gathered.get(session);
    this.#gathered.set(session, {
      session,
      acknowledgedReplies: Math.max(replies, known?.acknowledgedReplies ?? 0),
      acknowledgedEvents: Math.max(events, known?.acknowledgedEvents ?? 0),
    });
    this.#waiters.push({ to, id });
    if (this.#gathered.size >= SESSIONS_MAX) this.flush();
    else if (this.#dueMs === Number.POSITIVE_INFINITY) this.#dueMs = nowMs + GATHER_MS;
  }

  /** Proposes what was gathered. */
  flush(): void {
    const acknowledgements = [...this.#gathered.values()];
    if (acknowledgements.length === 0) return;
    this.#gathered = new Map();
    const id = ++this.#lastId;
    this.#underWay.set(id, this.#waiters);
    this.#waiters = [];
    this.#dueMs = Number.POSITIVE_INFINITY;
    this.#propose(
      encodeAcknowledge(acknowledgements),
      {
        applied: (_, outcome) => {
          for (const waiter of this.#take(id)) waiter.to.applied(waiter.id, outcome);
        },
        failed: (_, error) => {
          for (const waiter of this.#take(id)) waiter.to.failed(waiter.id, error);
        },
      },
      id,
    );
  }

  /** Nothing can be proposed any more: what was gathered is refused. What is under way is told by whoever it was proposed to. */
  drop(error: QuorateError): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    this.#gathered = new Map();
    this.#dueMs = Number.POSITIVE_INFINITY;
    for (const { to, id } of waiters) to.failed(id, error);
  }

  #take(id: number): readonly Waiter[] {
    const waiters = this.#underWay.get(id) ?? [];
    this.#underWay.delete(id);
    return waiters;
  }
}
