import { type GroupId, QuorateError } from '@quorate/base';
import { type ClientResponse, fromWireError } from '@quorate/wire';
import { IDENTITY_LOST, NUMBERS_TAKEN, abortedAppend, unknownOutcome } from './append-errors.js';
import { AppendAttempt, type AttemptOwner, AttemptsUnderWay } from './append-attempt.js';
import type { AppendBatch } from './append-batch.js';
import type { AppendCall, AppendOwner } from './append-call.js';
import { AppendQueue } from './append-queue.js';
import { AppendWindow } from './append-window.js';
import { type CallContext, finalFault } from './call.js';
import type { Deadline } from './deadline-heap.js';
import { EndingAppends } from './ending-appends.js';
import { type Causes, GroupLookup, type Resolve } from './group-lookup.js';
import type { NodeLink } from './node-link.js';
import { Backoff, deadlineError, isAmbiguous, isFinalHandshakeFault, reactionTo } from './retry.js';
import { Route } from './route.js';
import { tooLate } from './shared-flight.js';
import { STALL_MAX_MS, stallAfter } from './stall.js';
import type { TurnStep } from './turn-end.js';

/** What a producer needs of the client. */
export interface ProducerContext extends CallContext {
  readonly resolve: Resolve;
  /** Counts what waits in all producers. */
  appendBytesChanged(delta: number): void;
  callSettled(): void;
}

/** Bytes queued to a connection above which appends wait for it to drain. */
const LINK_QUEUE_BYTES = 8_388_608;
const FAULTY_ROUNDS_MAX = 3;

/**
 * All appends of one client to one stream, in the order of the calls.
 *
 * What is called in one turn goes out as one payload. Payloads are numbered (producer, epoch, number) when first sent and kept in a window
 * until they are stored; numbers have no gaps, so the stream takes each once and in order, however often copies arrive. When the connection,
 * the leader or an answer is lost, the window is sent again from its head (a new *generation*): first the head alone, and the rest once a
 * node has taken it.
 *
 * A call that ends at its deadline leaves its payload in the window while calls behind it wait, because their numbers follow. When nobody
 * waits any more the window is given up, and the next append starts a new epoch at number 0: it fences whatever old copy arrives late, which
 * then can neither double a record nor overtake one.
 */
export class StreamProducer implements AppendOwner, AttemptOwner, Deadline {
  dueMs = 0;
  heapAt = -1;
  readonly name: string;
  readonly #context: ProducerContext;
  readonly #queue = new AppendQueue();
  readonly #window: AppendWindow;
  readonly #backoff: Backoff;
  readonly #lookup: GroupLookup;
  readonly #flushStep: TurnStep;
  #route: Route | null = null;
  #link: NodeLink | null = null;
  /** Grows whenever the window is sent anew; answers to older copies count only if they say what became of the numbers. */
  #generation = 0;
  /** Bytes that were reported to the client. */
  #reportedBytes = 0;
  /** A node has stored something in this generation: it leads, so the whole window may go out. */
  #isConfirmed = false;
  #isResting = false;
  #isWaitingForDrain = false;
  #liveCalls = 0;
  #stallMs: number;
  #faultyRounds = 0;
  readonly #ending: EndingAppends;
  readonly #attempts = new AttemptsUnderWay();

  constructor(name: string, context: ProducerContext) {
    this.name = name;
    this.#context = context;
    this.#flushStep = context.turnEnd.step(() => this.#flush());
    this.#lookup = new GroupLookup(name, context.resolve);
    const { random, stallMs } = context.settings;
    this.#backoff = new Backoff(random, { firstMs: 10, maxMs: 200 });
    this.#stallMs = stallMs;
    this.#window = new AppendWindow(random);
    this.#ending = new EndingAppends(context.settings.timers, (calls) => this.#revoke(calls));
  }

  /** What each node said last. */
  get causes(): Causes {
    return this.#route?.causes ?? this.#lookup.causes;
  }
  /** True if nothing waits and nothing is on its way. */
  get isIdle(): boolean {
    return this.#liveCalls === 0 && this.#window.isEmpty && !this.#lookup.isRunning;
  }

  /** Takes a call; it settles later. */
  append(call: AppendCall): void {
    this.#liveCalls += 1;
    for (const part of call.parts) this.#queue.push(part);
    this.#reportBytes();
    this.#context.deadlines.setOnce(call, this.#context.settings.clock.nowMs() + call.deadlineMs);
    this.#planFlush();
  }

  callSettled(call: AppendCall): void {
    this.#context.deadlines.clear(call);
    this.#queue.drop(call.parts);
    this.#reportBytes();
    this.#liveCalls -= 1;
    this.#context.callSettled();
    if (this.#liveCalls === 0 && this.#window.hasUndecided) this.#giveUpWindow();
  }

  callExpired(call: AppendCall): void {
    const { deadlineMs } = call;
    const what = `append to "${this.name}"`;
    this.#ending.add(call, (mayHaveHappened) => deadlineError({ what, deadlineMs, mayHaveHappened, causes: this.causes }));
  }

  /** Its caller has given it up: `aborted` if it may be stored, else `cancelled`. */
  cancel(call: AppendCall): void {
    if (call.isTaken && !call.mayHaveHappened) this.#ending.add(call, abortedAppend);
    else call.fail(abortedAppend(call.mayHaveHappened));
  }

  /** Takes calls out of the window; those that may be stored, out of the set. */
  #revoke(calls: Set<AppendCall>): void {
    for (const call of this.#window.irrevocable(calls)) calls.delete(call);
    this.#withdraw(calls);
  }

  /** Settles every call: those that may have been stored end as unknown. */
  close(error: QuorateError): void {
    this.#failAll(error);
    this.#context.deadlines.clear(this);
  }

  /** The pause is over, or an answer is overdue. */
  expire(): void {
    if (this.#isResting) {
      this.#isResting = false;
      this.#flush();
      return;
    }
    if (this.#link === null || (!this.#window.hasSent && !this.#isWaitingForDrain)) return;
    const { address } = this.#link;
    this.#link.suspect();
    this.#stallMs = Math.min(this.#stallMs * 2, STALL_MAX_MS);
    this.#window.flight.lost(this.#context.settings.clock.nowMs());
    this.#leave(new QuorateError('connectionLost', `${address}: no answer yet`, { remote: address }));
  }

  answered(attempt: AppendAttempt, response: ClientResponse): void {
    const { batch } = attempt;
    this.#attempts.delete(attempt);
    if (response.type === 'appended') {
      if (response.count !== batch.count) {
        throw new QuorateError('malformedFrame', `${response.count} records stored where ${batch.count} were sent`, {
          count: response.count,
        });
      }
      this.#window.answered(batch, attempt.startedMs, this.#context.settings.clock.nowMs());
      this.#window.stored(batch, response.offset);
      this.#decided(attempt);
    } else if (response.type === 'error') {
      const error = fromWireError(response);
      if (NUMBERS_TAKEN.has(error.code)) {
        this.#window.refused(batch, error);
        this.#decided(attempt);
        return;
      }
      if (!isAmbiguous(error) || IDENTITY_LOST.has(error.code)) attempt.refusedForCertain();
      if (attempt.generation === this.#generation) this.#refused(batch, error);
    }
  }

  failed(attempt: AppendAttempt, error: QuorateError): void {
    this.#attempts.delete(attempt);
    if (attempt.generation !== this.#generation) return;
    if (error.code === 'overloaded') this.#rest(error);
    else this.#leave(error);
  }

  #planFlush(): void {
    this.#flushStep.plan();
  }

  /** Sends what may be sent now. */
  #flush(): void {
    if (this.#isResting || this.#isWaitingForDrain || (this.#queue.isEmpty && this.#window.isEmpty)) return;
    const { group } = this.#lookup;
    if (group === null) {
      this.#lookUp();
      return;
    }
    const link = this.#link ?? this.#chooseLink(group);
    if (link === null) return;
    const isIdle = !this.#window.hasSent;
    // Until a node has taken the head, only that.
    while (this.#isConfirmed ? this.#window.maySendMore : !this.#window.hasSent) {
      const batch = this.#window.nextUnsent() ?? this.#nextBatch();
      if (batch === null) break;
      if (link.queuedBytes > LINK_QUEUE_BYTES) {
        this.#waitForDrain(link);
        break;
      }
      this.#send(link, batch, group);
    }
    if (isIdle && this.#window.hasSent) this.#arm(this.#stallMs);
  }

  #nextBatch(): AppendBatch | null {
    if (this.#window.isFull) return null;
    const nowMs = this.#context.settings.clock.nowMs();
    const parts = this.#queue.take(this.#window.payloadBytesMax, (call) => this.#refusesLate(call, nowMs));
    if (parts.length === 0) return null;
    const batch = this.#window.add(parts);
    this.#reportBytes();
    return batch;
  }

  /** It has waited for so long that it would not be answered in time: it is not sent. */
  #refusesLate(call: AppendCall, nowMs: number): boolean {
    const isLate = this.#window.isTooLate(call, nowMs);
    if (isLate) this.#ending.add(call, () => tooLate(call, this.#window.flight.answerMs));
    return isLate;
  }

  #send(link: NodeLink, batch: AppendBatch, group: GroupId): void {
    const startedMs = this.#context.settings.clock.nowMs();
    const attempt = new AppendAttempt({ owner: this, batch, generation: this.#generation, link, startedMs });
    this.#attempts.add(attempt);
    this.#window.sent(batch);
    attempt.start({ type: 'append', group, ...batch.copy(this.#context.settings.checksum) });
  }

  #waitForDrain(link: NodeLink): void {
    this.#isWaitingForDrain = true;
    if (!this.#window.hasSent) this.#arm(this.#stallMs);
    link.whenDrained(() => {
      if (this.#link === link) this.#isWaitingForDrain = false;
      this.#planFlush();
    });
  }

  #chooseLink(group: GroupId): NodeLink | null {
    const { pool, leaders, settings } = this.#context;
    this.#route ??= new Route({ pool, leaders, random: settings.random, group });
    const address = this.#route.next();
    if (address === null) {
      this.#roundOver(this.#route);
      return null;
    }
    this.#link = pool.link(address);
    return this.#link;
  }

  #roundOver(route: Route): void {
    const fault = finalFault(route.causes);
    this.#faultyRounds = fault === null ? 0 : this.#faultyRounds + 1;
    route.startRound();
    if (fault !== null && (isFinalHandshakeFault(fault) || this.#faultyRounds >= FAULTY_ROUNDS_MAX)) {
      this.#faultyRounds = 0;
      this.#failAll(fault);
      return;
    }
    this.#pause();
  }

  #decided(attempt: AppendAttempt): void {
    this.#reportBytes();
    if (attempt.generation === this.#generation) this.#progressed(attempt);
    if (!this.#queue.isEmpty || this.#window.hasUnsent) this.#planFlush();
  }

  #progressed({ link, startedMs }: AppendAttempt): void {
    const { clock, stallMs } = this.#context.settings;
    this.#stallMs = stallAfter(clock.nowMs() - startedMs, stallMs);
    if (!this.#isConfirmed) {
      this.#isConfirmed = true;
      this.#backoff.reset();
      this.#faultyRounds = 0;
      this.#route?.succeeded(link.address);
      this.#route?.startRound();
    }
    if (this.#window.hasSent) this.#arm(this.#stallMs);
    else this.#context.deadlines.clear(this);
  }

  #refused(batch: AppendBatch, error: QuorateError): void {
    const reaction = reactionTo(error);
    if (reaction === 'otherNode') {
      this.#leave(error);
    } else if (reaction === 'sameNode') {
      this.#rest(error);
    } else if (this.#window.head !== batch) {
      // The batches before it come first: once it is the head, its refusal is looked at.
      this.#rest(error);
    } else {
      this.#headRefused(batch, error);
    }
  }

  /** The head was refused for good: what may go on does so under a new producer, the calls of the rest are told. */
  #headRefused(head: AppendBatch, error: QuorateError): void {
    const isCertain = head.unknownCopies === 0;
    const headGoesOn = isCertain && IDENTITY_LOST.has(error.code);
    const link = this.#link;
    this.#newGeneration();
    // The node that refused does lead.
    this.#link = link;
    const ended = this.#window.restart(headGoesOn);
    const failed = new Set(ended.flatMap((batch) => batch.parts.map(({ call }) => call)));
    // What is left of a long list does not go out after its call has ended: no copy of it may be applied.
    this.#window.withdraw(failed);
    this.#reportBytes();
    for (const call of failed) call.fail(isCertain ? error : unknownOutcome(error));
    if (headGoesOn) this.#pause();
    else this.#planFlush();
  }

  /** Takes expired calls out of the window; what is left of it goes out with new numbers, as soon as it would have. */
  #withdraw(calls: ReadonlySet<AppendCall>): void {
    if (!this.#window.withdraw(calls)) return;
    this.#reportBytes();
    const link = this.#link;
    const isResting = this.#isResting;
    const dueMs = this.heapAt >= 0 ? this.dueMs : this.#context.settings.clock.nowMs();
    this.#newGeneration();
    this.#link = link;
    this.#isResting = isResting;
    if (isResting) this.#context.deadlines.set(this, dueMs);
    else this.#planFlush();
  }

  #reportBytes(): void {
    const bytes = this.#queue.bytes + this.#window.bytes;
    if (bytes === this.#reportedBytes) return;
    this.#context.appendBytesChanged(bytes - this.#reportedBytes);
    this.#reportedBytes = bytes;
  }

  /** This node does not do it: another one. */
  #leave(error: QuorateError): void {
    const link = this.#link;
    this.#newGeneration();
    if (link !== null) this.#route?.failed(link.address, error);
    this.#planFlush();
  }

  /** This node cannot do it now: the same again after a pause. */
  #rest(error: QuorateError): void {
    const link = this.#link;
    this.#newGeneration();
    this.#link = link;
    if (link !== null) this.#route?.causes.set(link.address, error);
    this.#pause();
  }

  #pause(): void {
    this.#isResting = true;
    this.#arm(this.#backoff.next());
  }

  #newGeneration(): void {
    this.#generation += 1;
    this.#window.resend();
    this.#isConfirmed = false;
    this.#link = null;
    this.#isResting = false;
    this.#isWaitingForDrain = false;
    this.#context.deadlines.clear(this);
    this.#attempts.begin(this.#generation);
  }

  #giveUpWindow(): void {
    this.#attempts.cancelAll();
    this.#newGeneration();
    this.#window.abandon();
    this.#reportBytes();
  }

  #lookUp(): void {
    this.#lookup.start((error) => {
      if (error === null) {
        this.#flush();
      } else if (error.retry === 'never') {
        this.#failAll(error);
      } else if (this.#liveCalls > 0) {
        // The calls have deadlines of their own; until then, again.
        this.#lookUp();
      }
    });
  }

  #failAll(error: QuorateError): void {
    const calls = this.#queue.calls();
    this.#window.addCallsTo(calls);
    for (const call of calls) call.fail(call.mayHaveHappened ? unknownOutcome(error) : error);
  }

  #arm(delayMs: number): void {
    this.#context.deadlines.set(this, this.#context.settings.clock.nowMs() + delayMs);
  }
}
