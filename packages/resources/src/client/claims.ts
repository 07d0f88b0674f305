import { type LogIndex, QuorateError } from '@quorate/base';
import type { Done, Fence, PendingCall, SessionId, Token } from '@quorate/machine';
import type { ClientContext } from './resource-client.js';

/** The answer to a claim: granted (a token), waiting (null), or refused because it may not wait (`isBusy`). */
export interface ClaimAnswer {
  readonly ticket: LogIndex;
  readonly token: Token | null;
  readonly isBusy: boolean;
}

/** How claims of one resource are made and taken back. */
export interface ClaimPort {
  readonly context: ClientContext;
  /** Number of the resource; known once a claim was answered. */
  readonly resource: number;
  /** Nobody may hear of a claim any more. */
  takeBack(ticket: LogIndex): void;
  /** Begins to pass on what happens to claims; returns how to end that. */
  listen(claims: Claims): () => void;
}

/** Asks for a claim; `late` is told the answer if `done` was told an error before. */
export type AskClaim = (done: Done<ClaimAnswer>, late: (answer: ClaimAnswer) => void) => PendingCall;

/** A claim that was granted, until it is given up or its session is lost. */
export class Holding {
  readonly ticket: LogIndex;
  readonly token: Token;
  readonly fence: Fence;
  readonly #context: ClientContext;
  readonly #session: SessionId;
  #state: 'held' | 'givenUp' | 'lost' = 'held';
  #lostError: QuorateError | null = null;
  #lostCallbacks: ((error: QuorateError) => void)[] = [];

  constructor(context: ClientContext, held: { readonly ticket: LogIndex; readonly token: Token; readonly resource: number }) {
    this.#context = context;
    this.ticket = held.ticket;
    this.token = held.token;
    this.fence = { group: context.group, resource: held.resource, token: held.token };
    this.#session = context.commands.session;
  }

  /**
   * False as soon as it was given up, or another may hold it: by the clock, so also in a process that was stopped and has not yet been told.
   * True is as of now: only a fence protects what is written a moment later (T57).
   */
  get isHeld(): boolean {
    if (this.#state !== 'held') return false;
    const { commands } = this.#context;
    return commands.session === this.#session && commands.isCertain;
  }

  /** Calls back once if it is lost; at once if it was. */
  onLost(callback: (error: QuorateError) => void): void {
    if (this.#lostError !== null) callback(this.#lostError);
    else this.#lostCallbacks.push(callback);
  }

  /** Ends it without loss; false: it was given up or lost before. */
  giveUp(): boolean {
    if (this.#state !== 'held') return false;
    this.#state = 'givenUp';
    this.#lostCallbacks = [];
    return true;
  }

  lose(error: QuorateError): void {
    if (this.#state !== 'held') return;
    this.#state = 'lost';
    this.#lostError = error;
    const callbacks = this.#lostCallbacks;
    this.#lostCallbacks = [];
    for (const callback of callbacks) this.#context.guarded('lost', () => callback(error));
  }
}

interface WaitingClaim {
  readonly ticket: LogIndex;
  readonly settle: Done<Holding>;
}

/**
 * The claims that this client has on one lock or election: each is asked for, may wait, is granted, and ends. A claim that its caller no longer
 * waits for is taken back, whether it waits or was granted meanwhile; at the end of a session all are over.
 */
export class Claims {
  readonly #port: ClaimPort;
  readonly #waiting = new Map<LogIndex, WaitingClaim>();
  readonly #held = new Map<LogIndex, Holding>();
  #asking = 0;
  #stop: (() => void) | null = null;

  constructor(port: ClaimPort) {
    this.#port = port;
  }

  /** Claims and waits. Null: it is held by another and `ask` said not to wait. */
  claim(ask: AskClaim, done: Done<Holding>): PendingCall {
    let waiting: LogIndex | null = null;
    let isSettled = false;
    const settle: Done<Holding> = (error, holding) => {
      isSettled = true;
      if (waiting !== null) this.#waiting.delete(waiting);
      this.#rest();
      this.#port.context.guarded('claim', () => done(error, holding));
    };
    this.#asking++;
    this.#stop ??= this.#port.listen(this);
    const asked = ask(
      (error, answer) => {
        this.#asking--;
        if (error !== null || answer === null) {
          settle(error, null);
        } else if (answer.isBusy) {
          settle(null, null);
        } else if (answer.token !== null) {
          this.#grant(answer.ticket, answer.token, settle);
        } else {
          waiting = answer.ticket;
          this.#waiting.set(answer.ticket, { ticket: answer.ticket, settle });
        }
      },
      (answer) => {
        if (!answer.isBusy) this.#port.takeBack(answer.ticket);
      },
    );
    return {
      cancel: () => {
        if (isSettled) return;
        if (waiting === null) {
          asked.cancel();
          return;
        }
        this.#port.takeBack(waiting);
        settle(new QuorateError('aborted', 'the wait was aborted; the claim is taken back'), null);
      },
    };
  }

  /** A claim that waited was granted. */
  granted(ticket: LogIndex, token: Token): void {
    const waiting = this.#waiting.get(ticket);
    // One that is not known was taken back before this came.
    if (waiting !== undefined) this.#grant(ticket, token, waiting.settle);
  }

  /** A claim that waited is gone. */
  refused(ticket: LogIndex, error: QuorateError): void {
    this.#waiting.get(ticket)?.settle(error, null);
  }

  /** The session is over, and all claims with it. */
  sessionLost(error: QuorateError): void {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const holding of held) holding.lose(error);
    for (const { settle } of [...this.#waiting.values()]) settle(error, null);
    this.#rest();
  }

  /**
   * The session may be over, and what it held another's: so it is lost here, and given back if the session goes on after all. Claims that wait go on
   * waiting.
   */
  sessionDoubted(error: QuorateError): void {
    const held = [...this.#held.values()];
    this.#held.clear();
    for (const holding of held) this.#lose(holding, error);
    this.#rest();
  }

  /** Events may be missing: what waits might wait for ever. */
  unreadable(error: QuorateError): void {
    for (const { ticket, settle } of [...this.#waiting.values()]) {
      this.#port.takeBack(ticket);
      settle(error, null);
    }
  }

  /** A holding was given up. */
  gaveUp(holding: Holding): void {
    this.#held.delete(holding.ticket);
    this.#rest();
  }

  /**
   * Without contact with the cluster nobody knows how long ago it was granted, and whether another holds it by now: then nobody is told that he
   * does, and it is taken back (T57).
   */
  #grant(ticket: LogIndex, token: Token, settle: Done<Holding>): void {
    const { context, resource } = this.#port;
    if (!context.commands.isCertain) {
      this.#port.takeBack(ticket);
      settle(
        new QuorateError(
          'sessionExpired',
          'it was granted while there was no contact with the cluster, so another may hold it by now; it is given back',
        ),
        null,
      );
      return;
    }
    const holding = new Holding(context, { ticket, token, resource });
    this.#held.set(ticket, holding);
    settle(null, holding);
  }

  #lose(holding: Holding, error: QuorateError): void {
    this.#port.takeBack(holding.ticket);
    holding.lose(error);
  }

  #rest(): void {
    if (this.#asking > 0 || this.#waiting.size > 0 || this.#held.size > 0) return;
    this.#stop?.();
    this.#stop = null;
  }
}
