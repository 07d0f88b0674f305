import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CommandRequest,
  type MachineLimits,
  MACHINE_OPERATION,
  type Machine,
  encodeAcknowledge,
  encodeCommands,
  encodeExpireSessions,
  encodeOpenSession,
  encodeTick,
} from '@quorate/machine';
import { Driver, cell, keyOf, load, machineCommand, openCell, snapshotOf } from './driver.js';

/*
 * Two replicas of one log: one that has applied all of it, one that is loaded from a snapshot before every batch. Whatever is remembered beside the
 * tables and has a say in what happens is a difference between them. The limits are so small that what is rare otherwise happens all the time.
 */

const SESSIONS = 4;

interface Fencing {
  readonly resource: number;
  readonly index: number;
}
type Act =
  | { readonly type: 'add'; readonly cell: number; readonly amount: number; readonly fence: Fencing | null }
  | { readonly type: 'take' | 'release'; readonly cell: number }
  | { readonly type: 'watch'; readonly cell: number; readonly isOn: boolean }
  | { readonly type: 'delay'; readonly cell: number; readonly id: number; readonly afterMs: number; readonly repeats: number }
  | { readonly type: 'cancel'; readonly cell: number; readonly id: number }
  | { readonly type: 'fail'; readonly cell: number; readonly how: 'refuse' | 'largeResult'; readonly fence: Fencing | null }
  | { readonly type: 'emit'; readonly cell: number; readonly count: number; readonly size: number }
  | { readonly type: 'open'; readonly name: string }
  | { readonly type: 'close' | 'nothing' };
type Step =
  | { readonly type: 'open'; readonly key: number }
  | { readonly type: 'expire'; readonly picks: readonly number[] }
  | { readonly type: 'acknowledge'; readonly pick: number; readonly replies: number; readonly isAll: boolean; readonly back: number }
  | { readonly type: 'tick' | 'noop' }
  | {
      readonly type: 'commands';
      readonly pick: number;
      readonly shift: number;
      readonly acts: readonly Act[];
      readonly replies: number;
      readonly back: number;
    };

const pick = fc.nat({ max: 7 });
const cellPick = fc.nat({ max: 3 });
const fencing = fc.option(fc.record({ resource: fc.integer({ min: 1, max: 4 }), index: fc.integer({ min: 1, max: 5 }) }), { freq: 3 });
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('add' as const), cell: cellPick, amount: fc.integer({ min: -50, max: 400 }), fence: fencing }),
  },
  { weight: 5, arbitrary: fc.record({ type: fc.constantFrom('take' as const, 'release' as const), cell: cellPick }) },
  { weight: 5, arbitrary: fc.record({ type: fc.constant('watch' as const), cell: cellPick, isOn: fc.nat({ max: 3 }).map((n) => n > 0) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('delay' as const),
      cell: cellPick,
      id: fc.nat({ max: 9 }),
      afterMs: fc.nat({ max: 12 }),
      repeats: fc.nat({ max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cancel' as const), cell: cellPick, id: fc.nat({ max: 9 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('fail' as const),
      cell: cellPick,
      how: fc.constantFrom('refuse' as const, 'refuse' as const, 'largeResult' as const),
      fence: fencing,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('emit' as const),
      cell: cellPick,
      count: fc.nat({ max: 4 }),
      size: fc.constantFrom(0, 1, 30, 100),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('open' as const), name: fc.constantFrom('a', 'b', 'c', 'd') }) },
  { weight: 2, arbitrary: fc.nat({ max: 3 }).map((n): Act => (n === 0 ? { type: 'close' } : { type: 'nothing' })) },
);
const back = fc.constantFrom(0, 0, 1, 3, 99);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ type: fc.constant('open' as const), key: fc.nat({ max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('expire' as const), picks: fc.array(pick, { minLength: 1, maxLength: 3 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('acknowledge' as const),
      pick,
      replies: fc.nat({ max: 30 }),
      isAll: fc.boolean(),
      back,
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom('tick' as const, 'noop' as const) }) },
  {
    weight: 14,
    arbitrary: fc.record({
      type: fc.constant('commands' as const),
      pick,
      shift: fc.constantFrom(0, 0, 0, 0, 0, -1, -3, 1),
      acts: fc.array(act, { minLength: 1, maxLength: 6 }),
      replies: fc.constantFrom(0, 1, 4, 99),
      back,
    }),
  },
);
const life = fc.array(fc.record({ afterMs: fc.constantFrom(0, 0, 1, 3, 20, -5), step }), { minLength: 5, maxLength: 60, size: 'max' });

const limits: fc.Arbitrary<Partial<MachineLimits>> = fc.record({
  sessionsMax: fc.constant(SESSIONS),
  resourcesMax: fc.constant(4),
  sessionRepliesMax: fc.constantFrom(6, 30),
  sessionReplyBytesMax: fc.constantFrom(60, 400, 100_000),
  replyBytesMax: fc.constantFrom(300, 100_000),
  sessionEventsMax: fc.constantFrom(1, 3, 6),
  sessionEventBytesMax: fc.constantFrom(90, 300, 10_000),
  eventBytesMax: fc.constantFrom(150, 500, 10_000),
  pendingEventsMax: fc.constantFrom(2, 5, 1000),
  pendingEventBytesMax: fc.constantFrom(120, 10_000),
  sessionOwnersMax: fc.constantFrom(1, 2, 10),
  workPerBatch: fc.constantFrom(1, 3, 10, 4096),
  workPerCommand: fc.constantFrom(0, 1, 16),
  seenTokensMax: fc.constantFrom(1, 2),
});

function commandOf(machine: Machine, made: Act): CommandRequest {
  switch (made.type) {
    case 'nothing':
      return machineCommand(MACHINE_OPERATION.nothing);
    case 'close':
      return machineCommand(MACHINE_OPERATION.closeSession);
    case 'open':
      return openCell(made.name);
    default: {
      const resource = machine.resources()[made.cell]?.resource ?? 9999;
      const fence =
        'fence' in made && made.fence !== null
          ? { group: 2, resource: made.fence.resource, token: { epoch: 1, index: made.fence.index } }
          : null;
      return cell(resource, made.type, { ...made, fence } as never);
    }
  }
}

/** The payload of a step, and of how many entries it is. */
function payloadOf(machine: Machine, step: Step): { readonly payload: Uint8Array; readonly count: number } {
  const sessions = machine.sessions();
  const session = (at: number): (typeof sessions)[number] | undefined => sessions[at % Math.max(1, sessions.length)];
  switch (step.type) {
    case 'open':
      return { payload: encodeOpenSession({ key: keyOf(step.key), ttlMs: 1000, graceMs: 0 }), count: 1 };
    case 'expire': {
      const ids = step.picks.map((at) => session(at)?.session ?? 7777);
      return { payload: encodeExpireSessions(ids), count: ids.length };
    }
    case 'acknowledge': {
      const one = session(step.pick);
      const all = step.isAll ? sessions : sessions.slice(0, 1);
      const acknowledgements = (one === undefined ? [] : [one, ...all]).map((each) => ({
        session: each.session,
        acknowledgedReplies: step.replies,
        acknowledgedEvents: Math.max(0, each.lastEventIndex - step.back),
      }));
      if (acknowledgements.length === 0) return { payload: encodeTick(), count: 1 };
      return { payload: encodeAcknowledge(acknowledgements), count: 1 };
    }
    case 'commands': {
      const one = session(step.pick);
      const next = one?.nextNumber ?? 1;
      const payload = encodeCommands({
        session: one?.session ?? 7777,
        firstNumber: Math.max(1, next + step.shift),
        acknowledgedReplies: Math.max(0, next - 1 - step.replies),
        acknowledgedEvents: Math.max(0, (one?.lastEventIndex ?? 0) - step.back),
        commands: step.acts.map((each) => commandOf(machine, each)),
      });
      return { payload, count: step.acts.length };
    }
    default:
      return { payload: encodeTick(), count: 1 };
  }
}

function stateOf({ machine, told }: Driver): unknown {
  const sessions = machine.sessions();
  return {
    hash: machine.hash,
    timeMs: machine.timeMs,
    nextDeadlineMs: machine.nextDeadlineMs,
    counts: machine.counts,
    sessions: sessions.map((each) => [each, machine.ownersOf(each.session), machine.eventsAfter(each.session, 0, 1e6)]),
    told: told.splice(0),
  };
}

function run(drawn: readonly { afterMs: number; step: Step }[], bounds: Partial<MachineLimits>, seen: Map<string, number>): void {
  const one = new Driver({ limits: bounds });
  const other = new Driver({ limits: bounds });
  const note = (what: string): void => void seen.set(what, (seen.get(what) ?? 0) + 1);
  let timeMs = 1000;
  const prelude: Step[] = [
    { type: 'open', key: 90 },
    { type: 'open', key: 91 },
    { type: 'commands', pick: 0, shift: 0, acts: ['a', 'b', 'c'].map((name) => ({ type: 'open', name })), replies: 0, back: 0 },
    { type: 'commands', pick: 1, shift: 0, acts: [0, 1].map((each) => ({ type: 'watch', cell: each, isOn: true })), replies: 0, back: 0 },
  ];
  for (const { afterMs, step } of [...prelude.map((each) => ({ afterMs: 0, step: each })), ...drawn]) {
    timeMs = Math.max(0, timeMs + afterMs);
    const { payload, count } = payloadOf(one.machine, step);
    const kind = step.type === 'noop' ? 'noop' : 'commands';
    other.machine = load(snapshotOf(other.machine), other.options());
    const expected = one.batch(payload, { count, timeMs, kind });
    assert.deepEqual(other.batch(payload, { count, timeMs, kind }), expected);
    for (const told of one.told) note(told.type === 'ended' ? `ended ${told.isExpired}` : told.type);
    if (expected.type === 'refused') note(`refused ${expected.code}`);
    if (expected.type === 'replies') for (const reply of expected.replies) note(reply.isOk ? 'reply' : `reply ${reply.code}`);
    if (one.machine.nextDeadlineMs <= timeMs) note('timers wait');
    assert.deepEqual(stateOf(other), stateOf(one));
  }
  // All that waits comes to an end.
  for (let round = 0; one.machine.nextDeadlineMs < Number.POSITIVE_INFINITY; round++) {
    assert.ok(round < 2000, 'what is due ends');
    timeMs += 10;
    other.machine = load(snapshotOf(other.machine), other.options());
    for (const each of [one, other]) each.tick(timeMs);
    assert.deepEqual(stateOf(other), stateOf(one));
  }
}

test('T40, T60, T71: any log under small limits → a replica that is loaded from a snapshot before each batch says and is the same', () => {
  const seen = new Map<string, number>();
  fc.assert(
    fc.property(life, limits, (drawn, bounds) => run(drawn, bounds, seen)),
    { numRuns: Number(process.env['RUNS'] ?? 60), includeErrorInReport: true },
  );
});
