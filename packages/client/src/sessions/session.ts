import { type LogIndex, QuorateError } from '@quorate/base';
import { type CommandResult, type Done, type SessionId, type SessionState, encodeCommands } from '@quorate/machine';
import { type ClientResponse, SESSION_KEY_BYTES, type ServerPush, type SessionRequestBody, fromWireError } from '@quorate/wire';
import type { CallContext } from '../core/call.js';
import { Backoff, deadlineError, isAmbiguous, reactionTo } from '../core/retry.js';
import { Acknowledgements } from './acknowledgements.js';
import { Alarm } from './alarm.js';
import { CommandCall } from './command-call.js';
import { type CommandPayload, CommandWindow } from './command-window.js';
import { EventChain, type EventsAt } from './event-chain.js';
import { type CarrierOwner, SessionCarrier } from './session-carrier.js';
import { SessionLife } from './session-life.js';
import type { SessionSettings } from './session-options.js';

/** What a session tells its client. */
export interface SessionOwner {
  stateChanged(session: Session): void;
  /** It is open: queries may name it. */
  opened(session: Session): void;
  /** It is over; calls that are not settled follow. */
  ended(session: Session, state: 'expired' | 'closed', error: QuorateError): void;
  /** A call has an outcome. */
  settle(done: Done<CommandResult>, error: QuorateError | null, result: CommandResult | null): void;
  /** Events of one log index, in order. */
  events(batch: EventsAt): void;
  /** Something was told; answers that wait for it may go on. */
  progressed(): void;
  /** The log has at least this index. */
  saw(index: LogIndex): void;
}

/** Bytes queued to a connection above which commands wait for it to drain. */
const LINK_QUEUE_BYTES = 8_388_608;
/** Time that missing events are waited for before the node is asked again, in ms, and how often. */
const MISSING_MS = 1000;
const MISSING_TRIES_MAX = 3;
const GAP_TRIES_MAX = 8;
/** Refusals in a row, without any progress, of what no correct node refuses. */
const FUTILE_MAX = 20;

/**
 * One session from its opening to its end: its commands are numbered in the order of `submit`, go out in payloads of a turn, and are sent again
 * with the same numbers until they are answered; replies and events are merged in the order of the log.
 *
 * A reply is told once all replies with lower numbers and all events with lower indexes were; an event once every command that may have a lower
 * index, or the same, was answered (rule 18). What cannot come any more is not waited for.
 */
export class Session implements CarrierOwner {
  readonly key: Uint8Array;
  readonly #context: CallContext;
  readonly #settings: SessionSettings;
  readonly #owner: SessionOwner;
  readonly #carrier: SessionCarrier;
  readonly #window = new CommandWindow();
  readonly #chain = new EventChain();
  readonly #life: SessionLife;
  readonly #acknowledgements: Acknowledgements;
  readonly #backoff: Backoff;
  /** End of a pause after a refusal. */
  readonly #rest: Alarm;
  readonly #missing: Alarm;
  readonly #attempts = new Map<CommandPayload, { cancel(): void }>();
  #id: SessionId = 0;
  #isEnded = false;
  #isFlushPlanned = false;
  #isWaitingForDrain = false;
  #isTelling = false;
  #isBindingAgain = false;
  #missingTries = 0;
  #gaps = 0;
  #futile = 0;
  /** Calls and queries that somebody waits for. */
  #waiters = 0;

  constructor(context: CallContext, settings: SessionSettings, owner: SessionOwner) {
    this.#context = context;
    this.#settings = settings;
    this.#owner = owner;
    this.key = newKey(context);
    this.#carrier = new SessionCarrier(context, settings.group, this);
    this.#backoff = new Backoff(context.settings.random, { firstMs: 10, maxMs: 200 });
    this.#rest = new Alarm(context, () => this.#flush());
    this.#missing = new Alarm(context, () => this.#stillMissing());
    this.#life = new SessionLife(context, settings, {
      stateChanged: () => owner.stateChanged(this),
      keepAlive: () => this.#keepAlive(),
      expired: (error) => this.end('expired', error),
      lastSentMs: () => this.#carrier.lastSentMs,
      isBound: () => this.#carrier.link !== null,
    });
    this.#acknowledgements = new Acknowledgements(context, {
      owed: () => ({ replies: this.#window.acknowledgeable, events: this.#chain.delivered }),
      send: (replies, events, done) => this.#sendAcknowledgement(replies, events, done),
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
  /** True if a node carries it. */
  get isBound(): boolean {
    return this.#carrier.link !== null;
  }
  /** Commands that are not done, and bytes of their arguments. */
  get commandCount(): number {
    return this.#window.count;
  }
  get commandBytes(): number {
    return this.#window.bytes;
  }
  /** What each node said last. */
  get causes(): ReadonlyMap<string, QuorateError> {
    return this.#carrier.causes;
  }

  /** Numbers a command; it goes out at the end of the turn. */
  submit(
    command: { readonly resource: number; readonly operation: number; readonly args: Uint8Array; readonly deadlineMs: number },
    done: Done<CommandResult>,
  ): CommandCall {
    const call = new CommandCall(this, { ...command, number: this.#window.nextNumber, done });
    this.#window.add(call);
    this.#waiters += 1;
    this.#context.deadlines.set(call, this.#context.settings.clock.nowMs() + command.deadlineMs);
    this.#planFlush();
    return call;
  }

  /** A query will ask for what the commands up to now did; gives the number of the last. `leave` must follow. */
  join(): number {
    this.#waiters += 1;
    this.#planFlush();
    return this.#window.promise();
  }
  /** A query is settled. */
  leave(): void {
    this.#waiters -= 1;
    if (this.#waiters === 0 && this.#id === 0 && !this.#isEnded) this.#giveUpOpening();
  }

  /**
   * True if an answer may be told that is based on `index`, with events up to `eventIndex`, to a query that followed command `afterNumber`: the
   * commands before it and the events up to it were told. Missing events are waited for only while a node carries the session.
   */
  isToldUpTo(afterNumber: number, index: LogIndex, eventIndex: LogIndex): boolean {
    if (this.#isEnded) return true;
    const live = this.#window.firstLive();
    if (live !== undefined && live.number <= afterNumber) return false;
    const next = this.#chain.head;
    if (next !== undefined && next.index <= index) return false;
    return this.#carrier.link === null || this.#chain.received >= eventIndex || !this.#chain.isMissing;
  }

  /** An answer speaks of events up to this index. */
  expectEvents(eventIndex: LogIndex): void {
    this.#chain.expect(eventIndex);
    this.#watchMissing();
  }

  cancelCommand(call: CommandCall): void {
    const what = call.wasSent ? 'it may have happened' : 'it was not sent';
    this.#settle(call, new QuorateError('aborted', `the command was aborted; ${what}`), null);
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
    this.#rest.clear();
    this.#missing.clear();
    this.#acknowledgements.stop();
    this.#attempts.clear();
    this.#life.end(state);
    this.#owner.ended(this, state, error);
    for (const call of this.#window.live()) this.#settle(call, endError(state, error, call.wasSent), null);
    this.#owner.progressed();
  }

  greeting(): SessionRequestBody {
    const { group, ttlMs, graceMs } = this.#settings;
    const { key } = this;
    if (this.#id === 0) return { type: 'openSession', group, key, ttlMs, graceMs };
    return { type: 'bindSession', group, session: this.#id, key, acknowledgedEvents: this.#chain.received };
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
    this.#watchMissing();
    this.#flush();
    this.#tell();
    this.#acknowledgements.check();
  }

  unbound(): void {
    this.#isBindingAgain = false;
    this.#isWaitingForDrain = false;
    this.#attempts.clear();
    this.#window.resend(0);
    this.#rest.clear();
    this.#missing.clear();
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
      this.#gaps = 0;
      this.#missingTries = 0;
      this.#tell();
    } else if (verdict === 'gap' && !this.#isBindingAgain && this.#gaps === 0) {
      this.#gaps = 1;
      this.#bindAgain();
    }
    this.#watchMissing();
  }

  #planFlush(): void {
    if (this.#isFlushPlanned || this.#isEnded) return;
    this.#isFlushPlanned = true;
    this.#context.settings.timers.defer(() => {
      this.#isFlushPlanned = false;
      this.#flush();
    });
  }

  /** Sends what may be sent now. */
  #flush(): void {
    if (this.#isEnded) return;
    const { link } = this.#carrier;
    if (link === null) {
      if (this.#waiters > 0 || this.#id !== 0) this.#carrier.start();
      return;
    }
    if (this.#rest.isSet || this.#isWaitingForDrain) return;
    while (this.#window.maySendMore) {
      if (link.queuedBytes > LINK_QUEUE_BYTES) {
        this.#isWaitingForDrain = true;
        link.whenDrained(() => {
          this.#isWaitingForDrain = false;
          this.#planFlush();
        });
        break;
      }
      const payload = this.#window.nextToSend();
      if (payload === null) break;
      this.#send(payload);
    }
  }

  #send(payload: CommandPayload): void {
    const commands = this.#window.commandsOf(payload);
    const acknowledged = this.#acknowledgements.ride();
    const bytes = encodeCommands({
      session: this.#id,
      firstNumber: payload.firstNumber,
      acknowledgedReplies: acknowledged.replies,
      acknowledgedEvents: acknowledged.events,
      commands,
    });
    this.#window.sent(payload);
    const { group } = this.#settings;
    const attempt = this.#carrier.request(
      { type: 'commands', group, payloadChecksum: this.#context.settings.checksum(bytes), payload: bytes },
      {
        answered: (response) => this.#replied(payload, response, acknowledged),
        refused: (error) => this.#refused(payload, error),
      },
    );
    this.#attempts.set(payload, attempt);
  }

  #replied(payload: CommandPayload, response: ClientResponse, acknowledged: { replies: number; events: LogIndex }): void {
    if (response.type !== 'replies') throw wrongType(response);
    this.#window.answered(payload, response.firstNumber, response.replies, response.isLast);
    this.#futile = 0;
    this.#carrier.worked();
    if (response.isLast) {
      this.#attempts.delete(payload);
      this.#acknowledgements.confirmed(acknowledged);
      this.#backoff.reset();
      if (this.#window.hasWaiting) this.#planFlush();
    }
    this.#tell();
  }

  #refused(payload: CommandPayload, error: QuorateError): void {
    this.#attempts.delete(payload);
    this.#window.back(payload, isAmbiguous(error));
    const reaction = reactionTo(error);
    if (error.code === 'sessionExpired') {
      this.end('expired', error);
    } else if (reaction === 'otherNode') {
      this.#carrier.leave(error);
    } else if (reaction === 'sameNode' || !this.#window.isHead(payload)) {
      // If one before it was refused, that one comes first.
      this.#pause(payload, error);
    } else {
      this.#refusedForGood(payload, error);
    }
  }

  /** The node is right, but not now: this payload and all behind it go out again after a pause, in order. */
  #pause(payload: CommandPayload, error: QuorateError): void {
    this.#futile += 1;
    const expected = error.details['expected'];
    if (
      this.#futile >= FUTILE_MAX &&
      error.code === 'outOfOrder' &&
      typeof expected === 'number' &&
      expected <= this.#window.acknowledgeable
    ) {
      const what = `the cluster lost commands of this session: it expects number ${expected} again`;
      this.end('expired', new QuorateError('sessionExpired', what, { session: this.#id, expected }, { cause: error }));
      return;
    }
    this.#carrier.noteCause(error);
    // Those before it are on their way still, and their answers as good as ever.
    for (const [other, attempt] of this.#attempts) {
      if (other.firstNumber < payload.firstNumber) continue;
      attempt.cancel();
      this.#attempts.delete(other);
    }
    this.#window.resend(payload.firstNumber);
    this.#rest.set(this.#backoff.next());
    if (error.code === 'overloaded') this.#acknowledgements.now();
  }

  /** No node will ever take this payload: its calls are told, and its numbers are filled (rule 12). */
  #refusedForGood(payload: CommandPayload, error: QuorateError): void {
    const calls = this.#window.commandsOf(payload);
    if (calls.every((call) => call.isFiller) && ++this.#futile >= FUTILE_MAX) {
      this.end('expired', new QuorateError('sessionExpired', `the cluster refuses this session: ${error.message}`, {}, { cause: error }));
      return;
    }
    const isCertain = !payload.hasUnknownCopy;
    this.#window.fill(payload);
    this.#pause(payload, error);
    for (const call of calls) this.#settle(call, isCertain ? error : unknownOutcome(error), null);
    this.#tell();
  }

  #wasBound(nextNumber: number, lastEventIndex: LogIndex): void {
    if (nextNumber > this.#window.nextNumber) {
      throw new QuorateError('malformedFrame', `next command ${nextNumber} where only ${this.#window.nextNumber - 1} were made`, {
        nextNumber,
      });
    }
    this.#chain.expect(lastEventIndex);
    this.#watchMissing();
  }

  /** Has the same node push again what is missing. */
  #bindAgain(): void {
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

  #bindingRefused(error: QuorateError): void {
    if (error.code === 'sessionExpired') this.end('expired', error);
    else if (reactionTo(error) !== 'sameNode') this.#carrier.leave(error);
  }

  #watchMissing(): void {
    if (this.#isEnded) return;
    if (!this.#chain.isMissing || this.#carrier.link === null) this.#missing.clear();
    else if (!this.#missing.isSet) this.#missing.set(MISSING_MS);
  }

  #stillMissing(): void {
    if (!this.#chain.isMissing || this.#isEnded) return;
    if (this.#gaps > 0) {
      // The chain itself says that events exist: they must not be left out (T66).
      this.#gaps += 1;
      if (this.#gaps > GAP_TRIES_MAX) {
        this.end('expired', new QuorateError('sessionExpired', 'events of this session are lost', { received: this.#chain.received }));
        return;
      }
    } else {
      this.#missingTries += 1;
      if (this.#missingTries > MISSING_TRIES_MAX) {
        this.#context.settings.logger.log('warn', 'eventsMissing', { session: this.#id, received: this.#chain.received });
        this.#chain.stopExpecting();
        this.#tell();
        return;
      }
    }
    this.#bindAgain();
    this.#missing.set(MISSING_MS);
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
    const call = this.#window.firstLive();
    if (call === undefined || call.reply === null) return false;
    const { index } = call.reply;
    const events = this.#chain.head;
    if (events !== undefined && events.index < index) return false;
    // An event that has not arrived may come before it.
    if (events === undefined && this.#chain.isMissing && index > this.#chain.received + 1) return false;
    this.#settleReply(call);
    return true;
  }

  #tellEvents(): boolean {
    const events = this.#chain.head;
    if (events === undefined) return false;
    const call = this.#window.firstLive();
    // A command on its way may have been applied before these events.
    if (call !== undefined && call.wasSent && call.reply === null && events.index > this.#window.lastReplyIndex) return false;
    this.#chain.take();
    this.#owner.saw(events.index);
    this.#owner.events(events);
    this.#chain.told(events.index);
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
    this.#window.settled(call);
    this.#owner.settle(done, error, result);
    this.leave();
  }

  /** Nobody waits for a session that is not open: the next call begins another. */
  #giveUpOpening(): void {
    this.end('expired', new QuorateError('unavailable', 'no session was opened'));
  }
}

function newKey(context: CallContext): Uint8Array {
  return Uint8Array.from({ length: SESSION_KEY_BYTES }, () => context.settings.random.nextUint32() & 0xff);
}

function wrongType(response: ClientResponse): QuorateError {
  return new QuorateError('malformedFrame', `unexpected answer of type ${response.type}`);
}

function unknownOutcome(error: QuorateError): QuorateError {
  return new QuorateError('connectionLost', `the command was sent and may have happened; then: ${error.message}`, {}, { cause: error });
}

/** The error of a command that was not answered when its session ended. */
function endError(state: 'expired' | 'closed', error: QuorateError, wasSent: boolean): QuorateError {
  if (!wasSent) return error;
  if (state === 'closed') return new QuorateError('aborted', `${error.message}; the command may have happened`, {}, { cause: error });
  if (error.code === 'sessionExpired') return error;
  return new QuorateError('sessionExpired', `${error.message}; the command may have happened`, {}, { cause: error });
}
