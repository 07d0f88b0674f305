import { type LogIndex, QuorateError } from '@quorate/base';
import type { CommandResult, Done, SessionId, SessionState } from '@quorate/machine';
import { type ClientResponse, type ServerPush, type SessionRequestBody, fromWireError } from '@quorate/wire';
import { type CallContext, wrongType } from '../core/call.js';
import { deadlineError, reactionTo } from '../core/retry.js';
import { Acknowledgements } from './acknowledgements.js';
import { type Command, CommandCall } from './command-call.js';
import { CommandSender, type SenderOwner } from './command-sender.js';
import { CommandWindow } from './command-window.js';
import { EventChain, type EventsAt } from './event-chain.js';
import { MissingEvents, type MissingEventsOwner } from './missing-events.js';
import { type CarrierOwner, SessionCarrier } from './session-carrier.js';
import { abortError, endError } from './session-errors.js';
import { newKey } from './session-key.js';
import { SessionLife } from './session-life.js';
import type { SessionSettings } from './session-options.js';

/** What a session tells its client. */
export interface SessionOwner {
  stateChanged(session: Session, state: SessionState): void;
  /** The cluster may have ended it by now, or keep it if it hears of it. */
  doubted(session: Session, error: QuorateError): void;
  /** It is open: queries may name it. */
  opened(session: Session): void;
  /** It is over; calls that are not settled follow. */
  ended(session: Session, state: 'expired' | 'closed', error: QuorateError): void;
  /** A call has an outcome. */
  settle(done: Done<CommandResult>, error: QuorateError | null, result: CommandResult | null): void;
  /** Events of one log index, or a piece of them, in order. */
  events(batch: EventsAt): void;
  /** Something was told; answers that wait for it may go on. */
  progressed(): void;
  /** The log has at least this index. */
  saw(index: LogIndex): void;
}

/**
 * One session from its opening to its end: its commands are numbered in the order of `submit`, go out in payloads of a turn, and are sent again
 * with the same numbers until they are answered; replies and events are merged in the order of the log.
 *
 * A reply is told once all replies with lower numbers and all events with lower indexes were; an event once every command that may have a lower
 * index, or the same, was answered (rule 18). What cannot come any more is not waited for.
 */
export class Session implements CarrierOwner, SenderOwner, MissingEventsOwner {
  readonly key: Uint8Array;
  /** Those that are not done. */
  readonly commands: CommandWindow = new CommandWindow();
  readonly #context: CallContext;
  readonly #settings: SessionSettings;
  readonly #owner: SessionOwner;
  readonly #carrier: SessionCarrier;
  readonly #chain = new EventChain();
  readonly #life: SessionLife;
  readonly #acknowledgements: Acknowledgements;
  readonly #missing: MissingEvents;
  readonly #sender: CommandSender;
  #id: SessionId = 0;
  #isEnded = false;
  #isTelling = false;
  #isBindingAgain = false;
  /** Calls and queries that somebody waits for. */
  #waiters = 0;

  constructor(context: CallContext, settings: SessionSettings, owner: SessionOwner) {
    this.#context = context;
    this.#settings = settings;
    this.#owner = owner;
    this.key = newKey(context);
    this.#carrier = new SessionCarrier(context, settings.group, this);
    this.#missing = new MissingEvents(context, this.#chain, this);
    this.#life = new SessionLife(context, settings, {
      stateChanged: (state) => owner.stateChanged(this, state),
      keepAlive: () => this.#keepAlive(),
      doubted: (error) => owner.doubted(this, error),
      expired: (error) => {
        this.end('expired', error);
        this.#carrier.abandon(error);
      },
      lastSentMs: () => this.#carrier.lastSentMs,
      isBound: () => this.#carrier.link !== null,
    });
    this.#acknowledgements = new Acknowledgements(context, {
      owed: () => ({ replies: this.commands.acknowledgeable, events: this.#chain.delivered }),
      send: (replies, events, done) => this.#sendAcknowledgement(replies, events, done),
    });
    const { group } = settings;
    this.#sender = new CommandSender(context, group, {
      owner: this,
      carrier: this.#carrier,
      window: this.commands,
      acknowledgements: this.#acknowledgements,
    });
  }

  /** Its number; 0 until it is open. */
  get id(): SessionId {
    return this.#id;
  }
  get isEnded(): boolean {
    return this.#isEnded;
  }
  get state(): SessionState {
    return this.#life.state;
  }
  /** True while the cluster certainly keeps it. */
  get isCertain(): boolean {
    return this.#life.isCertain;
  }
  /** True if it is to be opened, or kept. */
  get isWanted(): boolean {
    return this.#id !== 0 || this.#waiters > 0;
  }
  get isBound(): boolean {
    return this.#carrier.link !== null;
  }
  /** What each node said last. */
  get causes(): ReadonlyMap<string, QuorateError> {
    return this.#carrier.causes;
  }

  /** Takes a command; it goes out at the end of the turn, or once there is room on the way. */
  submit(command: Command): CommandCall {
    const call = new CommandCall(this, command);
    this.commands.add(call);
    this.#waiters += 1;
    this.#context.deadlines.setOnce(call, this.#context.settings.clock.nowMs() + command.deadlineMs);
    this.#sender.planFlush();
    return call;
  }

  /** A query will ask for what the commands up to now did; gives the place of the last. `leave` must follow. */
  join(): number {
    this.#waiters += 1;
    this.#sender.planFlush();
    return this.commands.lastPlace;
  }
  /** False while commands up to this place wait for a node that carries the session: what depends on them need not be asked yet. */
  mayNumber(place: number): boolean {
    return place === 0 || (this.#id !== 0 && (this.isBound || this.commands.isNumbered(place)));
  }
  /** A query is settled. */
  leave(): void {
    this.#waiters -= 1;
    if (this.#waiters === 0 && this.#id === 0 && !this.#isEnded) this.#giveUpOpening();
  }

  /**
   * True if an answer may be told that is based on `index`, with events up to `eventIndex`, to a query that followed the command at `place`: the
   * commands before it and the events up to it were told. Missing events are waited for only while a node carries the session.
   */
  isToldUpTo(place: number, index: LogIndex, eventIndex: LogIndex): boolean {
    if (this.#isEnded) return true;
    const live = this.commands.firstLive();
    if (live !== undefined && live.place <= place) return false;
    const next = this.#chain.head;
    if (next !== undefined && next.index <= index) return false;
    return this.#carrier.link === null || this.#chain.received >= eventIndex || !this.#chain.isMissing;
  }

  /** True if it is open and every event up to this index, that of one of its events, was told. */
  hasTold(eventIndex: LogIndex): boolean {
    return !this.#isEnded && this.#id !== 0 && eventIndex >= this.#id && this.#chain.delivered >= eventIndex;
  }

  /** An answer speaks of events up to this index. */
  expectEvents(eventIndex: LogIndex): void {
    this.#chain.expect(eventIndex);
    this.#missing.watch();
  }

  cancelCommand(call: CommandCall): void {
    this.#settle(call, abortError(call.wasSent), null);
  }

  /** Unknown even if its reply is here, because its turn has not come: what is told out of order is worse. */
  commandExpired(call: CommandCall): void {
    const { deadlineMs, wasSent } = call;
    const { causes } = this.#carrier;
    this.#settle(call, deadlineError({ what: 'command', deadlineMs, mayHaveHappened: wasSent, causes }), null);
    this.#tell();
  }

  /** The cluster said that it has no such session. */
  expired(error: QuorateError): void {
    this.end('expired', error);
  }

  /** The session is over here: everything that waits is told, and nothing is sent any more. */
  end(state: 'expired' | 'closed', error: QuorateError): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#carrier.stop(true);
    this.#sender.stop();
    this.#missing.stop();
    this.#acknowledgements.stop();
    this.#life.end(state);
    this.#owner.ended(this, state, error);
    for (const call of this.commands.live()) this.#settle(call, endError(state, error, call.wasSent), null);
    this.#owner.progressed();
  }

  greeting(): SessionRequestBody {
    const { group, ttlMs, graceMs } = this.#settings;
    const { key } = this;
    if (this.#id === 0) return { type: 'openSession', group, key, ttlMs, graceMs };
    return { type: 'bindSession', group, session: this.#id, key, ...this.#chain.has };
  }

  greeted(response: ClientResponse): boolean {
    if (response.type === 'sessionOpened') {
      if (response.session < 1) throw new QuorateError('malformedFrame', 'a session without a number');
      this.#id = response.session;
      this.#chain.start(response.session);
      this.#acknowledgements.start(response.session);
      this.#life.opened(response.ttlMs, response.graceMs);
      this.#owner.saw(response.session);
      return false;
    }
    if (response.type !== 'sessionBound') throw wrongType(response);
    this.#wasBound(response.nextNumber, response.lastEventIndex);
    return true;
  }

  bound(): void {
    this.#life.bound();
    if (this.#isEnded) return;
    this.#owner.opened(this);
    this.#missing.watch();
    this.#sender.flush();
    this.#tell();
    this.#acknowledgements.check();
  }

  unbound(): void {
    this.#isBindingAgain = false;
    this.#sender.unbound();
    this.#missing.stop();
    this.#acknowledgements.lost();
    this.#life.unbound();
    this.#owner.progressed();
  }

  failed(error: QuorateError): void {
    if (error.code === 'sessionExpired' || this.#id === 0) this.end('expired', error);
    else this.#carrier.leave(error);
  }

  contact(sentMs: number): void {
    this.#life.contact(sentMs);
  }

  pushed(push: ServerPush): void {
    if (this.#isEnded || push.group !== this.#settings.group || push.session !== this.#id) return;
    if (push.type === 'sessionEnded') {
      const how = push.isExpired ? 'the cluster ended this session: no contact for too long' : 'this session was closed';
      this.end(push.isExpired ? 'expired' : 'closed', new QuorateError('sessionExpired', how, { session: this.#id }));
      return;
    }
    const verdict = this.#chain.offer(push);
    if (verdict === 'taken') {
      this.#missing.arrived();
      this.#tell();
    } else if (verdict === 'gap') {
      this.#missing.gap();
    } else {
      this.#missing.watch();
    }
  }

  replied(): void {
    this.#tell();
  }
  refuse(call: CommandCall, error: QuorateError): void {
    this.#settle(call, error, null);
  }
  stoppedWaiting(): void {
    this.#tell();
  }

  /** Has the node push again what was not received. */
  bindAgain(): void {
    if (this.#carrier.link === null || this.#isBindingAgain) return;
    this.#isBindingAgain = true;
    this.#carrier.request(this.greeting(), {
      answered: (response) => {
        this.#isBindingAgain = false;
        if (response.type !== 'sessionBound') throw wrongType(response);
        this.#wasBound(response.nextNumber, response.lastEventIndex);
      },
      refused: (error) => {
        this.#isBindingAgain = false;
        this.#bindingRefused(error);
      },
    });
  }

  #wasBound(nextNumber: number, lastEventIndex: LogIndex): void {
    if (nextNumber > this.commands.nextNumber) {
      throw new QuorateError('malformedFrame', `next command ${nextNumber} where only ${this.commands.nextNumber - 1} were made`, {
        nextNumber,
      });
    }
    this.#chain.expect(lastEventIndex);
    this.#missing.watch();
  }

  #bindingRefused(error: QuorateError): void {
    if (error.code === 'sessionExpired') this.end('expired', error);
    else if (reactionTo(error) !== 'sameNode') this.#carrier.leave(error);
  }

  #keepAlive(): void {
    const { link } = this.#carrier;
    if (link === null) return;
    const leader = this.#context.leaders.get(this.#settings.group);
    if (leader !== undefined && leader !== link.address) {
      this.#carrier.leave(new QuorateError('notLeader', `${link.address} no longer leads`, { address: leader }));
      return;
    }
    this.#carrier.request({ type: 'ping' }, { answered: () => {}, refused: (error) => this.#bindingRefused(error) });
  }

  #sendAcknowledgement(replies: number, events: LogIndex, done: (isTaken: boolean) => void): boolean {
    if (this.#carrier.link === null || this.#isEnded) return false;
    const body = { type: 'acknowledge', group: this.#settings.group, session: this.#id, replies, events } as const;
    this.#carrier.request(body, {
      answered: () => done(true),
      refused: (error) => {
        done(false);
        this.#bindingRefused(error);
      },
    });
    return true;
  }

  /** Tells replies and events whose turn it is, in the order of the log. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    while (!this.#isEnded && (this.#tellReply() || this.#tellEvents()));
    this.#isTelling = false;
    if (this.#isEnded) return;
    this.#owner.progressed();
    this.#acknowledgements.check();
  }

  #tellReply(): boolean {
    const call = this.commands.firstLive();
    if (call === undefined || call.reply === null) return false;
    const { index } = call.reply;
    const events = this.#chain.head;
    if (events !== undefined && events.index < index) return false;
    // An event that has not arrived may come before it.
    if (events === undefined && this.#chain.isMissing && index > this.#chain.receivedUpTo + 1) return false;
    this.#settleReply(call);
    return true;
  }

  #tellEvents(): boolean {
    const events = this.#chain.head;
    if (events === undefined) return false;
    const call = this.commands.firstLive();
    // A command on its way may have been applied before these events.
    if (call !== undefined && call.wasSent && call.reply === null && events.index > this.commands.lastReplyIndex) return false;
    this.#chain.take();
    this.#owner.saw(events.index);
    this.#owner.events(events);
    if (events.isLast) this.#chain.told(events.index);
    return true;
  }

  #settleReply(call: CommandCall): void {
    const { reply } = call;
    if (reply === null) return;
    this.#owner.saw(reply.index);
    if (reply.isOk) this.#settle(call, null, { index: reply.index, result: reply.result });
    else this.#settle(call, fromWireError(reply), null);
  }

  #settle(call: CommandCall, error: QuorateError | null, result: CommandResult | null): void {
    const done = call.take();
    if (done === null) return;
    this.#context.deadlines.clear(call);
    this.commands.settled(call);
    this.#owner.settle(done, error, result);
    this.leave();
  }

  /** Nobody waits for a session that is not open: the next call begins another. */
  #giveUpOpening(): void {
    this.end('expired', new QuorateError('unavailable', 'no session was opened'));
  }
}
