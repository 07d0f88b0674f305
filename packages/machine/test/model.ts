import type { ErrorCode } from '@quorate/base';

/*
 * The machine with cells once more, as plainly as possible: JavaScript objects, no tables, no codecs. Replies are values or codes.
 */

export type CellAction =
  | { readonly type: 'add'; readonly cell: number; readonly amount: number }
  | { readonly type: 'take'; readonly cell: number }
  | { readonly type: 'release'; readonly cell: number }
  | { readonly type: 'refuse'; readonly cell: number }
  | { readonly type: 'watch'; readonly cell: number; readonly isOn: boolean }
  | { readonly type: 'delay'; readonly cell: number; readonly id: number; readonly afterMs: number; readonly repeats: number }
  | { readonly type: 'cancel'; readonly cell: number; readonly id: number };
export type Action =
  | CellAction
  | { readonly type: 'open'; readonly name: string }
  | { readonly type: 'close' }
  | { readonly type: 'nothing' };

export interface ModelReply {
  readonly index: number;
  readonly value?: unknown;
  readonly code?: ErrorCode;
}

export type ModelOutcome =
  | { readonly type: 'replies'; readonly replies: readonly ModelReply[] }
  | { readonly type: 'sessionOpened'; readonly session: number; readonly wasOpened: boolean }
  | { readonly type: 'refused'; readonly code: ErrorCode; readonly expected?: number }
  | { readonly type: 'none' };

export interface ModelEvent {
  readonly resource: number;
  readonly event: string;
  readonly values: Readonly<Record<string, number>>;
}

export interface ModelBatch {
  readonly session: number;
  readonly index: number;
  readonly previousIndex: number;
  readonly events: readonly ModelEvent[];
}

interface Session {
  readonly key: number;
  next: number;
  replies: Map<number, ModelReply>;
  /** First and last number of what is kept together. */
  kept: { first: number; last: number }[];
  acknowledged: number;
  events: ModelBatch[];
  acknowledgedEvents: number;
  lastEvent: number;
  owners: Set<number>;
}

interface Cell {
  readonly name: string;
  value: number;
  holder: number;
  heldAt: number;
  watchers: Set<number>;
  timers: Map<number, number>;
  arms: Map<number, { afterMs: number; repeats: number }>;
}

export interface ModelLimits {
  readonly sessionsMax: number;
  readonly resourcesMax: number;
  readonly sessionRepliesMax: number;
  readonly sessionEventsMax: number;
}

class Refusal extends Error {
  readonly code: ErrorCode;
  constructor(code: ErrorCode) {
    super(code);
    this.code = code;
  }
}

export class Model {
  index = 0;
  timeMs = 0;
  sessions = new Map<number, Session>();
  cells = new Map<number, Cell>();
  /** Published batches and ended sessions, in order. */
  told: unknown[] = [];
  readonly #limits: ModelLimits;
  #pending: { session: number; event: ModelEvent }[] = [];
  /** Sessions that were published one event too many. */
  #over = new Set<number>();
  #isTimer = false;

  constructor(limits: ModelLimits) {
    this.#limits = limits;
  }

  get nextDeadlineMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...[...this.cells.values()].flatMap((cell) => [...cell.timers.values()]));
  }

  /** One batch: `body` applies what it holds, at the indexes that it sets. */
  batch(timeMs: number, count: number, body: (base: number) => ModelOutcome): ModelOutcome {
    const base = this.index + 1;
    this.index = base;
    this.#fire(timeMs);
    this.timeMs = Math.max(this.timeMs, timeMs);
    const outcome = body(base);
    this.#settle();
    this.index = base + count - 1;
    return outcome;
  }

  open(key: number): ModelOutcome {
    for (const [id, session] of this.sessions) {
      if (session.key !== key) continue;
      return session.next > 1 ? { type: 'refused', code: 'invalidArgument' } : { type: 'sessionOpened', session: id, wasOpened: false };
    }
    if (this.sessions.size >= this.#limits.sessionsMax) return { type: 'refused', code: 'overloaded' };
    const { index } = this;
    this.sessions.set(index, {
      key,
      next: 1,
      replies: new Map(),
      kept: [],
      acknowledged: 0,
      events: [],
      acknowledgedEvents: index,
      lastEvent: index,
      owners: new Set(),
    });
    this.told.push({ type: 'opened', session: index });
    return { type: 'sessionOpened', session: index, wasOpened: true };
  }

  expire(sessions: readonly number[], base: number): ModelOutcome {
    sessions.forEach((session, i) => {
      this.index = base + i;
      this.#end(session, true);
      this.#settle();
    });
    return { type: 'none' };
  }

  acknowledge(id: number, replies: number, events: number): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    session.acknowledged = Math.max(session.acknowledged, Math.min(replies, session.next - 1));
    session.kept = session.kept.filter(({ last }) => last > session.acknowledged);
    session.acknowledgedEvents = Math.max(session.acknowledgedEvents, Math.min(events, session.lastEvent));
    session.events = session.events.filter(({ index }) => index > session.acknowledgedEvents);
  }

  commands(id: number, first: number, actions: readonly Action[], acknowledged: readonly [number, number], base: number): ModelOutcome {
    const session = this.sessions.get(id);
    if (session === undefined) return { type: 'refused', code: 'sessionExpired' };
    this.acknowledge(id, ...acknowledged);
    const expected = session.next;
    if (first > expected) return { type: 'refused', code: 'outOfOrder', expected };
    const held = session.kept.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    const added = first + actions.length - expected;
    if (added > 0 && held + added > this.#limits.sessionRepliesMax) return { type: 'refused', code: 'overloaded' };
    const replies = actions.map((action, i): ModelReply => {
      this.index = base + i;
      const reply = this.#reply(id, session, first + i, expected, action);
      this.#settle();
      return reply;
    });
    if (added > 0) session.kept.push({ first: expected, last: session.next - 1 });
    if (added > 0 && this.sessions.has(id)) this.told.push({ type: 'applied', session: id, number: session.next - 1 });
    return { type: 'replies', replies };
  }

  #reply(id: number, session: Session, number: number, expected: number, action: Action): ModelReply {
    if (!this.sessions.has(id)) return { index: this.index, code: 'sessionExpired' };
    if (number < expected) {
      const kept = number > session.acknowledged ? session.replies.get(number) : undefined;
      return kept ?? { index: this.index, code: 'replyForgotten' };
    }
    const reply = this.#command(id, action);
    session.next++;
    session.replies.set(number, reply);
    return reply;
  }

  #command(session: number, action: Action): ModelReply {
    const { index } = this;
    const before = structuredClone(this.cells);
    const owners = new Set(this.sessions.get(session)?.owners);
    const mark = this.#pending.length;
    const over = new Set(this.#over);
    try {
      return { index, value: this.#act(session, action) };
    } catch (thrown) {
      if (!(thrown instanceof Refusal)) throw thrown;
      this.cells = before;
      const live = this.sessions.get(session);
      if (live !== undefined) live.owners = owners;
      this.#pending.length = mark;
      this.#over = over;
      return { index, code: thrown.code };
    }
  }

  #act(session: number, action: Action): unknown {
    if (action.type === 'nothing') return undefined;
    if (action.type === 'close') {
      this.#end(session, false);
      return undefined;
    }
    if (action.type === 'open') return this.#openCell(action.name);
    const cell = this.cells.get(action.cell);
    if (cell === undefined) throw new Refusal('invalidArgument');
    switch (action.type) {
      case 'add':
        cell.value += action.amount;
        this.#tellWatchers(action.cell, 'changed', { value: cell.value });
        if (cell.value > 1000) throw new Refusal('counterOverflow');
        return cell.value;
      case 'take':
        if (cell.holder !== 0) throw new Refusal('unavailable');
        cell.holder = session;
        cell.heldAt = this.index;
        this.sessions.get(session)?.owners.add(action.cell);
        return { epoch: 1, index: this.index };
      case 'release':
        if (cell.holder !== session) throw new Refusal('notHeld');
        cell.holder = 0;
        if (!cell.watchers.has(session)) this.sessions.get(session)?.owners.delete(action.cell);
        return undefined;
      case 'watch': {
        const had = cell.watchers.has(session);
        if (!action.isOn) return cell.watchers.delete(session);
        this.sessions.get(session)?.owners.add(action.cell);
        cell.watchers.add(session);
        return !had;
      }
      case 'delay':
        this.#arm(cell, action.id, action.afterMs, action.repeats);
        return undefined;
      case 'cancel':
        cell.timers.delete(action.id);
        return undefined;
      default:
        cell.value = 666;
        cell.timers.clear();
        this.#tellWatchers(action.cell, 'changed', { value: 666 });
        throw new Refusal('versionMismatch');
    }
  }

  #openCell(name: string): number {
    if (name.trim() !== name) throw new Refusal('nameInvalid');
    for (const [id, cell] of this.cells) if (cell.name === name) return id;
    if (this.cells.size >= this.#limits.resourcesMax) throw new Refusal('overloaded');
    this.cells.set(this.index, { name, value: 0, holder: 0, heldAt: 0, watchers: new Set(), timers: new Map(), arms: new Map() });
    return this.index;
  }

  #arm(cell: Cell, id: number, afterMs: number, repeats: number): void {
    cell.timers.set(id, this.timeMs + (this.#isTimer ? Math.max(1, afterMs) : afterMs));
    cell.arms.set(id, { afterMs, repeats });
  }

  #fire(timeMs: number): void {
    for (;;) {
      const due = [...this.cells].flatMap(([resource, cell]) => [...cell.timers].map(([id, dueMs]) => ({ resource, cell, id, dueMs })));
      const [first] = due.sort((a, b) => a.dueMs - b.dueMs || a.resource - b.resource || a.id - b.id);
      if (first === undefined || first.dueMs > timeMs) return;
      const { resource, cell, id, dueMs } = first;
      this.timeMs = dueMs;
      cell.timers.delete(id);
      this.#tellWatchers(resource, 'fired', { id, timeMs: dueMs, index: this.index });
      const arm = cell.arms.get(id);
      cell.arms.delete(id);
      this.#isTimer = true;
      if (arm !== undefined && arm.repeats > 0) this.#arm(cell, id, arm.afterMs, arm.repeats - 1);
      this.#isTimer = false;
    }
  }

  #end(id: number, isExpired: boolean): void {
    const session = this.sessions.get(id);
    if (session === undefined) return;
    this.sessions.delete(id);
    for (const resource of [...session.owners].sort((a, b) => a - b)) {
      const cell = this.cells.get(resource) as Cell;
      cell.watchers.delete(id);
      if (cell.holder !== id) continue;
      cell.holder = 0;
      this.#tellWatchers(resource, 'freed', { session: id });
    }
    this.told.push({ type: 'ended', session: id, isExpired });
  }

  #tellWatchers(resource: number, event: string, values: Readonly<Record<string, number>>): void {
    const watchers = [...(this.cells.get(resource)?.watchers ?? [])].sort((a, b) => a - b);
    for (const id of watchers) {
      if (this.#over.has(id)) continue;
      this.#pending.push({ session: id, event: { resource, event, values } });
      const held = this.sessions.get(id)?.events.reduce((sum, batch) => sum + batch.events.length, 0) ?? 0;
      const added = this.#pending.filter(({ session }) => session === id).length;
      if (held + added > this.#limits.sessionEventsMax) this.#over.add(id);
    }
  }

  #settle(): void {
    for (;;) {
      const over = [...this.#over].filter((id) => this.sessions.has(id)).sort((a, b) => a - b);
      if (over.length === 0) break;
      for (const id of over) this.#end(id, true);
    }
    const receivers = new Set(this.#pending.map(({ session }) => session));
    for (const id of receivers) {
      const session = this.sessions.get(id);
      if (session === undefined) continue;
      const events = this.#pending.filter((pending) => pending.session === id).map(({ event }) => event);
      const batch = { session: id, index: this.index, previousIndex: session.lastEvent, events };
      session.lastEvent = this.index;
      session.events.push(batch);
      this.told.push({ type: 'published', batch });
    }
    this.#pending = [];
    this.#over.clear();
  }
}
