import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFields } from '@quorate/machine';
import { CELL } from './cell.js';
import { Driver, add, cell } from './driver.js';

interface Fired {
  readonly resource: number;
  readonly id: number;
  readonly timeMs: number;
  readonly index: number;
}

function prepared(): { driver: Driver; session: number; a: number; b: number; fired: () => Fired[] } {
  const driver = new Driver();
  const session = driver.open();
  const [a, b] = [driver.openCell(session, 'a'), driver.openCell(session, 'b')];
  driver.run(session, cell(a, 'watch', { isOn: true }), cell(b, 'watch', { isOn: true }));
  const fired = (): Fired[] =>
    driver
      .published(session)
      .flatMap(({ events }) => events)
      .filter(({ code }) => code === CELL.events.fired.code)
      .map(({ resource, fields }) => ({ resource, ...decodeFields(CELL.events.fired.fields, fields) }));
  return { driver, session, a, b, fired };
}

function delay(resource: number, id: number, afterMs: number, repeats = 0) {
  return cell(resource, 'delay', { id, afterMs, repeats });
}

test('rule 14: a timer is pending → nextDeadlineMs says when; without one it is Infinity', () => {
  const { driver, session, a, b } = prepared();
  const { machine } = driver;
  assert.equal(machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
  driver.tick(100);
  driver.run(session, delay(a, 1, 50), delay(b, 1, 20));
  assert.equal(machine.nextDeadlineMs, 120);
  driver.run(session, cell(b, 'cancel', { id: 1 }));
  assert.equal(machine.nextDeadlineMs, 150);
  driver.run(session, delay(a, 1, 500));
  assert.equal(machine.nextDeadlineMs, 600);
  driver.tick(600);
  assert.equal(machine.nextDeadlineMs, Number.POSITIVE_INFINITY);
});

test('rule 15: timers due before and at the time of a batch → they fire before it, in order of due time, resource, id, each at its own time', () => {
  const { driver, session, a, b, fired } = prepared();
  driver.run(session, delay(b, 1, 30), delay(a, 2, 30), delay(a, 1, 30), delay(b, 9, 10), delay(a, 5, 40), delay(a, 6, 41));
  const reply = driver.commands(session, 11, [add(a, 1)], { timeMs: 40 });
  assert.ok(reply.type === 'replies');
  const index = reply.replies[0]?.index as number;
  const expected = [
    { resource: b, id: 9, timeMs: 10 },
    { resource: a, id: 1, timeMs: 30 },
    { resource: a, id: 2, timeMs: 30 },
    { resource: b, id: 1, timeMs: 30 },
    { resource: a, id: 5, timeMs: 40 },
  ];
  assert.deepEqual(
    fired(),
    expected.map((each) => ({ ...each, index })),
  );
  const last = driver.published(session).at(-1);
  assert.equal(last?.index, index);
  assert.equal(last?.events.at(-1)?.code, CELL.events.changed.code, 'what the command published comes after the timers, in the same batch');
});

test('rule 15: a timer that sets itself anew → it fires in the same pass as long as it is due, and time passes each time', () => {
  const { driver, session, a, fired } = prepared();
  driver.run(session, delay(a, 1, 10, 3), delay(a, 2, 0, 2));
  driver.tick(35);
  assert.deepEqual(
    fired().map(({ id, timeMs }) => [id, timeMs]),
    [
      [2, 0],
      [2, 1],
      [2, 2],
      [1, 10],
      [1, 20],
      [1, 30],
    ],
  );
  assert.equal(driver.machine.nextDeadlineMs, 40);
});

test('rule 15: a timer that is cleared or replaced in time → it does not fire, or only when it is due anew', () => {
  const { driver, session, a, fired } = prepared();
  driver.run(session, delay(a, 1, 10), delay(a, 2, 10), delay(a, 1, 30), cell(a, 'cancel', { id: 2 }), cell(a, 'cancel', { id: 3 }));
  driver.tick(20);
  assert.deepEqual(fired(), []);
  driver.tick(30);
  assert.deepEqual(
    fired().map(({ id, timeMs }) => [id, timeMs]),
    [[1, 30]],
  );
});

test('rule 15: a timer was pending in a snapshot → it fires after the load', () => {
  const { driver, session, a, fired } = prepared();
  driver.run(session, delay(a, 1, 10));
  driver.reload();
  assert.equal(driver.machine.nextDeadlineMs, 10);
  driver.tick(10);
  assert.equal(fired().length, 1);
});

test('T59: logged time that goes back, no-ops and configurations → time stays or goes on, and timers fire with it', () => {
  const { driver, session, a, fired } = prepared();
  driver.tick(100);
  driver.run(session, delay(a, 1, 10));
  driver.tick(50);
  assert.equal(driver.machine.timeMs, 100);
  driver.noop(109);
  assert.deepEqual([driver.machine.timeMs, fired().length], [109, 0]);
  driver.batch(new Uint8Array(0), { kind: 'configuration', timeMs: 110 });
  assert.deepEqual([driver.machine.timeMs, fired().length], [110, 1]);
  assert.equal(driver.machine.appliedTerm, 2);
});
