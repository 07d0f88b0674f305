import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CommandRequest,
  type MachineLimits,
  type ResourceDeclaration,
  type ResourceId,
  type SessionId,
  type Token,
  compareTokens,
  decodeValue,
  encodeAcknowledge,
  encodeCommands,
  encodeExpireSessions,
  encodeOpenSession,
  encodeTick,
} from '@quorate/machine';
import { COUNTER, ELECTION, LOCK, MAP } from '@quorate/resources';
import { Driver, request } from './driver.js';

/*
 * Two replicas of one log with all built-in resources: one has applied all of it, the other is loaded from a snapshot before every batch. The limits are
 * so small that portions, overdue timers, sessions with too many events and refused claims happen all the time.
 */

const RESOURCES: readonly (readonly [ResourceDeclaration, string])[] = [
  [MAP, 'map'],
  [MAP, 'other map'],
  [LOCK, 'lock'],
  [LOCK, 'other lock'],
  [ELECTION, 'election'],
  [COUNTER, 'counter'],
];
const KEYS = ['a', 'ab', 'abc', 'b'].map((text) => new TextEncoder().encode(text));

type Act =
  | {
      readonly type: 'set';
      readonly map: number;
      readonly key: number;
      readonly ttlMs: number | null;
      readonly size: number;
      readonly isFenced: boolean;
    }
  | { readonly type: 'remove'; readonly map: number; readonly key: number }
  | { readonly type: 'watch'; readonly map: number; readonly key: number; readonly isPrefix: boolean; readonly back: number | null }
  | { readonly type: 'unwatch'; readonly map: number; readonly pick: number }
  | { readonly type: 'acquire'; readonly lock: number; readonly waitMs: number | null }
  | { readonly type: 'release' | 'cancel'; readonly lock: number; readonly pick: number }
  | { readonly type: 'campaign'; readonly size: number }
  | { readonly type: 'resign'; readonly pick: number }
  | { readonly type: 'observe' | 'unobserve' }
  | { readonly type: 'add'; readonly isFenced: boolean };
type Step =
  | { readonly type: 'open'; readonly key: number }
  | { readonly type: 'end'; readonly picks: readonly number[]; readonly isExpired: boolean }
  | { readonly type: 'acknowledge' | 'tick' | 'leader' }
  | { readonly type: 'commands'; readonly pick: number; readonly acts: readonly Act[]; readonly isAcknowledging: boolean };

const pick = fc.nat({ max: 7 });
const map = fc.nat({ max: 1 });
const lock = fc.integer({ min: 2, max: 3 });
const key = fc.nat({ max: KEYS.length - 1 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('set' as const),
      map,
      key,
      ttlMs: fc.option(fc.integer({ min: 1, max: 12 }), { freq: 3 }),
      size: fc.constantFrom(0, 5, 60),
      isFenced: fc.nat({ max: 5 }).map((n) => n === 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('remove' as const), map, key }) },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('watch' as const), map, key, isPrefix: fc.boolean(), back: fc.option(fc.nat({ max: 3 })) }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('unwatch' as const), map, pick }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('acquire' as const), lock, waitMs: fc.option(fc.nat({ max: 9 })) }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constantFrom('release' as const, 'cancel' as const), lock, pick }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('campaign' as const), size: fc.constantFrom(0, 40) }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('resign' as const), pick }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('observe' as const, 'observe' as const, 'unobserve' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('add' as const), isFenced: fc.boolean() }) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('open' as const), key: fc.nat({ max: 5 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('end' as const),
      picks: fc.array(pick, { minLength: 1, maxLength: 2 }),
      isExpired: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('acknowledge' as const, 'tick' as const, 'leader' as const) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      type: fc.constant('commands' as const),
      pick,
      acts: fc.array(act, { minLength: 1, maxLength: 6 }),
      isAcknowledging: fc.boolean(),
    }),
  },
);
const life = fc.array(fc.record({ afterMs: fc.constantFrom(0, 0, 1, 3, 15, -4), step }), { minLength: 5, maxLength: 60, size: 'max' });

const limits: fc.Arbitrary<Partial<MachineLimits>> = fc.record({
  sessionsMax: fc.constant(4),
  sessionEventsMax: fc.constantFrom(2, 4, 20),
  sessionEventBytesMax: fc.constantFrom(200, 10_000),
  eventBytesMax: fc.constantFrom(300, 1000, 10_000),
  pendingEventsMax: fc.constantFrom(3, 1000),
  pendingEventBytesMax: fc.constantFrom(200, 10_000),
  sessionOwnersMax: fc.constantFrom(1, 2, 3, 10),
  workPerBatch: fc.constantFrom(2, 3, 10, 4096),
  workPerCommand: fc.constantFrom(0, 1, 16),
});

class Life {
  readonly one: Driver;
  readonly other: Driver;
  readonly resources: ResourceId[] = [];
  /** Newest token of each lock and of the election. */
  readonly #tokens = new Map<ResourceId, Token>();
  /** Tickets and tokens that were told, whoever got them. */
  readonly #tickets = new Map<ResourceId, number[]>();
  readonly #watches: number[] = [];
  readonly #mapVersions = new Map<ResourceId, number>();
  readonly seen: Map<string, number>;
  timeMs = 1000;

  constructor(bounds: Partial<MachineLimits>, seen: Map<string, number>) {
    this.seen = seen;
    this.one = new Driver(bounds);
    this.other = new Driver(bounds);
    const session = this.one.open();
    assert.equal(this.other.open(), session);
    for (const [declaration, name] of RESOURCES) {
      this.resources.push(this.one.create(session, declaration, name));
      this.other.create(session, declaration, name);
    }
  }

  resource(at: number): ResourceId {
    return this.resources[at] as ResourceId;
  }

  sessionAt(at: number): SessionId {
    const sessions = this.one.machine.sessions();
    return sessions[at % Math.max(1, sessions.length)]?.session ?? 7777;
  }

  take({ afterMs, step }: { readonly afterMs: number; readonly step: Step }): void {
    this.timeMs = Math.max(0, this.timeMs + afterMs);
    switch (step.type) {
      case 'open': {
        const bytes = Uint8Array.from({ length: 16 }, (_, i) => (i === 0 ? 100 + step.key : i));
        return this.batch(encodeOpenSession({ key: bytes, ttlMs: 1000, graceMs: 0 }));
      }
      case 'end': {
        const sessions = step.picks.map((at) => this.sessionAt(at));
        if (step.isExpired) return this.batch(encodeExpireSessions(sessions), sessions.length);
        return this.commands(sessions[0] as SessionId, [{ resource: 0, operation: 2, args: new Uint8Array(0) }], true);
      }
      case 'acknowledge': {
        const all = this.one.machine.sessions();
        if (all.length === 0) return;
        return this.batch(
          encodeAcknowledge(
            all.map(({ session, nextNumber, lastEventIndex }) => ({
              session,
              acknowledgedReplies: nextNumber - 1,
              acknowledgedEvents: lastEventIndex,
            })),
          ),
        );
      }
      case 'commands':
        return this.commands(
          this.sessionAt(step.pick),
          step.acts.map((each) => this.#request(each)),
          step.isAcknowledging,
        );
      case 'leader':
        this.other.reload();
        for (const driver of [this.one, this.other]) driver.noop(this.timeMs);
        return this.compare();
      default:
        return this.batch(encodeTick());
    }
  }

  commands(session: SessionId, commands: readonly CommandRequest[], isAcknowledging: boolean): void {
    const info = this.one.machine.session(session);
    const firstNumber = info?.nextNumber ?? 1;
    const acknowledgedEvents = isAcknowledging ? (info?.lastEventIndex ?? 0) : 0;
    this.batch(
      encodeCommands({ session, firstNumber, acknowledgedReplies: firstNumber - 1, acknowledgedEvents, commands }),
      commands.length,
      commands,
    );
  }

  batch(payload: Uint8Array, count = 1, commands: readonly CommandRequest[] = []): void {
    this.other.reload();
    const expected = this.one.batch(payload, count, this.timeMs);
    assert.deepEqual(this.other.batch(payload, count, this.timeMs), expected);
    if (expected.type === 'refused') this.#note(`refused ${expected.code}`);
    // Replies come before the events of later indexes, and these come after.
    const tokens: { readonly resource: ResourceId; readonly token: Token }[] = [];
    if (expected.type === 'replies') {
      expected.replies.forEach((reply, i) => {
        this.#note(reply.isOk ? 'reply' : `reply ${reply.code}`);
        const { resource, operation } = commands[i] as CommandRequest;
        if (!reply.isOk) return;
        if ((resource === this.resource(2) || resource === this.resource(3)) && operation === LOCK.operations.acquire.code) {
          const { ticket, token } = decodeValue(LOCK.operations.acquire.result, reply.result);
          this.#ticket(resource, ticket);
          if (token !== null) tokens.push({ resource, token });
        } else if (resource === this.resource(4) && operation === ELECTION.operations.campaign.code) {
          const { ticket, token } = decodeValue(ELECTION.operations.campaign.result, reply.result);
          this.#ticket(resource, ticket);
          if (token !== null) tokens.push({ resource, token });
        } else if (operation === MAP.operations.watch.code && (resource === this.resource(0) || resource === this.resource(1))) {
          this.#watches.push(decodeValue(MAP.operations.watch.result, reply.result).watch);
        }
      });
    }
    this.compare(tokens);
  }

  #note(what: string): void {
    this.seen.set(what, (this.seen.get(what) ?? 0) + 1);
  }

  #ticket(resource: ResourceId, ticket: number): void {
    this.#tickets.set(resource, [...(this.#tickets.get(resource) ?? []), ticket].slice(-6));
  }

  compare(granted: { readonly resource: ResourceId; readonly token: Token }[] = []): void {
    const [one, other] = [this.one, this.other];
    if (one.machine.nextDeadlineMs <= this.timeMs) this.#note('timers wait');
    assert.equal(other.machine.hash, one.machine.hash);
    assert.equal(other.machine.timeMs, one.machine.timeMs);
    assert.equal(other.machine.nextDeadlineMs, one.machine.nextDeadlineMs);
    const sessions = one.machine.sessions();
    assert.deepEqual(other.machine.sessions(), sessions);
    for (const { session } of sessions) {
      assert.equal(other.machine.ownersOf(session), one.machine.ownersOf(session));
      assert.deepEqual(other.machine.eventsAfter(session, 0, 1e6), one.machine.eventsAfter(session, 0, 1e6));
    }
    const told = one.takeEvents();
    assert.deepEqual(other.takeEvents(), told);
    for (const events of told.values()) {
      for (const { resource, event, fields } of events) {
        this.#note(event);
        if (event === 'acquired' || event === 'elected') granted.push({ resource, token: (fields as { token: Token }).token });
      }
    }
    granted.sort((a, b) => compareTokens(a.token, b.token));
    for (const { resource, token } of granted) {
      const last = this.#tokens.get(resource);
      assert.ok(last === undefined || compareTokens(token, last) > 0, 'each token is greater than all before it');
      this.#tokens.set(resource, token);
    }
    for (const at of [2, 3]) {
      const { isHeld, session, waiters } = one.query(LOCK, this.resource(at), 'holder', {});
      if (isHeld) assert.ok(one.machine.session(session) !== undefined, 'who holds a lock is live');
      else if (one.machine.nextDeadlineMs === Number.POSITIVE_INFINITY) assert.equal(waiters, 0, 'nobody waits for a lock that is free');
    }
    const leader = one.query(ELECTION, this.resource(4), 'leader', {});
    if (leader !== null) assert.ok(one.machine.session(leader.session) !== undefined, 'who leads is live');
    for (const at of [0, 1]) {
      const { version } = one.query(MAP, this.resource(at), 'size', {});
      assert.ok(version >= (this.#mapVersions.get(this.resource(at)) ?? 0));
      this.#mapVersions.set(this.resource(at), version);
    }
  }

  finish(): void {
    const drain = (): void => {
      for (let round = 0; this.one.machine.nextDeadlineMs < Number.POSITIVE_INFINITY; round++) {
        assert.ok(round < 400, 'what is due ends');
        this.timeMs += 5;
        this.batch(encodeTick());
      }
    };
    drain();
    for (const at of [0, 1]) {
      const entries = this.one.query(MAP, this.resource(at), 'scan', {
        from: null,
        to: null,
        prefix: null,
        limit: 100,
        isReverse: false,
        isKeysOnly: true,
      });
      assert.equal(entries.entries.length, this.one.query(MAP, this.resource(at), 'size', {}).size);
    }
    const all = this.one.machine.sessions().map(({ session }) => session);
    if (all.length > 0) this.batch(encodeExpireSessions(all), all.length);
    drain();
    assert.equal(this.one.machine.counts.sessions, 0);
    for (const at of [2, 3]) {
      assert.deepEqual(this.one.query(LOCK, this.resource(at), 'holder', {}), { isHeld: false, session: 0, token: null, waiters: 0 });
    }
    assert.equal(this.one.query(ELECTION, this.resource(4), 'leader', {}), null);
    assert.equal(this.one.machine.hash, this.one.replicaHash());
  }

  #request(made: Act): CommandRequest {
    switch (made.type) {
      case 'set': {
        const fence = this.#fence(made.isFenced);
        const value = new Uint8Array(made.size);
        return request(MAP, this.resource(made.map), 'set', { key: KEYS[made.key] as Uint8Array, value, ttlMs: made.ttlMs, fence });
      }
      case 'remove':
        return request(MAP, this.resource(made.map), 'remove', { key: KEYS[made.key] as Uint8Array, version: null, fence: null });
      case 'watch': {
        const { version } = this.one.query(MAP, this.resource(made.map), 'size', {});
        const afterVersion = made.back === null ? null : Math.max(0, version - made.back);
        return request(MAP, this.resource(made.map), 'watch', { key: KEYS[made.key] as Uint8Array, isPrefix: made.isPrefix, afterVersion });
      }
      case 'unwatch':
        return request(MAP, this.resource(made.map), 'unwatch', { watch: this.#watches.at(-1 - made.pick) ?? 5 });
      case 'acquire':
        return request(LOCK, this.resource(made.lock), 'acquire', { waitMs: made.waitMs });
      case 'release': {
        const token = this.#tokens.get(this.resource(made.lock)) ?? { epoch: 1, index: 5 };
        return request(LOCK, this.resource(made.lock), 'release', { token });
      }
      case 'cancel':
        return request(LOCK, this.resource(made.lock), 'cancel', { ticket: this.#ticketOf(this.resource(made.lock), made.pick) });
      case 'campaign':
        return request(ELECTION, this.resource(4), 'campaign', { about: new Uint8Array(made.size) });
      case 'resign':
        return request(ELECTION, this.resource(4), 'resign', { ticket: this.#ticketOf(this.resource(4), made.pick) });
      case 'observe':
      case 'unobserve':
        return request(ELECTION, this.resource(4), made.type, {});
      default:
        return request(COUNTER, this.resource(5), 'add', { delta: 1, fence: this.#fence(made.isFenced) });
    }
  }

  #ticketOf(resource: ResourceId, pick: number): number {
    return this.#tickets.get(resource)?.at(-1 - pick) ?? 5;
  }

  #fence(isFenced: boolean): Parameters<typeof request<typeof COUNTER, 'add'>>[3]['fence'] {
    const resource = this.resource(2);
    const token = this.#tokens.get(resource);
    return !isFenced || token === undefined ? null : { group: 1 as never, resource, token };
  }
}

test('T40, T60, T71, rules 15, 19 and 21: any life of maps, locks and elections under small limits → a replica loaded from a snapshot before each batch says and is the same', () => {
  const seen = new Map<string, number>();
  const settings = process.env['SEED'] === undefined ? {} : { seed: Number(process.env['SEED']) };
  fc.assert(
    fc.property(life, limits, (drawn, bounds) => {
      const run = new Life(bounds, seen);
      for (let key = 10; key < 12; key++) run.take({ afterMs: 0, step: { type: 'open', key } });
      for (const each of drawn) run.take(each);
      run.finish();
    }),
    { numRuns: Number(process.env['RUNS'] ?? 40), includeErrorInReport: true, ...settings },
  );
});
