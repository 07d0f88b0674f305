import assert from 'node:assert/strict';
import { QuorateError, type Random, randomBetween, randomChance } from '@quorate/base';
import {
  type CommandRequest,
  MACHINE_OPERATION,
  MachineLoader,
  type MachineOutcome,
  checkCommandsPayload,
  encodeAcknowledge,
  encodeCommands,
  encodeExpireSessions,
  encodeFields,
  encodeOpenResource,
  encodeOpenSession,
  encodeTick,
  sampleFields,
} from '@quorate/machine';
import { drawBytes, drawOne, mutateBytes, runFuzz } from '@quorate/testkit';
import { CELL } from './cell.js';
import { Driver, snapshotOf } from './driver.js';

const LIMITS = {
  sessionsMax: 50,
  sessionRepliesMax: 500,
  sessionReplyBytesMax: 100_000,
  sessionEventsMax: 200,
  sessionEventBytesMax: 200_000,
};
const REFUSALS = ['sessionExpired', 'outOfOrder', 'overloaded', 'malformedFrame', 'invalidArgument'];
const STOPS = ['formatUnsupported', 'resourceUnsupported'];
/** Those of `fail` that stop the machine on purpose are drawn elsewhere. */
const OPERATIONS = Object.entries(CELL.operations).filter(([name, { kind }]) => kind === 'command' && name !== 'fail' && name !== 'emit');

/** A machine with two sessions (1, 2) and a cell (3). */
function someDriver(): Driver {
  const driver = new Driver({ limits: LIMITS });
  const session = driver.open();
  driver.open();
  driver.openCell(session);
  return driver;
}

function someCommand(random: Random): CommandRequest {
  const draw = randomBetween(random, 0, 9);
  if (draw === 0)
    return {
      resource: 0,
      operation: MACHINE_OPERATION.openResource,
      args: encodeOpenResource('cell', 1, drawOne(random, ['a', 'b', '', ' '])),
    };
  if (draw === 1) return { resource: 0, operation: drawOne(random, [2, 3, 3, 3]), args: drawBytes(random, 2) };
  const [name, operation] = drawOne(random, OPERATIONS);
  const args = encodeFields(operation.args as never, sampleFields(operation.args, random) as never, name);
  return {
    resource: drawOne(random, [3, 3, 3, 3, 4, 7]),
    operation: operation.code,
    args: randomChance(random, 0.1) ? mutateBytes(random, args, BORDERS) : args,
  };
}

function somePayload(random: Random, driver: Driver): { payload: Uint8Array; count: number } {
  const session = randomBetween(random, 1, 3);
  switch (randomBetween(random, 0, 7)) {
    case 0:
      return { payload: encodeOpenSession({ key: new Uint8Array(16).fill(random.nextUint32()), ttlMs: 1, graceMs: 0 }), count: 1 };
    case 1:
      return { payload: encodeExpireSessions([drawOne(random, [session, 99])]), count: 1 };
    case 2:
      return { payload: encodeTick(), count: 1 };
    case 3: {
      const number = (): number => randomBetween(random, 0, 50);
      return { payload: encodeAcknowledge([{ session, acknowledgedReplies: number(), acknowledgedEvents: number() }]), count: 1 };
    }
    default: {
      const commands = Array.from({ length: randomBetween(random, 1, 6) }, () => someCommand(random));
      const next = driver.machine.session(session)?.nextNumber ?? 1;
      const firstNumber = Math.max(1, next + drawOne(random, [0, 0, 0, -1, -3, 1]));
      const acknowledged = randomBetween(random, 0, 30);
      const payload = encodeCommands({
        session,
        firstNumber,
        acknowledgedReplies: acknowledged,
        acknowledgedEvents: acknowledged,
        commands,
      });
      return { payload, count: commands.length };
    }
  }
}

/** Numbers at the borders of the format. */
const BORDERS = [8192, 8193, 65_535];

/** Applies what may be anything; false once the machine has stopped for a reason that it may have. */
function apply(driver: Driver, payload: Uint8Array, count: number): boolean {
  const { machine } = driver;
  const refusal = machine.refusalOf(payload);
  const before = machine.appliedIndex;
  let outcome: MachineOutcome;
  try {
    outcome = driver.batch(payload, { count, timeMs: machine.timeMs + 7 });
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError && STOPS.includes(thrown.code), String(thrown));
    assert.notEqual(refusal, null, 'what stops a machine is not proposed');
    return false;
  }
  assert.equal(machine.appliedIndex, before + count);
  if (outcome.type === 'refused') assert.ok(REFUSALS.includes(outcome.code), outcome.code);
  if (outcome.type === 'replies') assert.equal(outcome.replies.length, count);
  return true;
}

/** Mutated and sound batches in a row; whatever they are, a second machine comes to the same. */
function mutatedPayloads(random: Random): void {
  const driver = someDriver();
  for (let i = 0; i < 12; i++) {
    const { payload, count } = somePayload(random, driver);
    const isMutated = randomChance(random, 0.5);
    const sent = isMutated ? mutateBytes(random, payload, BORDERS) : payload;
    const claimed = isMutated && randomChance(random, 0.2) ? randomBetween(random, 1, 9) : count;
    if (!apply(driver, sent, claimed)) break;
  }
  const again = new Driver({ limits: LIMITS });
  for (const { header, payload } of driver.log) {
    try {
      again.machine.apply(header, payload);
    } catch {
      assert.equal(again.machine.fault?.code, driver.machine.fault?.code);
    }
  }
  assert.deepEqual(again.told, driver.told);
  if (driver.machine.fault === null) assert.equal(again.machine.hash, driver.machine.hash);
}

function randomPayload(random: Random): void {
  const driver = someDriver();
  const noise = drawBytes(random, 120);
  if (noise.length > 0 && randomChance(random, 0.9)) noise[0] = randomBetween(random, 1, 5);
  if (noise.length > 1 && randomChance(random, 0.9)) noise[1] = 0;
  apply(driver, noise, randomBetween(random, 1, 3));
}

/** The check before a proposal and the machine agree on what is well-formed. */
function checkAgrees(random: Random): void {
  const driver = someDriver();
  const commands = Array.from({ length: randomBetween(random, 1, 6) }, () => someCommand(random));
  const payload = encodeCommands({ session: 1, firstNumber: 2, acknowledgedReplies: 0, acknowledgedEvents: 0, commands });
  assert.deepEqual(checkCommandsPayload(payload), { session: 1, firstNumber: 2, count: commands.length });
  const changed = mutateBytes(random, payload, BORDERS);
  let count = 0;
  try {
    ({ count } = checkCommandsPayload(changed));
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError && ['malformedFrame', 'formatUnsupported'].includes(thrown.code), String(thrown));
  }
  if (count === 0 && changed[0] === 1 && changed[1] === 0) {
    const outcome = driver.batch(changed);
    assert.equal(outcome.type === 'refused' && outcome.code, 'malformedFrame');
  }
}

const SNAPSHOT = (() => {
  const driver = someDriver();
  driver.run(
    1,
    { resource: 3, operation: 4, args: Uint8Array.of(1) },
    { resource: 3, operation: 8, args: Uint8Array.of(3, 0, 0, 0, 99, 0, 0, 0) },
  );
  return snapshotOf(driver.machine, 200);
})();

function mutatedSnapshot(random: Random): void {
  const changed = mutateBytes(random, SNAPSHOT, BORDERS);
  const loader = new MachineLoader();
  try {
    for (let at = 0; at < changed.length; ) {
      const end = at + randomBetween(random, 1, 400);
      loader.push(changed.slice(at, end));
      at = end;
    }
    loader.finish(someDriver().options());
  } catch (thrown) {
    assert.ok(thrown instanceof QuorateError && thrown.code === 'dataDamaged', String(thrown));
    return;
  }
  assert.deepEqual(changed, SNAPSHOT, 'only what is unchanged is loaded');
}

const KINDS = [mutatedPayloads, mutatedPayloads, randomPayload, randomPayload, checkAgrees, mutatedSnapshot] as const;

/**
 * Runs that many cases from a seed; the same seed gives the same cases. Throws with seed and case number at the first that breaks a rule:
 * another error than a `QuorateError` that may be, a machine that stops for what was not refused before, replicas that differ.
 */
export function fuzzMachine(seed: number, cases: number): { cases: number } {
  return runFuzz('fuzzMachine', KINDS, seed, cases);
}

/** What takes the bytes of a snapshot. */
export const COVERS: Readonly<Record<string, readonly string[]>> = { fuzzMachine: ['MachineLoader'] };
