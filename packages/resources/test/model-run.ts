import assert from 'node:assert/strict';
import { QuorateError } from '@quorate/base';
import {
  type CommandRequest,
  type OperationResult,
  type ResourceDeclaration,
  type ResourceId,
  type SessionId,
  encodeTick,
} from '@quorate/machine';
import { Driver, decodeResult } from './driver.js';

/** An event as a model expects it. */
export interface ModelEvent {
  readonly index: number;
  readonly event: string;
  readonly fields: unknown;
}

/** A deliberately simple resource: what it must answer and tell. */
export interface ResourceModel {
  /** Time passes to `timeMs` in a batch whose first index is this. */
  passTime(timeMs: number, index: number): void;
  sessionEnded(session: SessionId, index: number): void;
  /** Compares what queries say. */
  check(driver: Driver, resource: ResourceId): void;
}

/** What a command of a model refuses with. */
export class Refusal {
  readonly code: string;

  constructor(code: string) {
    this.code = code;
  }
}

/** What was told to live sessions, as a model sees it. */
export class ModelEvents {
  readonly live = new Set<SessionId>();
  #told = new Map<SessionId, ModelEvent[]>();

  tell(session: SessionId, event: ModelEvent): void {
    if (this.live.has(session)) this.#told.set(session, [...(this.#told.get(session) ?? []), event]);
  }

  take(): Map<SessionId, ModelEvent[]> {
    const told = this.#told;
    this.#told = new Map();
    return told;
  }
}

/** One command for both sides. */
export interface ModelCommand<M> {
  readonly name: string;
  readonly request: CommandRequest;
  apply(model: M, session: SessionId, index: number, timeMs: number): unknown;
}

/** A step as it is drawn; `pick` means one of the live sessions. */
export type ModelStep<A> =
  | { readonly type: 'commands'; readonly pick: number; readonly afterMs: number; readonly actions: readonly A[] }
  | { readonly type: 'end'; readonly pick: number; readonly isExpired: boolean }
  | { readonly type: 'tick'; readonly afterMs: number }
  | { readonly type: 'leader' | 'reload' | 'open' };

/** Runs the steps against a machine and a model, and compares all replies, events and queries; at the end the hash of a second replica. */
export class ModelRun<M extends ResourceModel> {
  readonly driver: Driver = new Driver();
  readonly resource: ResourceId;
  readonly model: M;
  readonly #declaration: ResourceDeclaration;
  readonly #events: ModelEvents;
  /** Open sessions in the order of their opening. */
  sessions: SessionId[];

  constructor(declaration: ResourceDeclaration, model: (events: ModelEvents) => M) {
    this.#declaration = declaration;
    this.#events = new ModelEvents();
    this.model = model(this.#events);
    this.sessions = [this.driver.open(), this.driver.open(), this.driver.open()];
    for (const session of this.sessions) this.#events.live.add(session);
    this.resource = this.driver.create(this.sessions[0] as SessionId, declaration);
  }

  step<A>(step: ModelStep<A>, commandOf: (action: A, run: this) => ModelCommand<M>): void {
    const { driver } = this;
    switch (step.type) {
      case 'commands':
        this.#commands(this.#pick(step.pick), this.driver.machine.timeMs + step.afterMs, step.actions, commandOf);
        break;
      case 'end':
        this.#end(step);
        break;
      case 'tick': {
        const timeMs = driver.machine.timeMs + step.afterMs;
        this.model.passTime(timeMs, driver.nextIndex);
        driver.batch(encodeTick(), 1, timeMs);
        break;
      }
      case 'leader':
        driver.noop(0);
        break;
      case 'reload':
        driver.reload();
        break;
      case 'open':
        if (this.sessions.length >= 5) break;
        this.sessions.push(driver.open());
        this.#events.live.add(this.sessions.at(-1) as SessionId);
    }
    this.compare();
  }

  compare(): void {
    const seen = [...this.driver.takeEvents()].map(([session, events]): [number, unknown[]] => [
      session,
      events.map(({ index, event, fields }) => ({ index, event, fields })),
    ]);
    const order = (a: readonly [number, unknown], b: readonly [number, unknown]): number => a[0] - b[0];
    assert.deepEqual(seen.sort(order), [...this.#events.take()].sort(order));
    this.model.check(this.driver, this.resource);
  }

  finish(): void {
    assert.equal(this.driver.machine.hash, this.driver.replicaHash());
  }

  #pick(pick: number): SessionId {
    return this.sessions[pick % this.sessions.length] as SessionId;
  }

  #end({ pick, isExpired }: { pick: number; isExpired: boolean }): void {
    if (this.sessions.length < 2) return;
    const session = this.#pick(pick);
    this.sessions = this.sessions.filter((each) => each !== session);
    this.#events.live.delete(session);
    this.model.sessionEnded(session, this.driver.nextIndex);
    if (isExpired) this.driver.expire(session);
    else this.driver.close(session);
  }

  #commands<A>(session: SessionId, timeMs: number, actions: readonly A[], commandOf: (action: A, run: this) => ModelCommand<M>): void {
    const first = this.driver.nextIndex;
    this.model.passTime(timeMs, first);
    const commands = actions.map((action) => commandOf(action, this));
    const expected = commands.map(({ apply }, i) => {
      try {
        return apply(this.model, session, first + i, timeMs);
      } catch (thrown) {
        if (thrown instanceof Refusal) return thrown.code;
        throw thrown;
      }
    });
    const replies = this.driver.run(
      session,
      commands.map(({ request }) => request),
      timeMs,
    );
    const results = replies.map((reply, i): OperationResult<ResourceDeclaration, string> | string => {
      try {
        return decodeResult(this.#declaration, commands[i]?.name ?? '', reply);
      } catch (thrown) {
        if (thrown instanceof QuorateError) return thrown.code;
        throw thrown;
      }
    });
    assert.deepEqual(results, expected);
  }
}
