import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CommandRequest,
  type EventBatch,
  MACHINE_OPERATION,
  Machine,
  type MachineOutcome,
  type Reply,
  decodeFields,
  decodeValue,
  encodeAcknowledge,
  encodeCommands,
  encodeExpireSessions,
  encodeOpenResource,
  encodeOpenSession,
  encodeTick,
} from '@quorate/machine';
import { CELL } from './cell.js';
import { Driver, type Told, cell, keyOf, load, machineCommand, snapshotOf } from './driver.js';
import { type Action, Model, type ModelBatch, type ModelOutcome, type ModelReply } from './model.js';

const LIMITS = { sessionsMax: 4, resourcesMax: 3, sessionRepliesMax: 12, sessionEventsMax: 6 };

/** A step as drawn: which session or cell it means is decided against the state it meets. */
type Step =
  | { readonly type: 'open'; readonly key: number }
  | { readonly type: 'expire'; readonly picks: readonly number[] }
  | { readonly type: 'acknowledge'; readonly pick: number; readonly replies: number; readonly events: number }
  | { readonly type: 'tick' | 'noop' }
  | {
      readonly type: 'commands';
      readonly pick: number;
      readonly shift: number;
      readonly actions: readonly Action[];
      readonly replies: number;
      readonly events: number;
    };
interface Timed {
  readonly afterMs: number;
  readonly step: Step;
}

const PICK_MAX = 23;
const cellPick = fc.nat({ max: PICK_MAX });
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ type: fc.constant('add' as const), cell: cellPick, amount: fc.integer({ min: -300, max: 700 }) }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constantFrom('take' as const, 'release' as const, 'refuse' as const), cell: cellPick }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('watch' as const), cell: cellPick, isOn: fc.boolean() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('delay' as const),
      cell: cellPick,
      id: fc.nat({ max: 300 }),
      afterMs: fc.nat({ max: 30 }),
      repeats: fc.nat({ max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cancel' as const), cell: cellPick, id: fc.nat({ max: 300 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('open' as const), name: fc.constantFrom('a', 'b', 'c', 'd', ' bad') }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('nothing' as const) }) },
  { weight: 1, arbitrary: fc.nat({ max: 3 }).map((n): Action => (n === 0 ? { type: 'close' } : { type: 'nothing' })) },
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ type: fc.constant('open' as const), key: fc.nat({ max: 5 }) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('expire' as const),
      picks: fc.array(fc.nat({ max: PICK_MAX }), { minLength: 1, maxLength: 3 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('acknowledge' as const),
      pick: fc.nat({ max: PICK_MAX }),
      replies: fc.nat({ max: 30 }),
      events: fc.nat({ max: 80 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constantFrom('tick' as const, 'noop' as const) }) },
  {
    weight: 9,
    arbitrary: fc.record({
      type: fc.constant('commands' as const),
      pick: fc.nat({ max: PICK_MAX }),
      shift: fc.constantFrom(0, 0, 0, 0, -1, -2, -4, 1),
      actions: fc.array(action, { minLength: 1, maxLength: 5 }),
      replies: fc.constantFrom(-99, -99, -6, -3, -1, 0),
      events: fc.nat({ max: 80 }),
    }),
  },
);
// Two sessions and a watched cell to begin with, so that not all is in vain.
const PRELUDE: readonly Timed[] = [
  { type: 'open' as const, key: 90 },
  { type: 'open' as const, key: 91 },
  { type: 'commands' as const, pick: 0, shift: 0, actions: [{ type: 'open' as const, name: 'a' }], replies: 0, events: 0 },
  { type: 'commands' as const, pick: 1, shift: 0, actions: [{ type: 'watch' as const, cell: 0, isOn: true }], replies: 0, events: 0 },
].map((step) => ({ afterMs: 1, step }));

const steps = (maxLength: number): fc.Arbitrary<Timed[]> =>
  fc
    .array(fc.record({ afterMs: fc.constantFrom(0, 0, 1, 5, 40), step }), { minLength: 5, maxLength, size: 'max' })
    .map((drawn) => [...PRELUDE, ...drawn]);

/** One of those that exist, mostly. */
function picked(map: ReadonlyMap<number, unknown>, pick: number): number {
  const keys = [...map.keys()];
  return pick === PICK_MAX ? 9999 : (keys[pick % keys.length] ?? 9999);
}

function request(model: Model, made: Action): { action: Action; command: CommandRequest } {
  switch (made.type) {
    case 'nothing':
      return { action: made, command: machineCommand(MACHINE_OPERATION.nothing) };
    case 'close':
      return { action: made, command: machineCommand(MACHINE_OPERATION.closeSession) };
    case 'open':
      return { action: made, command: machineCommand(MACHINE_OPERATION.openResource, encodeOpenResource('cell', 1, made.name)) };
    default: {
      const resource = picked(model.cells, made.cell);
      const action = { ...made, cell: resource };
      if (action.type === 'refuse') return { action, command: cell(resource, 'fail', { how: 'refuse', fence: null }) };
      return { action, command: cell(resource, action.type, { fence: null, ...action } as never) };
    }
  }
}

/** Applies one step to both; the outcomes, made comparable. */
function take(model: Model, driver: Driver, { afterMs, step }: Timed): { expected: unknown; actual: unknown } {
  const timeMs = model.timeMs + afterMs;
  switch (step.type) {
    case 'open': {
      const expected = model.batch(timeMs, 1, () => model.open(step.key));
      return {
        expected,
        actual: plain(driver.batch(encodeOpenSession({ key: keyOf(step.key), ttlMs: 1000, graceMs: 0 }), { timeMs }), []),
      };
    }
    case 'expire': {
      const sessions = step.picks.map((pick) => picked(model.sessions, pick));
      const expected = model.batch(timeMs, sessions.length, (base) => model.expire(sessions, base));
      return { expected, actual: plain(driver.batch(encodeExpireSessions(sessions), { timeMs, count: sessions.length }), []) };
    }
    case 'acknowledge': {
      const session = picked(model.sessions, step.pick);
      const expected = model.batch(timeMs, 1, () => {
        model.acknowledge(session, step.replies, step.events);
        return { type: 'none' };
      });
      const payload = encodeAcknowledge([{ session, acknowledgedReplies: step.replies, acknowledgedEvents: step.events }]);
      return { expected, actual: plain(driver.batch(payload, { timeMs }), []) };
    }
    case 'commands':
      return takeCommands(model, driver, timeMs, step);
    default: {
      const expected = model.batch(timeMs, 1, () => ({ type: 'none' }));
      const kind = step.type === 'noop' ? 'noop' : 'commands';
      return { expected, actual: plain(driver.batch(encodeTick(), { timeMs, kind }), []) };
    }
  }
}

function takeCommands(
  model: Model,
  driver: Driver,
  timeMs: number,
  step: Step & { type: 'commands' },
): { expected: unknown; actual: unknown } {
  const session = picked(model.sessions, step.pick);
  const next = model.sessions.get(session)?.next ?? 1;
  const firstNumber = Math.max(1, next + step.shift);
  const made = step.actions.map((each) => request(model, each));
  const replies = Math.max(0, next - 1 + step.replies);
  const expected = model.batch(timeMs, made.length, (base) =>
    model.commands(
      session,
      firstNumber,
      made.map(({ action }) => action),
      [replies, step.events],
      base,
    ),
  );
  const payload = encodeCommands({
    session,
    firstNumber,
    acknowledgedReplies: replies,
    acknowledgedEvents: step.events,
    commands: made.map(({ command }) => command),
  });
  return {
    expected,
    actual: plain(driver.batch(payload, { timeMs, count: made.length }), expected.type === 'replies' ? expected.replies : []),
  };
}

/** An outcome as the model says it. Results are decoded by what the model expects: a repeated number may carry another command. */
function plain(outcome: MachineOutcome, expected: readonly ModelReply[]): ModelOutcome {
  switch (outcome.type) {
    case 'replies':
      return { type: 'replies', replies: outcome.replies.map((reply, i) => plainReply(reply, expected[i])) };
    case 'sessionOpened':
      return { type: 'sessionOpened', session: outcome.session, wasOpened: outcome.wasOpened };
    case 'refused': {
      const { code, details } = outcome;
      return code === 'outOfOrder' ? { type: 'refused', code, expected: details['expected'] as number } : { type: 'refused', code };
    }
    default:
      return outcome;
  }
}

function plainReply(reply: Reply, expected: ModelReply | undefined): ModelReply {
  const { index } = reply;
  if (!reply.isOk) return { index, code: reply.code };
  const { result } = reply;
  switch (typeof expected?.value) {
    case 'number':
      // A sum, or the number of a resource, which is never negative and small here: both are 8 bytes.
      return { index, value: decodeValue(CELL.operations.add.result, result) };
    case 'boolean':
      return { index, value: decodeValue(CELL.operations.watch.result, result) };
    case 'object':
      return { index, value: decodeValue(CELL.operations.take.result, result) };
    default:
      assert.equal(result.length, 0);
      return { index, value: undefined };
  }
}

function plainBatch({ session, index, previousIndex, events }: EventBatch): ModelBatch {
  return {
    session,
    index,
    previousIndex,
    events: events.map(({ resource, code, fields }) => {
      const [event, declared] = Object.entries(CELL.events).find(([, each]) => each.code === code) ?? assert.fail(`event ${code}`);
      return { resource, event, values: decodeFields(declared.fields as never, fields) };
    }),
  };
}

function plainTold(told: Told): unknown {
  return told.type === 'published' ? { type: 'published', batch: plainBatch(told.batch) } : told;
}

function assertSame(model: Model, driver: Driver): void {
  const { machine } = driver;
  assert.equal(machine.appliedIndex, model.index);
  assert.equal(machine.timeMs, model.timeMs);
  assert.equal(machine.nextDeadlineMs, model.nextDeadlineMs);
  assert.deepEqual(driver.told.splice(0).map(plainTold), model.told.splice(0));
  assert.deepEqual(
    machine
      .sessions()
      .map(({ session, nextNumber, lastEventIndex, acknowledgedReplies, acknowledgedEvents }) => [
        session,
        nextNumber,
        lastEventIndex,
        acknowledgedReplies,
        acknowledgedEvents,
      ]),
    [...model.sessions].map(([id, { next, lastEvent, acknowledged, acknowledgedEvents }]) => [
      id,
      next,
      lastEvent,
      acknowledged,
      acknowledgedEvents,
    ]),
  );
  for (const [id, { events, next }] of model.sessions) {
    assert.deepEqual(machine.eventsAfter(id, 0, 1e6).map(plainBatch), events);
    assert.equal(machine.hasApplied(id, next), false);
    assert.equal(machine.hasApplied(id, next - 1), true);
  }
  assert.deepEqual(
    machine.resources(),
    [...model.cells].map(([resource, { name }]) => ({ resource, type: 'cell', version: 1, name })),
  );
  for (const [id, { value, holder, watchers }] of model.cells) {
    assert.equal(driver.query(id, 'get'), value);
    assert.deepEqual(driver.query(id, 'about', 7), [model.index, model.timeMs, 7, holder, ...[...watchers].sort((a, b) => a - b)]);
  }
}

/** Runs drawn steps against both and gives what kinds of outcomes there were. */
function compare(settings: { readonly numRuns: number; readonly seed?: number }): Set<string> {
  const seen = new Set<string>();
  fc.assert(
    fc.property(steps(60), (drawn) => {
      const model = new Model(LIMITS);
      const driver = new Driver({ limits: LIMITS });
      for (const each of drawn) {
        const { expected, actual } = take(model, driver, each);
        assert.deepEqual(actual, expected);
        note(seen, actual as ModelOutcome);
        for (const told of driver.told) seen.add(told.type === 'ended' ? `ended ${told.isExpired}` : told.type);
        assertSame(model, driver);
      }
    }),
    { ...settings, includeErrorInReport: true },
  );
  return seen;
}

const WANTED = [
  'published',
  'ended true',
  'ended false',
  ...['outOfOrder', 'overloaded', 'sessionExpired', 'invalidArgument'].map((code) => `refused ${code}`),
  ...['replyForgotten', 'sessionExpired', 'counterOverflow', 'versionMismatch', 'unavailable', 'notHeld'].map((code) => `reply ${code}`),
  ...['invalidArgument', 'overloaded', 'nameInvalid'].map((code) => `reply ${code}`),
];

test('T62, rules 10 and 12 to 17: sessions, repeats, gaps, timers, events and ends from a fixed seed → as the plain model says', () => {
  const seen = compare({ numRuns: 80, seed: 7 });
  assert.deepEqual(
    WANTED.filter((each) => !seen.has(each)),
    [],
    'what the steps are meant to reach was reached',
  );
});

test('T62, rules 10 and 12 to 17: the same from a new seed each run → as the plain model says', () => {
  compare({ numRuns: 40 });
});

function note(seen: Set<string>, outcome: ModelOutcome): void {
  seen.add(outcome.type === 'refused' ? `refused ${outcome.code}` : outcome.type);
  if (outcome.type === 'replies') for (const { code } of outcome.replies) if (code !== undefined) seen.add(`reply ${code}`);
}

test('T40, T42, T60, rule 19: a machine loaded from a snapshot at any index → goes on as if it had never stopped', () => {
  fc.assert(
    fc.property(steps(30), fc.integer({ min: 1, max: 3000 }), (drawn, pieceBytes) => {
      const model = new Model(LIMITS);
      const driver = new Driver({ limits: LIMITS });
      const snapshots = [snapshotOf(driver.machine, pieceBytes)];
      const hashes = [driver.machine.hash];
      const outcomes: MachineOutcome[] = [];
      const told: number[] = [];
      for (const each of drawn) {
        told.push(driver.told.length);
        take(model, driver, each);
        snapshots.push(snapshotOf(driver.machine, pieceBytes));
        hashes.push(driver.machine.hash);
      }
      const again = new Driver({ limits: LIMITS });
      again.log.push(...driver.log);
      for (const { header, payload } of driver.log) outcomes.push(again.machine.apply(header, payload));
      assert.equal(again.machine.hash, driver.machine.hash);
      snapshots.forEach((snapshot, from) => {
        const resumed = new Driver({ limits: LIMITS });
        resumed.machine = load(snapshot, resumed.options(), pieceBytes);
        assert.equal(resumed.machine.hash, hashes[from], `hash of the snapshot before batch ${from}`);
        for (let at = from; at < driver.log.length; at++) {
          const { header, payload } = driver.log[at] as (typeof driver.log)[number];
          assert.deepEqual(resumed.machine.apply(header, payload), outcomes[at], `outcome of batch ${at} after a load before ${from}`);
          assert.equal(resumed.machine.hash, hashes[at + 1], `hash after batch ${at}, loaded before ${from}`);
        }
        assert.deepEqual(resumed.told, driver.told.slice(told[from] ?? driver.told.length));
      });
    }),
    { numRuns: 12, includeErrorInReport: true },
  );
});

test('machine: the same log twice → equal hashes after each batch; another log → another hash', () => {
  const one = new Driver();
  const two = new Driver();
  const hashes = new Set<string>();
  for (const driver of [one, two]) {
    const session = driver.open();
    const resource = driver.openCell(session);
    for (let i = 0; i < 20; i++) {
      driver.run(session, cell(resource, 'add', { amount: i % 3, fence: null }));
      hashes.add(driver.machine.hash);
    }
  }
  assert.equal(hashes.size, 20);
  assert.equal(one.machine.hash, two.machine.hash);
  two.noop();
  assert.notEqual(one.machine.hash, two.machine.hash);
  assert.ok(one.machine instanceof Machine);
});
