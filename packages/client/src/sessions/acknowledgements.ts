import type { LogIndex } from '@quorate/base';
import type { CallContext } from '../core/call.js';
import { Alarm } from './alarm.js';

/** What a session has got: replies up to a number, events up to a log index. */
export interface Acknowledged {
  readonly replies: number;
  readonly events: LogIndex;
}

/** What acknowledging needs of a session. */
export interface AcknowledgementOwner {
  /** What may be acknowledged now. */
  owed(): Acknowledged;
  /** Sends a request of its own; false if that is not possible now. `done` follows unless the connection is lost. */
  send(replies: number, events: LogIndex, done: (isTaken: boolean) => void): boolean;
}

/** An acknowledgement that found nothing to ride on goes out after this time, in ms, or at once if this many replies are owed. */
const PAUSE_MS = 1000;
const REPLIES_MAX = 1024;

/** Tells the cluster what the client has got, so that it may forget it: with each payload of commands, else in requests of their own. */
export class Acknowledgements {
  readonly #owner: AcknowledgementOwner;
  readonly #alarm: Alarm;
  #confirmed: Acknowledged = { replies: 0, events: 0 };
  #isUnderWay = false;

  constructor(context: CallContext, owner: AcknowledgementOwner) {
    this.#owner = owner;
    this.#alarm = new Alarm(context, () => this.now());
  }

  /** The session is open: there are no events up to its own number. */
  start(session: LogIndex): void {
    this.#confirmed = { replies: 0, events: session };
  }
  stop(): void {
    this.#alarm.clear();
  }

  /** What goes with a payload. */
  ride(): Acknowledged {
    return this.#owner.owed();
  }

  /** The cluster has it. */
  confirmed(acknowledged: Acknowledged): void {
    this.#confirmed = {
      replies: Math.max(this.#confirmed.replies, acknowledged.replies),
      events: Math.max(this.#confirmed.events, acknowledged.events),
    };
  }

  /** Something was told: sooner or later the cluster must know. */
  check(): void {
    if (this.#isUnderWay) return;
    const owed = this.#owner.owed();
    const replies = owed.replies - this.#confirmed.replies;
    if (replies <= 0 && owed.events <= this.#confirmed.events) this.#alarm.clear();
    else if (replies >= REPLIES_MAX) this.now();
    else if (!this.#alarm.isSet) this.#alarm.set(PAUSE_MS);
  }

  /** Tells it now, if anything is owed. */
  now(): void {
    const owed = this.#owner.owed();
    if (this.#isUnderWay || (owed.replies <= this.#confirmed.replies && owed.events <= this.#confirmed.events)) return;
    this.#alarm.clear();
    this.#isUnderWay = this.#owner.send(owed.replies, owed.events, (isTaken) => {
      this.#isUnderWay = false;
      if (isTaken) this.confirmed(owed);
      this.check();
    });
  }

  /** The connection is lost, and what was under way with it. */
  lost(): void {
    this.#isUnderWay = false;
    this.#alarm.clear();
  }
}
