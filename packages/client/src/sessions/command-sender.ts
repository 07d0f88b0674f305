import { type GroupId, QuorateError } from '@quorate/base';
import { type SessionId, encodeCommands } from '@quorate/machine';
import type { ClientResponse } from '@quorate/wire';
import { type CallContext, wrongType } from '../core/call.js';
import { Backoff, isAmbiguous, reactionTo } from '../core/retry.js';
import { tooLate } from '../core/shared-flight.js';
import type { TurnStep } from '../core/turn-end.js';
import type { Acknowledged, Acknowledgements } from './acknowledgements.js';
import { Alarm } from './alarm.js';
import type { CommandCall } from './command-call.js';
import type { CommandPayload, CommandWindow } from './command-window.js';
import type { SessionCarrier } from './session-carrier.js';

/** What sending needs of a session. */
export interface SenderOwner {
  readonly id: SessionId;
  readonly isEnded: boolean;
  /** True if the session is to be opened or kept. */
  readonly isWanted: boolean;
  /** Replies came. */
  replied(): void;
  /** The outcome of a command that is not a reply. */
  refuse(call: CommandCall, error: QuorateError): void;
  expired(error: QuorateError): void;
}

/** Bytes queued to a connection above which commands wait for it to drain. */
const LINK_QUEUE_BYTES = 8_388_608;
/** Refusals in a row, without any progress, of what no correct node refuses. */
const FUTILE_MAX = 20;

/** Sends the commands of one session in payloads, several at a time, and again until they are answered. */
export class CommandSender {
  readonly #context: CallContext;
  readonly #group: GroupId;
  readonly #owner: SenderOwner;
  readonly #carrier: SessionCarrier;
  readonly #window: CommandWindow;
  readonly #acknowledgements: Acknowledgements;
  readonly #backoff: Backoff;
  /** End of a pause after a refusal. */
  readonly #rest: Alarm;
  readonly #attempts = new Map<CommandPayload, { cancel(): void }>();
  readonly #flushStep: TurnStep;
  #isWaitingForDrain = false;
  #futile = 0;

  constructor(
    context: CallContext,
    group: GroupId,
    parts: {
      readonly owner: SenderOwner;
      readonly carrier: SessionCarrier;
      readonly window: CommandWindow;
      readonly acknowledgements: Acknowledgements;
    },
  ) {
    this.#context = context;
    this.#group = group;
    this.#owner = parts.owner;
    this.#carrier = parts.carrier;
    this.#window = parts.window;
    this.#acknowledgements = parts.acknowledgements;
    this.#backoff = new Backoff(context.settings.random, { firstMs: 10, maxMs: 200 });
    this.#flushStep = context.turnEnd.step(() => this.flush());
    this.#rest = new Alarm(context, () => this.flush());
  }

  /** Sends at the end of the turn, so that all commands of one turn go out together. */
  planFlush(): void {
    if (!this.#owner.isEnded) this.#flushStep.plan();
  }

  /** Sends what may be sent now. */
  flush(): void {
    if (this.#owner.isEnded) return;
    const { link } = this.#carrier;
    if (link === null) {
      if (this.#owner.isWanted) this.#carrier.start();
      return;
    }
    if (this.#rest.isSet || this.#isWaitingForDrain) return;
    while (this.#window.maySendMore) {
      if (link.queuedBytes > LINK_QUEUE_BYTES) {
        this.#isWaitingForDrain = true;
        link.whenDrained(() => {
          this.#isWaitingForDrain = false;
          this.planFlush();
        });
        break;
      }
      this.#dropLate();
      const payload = this.#window.nextToSend();
      if (payload === null) break;
      this.#send(payload);
    }
  }

  #dropLate(): void {
    const nowMs = this.#context.settings.clock.nowMs();
    for (const call of this.#window.late(nowMs)) this.#owner.refuse(call, tooLate(call, this.#window.flight.answerMs));
  }

  /** The node is left: all that was not answered goes out again once there is another. */
  unbound(): void {
    this.#isWaitingForDrain = false;
    this.#attempts.clear();
    this.#window.resend(0);
    this.#window.flight.lost(this.#context.settings.clock.nowMs());
    this.#rest.clear();
  }

  /** Nothing is sent any more. */
  stop(): void {
    this.#rest.clear();
    this.#attempts.clear();
  }

  #send(payload: CommandPayload): void {
    const commands = this.#window.commandsOf(payload);
    const acknowledged = this.#acknowledgements.ride();
    const bytes = encodeCommands({
      session: this.#owner.id,
      firstNumber: payload.firstNumber,
      acknowledgedReplies: acknowledged.replies,
      acknowledgedEvents: acknowledged.events,
      commands,
    });
    this.#window.sent(payload, this.#context.settings.clock.nowMs());
    const attempt = this.#carrier.request(
      { type: 'commands', group: this.#group, payloadChecksum: this.#context.settings.checksum(bytes), payload: bytes },
      {
        answered: (response) => this.#replied(payload, response, acknowledged),
        refused: (error) => this.#refused(payload, error),
      },
    );
    this.#attempts.set(payload, attempt);
  }

  #replied(payload: CommandPayload, response: ClientResponse, acknowledged: Acknowledged): void {
    if (response.type !== 'replies') throw wrongType(response);
    if (response.isLast) this.#window.came(payload, this.#context.settings.clock.nowMs());
    this.#window.answered(payload, response.firstNumber, response.replies, response.isLast);
    this.#futile = 0;
    this.#carrier.worked(this.#context.settings.clock.nowMs() - payload.sentMs);
    if (response.isLast) {
      this.#attempts.delete(payload);
      this.#acknowledgements.confirmed(acknowledged);
      this.#backoff.reset();
      if (this.#window.hasWaiting) this.planFlush();
    }
    this.#owner.replied();
  }

  #refused(payload: CommandPayload, error: QuorateError): void {
    this.#attempts.delete(payload);
    this.#window.back(payload, isAmbiguous(error));
    if (error.code === 'overloaded') this.#window.refused(payload, this.#context.settings.clock.nowMs());
    const reaction = reactionTo(error);
    if (error.code === 'sessionExpired') {
      this.#owner.expired(error);
    } else if (reaction === 'otherNode') {
      this.#carrier.leave(error);
    } else if (!this.#window.isHead(payload)) {
      // Perhaps because one before it was refused: that one goes out first.
      this.#pause(error);
    } else if (reaction === 'sameNode') {
      this.#headRefused(error);
    } else {
      this.#refusedForGood(payload, error);
    }
  }

  #headRefused(error: QuorateError): void {
    this.#futile += 1;
    const expected = error.details['expected'];
    const isLost = error.code === 'outOfOrder' && typeof expected === 'number' && expected <= this.#window.acknowledgeable;
    if (isLost && this.#futile >= FUTILE_MAX) {
      this.#owner.expired(this.#lost(`the cluster lost commands of this session: it expects number ${expected} again`, error));
      return;
    }
    this.#pause(error);
  }

  /**
   * The node is right, but not now: what it refused goes out again after a pause, in order. Those that went out behind it are refused too, or were already: their answers are
   * waited for, since then it is certain that none of them was applied.
   */
  #pause(error: QuorateError): void {
    this.#carrier.noteCause(error);
    if (!this.#rest.isSet) this.#rest.set(this.#backoff.next());
    if (error.code === 'overloaded') this.#acknowledgements.now();
  }

  /** No node will ever take this payload: its calls are told, and its numbers are filled (rule 12). */
  #refusedForGood(payload: CommandPayload, error: QuorateError): void {
    const calls = this.#window.commandsOf(payload);
    if (calls.every((call) => call.isFiller) && ++this.#futile >= FUTILE_MAX) {
      this.#owner.expired(this.#lost(`the cluster refuses this session: ${error.message}`, error));
      return;
    }
    const isCertain = !payload.hasUnknownCopy;
    this.#window.fill(payload);
    this.#pause(error);
    for (const call of calls) if (call.reply === null) this.#owner.refuse(call, isCertain ? error : unknownOutcome(error));
    this.#owner.replied();
  }

  #lost(what: string, cause: QuorateError): QuorateError {
    return new QuorateError('sessionExpired', what, { session: this.#owner.id }, { cause });
  }
}

function unknownOutcome(error: QuorateError): QuorateError {
  return new QuorateError('connectionLost', `the command was sent and may have happened; then: ${error.message}`, {}, { cause: error });
}
