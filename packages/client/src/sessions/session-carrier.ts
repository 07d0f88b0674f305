import { type GroupId, QuorateError } from '@quorate/base';
import { type ClientResponse, type ServerPush, type SessionRequestBody, fromWireError } from '@quorate/wire';
import { type CallContext, finalFault } from '../core/call.js';
import type { NodeLink, PushSink, RequestSink } from '../core/node-link.js';
import { Backoff, isFinalHandshakeFault, reactionTo } from '../core/retry.js';
import { Route } from '../core/route.js';
import { STALL_MAX_MS, stallAfter } from '../core/stall.js';
import { Alarm } from './alarm.js';

/** Who is told what the carrier finds out. */
export interface CarrierOwner {
  /** What a node is asked first: to open the session, or to carry it. */
  greeting(): SessionRequestBody;
  /** A greeting was answered. True: the node carries the session; false: it must be greeted once more. May throw `malformedFrame`. */
  greeted(response: ClientResponse): boolean;
  /** A node carries the session: requests may go out. */
  bound(): void;
  /** No node carries it; another is being looked for. Requests that were not answered will not be. */
  unbound(): void;
  /** No node can be found, or this one refused for good. */
  failed(error: QuorateError): void;
  /** A node that carries the session answered what was sent at this moment, or later. */
  contact(sentMs: number): void;
  /** From the node that carries the session, or is about to. Views are valid only during the call. */
  pushed(push: ServerPush): void;
}

/** Who waits for the answer to a request on the carrier. At most one of the two is called last; none if the node is left. */
export interface CarrierHandler {
  /** Not an error. Called again after `replies` that are not the last. */
  answered(response: ClientResponse): void;
  refused(error: QuorateError): void;
}

const FAULTY_ROUNDS_MAX = 3;

type Phase =
  | 'idle'
  /** All nodes were asked; a pause. */
  | 'resting'
  /** A node is asked to carry the session. */
  | 'greeting'
  | 'bound'
  | 'stopped';

/**
 * Finds the node that leads the group, has it carry the session, and goes on to the next when it is lost, silent or no longer leads. All
 * requests of the session itself go through it.
 */
export class SessionCarrier implements PushSink {
  readonly #context: CallContext;
  readonly #owner: CarrierOwner;
  readonly #route: Route;
  readonly #backoff: Backoff;
  /** The end of a rest, or an answer that is overdue. */
  readonly #alarm: Alarm;
  readonly #requests = new Set<CarrierRequest>();
  #phase: Phase = 'idle';
  #link: NodeLink | null = null;
  #unsubscribe: (() => void) | null = null;
  #stallMs: number;
  #faultyRounds = 0;
  #lastSentMs = 0;
  /** Nodes that were asked to carry the session, and on which of their connections last. */
  readonly #asked = new Map<NodeLink, number>();

  constructor(context: CallContext, group: GroupId, owner: CarrierOwner) {
    this.#context = context;
    this.#owner = owner;
    const { random, stallMs } = context.settings;
    this.#route = new Route({ pool: context.pool, leaders: context.leaders, random, group });
    this.#backoff = new Backoff(random, { firstMs: 10, maxMs: 200 });
    this.#alarm = new Alarm(context, () => this.#due());
    this.#stallMs = stallMs;
  }

  /** The node that carries the session; null while there is none. */
  get link(): NodeLink | null {
    return this.#phase === 'bound' ? this.#link : null;
  }
  /** The moment at which something went out last, of the client's clock in ms. */
  get lastSentMs(): number {
    return this.#lastSentMs;
  }
  /** What each node said last. */
  get causes(): ReadonlyMap<string, QuorateError> {
    return this.#route.causes;
  }

  /** Commands were answered, so long after they went out. Only this counts, or slow answers would never be waited for long enough. */
  worked(tookMs: number): void {
    this.#stallMs = stallAfter(tookMs, this.#context.settings.stallMs);
  }

  /** The node cannot do it now, and why. */
  noteCause(error: QuorateError): void {
    if (this.#link !== null) this.#route.causes.set(this.#link.address, error);
  }

  /** Begins to look for a node, unless it does or has one. */
  start(): void {
    if (this.#phase === 'idle') this.#choose();
  }

  /** Asks the node that carries the session. `handler` is never called from within. Gives how to forget the request. */
  request(body: SessionRequestBody, handler: CarrierHandler): { cancel(): void } {
    const link = this.#link;
    if (link === null) throw new QuorateError('invariantBroken', 'a session request without a node');
    const request = new CarrierRequest(this, link, handler);
    const isFirst = this.#requests.size === 0;
    this.#requests.add(request);
    if (isFirst) this.#alarm.set(this.#stallMs);
    request.start(body);
    return {
      cancel: () => {
        if (!this.#requests.delete(request)) return;
        request.abandon();
        if (this.#requests.size === 0) this.#alarm.clear();
      },
    };
  }

  /** This node does not do it: another one. */
  leave(error: QuorateError): void {
    const link = this.#link;
    if (link === null) return;
    const wasBound = this.#phase === 'bound';
    this.#drop();
    this.#phase = 'idle';
    this.#route.failed(link.address, error);
    if (wasBound) this.#owner.unbound();
    // The owner may have ended the session.
    if (this.#phase === 'idle') this.#choose();
  }

  /** Nothing is looked for any more; the next `start` begins anew, unless it is for good. */
  stop(isForGood: boolean): void {
    this.#drop();
    this.#phase = isForGood ? 'stopped' : 'idle';
  }

  /**
   * The session is given up without a word of the cluster. Whatever comes on a connection that carries it is a sign of its life, so the connections
   * that may do so must end: otherwise the client's other calls would keep it, and the locks held in it, for ever.
   */
  abandon(error: QuorateError): void {
    for (const [link, connection] of this.#asked) link.drop(connection, error);
    this.#asked.clear();
  }

  pushed(push: ServerPush): void {
    this.#owner.pushed(push);
  }
  connectionLost(error: QuorateError): void {
    this.leave(error);
  }

  sent(link: NodeLink): void {
    this.#lastSentMs = this.#context.settings.clock.nowMs();
    this.#asked.set(link, link.connection);
  }

  answered(request: CarrierRequest, response: ClientResponse): void {
    if (!this.#requests.has(request)) return;
    if (response.type !== 'replies' || response.isLast) this.#requests.delete(request);
    this.#progressed();
    if (response.type === 'error') {
      request.handler.refused(fromWireError(response));
    } else {
      this.#owner.contact(request.sentMs);
      request.handler.answered(response);
    }
  }

  requestFailed(request: CarrierRequest, error: QuorateError): void {
    if (!this.#requests.delete(request)) return;
    // Too much is queued here, so that it did not go out; the connection is good.
    if (error.code === 'overloaded' && !request.wasSent) request.handler.refused(error);
    else this.leave(error);
  }

  now(): number {
    return this.#context.settings.clock.nowMs();
  }

  #progressed(): void {
    if (this.#requests.size > 0) this.#alarm.set(this.#stallMs);
    else this.#alarm.clear();
  }

  #choose(): void {
    const address = this.#route.next();
    if (address === null) {
      this.#roundOver();
      return;
    }
    this.#phase = 'greeting';
    this.#link = this.#context.pool.link(address);
    this.#unsubscribe = this.#link.subscribe(this);
    this.#greet();
  }

  #greet(): void {
    this.request(this.#owner.greeting(), {
      answered: (response) => {
        if (!this.#owner.greeted(response)) this.#greet();
        else this.#isBound();
      },
      refused: (error) => this.#greetingRefused(error),
    });
  }

  #isBound(): void {
    if (this.#phase !== 'greeting' || this.#link === null) return;
    this.#phase = 'bound';
    this.#backoff.reset();
    this.#faultyRounds = 0;
    this.#route.succeeded(this.#link.address);
    this.#route.startRound();
    this.#owner.bound();
  }

  #greetingRefused(error: QuorateError): void {
    const reaction = reactionTo(error);
    if (reaction === 'otherNode') {
      this.leave(error);
    } else if (reaction === 'sameNode') {
      this.noteCause(error);
      this.#phase = 'resting';
      this.#alarm.set(this.#backoff.next());
    } else {
      this.#owner.failed(error);
    }
  }

  #roundOver(): void {
    const fault = finalFault(this.#route.causes);
    this.#faultyRounds = fault === null ? 0 : this.#faultyRounds + 1;
    this.#route.startRound();
    this.#phase = 'resting';
    this.#alarm.set(this.#backoff.next());
    if (fault !== null && (isFinalHandshakeFault(fault) || this.#faultyRounds >= FAULTY_ROUNDS_MAX)) {
      this.#faultyRounds = 0;
      this.#owner.failed(fault);
    }
  }

  #due(): void {
    if (this.#phase === 'resting') {
      if (this.#link === null) {
        this.#choose();
      } else {
        this.#phase = 'greeting';
        this.#greet();
      }
      return;
    }
    const link = this.#link;
    if (link === null || this.#requests.size === 0) return;
    this.#stallMs = Math.min(this.#stallMs * 2, STALL_MAX_MS);
    link.suspect();
    // A connection that was given up has told so already.
    if (this.#link === link) this.leave(new QuorateError('connectionLost', `${link.address}: no answer yet`, { remote: link.address }));
  }

  #drop(): void {
    const requests = [...this.#requests];
    this.#requests.clear();
    for (const request of requests) request.abandon();
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    this.#link = null;
    this.#alarm.clear();
  }
}

/** One request on the node that carries a session. */
class CarrierRequest implements RequestSink {
  readonly handler: CarrierHandler;
  sentMs = 0;
  wasSent = false;
  readonly #carrier: SessionCarrier;
  readonly #link: NodeLink;
  #id = 0;

  constructor(carrier: SessionCarrier, link: NodeLink, handler: CarrierHandler) {
    this.#carrier = carrier;
    this.#link = link;
    this.handler = handler;
  }

  start(body: SessionRequestBody): void {
    this.#id = this.#link.request(body, this);
  }
  abandon(): void {
    this.#link.cancel(this.#id);
  }
  sent(): void {
    this.wasSent = true;
    this.sentMs = this.#carrier.now();
    this.#carrier.sent(this.#link);
  }
  answered(response: ClientResponse): void {
    this.#carrier.answered(this, response);
  }
  failed(error: QuorateError): void {
    this.#carrier.requestFailed(this, error);
  }
}
