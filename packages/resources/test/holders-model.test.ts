import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ResourceId, SessionId, Token } from '@quorate/machine';
import { ELECTION, LOCK } from '@quorate/resources';
import { type Driver, request } from './driver.js';
import { type ModelCommand, type ModelEvents, ModelRun, type ModelStep, Refusal, type ResourceModel } from './model-run.js';

interface Claim {
  readonly session: SessionId;
  readonly ticket: number;
  /** Infinity: for ever. */
  readonly dueMs: number;
  readonly about: Uint8Array;
}

/** A lock or an election: a list of claims of which the first holds. */
class QueueModel implements ResourceModel {
  claims: Claim[] = [];
  token: Token | null = null;
  observers = new Set<SessionId>();
  readonly isElection: boolean;
  readonly #events: ModelEvents;

  constructor(isElection: boolean, events: ModelEvents) {
    this.isElection = isElection;
    this.#events = events;
  }

  get holder() {
    const first = this.claims[0];
    return first === undefined || this.token === null
      ? null
      : { session: first.session, ticket: first.ticket, token: this.token, about: first.about };
  }

  claim(claim: Claim, index: number): Token | null {
    this.claims.push(claim);
    if (this.claims.length > 1) return null;
    this.token = { epoch: 1, index };
    this.#tellObservers(index);
    return this.token;
  }

  /** Claims go; the first of those left holds, if it did not before. */
  drop(index: number, isDropped: (claim: Claim) => boolean): void {
    const before = this.claims[0];
    this.claims = this.claims.filter((each) => !isDropped(each));
    const first = this.claims[0];
    if (first === before) return;
    this.token = first === undefined ? null : { epoch: 1, index };
    if (first !== undefined) {
      const event = this.isElection ? 'elected' : 'acquired';
      this.#events.tell(first.session, { index, event, fields: { ticket: first.ticket, token: this.token } });
    }
    this.#tellObservers(index);
  }

  passTime(timeMs: number, index: number): void {
    const due = this.claims.slice(1).filter(({ dueMs }) => dueMs <= timeMs);
    for (const { session, ticket } of due.sort((a, b) => a.dueMs - b.dueMs || a.ticket - b.ticket)) {
      this.#events.tell(session, { index, event: 'timedOut', fields: { ticket } });
    }
    this.drop(index, (each) => due.includes(each));
  }

  sessionEnded(session: SessionId, index: number): void {
    this.observers.delete(session);
    this.drop(index, (each) => each.session === session);
  }

  check(driver: Driver, resource: ResourceId): void {
    const { holder } = this;
    if (this.isElection) {
      assert.deepEqual(driver.query(ELECTION, resource, 'leader', {}), holder);
      return;
    }
    assert.deepEqual(driver.query(LOCK, resource, 'holder', {}), {
      isHeld: holder !== null,
      session: holder?.session ?? 0,
      token: holder?.token ?? null,
      waiters: Math.max(0, this.claims.length - 1),
    });
  }

  #tellObservers(index: number): void {
    for (const session of [...this.observers].sort((a, b) => a - b)) {
      this.#events.tell(session, { index, event: 'leaderChanged', fields: { leader: this.holder } });
    }
  }
}

const pick = fc.nat({ max: 6 });
const lockAction = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('acquire' as const), waitMs: fc.option(fc.nat({ max: 20 })) }) },
  // Of the claims before this batch, the one at this place; also those of other sessions.
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('release' as const, 'cancel' as const), pick, isForeign: fc.boolean() }) },
);
const electionAction = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('campaign' as const), about: fc.uint8Array({ maxLength: 3 }) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('resign' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('observe' as const, 'unobserve' as const) }) },
);
type LockAction = typeof lockAction extends fc.Arbitrary<infer A> ? A : never;
type ElectionAction = typeof electionAction extends fc.Arbitrary<infer A> ? A : never;

function cancel(model: QueueModel, session: SessionId, ticket: number, index: number): 'none' | 'waited' | 'held' {
  const at = model.claims.findIndex((each) => each.ticket === ticket && each.session === session);
  if (at < 0) return 'none';
  model.drop(index, (each) => each.ticket === ticket);
  return at === 0 ? 'held' : 'waited';
}

function lockCommand(action: LockAction, { model, resource }: ModelRun<QueueModel>): ModelCommand<QueueModel> {
  const name = action.type;
  if (action.type === 'acquire') {
    const { waitMs } = action;
    return {
      name,
      request: request(LOCK, resource, 'acquire', { waitMs }),
      apply: (of, session, index, timeMs) => {
        if (waitMs === 0 && of.claims.length > 0) return { status: 'busy', ticket: index, token: null };
        const dueMs = waitMs === null ? Number.POSITIVE_INFINITY : timeMs + waitMs;
        const token = of.claim({ session, ticket: index, dueMs, about: new Uint8Array(0) }, index);
        return { status: token === null ? 'queued' : 'acquired', ticket: index, token };
      },
    };
  }
  const ticket = model.claims[action.pick]?.ticket ?? 3;
  if (action.type === 'cancel') {
    return {
      name,
      request: request(LOCK, resource, 'cancel', { ticket }),
      apply: (of, session, index) => cancel(of, session, ticket, index),
    };
  }
  const token = action.isForeign || model.token === null ? { epoch: 1, index: ticket } : model.token;
  return {
    name,
    request: request(LOCK, resource, 'release', { token }),
    apply: (of, session, index) => {
      if (of.token?.index !== token.index || of.claims[0]?.session !== session) throw new Refusal('notHeld');
      of.drop(index, (each) => each === of.claims[0]);
      return undefined;
    },
  };
}

function electionCommand(action: ElectionAction, { model, resource }: ModelRun<QueueModel>): ModelCommand<QueueModel> {
  const name = action.type;
  switch (action.type) {
    case 'campaign': {
      const { about } = action;
      return {
        name,
        request: request(ELECTION, resource, 'campaign', { about }),
        apply: (of, session, index) => ({
          ticket: index,
          token: of.claim({ session, ticket: index, dueMs: Number.POSITIVE_INFINITY, about }, index),
        }),
      };
    }
    case 'resign': {
      const ticket = model.claims[action.pick]?.ticket ?? 3;
      return {
        name,
        request: request(ELECTION, resource, 'resign', { ticket }),
        apply: (of, session, index) => cancel(of, session, ticket, index),
      };
    }
    case 'observe':
      return {
        name,
        request: request(ELECTION, resource, 'observe', {}),
        apply: (of, session) => {
          of.observers.add(session);
          return of.holder;
        },
      };
    case 'unobserve':
      return {
        name,
        request: request(ELECTION, resource, 'unobserve', {}),
        apply: (of, session) => (of.observers.delete(session) ? 'observed' : 'none'),
      };
  }
}

function stepsOf<A>(action: fc.Arbitrary<A>): fc.Arbitrary<ModelStep<A>[]> {
  const step: fc.Arbitrary<ModelStep<A>> = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constant('commands' as const),
        pick: fc.nat({ max: 9 }),
        afterMs: fc.nat({ max: 6 }),
        actions: fc.array(action, { minLength: 1, maxLength: 4 }),
      }),
    },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('end' as const), pick: fc.nat({ max: 9 }), isExpired: fc.boolean() }) },
    { weight: 2, arbitrary: fc.record({ type: fc.constant('tick' as const), afterMs: fc.nat({ max: 15 }) }) },
    { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('leader' as const, 'reload' as const, 'open' as const) }) },
  );
  return fc.array(step, { maxLength: 40, size: 'max' });
}

test('lock: any claims, releases, ends of sessions, times, leaders and snapshots → as the model says, on every replica', () => {
  fc.assert(
    fc.property(stepsOf(lockAction), (steps) => {
      const run = new ModelRun(LOCK, (events) => new QueueModel(false, events));
      for (const each of steps) run.step(each, lockCommand);
      run.finish();
    }),
    { numRuns: 100 },
  );
});

test('election: any candidacies, observers, ends of sessions, leaders and snapshots → as the model says, on every replica', () => {
  fc.assert(
    fc.property(stepsOf(electionAction), (steps) => {
      const run = new ModelRun(ELECTION, (events) => new QueueModel(true, events));
      for (const each of steps) run.step(each, electionCommand);
      run.finish();
    }),
    { numRuns: 100 },
  );
});
