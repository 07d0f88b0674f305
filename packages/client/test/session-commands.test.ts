import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, readU16 } from '@quorate/base';
import { SessionCluster } from './session-cluster.js';
import { OPERATION } from './session-machine.js';
import { requestsOf } from './session-node.js';
import { SessionProbe } from './session-probe.js';

function setUp(seed: number, options = {}, clientOptions = {}) {
  const cluster = new SessionCluster(seed);
  const sessions = cluster.sessions(options, clientOptions);
  return { cluster, sessions, probe: new SessionProbe(cluster, sessions) };
}

test('sessions: nothing was submitted → no session and no connection; the first command opens one', () => {
  const { cluster, sessions, probe } = setUp(1);
  cluster.scheduler.runFor(1000);
  assert.equal(cluster.messages, 0);
  assert.deepEqual([sessions.state, sessions.session], ['opening', 0]);
  probe.submit('a');
  probe.wait();
  assert.equal(sessions.state, 'open');
  assert.ok(sessions.session > 0);
  assert.equal(requestsOf(cluster, 'openSession').length, 1);
  probe.check();
});

test('sessions: a turn of commands → one payload, applied in order, told in order', () => {
  const { cluster, probe } = setUp(2);
  for (let i = 0; i < 100; i++) probe.submit(`${i}`);
  probe.wait();
  assert.equal(requestsOf(cluster, 'commands').length, 1);
  assert.deepEqual(
    probe.told.flatMap((told) => (told.kind === 'reply' ? [told.text] : [])),
    probe.submitted,
  );
  probe.check();
});

test('sessions: many or large commands in a turn → payloads of at most 1,024 commands and 128 KiB, a larger command alone', () => {
  for (const [count, text] of [
    [20_000, 'x'],
    [400, 'x'.repeat(10_000)],
    [3, 'x'.repeat(200_000)],
  ] as const) {
    const { cluster, probe } = setUp(9);
    for (let i = 0; i < count; i++) probe.submit(`${i} ${text}`);
    probe.wait();
    const sizes = requestsOf(cluster, 'commands').map(({ payload }) => ({ count: readU16(payload, 2), bytes: payload.length }));
    assert.ok(
      sizes.every((each) => each.count <= 1024 && (each.bytes <= 131_072 || each.count === 1)),
      `${count} commands`,
    );
    const isLarge = text.length > 131_072;
    assert.ok(isLarge ? sizes.length === count : sizes.some((each) => each.count === 1024 || each.bytes > 120_000), 'the bound is reached');
    assert.deepEqual(
      probe.told.flatMap((told) => (told.kind === 'reply' ? [told.text] : [])),
      probe.submitted,
    );
    probe.check();
  }
});

test('sessions: a resource refuses a command → its code and details, and the session goes on', () => {
  const { probe } = setUp(3);
  probe.submit('no', { operation: OPERATION.refuse });
  probe.submit('yes');
  probe.wait();
  assert.deepEqual(probe.codes(), { no: 'versionMismatch' });
  assert.equal(probe.outcome('yes')?.kind, 'reply');
});

test('sessions: openResource → the number of the resource, the same for the same name', () => {
  const { cluster, sessions } = setUp(4);
  const found: (number | null)[] = [];
  for (const name of ['a', 'b', 'a']) sessions.openResource('map', 1, name, {}, (_error, resource) => found.push(resource));
  cluster.scheduler.runUntil(() => found.length === 3, { withinMs: 1000, what: 'opened' });
  assert.equal(found[0], found[2]);
  assert.notEqual(found[0], found[1]);
});

test('sessions: a follower is asked first → it names the leader, and the command gets there', () => {
  const { cluster, probe } = setUp(5);
  cluster.elect(3);
  probe.submit('a');
  probe.wait(200);
  assert.equal(probe.outcome('a')?.kind, 'reply');
});

test('sessions: rule 11: the leader changes with commands on their way → sent again in order with their numbers, applied once', () => {
  const { cluster, probe } = setUp(6);
  cluster.weather.commitMs = 30;
  probe.watch();
  for (let i = 0; i < 60; i++) {
    probe.submit(`${i}`);
    cluster.scheduler.runFor(3);
    if (i % 20 === 10) cluster.elect(1 + (i % 3));
  }
  probe.wait();
  assert.equal(probe.told.filter((told) => told.kind === 'reply').length, 61);
  probe.check();
  assert.equal(probe.events.length, 60);
});

test('sessions: no leader for a while → commands wait and are applied when there is one', () => {
  const { cluster, probe } = setUp(7);
  cluster.elect(0);
  probe.submit('a');
  cluster.scheduler.runFor(2000);
  cluster.elect(2);
  probe.wait();
  assert.equal(probe.outcome('a')?.kind, 'reply');
});

test('sessions: given up after it was sent → aborted (unknown), and applied; before → cancelled (never), and not applied', () => {
  const { cluster, probe } = setUp(38);
  probe.submit('first');
  probe.wait();
  const unsent = probe.submit('unsent');
  assert.equal(unsent.wasSent, false);
  unsent.cancel();
  const sent = probe.submit('sent', { deadlineMs: 20_000 });
  cluster.scheduler.runUntil(() => sent.wasSent === true, { withinMs: 1000, what: 'it is sent' });
  sent.cancel();
  const errors = probe.told.flatMap((told) => (told.kind === 'refused' ? [`${told.text} ${told.error.code} ${told.error.retry}`] : []));
  assert.deepEqual(errors, ['unsent cancelled never', 'sent aborted unknown']);
  cluster.scheduler.runFor(1000);
  const applied = cluster.machine.applied.map(({ text }) => text);
  assert.deepEqual([applied.includes('unsent'), applied.includes('sent')], [false, true]);
});

test('sessions: rule 12: given up before it was sent → it had no number, and those behind it are applied', () => {
  const { cluster, sessions, probe } = setUp(8);
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(50);
  probe.submit('early', { deadlineMs: 100 });
  const cancelled = probe.submit('cancelled');
  probe.submit('late', { deadlineMs: 20_000 });
  cluster.scheduler.runFor(50);
  cancelled.cancel();
  cluster.scheduler.runFor(500);
  assert.deepEqual(probe.codes(), { cancelled: 'cancelled', early: 'noLeader' });
  cluster.elect(1);
  probe.wait();
  assert.equal(probe.outcome('late')?.kind, 'reply');
  assert.deepEqual(
    cluster.machine.applied.map((entry) => [entry.number, entry.text]),
    [
      [1, 'first'],
      [2, 'late'],
    ],
  );
  cluster.scheduler.runFor(100);
  assert.equal(sessions.openCalls, 0);
});

test('sessions: rule 12: all that was unsent is given up → nothing is left of it', () => {
  const { cluster, sessions, probe } = setUp(9);
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(50);
  for (let i = 0; i < 20; i++) probe.submit(`${i}`, { deadlineMs: 100 + i });
  cluster.scheduler.runFor(500);
  assert.equal(sessions.openCalls, 0);
  cluster.elect(1);
  probe.submit('next');
  probe.wait();
  assert.deepEqual(
    cluster.machine.applied.map((entry) => entry.number),
    [1, 2],
  );
});

test('sessions: T63: sent and given up → deadlineExceeded (unknown); its late reply is dropped and the next ones are told', () => {
  const { cluster, sessions, probe } = setUp(10);
  probe.submit('first');
  probe.wait();
  cluster.weather.commitMs = 0;
  cluster.node(1).intervene = (request) => (request.type === 'commands' ? 'ignore' : 'serve');
  probe.submit('slow', { deadlineMs: 150 });
  cluster.scheduler.runFor(200);
  probe.submit('next');
  cluster.scheduler.runFor(100);
  cluster.node(1).intervene = () => 'serve';
  probe.wait();
  assert.deepEqual(probe.codes(), { slow: 'deadlineExceeded' });
  assert.equal(probe.outcome('next')?.kind, 'reply');
  assert.deepEqual(
    cluster.machine.applied.map((entry) => entry.text),
    ['first', 'slow', 'next'],
  );
  cluster.scheduler.runFor(2000);
  assert.equal(sessions.openCalls, 0);
  probe.check();
});

test('sessions: T71: more commands or bytes than may wait → overloaded (safe) at once; room comes back', () => {
  const { cluster, sessions, probe } = setUp(11, { callsMax: 10, callBytesMax: 1000 });
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  for (let i = 0; i < 11; i++) probe.submit(`${i}`);
  cluster.scheduler.runFor(1);
  assert.deepEqual(probe.codes(), { 10: 'overloaded' });
  cluster.elect(1);
  probe.wait();
  probe.submit('x'.repeat(900));
  probe.submit('y'.repeat(200));
  probe.wait();
  assert.equal(probe.codes()['y'.repeat(200)], 'overloaded');
  assert.equal(sessions.openCalls, 0);
});

test('sessions: the node refuses with overloaded → the same again after a pause, in order', () => {
  const { cluster, probe } = setUp(12);
  cluster.weather.refuse = 0.5;
  for (let i = 0; i < 200; i++) {
    probe.submit(`${i}`, { deadlineMs: 60_000 });
    if (i % 10 === 0) cluster.scheduler.runFor(2);
  }
  probe.wait();
  assert.deepEqual(probe.codes(), {});
  probe.check();
});

test('sessions: a payload is refused for good → its calls are told, the numbers are filled, those behind it are applied', () => {
  const { cluster, probe } = setUp(13);
  probe.submit('first');
  probe.wait();
  let isFirst = true;
  cluster.node(1).intervene = (request) => {
    if (request.type !== 'commands' || !isFirst) return 'serve';
    isFirst = false;
    return { refuse: new QuorateError('malformedFrame', 'a poison') };
  };
  probe.submit('poison');
  cluster.scheduler.runFor(0.1);
  probe.submit('next');
  probe.wait();
  assert.deepEqual(probe.codes(), { poison: 'malformedFrame' });
  assert.equal(probe.outcome('next')?.kind, 'reply');
  assert.deepEqual(
    cluster.machine.applied.map((entry) => entry.text),
    ['first', '', 'next'],
  );
});

test('sessions: replies come in several frames → all of them count, and nothing is sent again', () => {
  const { cluster, probe } = setUp(16);
  cluster.weather.split = 1;
  for (let i = 0; i < 20; i++) probe.submit(`${i}`);
  probe.wait(100);
  assert.equal(requestsOf(cluster, 'commands').length, 1);
  probe.check();
});

test('sessions: T74: the cluster takes longer than the stall time for every batch → it is waited for longer and longer, not asked for ever', () => {
  const { cluster, probe } = setUp(17);
  probe.submit('first');
  probe.wait();
  cluster.weather.commitMinMs = 1000;
  for (let i = 0; i < 5; i++) {
    probe.submit(`${i}`, { deadlineMs: 20_000 });
    probe.wait();
  }
  assert.deepEqual(probe.codes(), {});
  probe.check();
});

test('sessions: a megabyte of commands in one turn → several payloads in a bounded window, in order', () => {
  const { cluster, probe } = setUp(14);
  const filler = 'x'.repeat(30_000);
  for (let i = 0; i < 300; i++) probe.submit(`${i}-${filler}`, { deadlineMs: 60_000 });
  probe.wait();
  assert.ok(requestsOf(cluster, 'commands').length >= 5);
  probe.check();
});

test('sessions: bad input → a clear code, told later, and nothing is sent', () => {
  const { cluster, sessions } = setUp(15);
  const codes: (string | undefined)[] = [];
  const done = (error: QuorateError | null): void => void codes.push(error?.code);
  sessions.submit(0, 1, new Uint8Array(0), {}, done);
  sessions.submit(1, -1, new Uint8Array(0), {}, done);
  sessions.submit(1, 1, new Uint8Array(3_000_000), {}, done);
  sessions.submit(1, 1, new Uint8Array(0), { deadlineMs: 0 }, done);
  sessions.openResource('map', 1, 'n'.repeat(300), {}, done);
  sessions.query(1, 70_000, new Uint8Array(0), {}, done);
  assert.deepEqual(codes, []);
  cluster.scheduler.runFor(100);
  assert.deepEqual(codes, ['invalidArgument', 'invalidArgument', 'valueTooLarge', 'invalidArgument', 'nameInvalid', 'invalidArgument']);
  assert.equal(cluster.messages, 0);
});
