import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFields } from '@quorate/machine';
import { CELL } from './cell.js';
import { Driver, add, cell, thrownBy } from './driver.js';

function prepared(limits = {}): { driver: Driver; session: number; watcher: number; resource: number } {
  const driver = new Driver({ limits });
  const session = driver.open();
  const watcher = driver.open();
  const resource = driver.openCell(session);
  driver.run(watcher, cell(resource, 'watch', { isOn: true }));
  return { driver, session, watcher, resource };
}

test('rule 17: events of several commands → a batch per index, each naming the one before, the first the session', () => {
  const { driver, session, watcher, resource } = prepared();
  const replies = driver.run(session, add(resource, 1), cell(resource, 'emit', { count: 3, size: 5 }), add(resource, 2));
  const batches = driver.published(watcher);
  assert.deepEqual(
    batches.map(({ index, previousIndex, events }) => [index, previousIndex, events.length]),
    [
      [replies[0]?.index, watcher, 1],
      [replies[1]?.index, replies[0]?.index, 3],
      [replies[2]?.index, replies[1]?.index, 1],
    ],
    'rule 18: at the index of the reply that they belong behind',
  );
  assert.deepEqual(driver.machine.eventsAfter(watcher, 0, 1e6), batches);
});

test('T66, rule 17: a watcher comes back with any index, on any replica, before or after a restart → the rest in order, nothing lost or twice', () => {
  const { driver, session, watcher, resource } = prepared();
  for (let i = 0; i < 10; i++) driver.run(session, add(resource, i), add(resource, -i));
  const all = driver.published(watcher);
  const replica = new Driver();
  for (const { header, payload } of driver.log) replica.machine.apply(header, payload);
  driver.reload();
  for (const { machine } of [driver, replica]) {
    for (let seen = 0; seen <= machine.appliedIndex; seen++) {
      for (const maxBytes of [0, 60, 1e6]) {
        const got = machine.eventsAfter(watcher, seen, maxBytes);
        const rest = all.filter(({ index }) => index > seen);
        assert.deepEqual(got, rest.slice(0, got.length));
        assert.equal(got.length > 0, rest.length > 0, 'at least one batch, so that it gets on');
        if (maxBytes === 1e6) assert.equal(got.length, rest.length);
      }
    }
  }
});

test('rule 17: events are acknowledged → those are dropped, on a command or alone; what lies ahead cannot be acknowledged', () => {
  const { driver, session, watcher, resource } = prepared();
  driver.run(session, add(resource, 1), add(resource, 2), add(resource, 3));
  const [first, second, third] = driver.published(watcher).map(({ index }) => index) as [number, number, number];
  driver.acknowledge(watcher, 0, first);
  assert.deepEqual(
    driver.machine.eventsAfter(watcher, 0, 1e6).map(({ index }) => index),
    [second, third],
  );
  driver.commands(watcher, 2, [add(resource, 1)], { events: 1_000_000 });
  const left = driver.machine.eventsAfter(watcher, 0, 1e6);
  assert.deepEqual(
    left.map(({ previousIndex }) => previousIndex),
    [third],
    'the event of that very command came after',
  );
  assert.equal(driver.machine.session(watcher)?.acknowledgedEvents, third);
});

test('rule 16: events for a session that has ended → dropped; the command of the other client succeeds', () => {
  const { driver, session, watcher, resource } = prepared();
  driver.expire(watcher);
  assert.equal(driver.run(session, add(resource, 1))[0]?.isOk, true);
  assert.deepEqual(driver.published(watcher), []);
  assert.deepEqual(driver.machine.eventsAfter(watcher, 0, 1e6), []);
});

test('rule 16: a query tries to publish → an error, and nothing is published', () => {
  const { driver, resource } = prepared();
  assert.equal(thrownBy(() => driver.query(resource, 'write')).code, 'invariantBroken');
  assert.equal(driver.told.filter(({ type }) => type === 'published').length, 0);
});

for (const [what, limits] of [
  ['their number', { sessionEventsMax: 5 }],
  ['their bytes', { sessionEventBytesMax: 450 }],
  ['the bytes of all', { eventBytesMax: 500 }],
] as const) {
  test(`T71: a watcher that does not acknowledge, beyond the bound on ${what} → its session ends as expired, no event is skipped`, () => {
    const { driver, session, watcher, resource } = prepared(limits);
    driver.run(watcher, cell(resource, 'take', {}));
    const other = driver.open();
    driver.run(other, cell(resource, 'watch', { isOn: true }));
    driver.run(session, cell(resource, 'emit', { count: 4, size: 40 }));
    driver.acknowledge(other, 0, driver.machine.appliedIndex);
    driver.run(session, cell(resource, 'emit', { count: 4, size: 40 }));
    assert.deepEqual(
      driver.told.filter(({ type }) => type === 'ended'),
      [{ type: 'ended', session: watcher, isExpired: true }],
    );
    assert.equal(driver.published(watcher).length, 1, 'it got all up to there');
    const last = driver.published(other).at(-1);
    assert.deepEqual(
      last?.events.map(({ code }) => code),
      [4, 4, 4, 4, CELL.events.freed.code],
      'what its end published is in the batch of the same index',
    );
    assert.deepEqual(decodeFields(CELL.events.freed.fields, last.events[4]?.fields as Uint8Array), { session: watcher });
  });
}

test('events: one over the limit → valueTooLarge for the command, nothing is published', () => {
  const { driver, session, watcher, resource } = prepared();
  const [reply] = driver.run(session, cell(resource, 'emit', { count: 1, size: 1_200_000 }));
  assert.equal(reply?.isOk === false && reply.code, 'valueTooLarge');
  assert.deepEqual(driver.published(watcher), []);
});
