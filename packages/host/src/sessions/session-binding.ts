import { type GroupId, type LogIndex, type QuorateError, asQuorateError } from '@quorate/base';
import type { EventBatch, SessionId } from '@quorate/machine';
import type { ServerPush } from '@quorate/wire';
import type { SessionContact } from './session-keeper.js';

/** A client connection as sessions see it. */
export interface SessionCarrier extends SessionContact {
  readonly isClosed: boolean;
  /** True while so much is queued to it that no more should be. */
  readonly isFull: boolean;
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
  /** Events of the session after an index, in order: about `maxBytes`, at least one batch if there is any. */
  eventsAfter(session: SessionId, index: LogIndex, maxBytes: number): readonly EventBatch[];
  /** Its connection closed. */
  bindingLost(binding: SessionBinding): void;
  /** Events of this index do not fit a frame: the session cannot go on without them. */
  eventsTooLarge(binding: SessionBinding, index: LogIndex): void;
}

/** Bytes of events that are read at a time. */
const PIECE_BYTES = 262_144;

/**
 * One session on the connection that carries it here. Events are pushed in the order of their indexes, none is left out: if the connection takes
 * no more they stay in the machine, and go on from there, in pieces, as it drains. The machine ends a session that has too many of them.
 */
export class SessionBinding {
  readonly session: SessionId;
  readonly ttlMs: number;
  readonly carrier: SessionCarrier;
  readonly #owner: BindingOwner;
  #pushedIndex: LogIndex;
  #isBehind = false;
  #isOver = false;

  /** `pushedIndex`: the client has the events up to this index. */
  constructor(init: { session: SessionId; ttlMs: number; carrier: SessionCarrier; owner: BindingOwner; pushedIndex: LogIndex }) {
    this.session = init.session;
    this.ttlMs = init.ttlMs;
    this.carrier = init.carrier;
    this.#owner = init.owner;
    this.#pushedIndex = init.pushedIndex;
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
    if (this.carrier.isFull) this.#fallBehind();
    else this.#push(batch);
  }

  /** True if everything that was published is on its way: answers to commands may follow. If not, wait for room and ask again. */
  catchUp(): boolean {
    if (!this.#isBehind || this.#isOver) return true;
    while (!this.carrier.isFull) {
      const batches = this.#owner.eventsAfter(this.session, this.#pushedIndex, PIECE_BYTES);
      if (batches.length === 0) {
        this.#isBehind = false;
        return true;
      }
      for (const batch of batches) {
        this.#push(batch);
        if (this.#isOver) return true;
      }
    }
    return false;
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
    this.carrier.whenRoom(() => this.#pump());
  }

  #pump(): void {
    if (!this.catchUp()) this.carrier.whenRoom(() => this.#pump());
  }

  #push({ session, index, previousIndex, events }: EventBatch): void {
    try {
      this.carrier.push({ type: 'events', group: this.#owner.group, session, index, previousIndex, events });
      this.#pushedIndex = index;
    } catch (thrown) {
      const { code } = asQuorateError(thrown);
      if (code !== 'frameTooLarge' && code !== 'invalidArgument') throw thrown;
      this.#isOver = true;
      this.#owner.eventsTooLarge(this, index);
    }
  }
}
