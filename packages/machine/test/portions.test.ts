import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AnyResourceType, declareResource, decodeFields, nothing, resourceType, u32 } from '@quorate/machine';
import { CELL } from './cell.js';
import { Driver, add, cell, machineCommand } from './driver.js';

const OPEN_LIMITS = { workPerBatch: 10, workPerCommand: 0 };

function firedIn(driver: Driver, session: number): number[][] {
  return driver
    .published(session)
    .map(({ events }) =>
      events
        .filter(({ code }) => code === CELL.events.fired.code)
        .flatMap(({ fields }) => decodeFields(CELL.events.fired.fields, fields).timeMs),
    )
    .filter((times) => times.length > 0);
}

test('rule 15: more timers due than a batch has room for → they fire over batches, in order, each at its own time; logged time waits for them', () => {
  const driver = new Driver({ limits: OPEN_LIMITS });
  const session = driver.open();
  const resource = driver.openCell(session);
  driver.run(session, cell(resource, 'watch', { isOn: true }));
  for (let id = 0; id < 20; id++) driver.run(session, cell(resource, 'delay', { id, afterMs: 100 - id, repeats: 0 }));
  const times: number[] = [];
  while (driver.machine.nextDeadlineMs <= 1000) {
    driver.tick(1000);
    times.push(driver.machine.timeMs);
  }
  const fired = firedIn(driver, session);
  assert.ok(fired.length > 4 && fired.every((each) => each.length <= 5), JSON.stringify(fired));
  assert.deepEqual(
    fired.flat(),
    Array.from({ length: 20 }, (_, i) => 81 + i),
  );
  assert.deepEqual(times, [...fired.slice(0, -1).map((each) => each.at(-1)), 1000], 'that of the last that fired');
  assert.equal(driver.machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
});

test('rule 15: commands come as long as timers are overdue → each batch of them fires at least as many as it may set', () => {
  const driver = new Driver({ limits: { workPerBatch: 1, workPerCommand: 16 } });
  const session = driver.open();
  const resource = driver.openCell(session);
  driver.run(session, cell(resource, 'watch', { isOn: true }));
  let timeMs = 0;
  for (let round = 0; round < 50; round++) {
    timeMs += 10;
    const delays = Array.from({ length: 8 }, (_, i) => cell(resource, 'delay', { id: (round % 2) * 8 + i, afterMs: 5, repeats: 0 }));
    driver.commands(session, 3 + round * 8, delays, { timeMs, events: driver.machine.appliedIndex });
    assert.ok(timeMs - driver.machine.timeMs <= 10, `${timeMs - driver.machine.timeMs} ms behind`);
  }
});

test('T71: a session with many events and replies ends → it is gone at once, what it kept goes in portions, also behind a snapshot', () => {
  const driver = new Driver({ limits: OPEN_LIMITS });
  const session = driver.open();
  const watcher = driver.open();
  const resource = driver.openCell(session);
  driver.run(watcher, cell(resource, 'watch', { isOn: true }));
  for (let i = 0; i < 60; i++) driver.run(watcher, machineCommand(3));
  for (let i = 0; i < 10; i++) driver.run(session, cell(resource, 'emit', { count: 10, size: 100 }));
  const empty = driver.machine.memory.liveBytes;
  driver.expire(watcher);
  assert.equal(driver.machine.session(watcher), undefined);
  let live = driver.machine.memory.liveBytes;
  assert.ok(empty - live < 3000, 'not all at once');
  let steps = 0;
  while (driver.machine.nextDeadlineMs <= driver.machine.timeMs) {
    if (steps === 5) driver.reload();
    driver.tick(driver.machine.timeMs);
    assert.ok(live - driver.machine.memory.liveBytes < 3000, 'in portions');
    live = driver.machine.memory.liveBytes;
    steps++;
  }
  assert.ok(steps > 10 && empty - live > 12_000, `${steps} portions, ${empty - live} bytes`);
  const replica = new Driver({ limits: OPEN_LIMITS });
  for (const { header, payload } of driver.log) replica.machine.apply(header, payload);
  assert.equal(replica.machine.hash, driver.machine.hash);
});

const FLOOD = declareResource({
  type: 'flood',
  version: 1,
  doc: 'Publishes as much as it is told to.',
  operations: {
    watch: { kind: 'command', code: 1, doc: 'Is told from now on.', args: {}, result: nothing(), errors: [] },
    flood: { kind: 'command', code: 2, doc: 'Tells all.', args: { count: u32(), fails: u32() }, result: nothing(), errors: [] },
    later: { kind: 'command', code: 3, doc: 'Tells all in a timer.', args: { count: u32() }, result: nothing(), errors: [] },
  },
  events: { told: { code: 1, doc: 'A number.', fields: { number: u32() } } },
});

/** What a flood costs, counted: each event that is kept is encoded once, and reads its number. */
function flooded(limits: object): {
  driver: Driver;
  session: number;
  watchers: number[];
  resource: number;
  read: () => number;
  call: (name: 'flood' | 'later', ...numbers: number[]) => string;
} {
  let read = 0;
  const watchers: number[] = [];
  const tell = (call: { publish(session: number, event: 'told', values: { number: number }): void }, count: number): void => {
    const values = {
      get number() {
        return ++read;
      },
    };
    for (let i = 0; i < count; i++) for (const watcher of watchers) call.publish(watcher, 'told', values);
  };
  let later = 0;
  const type: AnyResourceType = resourceType(FLOOD, {
    commands: {
      watch: (call) => {
        watchers.push(call.session);
      },
      flood: (call, { count, fails }) => {
        tell(call, count);
        if (fails > 0) call.checkFence({ group: 1 as never, resource: 1, token: { epoch: 1, index: 1 } });
      },
      later: (call, { count }) => {
        later = count;
        call.setTimer(Uint8Array.of(1), call.timeMs + 1);
      },
    },
    queries: {},
    timer: (call) => tell(call, later),
  });
  const driver = new Driver({ resources: [type], limits });
  const session = driver.open();
  const resource = Number(driver.run(session, machineCommand(1, FLOOD_OPEN))[0]?.index);
  const two = [driver.open(), driver.open()];
  for (const each of two) driver.run(each, { resource, operation: 1, args: new Uint8Array(0) });
  const call = (name: 'flood' | 'later', ...numbers: number[]): string => {
    const args = new Uint8Array(numbers.length * 4);
    numbers.forEach((number, i) => new DataView(args.buffer).setUint32(i * 4, number, true));
    const [reply] = driver.run(session, { resource, operation: FLOOD.operations[name].code, args });
    return reply?.isOk === true ? 'ok' : (reply?.code ?? '');
  };
  return { driver, session, watchers: two, resource, read: () => read, call };
}

const FLOOD_OPEN = Uint8Array.from([5, 0, ...new TextEncoder().encode('flood'), 1, 0, 1, 0, 102]);

test('T71: one command publishes a million events to sessions that may have 100 → 101 of each are ever kept, and both end', () => {
  const { driver, watchers, read, call } = flooded({ sessionEventsMax: 100 });
  assert.equal(call('flood', 500_000, 0), 'ok');
  assert.equal(read(), 202);
  assert.deepEqual(
    driver.told.filter(({ type }) => type === 'ended').map((told) => told.type === 'ended' && [told.session, told.isExpired]),
    watchers.map((session) => [session, true]),
  );
  assert.deepEqual(
    watchers.flatMap((session) => driver.published(session)),
    [],
  );
});

test('T71: a command that publishes too much for sessions is refused → nobody ends, and the next command reaches them', () => {
  const { driver, watchers, call } = flooded({ sessionEventsMax: 100 });
  assert.equal(call('flood', 500, 1), 'fenced');
  assert.equal(call('flood', 100, 0), 'ok');
  assert.equal(driver.told.filter(({ type }) => type === 'ended').length, 0);
  assert.deepEqual(
    watchers.map((session) => driver.published(session).map(({ events }) => events.length)),
    [[100], [100]],
  );
});

for (const limits of [{ pendingEventsMax: 50 }, { pendingEventBytesMax: 50 * 22 }]) {
  test(`T71: a command publishes more than all sessions together may get (${Object.keys(limits).join('')}) → overloaded, nothing of it is told`, () => {
    const { driver, watchers, read, call } = flooded(limits);
    assert.equal(call('flood', 1_000_000, 0), 'overloaded');
    assert.equal(read(), 51);
    assert.deepEqual(
      watchers.flatMap((session) => driver.published(session)),
      [],
    );
    assert.equal(call('flood', 24, 0), 'ok');
    assert.equal(call('flood', 1, 0), 'ok');
    assert.equal(watchers.flatMap((session) => driver.published(session)).flatMap(({ events }) => events).length, 50);
  });

  test(`T71: a timer publishes more than all sessions together may get (${Object.keys(limits).join('')}) → who would miss an event ends, also if a command at its index is refused`, () => {
    const { driver, session, watchers, read, call } = flooded(limits);
    call('later', 1000);
    driver.tick(0);
    const next = driver.machine.session(session)?.nextNumber ?? 0;
    const args = Uint8Array.of(1, 0, 0, 0, 1, 0, 0, 0);
    const outcome = driver.commands(session, next, [{ resource: driver.machine.resources()[0]?.resource ?? 0, operation: 2, args }], {
      timeMs: 1,
    });
    assert.ok(outcome.type === 'replies' && outcome.replies[0]?.isOk === false);
    assert.ok(read() <= 54, `${read()} were made`);
    assert.deepEqual(
      driver.told.flatMap((told) => (told.type === 'ended' ? [told.session] : [])),
      watchers,
      'both were to get one more',
    );
  });
}

test('T71: rule 16 still holds for a session over its limit that others outlive → they get all', () => {
  const driver = new Driver({ limits: { sessionEventsMax: 5 } });
  const [session, watcher, other] = [driver.open(), driver.open(), driver.open()];
  const resource = driver.openCell(session);
  for (const each of [watcher, other]) driver.run(each, cell(resource, 'watch', { isOn: true }));
  driver.run(session, add(resource, 1));
  driver.acknowledge(other, 0, driver.machine.appliedIndex);
  driver.run(session, cell(resource, 'emit', { count: 5, size: 1 }));
  assert.equal(driver.machine.session(watcher), undefined);
  assert.equal(driver.published(other).at(-1)?.events.length, 5);
});
