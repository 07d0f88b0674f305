import { type GroupId, LIMITS, type LogIndex, type QuorateError, asQuorateError } from '@quorate/base';
import type { EventBatch, SessionId } from '@quorate/machine';
import type { ServerPush } from '@quorate/wire';
import type { SessionContact } from './session-keeper.js';

/** A client connection as sessions see it. */
export interface SessionCarrier extends SessionContact {
  readonly isClosed: boolean;
  /** True while so much is queued to it that no events should be added. */
  readonly isFull: boolean;
  /** Runs a step once it is not full, in order; at once if it is not. Never if the connection is gone. */
  whenFlowing(step: () => void): void;
  /** Runs a step once what is queued has left, in order; at once if it has. Never if the connection is gone. */
  whenRoom(step: () => void): void;
  /** Throws `frameTooLarge` for what no frame can hold. */
  push(push: ServerPush): void;
  /** Ends the connection. */
  cut(error: QuorateError): void;
  /** The sessions that it carries: told by it when it closes. */
  readonly bindings: Set<SessionBinding>;
}

/** What a binding asks of its group. */
export interface BindingOwner {
  readonly group: GroupId;
  /** Events of the session after an index, without the first `had` of the very next one, in order: up to `maxBytes`, at least one if there is any. */
  eventsAfter(session: SessionId, index: LogIndex, maxBytes: number, had: number): readonly EventBatch[];
  /** Its connection closed. */
  bindingLost(binding: SessionBinding): void;
  /** An event of this index fits no frame: the session cannot go on without it. */
  eventTooLarge(binding: SessionBinding, index: LogIndex): void;
}

/** What an event takes besides its fields, at most. */
const EVENT_HEAD_BYTES = 18;

/**
 * One session on the connection that carries it here. Events are pushed in the order of the log, none is left out: if there are many or the
 * connection takes no more they stay in the machine, and go on from there, in pieces, as it drains; also those of one index. So what waits behind them on
 * the connection, the answer to a ping above all, waits for a piece or two and not for all of them. The machine ends a session that has too many.
 */
export class SessionBinding {
  readonly session: SessionId;
  readonly ttlMs: number;
  readonly carrier: SessionCarrier;
  readonly #owner: BindingOwner;
  /** All events up to this index are on their way, and the first `#had` of the very next one. */
  #pushedIndex: LogIndex;
  #had: number;
  #isBehind = false;
  #isOver = false;

  /** `pushedIndex`, `had`: the client has the events up to this index, and so many of the very next one. */
  constructor(init: {
    readonly session: SessionId;
    readonly ttlMs: number;
    readonly carrier: SessionCarrier;
    readonly owner: BindingOwner;
    readonly pushedIndex: LogIndex;
    readonly had: number;
  }) {
    this.session = init.session;
    this.ttlMs = init.ttlMs;
    this.carrier = init.carrier;
    this.#owner = init.owner;
    this.#pushedIndex = init.pushedIndex;
    this.#had = init.had;
  }

  get group(): GroupId {
    return this.#owner.group;
  }

  /** Pushes what the machine has kept; to be called once, when the session was bound. */
  start(): void {
    this.#fallBehind();
  }

  /** The session got events. */
  published(batch: EventBatch): void {
    if (this.#isOver || this.#isBehind || batch.index <= this.#pushedIndex) return;
    if (this.carrier.isFull || bytesOf(batch) > LIMITS.framePieceBytes) this.#fallBehind();
    else this.#push(batch);
  }

  /** True if every event before this index is on its way: the reply to a command of it may follow. If not, wait for room and ask again. */
  catchUp(index: LogIndex): boolean {
    if (this.#isCaughtUp(index)) return true;
    while (!this.carrier.isFull) {
      const batches = this.#owner.eventsAfter(this.session, this.#pushedIndex, LIMITS.framePieceBytes, this.#had);
      if (batches.length === 0) this.#isBehind = false;
      for (const batch of batches) if (!this.#isOver) this.#push(batch);
      if (this.#isCaughtUp(index)) return true;
    }
    return false;
  }

  #isCaughtUp(index: LogIndex): boolean {
    return !this.#isBehind || this.#isOver || this.#pushedIndex >= index - 1;
  }

  /** Another connection carries the session now, or it has ended. */
  end(): void {
    this.#isOver = true;
    this.carrier.bindings.delete(this);
  }

  /** The connection closed. */
  carrierClosed(): void {
    this.#isOver = true;
    this.#owner.bindingLost(this);
  }

  #fallBehind(): void {
    this.#isBehind = true;
    this.carrier.whenFlowing(() => this.#pump());
  }

  #pump(): void {
    if (!this.catchUp(Number.POSITIVE_INFINITY)) this.carrier.whenFlowing(() => this.#pump());
  }

  #push(batch: EventBatch): void {
    const { index, first, isLast, events } = batch;
    try {
      this.carrier.push({ type: 'events', group: this.#owner.group, ...batch });
      this.#pushedIndex = isLast ? index : index - 1;
      this.#had = isLast ? 0 : first + events.length;
    } catch (thrown) {
      const { code } = asQuorateError(thrown);
      if (code !== 'frameTooLarge' && code !== 'invalidArgument') throw thrown;
      this.#isOver = true;
      this.#owner.eventTooLarge(this, index);
    }
  }
}

/** At least what they take in a frame. */
function bytesOf({ events }: EventBatch): number {
  let bytes = 0;
  for (const { fields } of events) bytes += EVENT_HEAD_BYTES + fields.length;
  return bytes;
}
