import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MACHINE_OPERATION, encodeOpenSession } from '@quorate/machine';
import { Driver, add, keyOf, machineCommand, openCell } from './driver.js';

test('session: opened → its number is the log index, its times are those of the request', () => {
  const driver = new Driver();
  driver.noop();
  const outcome = driver.batch(encodeOpenSession({ key: keyOf(1), ttlMs: 5000, graceMs: 300 }));
  assert.deepEqual(outcome, { type: 'sessionOpened', session: 2, ttlMs: 5000, graceMs: 300, wasOpened: true });
  assert.deepEqual(driver.machine.session(2), {
    session: 2,
    ttlMs: 5000,
    graceMs: 300,
    nextNumber: 1,
    lastEventIndex: 2,
    acknowledgedReplies: 0,
    acknowledgedEvents: 2,
  });
  assert.deepEqual(driver.told, [{ type: 'opened', session: 2 }]);
});

test('T61: the request to open comes twice → one session; once it is in use a late one is refused and changes nothing', () => {
  const driver = new Driver();
  const request = encodeOpenSession({ key: keyOf(1), ttlMs: 5000, graceMs: 300 });
  const first = driver.batch(request);
  const again = driver.batch(request);
  assert.deepEqual(again, { ...first, wasOpened: false });
  assert.equal(driver.machine.sessions().length, 1);
  driver.run(1, openCell('a'));
  const late = driver.batch(request);
  assert.equal(late.type === 'refused' && late.code, 'invalidArgument');
  assert.equal(driver.machine.sessions().length, 1);
  driver.run(1, machineCommand(MACHINE_OPERATION.closeSession));
  const anew = driver.batch(request);
  assert.equal(anew.type === 'sessionOpened' && anew.session, 6, 'the key is free again once the session has ended');
});

test('rule 10: a repeated command → the first reply, applied once', () => {
  const driver = new Driver();
  const session = driver.open();
  const resource = driver.openCell(session);
  const first = driver.commands(session, 2, [add(resource, 5), add(resource, 7)]);
  const repeated = driver.commands(session, 2, [add(resource, 5), add(resource, 7)]);
  assert.deepEqual(repeated, first);
  assert.equal(driver.query(resource, 'get'), 12);
});
