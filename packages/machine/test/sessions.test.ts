import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MACHINE_OPERATION, MachineLoader, encodeOpenSession } from '@quorate/machine';
import { Driver, add, cell, keyOf, machineCommand, openCell, resultsOf, snapshotOf } from './driver.js';

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

test('T62: a command comes again after its reply was acknowledged → replyForgotten, not applied again', () => {
  const driver = new Driver();
  const session = driver.open();
  const resource = driver.openCell(session);
  driver.run(session, add(resource, 1), add(resource, 2), add(resource, 3));
  driver.acknowledge(session, 3, 0);
  const outcome = driver.commands(session, 2, [add(resource, 1), add(resource, 2), add(resource, 3), add(resource, 4)]);
  assert.ok(outcome.type === 'replies');
  assert.deepEqual(resultsOf(outcome.replies, 'add'), ['replyForgotten', 'replyForgotten', 6, 10]);
  assert.equal(driver.query(resource, 'get'), 10);
});

test('T62, T71: a session ends within the batch in which its commands come again → each is answered with sessionExpired from then on, kept or not', () => {
  const driver = new Driver({ limits: { sessionEventsMax: 1 } });
  const session = driver.open();
  const resource = driver.openCell(session);
  driver.run(session, cell(resource, 'watch', { isOn: true }));
  const set = { id: 1, afterMs: 5, repeats: 3 };
  driver.run(session, cell(resource, 'delay', set));
  // Four timers ring before the first command of the batch: more events than one session may have.
  const outcome = driver.commands(session, 2, [cell(resource, 'watch', { isOn: true }), cell(resource, 'delay', set), add(resource, 1)], {
    timeMs: driver.machine.timeMs + 100,
  });
  assert.ok(outcome.type === 'replies');
  assert.deepEqual(
    outcome.replies.slice(1).map((reply) => (reply.isOk ? 'done' : reply.code)),
    ['sessionExpired', 'sessionExpired'],
  );
});

test('rule 11: numbers with a gap → nothing of the batch is applied, the answer names the number that is expected', () => {
  const driver = new Driver();
  const session = driver.open();
  const resource = driver.openCell(session);
  const before = driver.machine.session(session);
  const outcome = driver.commands(session, 3, [add(resource, 1), add(resource, 2)]);
  assert.deepEqual(outcome, { type: 'refused', code: 'outOfOrder', message: 'expected command 2, not 3', details: { expected: 2 } });
  assert.deepEqual(driver.machine.session(session), before);
  assert.equal(driver.machine.appliedIndex, 4, 'its indexes are taken all the same');
  assert.deepEqual(resultsOf(driver.run(session, add(resource, 1), add(resource, 2)), 'add'), [1, 3]);
});

test('rule 12: a command that its client gave up → the number is filled with nothing, those after it are applied', () => {
  const driver = new Driver();
  const session = driver.open();
  const resource = driver.openCell(session);
  const replies = driver.run(session, add(resource, 1), machineCommand(MACHINE_OPERATION.nothing), add(resource, 2));
  assert.deepEqual(
    replies.map((reply) => reply.isOk && reply.result.length),
    [8, 0, 8],
  );
  assert.equal(driver.query(resource, 'get'), 3);
});

test('rule 13, T63: commands of an expired session → sessionExpired, nothing is applied, however often they come', () => {
  const driver = new Driver();
  const session = driver.open();
  const other = driver.open();
  const resource = driver.openCell(session);
  driver.run(session, add(resource, 1));
  driver.expire(session, 999, session);
  assert.deepEqual(
    driver.told.filter(({ type }) => type === 'ended'),
    [{ type: 'ended', session, isExpired: true }],
    'it ends once',
  );
  for (let i = 0; i < 2; i++) {
    const outcome = driver.commands(session, 2, [add(resource, 1)]);
    assert.equal(outcome.type === 'refused' && outcome.code, 'sessionExpired');
  }
  assert.equal(driver.query(resource, 'get'), 1);
  assert.equal(driver.machine.session(session), undefined);
  assert.equal(driver.machine.hasApplied(session, 1), false);
  assert.deepEqual(
    driver.machine.sessions().map((info) => info.session),
    [other],
  );
});

test('rule 13: a session that owns things expires → each resource is told once, in order of their numbers, and frees them', () => {
  const driver = new Driver();
  const session = driver.open();
  const watcher = driver.open();
  const [a, b] = [driver.openCell(session, 'a'), driver.openCell(session, 'b')];
  driver.run(session, cell(b, 'take', {}), cell(a, 'take', {}), cell(a, 'watch', { isOn: true }));
  driver.run(watcher, cell(b, 'watch', { isOn: true }), cell(a, 'watch', { isOn: true }));
  driver.expire(session);
  const [batch, ...more] = driver.published(watcher);
  assert.deepEqual(
    batch?.events.map(({ resource, code }) => [resource, code]),
    [a, b].map((resource) => [resource, 3]),
  );
  assert.equal(more.length, 0);
  assert.equal(driver.published(session).length, 0, 'nothing is published to the session that has ended');
  assert.equal(driver.run(watcher, cell(a, 'take', {}))[0]?.isOk, true);
});

test('session: closed by a command among others → that one succeeds, those after it are refused, nothing stays', () => {
  const driver = new Driver();
  const session = driver.open();
  const resource = driver.openCell(session);
  const close = machineCommand(MACHINE_OPERATION.closeSession);
  const replies = driver.run(session, cell(resource, 'take', {}), close, add(resource, 1));
  assert.deepEqual(
    replies.map((reply) => (reply.isOk ? 'ok' : reply.code)),
    ['ok', 'ok', 'sessionExpired'],
  );
  assert.deepEqual(
    driver.told.filter(({ type }) => type === 'ended'),
    [{ type: 'ended', session, isExpired: false }],
  );
  assert.equal(driver.query(resource, 'get'), 0);
  const second = driver.open();
  assert.equal(driver.run(second, cell(resource, 'take', {}))[0]?.isOk, true);
});

test('T71: replies that nobody acknowledges → overloaded at the bound, and on again after the acknowledgement', () => {
  const driver = new Driver({ limits: { sessionRepliesMax: 10 } });
  const session = driver.open();
  const resource = driver.openCell(session);
  for (let number = 2; number <= 10; number++) driver.run(session, add(resource, 1));
  const full = driver.commands(session, 11, [add(resource, 1)]);
  assert.equal(full.type === 'refused' && full.code, 'overloaded');
  assert.equal(driver.commands(session, 2, [add(resource, 1)]).type, 'replies', 'a repeated one is answered');
  assert.equal(driver.query(resource, 'get'), 9);
  assert.equal(driver.commands(session, 11, [add(resource, 1)], { replies: 10 }).type, 'replies', 'the acknowledgement comes first');
  assert.equal(driver.query(resource, 'get'), 10);
});

test('T71: replies with too many bytes → the batch is refused, or the commands beyond the bound within one batch', () => {
  const driver = new Driver({ limits: { sessionReplyBytesMax: 60 } });
  const session = driver.open();
  const resource = driver.openCell(session);
  driver.acknowledge(session, 1, 0);
  const replies = driver.run(session, ...Array.from({ length: 6 }, () => add(resource, 1)));
  assert.deepEqual(resultsOf(replies, 'add'), [1, 2, 3, 4, 'overloaded', 'overloaded']);
  const refused = driver.commands(session, 8, [add(resource, 1)]);
  assert.equal(refused.type === 'refused' && refused.code, 'overloaded');
  assert.deepEqual(driver.commands(session, 2, [add(resource, 1)]).type, 'replies');
  assert.equal(driver.query(resource, 'get'), 4);
});

test('T71: more sessions than the bound → overloaded, until one ends', () => {
  const driver = new Driver({ limits: { sessionsMax: 2 } });
  const first = driver.open();
  driver.open();
  const third = driver.batch(encodeOpenSession({ key: keyOf(77), ttlMs: 1, graceMs: 0 }));
  assert.equal(third.type === 'refused' && third.code, 'overloaded');
  driver.expire(first);
  assert.equal(driver.batch(encodeOpenSession({ key: keyOf(77), ttlMs: 1, graceMs: 0 })).type, 'sessionOpened');
});

test('rule 23: one session uses two resources → its commands are applied in its order, across both', () => {
  const driver = new Driver();
  const session = driver.open();
  const [a, b] = [driver.openCell(session, 'a'), driver.openCell(session, 'b')];
  driver.run(session, cell(a, 'watch', { isOn: true }), cell(b, 'watch', { isOn: true }));
  const replies = driver.run(session, add(a, 1), add(b, 2), add(a, 3), add(b, 4));
  assert.deepEqual(resultsOf(replies, 'add'), [1, 2, 4, 6]);
  const events = driver.published(session).map(({ index, events }) => [index, events[0]?.resource]);
  assert.deepEqual(
    events,
    replies.map(({ index }, i) => [index, i % 2 === 0 ? a : b]),
  );
});

test('T77: a batch of everything → one outcome, each end and each applied number told once', () => {
  const driver = new Driver();
  const sessions = [driver.open(), driver.open(), driver.open()];
  const resource = driver.openCell(sessions[0] as number);
  for (const session of sessions) driver.run(session, cell(resource, 'watch', { isOn: true }));
  driver.told.length = 0;
  driver.run(sessions[0] as number, add(resource, 1), add(resource, 1));
  driver.expire(...sessions, ...sessions);
  assert.deepEqual(
    driver.told.filter(({ type }) => type !== 'published'),
    [{ type: 'applied', session: sessions[0], number: 4 }, ...sessions.map((session) => ({ type: 'ended', session, isExpired: true }))],
  );
  assert.equal(driver.published(sessions[2] as number).length, 2);
});

test('T71: replies of all sessions together beyond the bound → overloaded for every new command, until somebody acknowledges', () => {
  const driver = new Driver({ limits: { replyBytesMax: 150 } });
  const [one, two] = [driver.open(), driver.open()];
  const resource = driver.openCell(one);
  driver.run(one, ...Array.from({ length: 10 }, () => add(resource, 1)));
  const refused = driver.commands(two, 1, [add(resource, 1)]);
  assert.equal(refused.type === 'refused' && refused.code, 'overloaded');
  driver.reload();
  assert.equal(driver.commands(two, 1, [add(resource, 1)]).type, 'refused', 'the sum is known after a load too');
  driver.acknowledge(one, 11, 0);
  assert.equal(driver.commands(two, 1, [add(resource, 1)]).type, 'replies');
});

test('session: it lived, held, watched, was told and ended → nothing of it stays in the state', () => {
  const driver = new Driver();
  const keeper = driver.open();
  const resource = driver.openCell(keeper);
  driver.run(keeper, add(resource, 1));
  const entries = (): number => {
    const loader = new MachineLoader();
    loader.push(snapshotOf(driver.machine));
    return loader.entries;
  };
  const before = entries();
  const session = driver.open();
  driver.run(session, cell(resource, 'watch', { isOn: true }), cell(resource, 'take', {}), add(resource, 1), add(resource, 5000));
  driver.run(session, cell(resource, 'emit', { count: 3, size: 9 }));
  assert.ok(entries() > before + 6, `${entries()} entries, before ${before}`);
  driver.expire(session);
  assert.equal(entries(), before);
});
