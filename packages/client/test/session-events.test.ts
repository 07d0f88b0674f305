import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readU64, utf8 } from '@quorate/base';
import { encodePush } from '@quorate/wire';
import { GROUP, SessionCluster } from './session-cluster.js';
import { EVENT_APPENDED } from './session-machine.js';
import { SessionProbe } from './session-probe.js';

function setUp(seed: number, options = {}) {
  const cluster = new SessionCluster(seed);
  const sessions = cluster.sessions(options);
  const probe = new SessionProbe(cluster, sessions);
  const writer = new SessionProbe(cluster, cluster.sessions(), 100);
  probe.watch();
  probe.wait();
  return { cluster, sessions, probe, writer };
}

/** Another client appends, and everything is told. */
function write(cluster: SessionCluster, writer: SessionProbe, texts: readonly string[]): void {
  for (const text of texts) writer.submit(text);
  writer.wait();
  cluster.scheduler.runFor(100);
}

test('sessions: rule 17: events of another client → told once, in order, and acknowledged after they were told', () => {
  const { cluster, sessions, probe, writer } = setUp(31);
  write(cluster, writer, ['a', 'b', 'c']);
  assert.deepEqual(
    probe.events.map(({ text }) => text),
    ['a', 'b', 'c'],
  );
  cluster.scheduler.runFor(1500);
  const session = cluster.machine.sessions.get(sessions.session);
  assert.equal(session?.acknowledgedEvents, session?.lastEventIndex);
  assert.equal(session?.acknowledgedReplies, 1);
  const count = cluster.node(1).requests.filter((request) => request.type === 'acknowledge').length;
  cluster.scheduler.runFor(20_000);
  assert.equal(
    cluster.node(1).requests.filter((request) => request.type === 'acknowledge').length,
    count,
    'nothing is owed, nothing is sent',
  );
  probe.check();
});

test('sessions: T66: the connection is lost while events happen → the rest comes after the next binding, none twice', () => {
  const { cluster, probe, writer } = setUp(32);
  for (let round = 0; round < 10; round++) {
    for (let i = 0; i < 5; i++) writer.submit(`${round}.${i}`);
    cluster.scheduler.runFor(2);
    cluster.node(1).cutAll();
    if (round % 3 === 2) cluster.elect(1);
    cluster.scheduler.runFor(60);
  }
  writer.wait();
  cluster.scheduler.runFor(2000);
  assert.equal(probe.events.length, 50);
  const from = cluster.node(1).requests.flatMap((request) => (request.type === 'bindSession' ? [request.acknowledgedEvents] : []));
  assert.ok(Math.max(...from) > 15, `what was received is not asked for again: ${from.join()}`);
  probe.check();
});

test('sessions: T66: a query that must come after all events, while some are missing → unavailable, or its answer after them; another is told without', () => {
  const { cluster, sessions, probe, writer } = setUp(34);
  const told: string[] = [];
  const ask = (name: string, options: object): void =>
    void sessions.query(100, 20, new Uint8Array(0), options, (error) => told.push(`${name} ${error?.code ?? probe.events.length}`));
  const push = cluster.push.bind(cluster);
  // Events are made and not pushed; asking for them again is not heard.
  cluster.push = (session) => {
    if (session.id !== sessions.session) push(session);
  };
  const node = cluster.node(1);
  const { session: id } = sessions;
  node.intervene = (request) => (request.type === 'bindSession' && request.session === id ? 'ignore' : 'serve');
  writer.submit('a');
  writer.wait();
  ask('strict', { isAfterEvents: true, deadlineMs: 300 });
  ask('plain', { deadlineMs: 300 });
  cluster.scheduler.runFor(400);
  assert.deepEqual(told.sort(), ['plain 0', 'strict unavailable']);
  cluster.push = push;
  node.intervene = () => 'serve';
  ask('late', { isAfterEvents: true, deadlineMs: 20_000 });
  cluster.scheduler.runFor(10);
  cluster.pushAll();
  cluster.scheduler.runFor(15_000);
  assert.deepEqual(told.slice(2), ['late 1']);
});

test('sessions: a query that must come after all events of a session that ended meanwhile → unavailable', () => {
  const { cluster, sessions } = setUp(35);
  const told: string[] = [];
  sessions.query(100, 20, new Uint8Array(0), { isAfterEvents: true, deadlineMs: 5000 }, (error) => told.push(error?.code ?? 'told'));
  const session = cluster.machine.sessions.get(sessions.session);
  assert.ok(session !== undefined);
  cluster.machine.end(session);
  cluster.scheduler.runFor(6000);
  assert.deepEqual(told, ['unavailable']);
});

test('sessions: T66: a batch is missing in the chain → nothing is told before it is there; asked for at once by binding again', () => {
  const { cluster, sessions, probe, writer } = setUp(33);
  const bound = cluster.bound.get(sessions.session);
  assert.ok(bound !== undefined);
  // The node believes that the first batch went out.
  writer.submit('lost');
  const push = cluster.push.bind(cluster);
  cluster.push = (session) => {
    if (session.id !== sessions.session) push(session);
    else bound.pushedTo = session.lastEventIndex;
  };
  writer.wait();
  cluster.push = push;
  const atMs = cluster.scheduler.nowMs;
  writer.submit('next');
  cluster.scheduler.runUntil(() => probe.events.length === 2, { withinMs: 500, what: 'both events' });
  assert.ok(cluster.scheduler.nowMs - atMs < 20);
  probe.check();
});

test('sessions: rule 18: the last batch is lost without a trace → the next binding names it; it is waited for and asked for again', () => {
  const { cluster, sessions, probe, writer } = setUp(34);
  const push = cluster.push.bind(cluster);
  let mayPush = false;
  cluster.push = (session) => {
    if (mayPush || session.id !== sessions.session) push(session);
  };
  write(cluster, writer, ['a']);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(500);
  assert.equal(probe.events.length, 0);
  mayPush = true;
  cluster.scheduler.runFor(1500);
  assert.deepEqual(
    probe.events.map(({ text }) => text),
    ['a'],
  );
});

test('sessions: an event waits for the reply of a command on its way → it is not acknowledged before it was told', () => {
  const { cluster, sessions, probe, writer } = setUp(41);
  cluster.scheduler.runFor(2000);
  let isSilent = true;
  cluster.node(1).intervene = (request) =>
    isSilent && request.type === 'commands' && readU64(request.payload, 4) === sessions.session ? 'ignore' : 'serve';
  probe.submit('slow', { deadlineMs: 30_000 });
  cluster.scheduler.runFor(5);
  write(cluster, writer, ['a']);
  cluster.scheduler.runFor(3000);
  const session = cluster.machine.sessions.get(sessions.session);
  assert.equal(probe.events.length, 0);
  assert.equal(session?.acknowledgedEvents, sessions.session);
  isSilent = false;
  probe.wait();
  cluster.scheduler.runFor(3000);
  assert.equal(probe.events.length, 2);
  assert.equal(session?.acknowledgedEvents, session?.lastEventIndex);
  probe.check();
});

test('sessions: rule 18: events arrive before the reply of the command that caused them → the reply is told first', () => {
  const { cluster, probe } = setUp(35);
  cluster.weather.late = 1;
  cluster.weather.lateMs = 50;
  for (let i = 0; i < 20; i++) {
    probe.submit(`${i}`);
    if (i % 3 === 0) cluster.scheduler.runFor(5);
  }
  probe.wait();
  cluster.scheduler.runFor(200);
  assert.equal(probe.events.length, 20);
  probe.check();
});

/** The node speaks of an event that does not exist. */
function nameForeignEvent(cluster: SessionCluster, id: number): void {
  const session = cluster.machine.sessions.get(id);
  assert.ok(session !== undefined);
  cluster.machine.index += 1;
  session.lastEventIndex = cluster.machine.index;
  cluster.node(1).cutAll();
}

test('sessions: rule 18: an event that is named and never comes → the replies behind it are not held for ever', () => {
  const { cluster, sessions } = setUp(36);
  nameForeignEvent(cluster, sessions.session);
  const probe = new SessionProbe(cluster, sessions, 200);
  probe.submit('a', { deadlineMs: 20_000 });
  probe.wait();
  assert.deepEqual(probe.codes(), {});
  assert.ok(cluster.scheduler.nowMs > 3000 && cluster.scheduler.nowMs < 6000, 'it was waited for');
});

test('sessions: T66: the chain itself says that an event was left out, and it never comes → the session is lost, not the event skipped', () => {
  const { cluster, sessions, probe } = setUp(40);
  nameForeignEvent(cluster, sessions.session);
  probe.submit('a', { deadlineMs: 60_000 });
  probe.wait();
  assert.deepEqual(probe.codes(), { a: 'sessionExpired' });
  assert.deepEqual([probe.events.length, probe.losses], [0, 1]);
});

test('sessions: a listener throws → logged, the others are told, the session goes on', () => {
  const logged: string[] = [];
  const cluster = new SessionCluster(37);
  const sessions = cluster.sessions({}, { logger: { log: (_level, event) => logged.push(event) } });
  sessions.listen(100, {
    event: () => {
      throw new Error('of the user');
    },
    sessionLost: () => {},
    stateChanged: () => {
      throw new Error('of the user');
    },
  });
  const probe = new SessionProbe(cluster, sessions);
  probe.watch();
  probe.submit('a');
  probe.submit('b');
  probe.wait();
  assert.equal(probe.events.length, 2);
  assert.equal(logged.filter((event) => event === 'callbackThrew').length, 3);
});

test('sessions: listening ends while events are told → nothing more is told; other resources are not heard', () => {
  const cluster = new SessionCluster(38);
  const sessions = cluster.sessions();
  const probe = new SessionProbe(cluster, sessions);
  const other = new SessionProbe(cluster, sessions, 200);
  const heard: number[] = [];
  const stop = sessions.listen(100, {
    event: (_code, index) => {
      heard.push(index);
      if (heard.length === 2) stop();
    },
    sessionLost: () => {},
    stateChanged: () => {},
  });
  probe.watch();
  for (const text of ['a', 'b', 'c']) probe.submit(text);
  probe.wait();
  assert.equal(heard.length, 2);
  assert.equal(probe.events.length, 3);
  assert.equal(other.events.length, 0);
});

test('sessions: events of another session or group, or from a node that does not carry the session → dropped', () => {
  const { cluster, sessions, probe } = setUp(39);
  const session = cluster.machine.sessions.get(sessions.session);
  const bound = cluster.bound.get(sessions.session);
  assert.ok(session !== undefined && bound !== undefined);
  const events = [{ resource: 100, code: EVENT_APPENDED, fields: utf8('foreign') }];
  for (const [group, id] of [
    [GROUP, session.id + 1],
    [7 as typeof GROUP, session.id],
  ] as const) {
    const frame = encodePush({
      type: 'events',
      group,
      session: id,
      index: 1000,
      previousIndex: session.lastEventIndex,
      first: 0,
      isLast: true,
      events,
    });
    bound.frames.send(frame.type, frame.parts);
  }
  cluster.scheduler.runFor(100);
  assert.equal(probe.events.length, 0);
});
