import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { GROUP, SessionCluster } from './session-cluster.js';
import { SessionProbe } from './session-probe.js';

function setUp(seed: number, options = {}, clientOptions = {}) {
  const cluster = new SessionCluster(seed);
  const core = cluster.client([1], clientOptions);
  const sessions = core.sessions(GROUP, options);
  const probe = new SessionProbe(cluster, sessions);
  probe.submit('first');
  probe.wait();
  return { cluster, core, sessions, probe };
}

test('sessions: nothing to do for minutes → pings keep the session, three in each ttl', () => {
  const { cluster, sessions, probe } = setUp(71);
  const id = sessions.session;
  const before = cluster.messages;
  cluster.scheduler.runFor(120_000);
  assert.equal(sessions.session, id);
  assert.deepEqual(probe.states, ['open']);
  const pings = cluster.node(1).requests.filter((request) => request.type === 'ping').length;
  assert.ok(pings >= 35 && pings <= 40, `${pings} pings`);
  assert.ok(cluster.messages - before <= 40);
});

test('sessions: T61: the connection breaks while nothing happens → bound again at once, the same session, never suspended', () => {
  const { cluster, sessions, probe } = setUp(72);
  const id = sessions.session;
  for (let i = 0; i < 20; i++) {
    cluster.node(1).cutAll();
    cluster.scheduler.runFor(500);
  }
  assert.equal(sessions.session, id);
  assert.deepEqual(probe.states, ['open']);
  assert.equal(cluster.machine.sessions.size, 1);
});

test('sessions: the connection stays lost → suspended after 200 ms, open again with the connection', () => {
  const { cluster, sessions, probe } = setUp(73);
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(190);
  assert.equal(sessions.state, 'open');
  cluster.scheduler.runFor(30);
  assert.equal(sessions.state, 'suspended');
  cluster.elect(2);
  cluster.scheduler.runFor(500);
  assert.deepEqual(probe.states, ['open', 'suspended', 'open']);
  assert.equal(probe.losses, 0);
});

test('sessions: a deposed leader answers pings with notLeader → the session goes to the new one before its ttl is over', () => {
  const { cluster, sessions, probe } = setUp(74);
  const id = sessions.session;
  // The reply to the first command is acknowledged by then; only pings are left.
  cluster.scheduler.runFor(2000);
  cluster.elect(2);
  cluster.scheduler.runFor(30_000);
  assert.equal(sessions.session, id);
  assert.equal(cluster.bound.get(id)?.node.id, 2);
  assert.deepEqual(probe.states, ['open']);
});

test('sessions: a query finds that another node leads → the session goes there too with the next sign of life', () => {
  const { cluster, sessions, probe } = setUp(75);
  cluster.elect(2);
  // A node that does not say that it was deposed.
  cluster.node(1).intervene = (request) => (request.type === 'ping' ? { answer: { type: 'pong' } } : 'serve');
  probe.query();
  cluster.scheduler.runFor(3500);
  assert.equal(cluster.bound.get(sessions.session)?.node.id, 2);
});

test('sessions: T57: no contact for the ttl → the client takes the session for lost before the cluster ends it, and says so once', () => {
  const { cluster, sessions, probe } = setUp(76, { sessionTtlMs: 2000 });
  const id = sessions.session;
  probe.submit('known');
  probe.wait();
  cluster.network.cut('client1', 'node1');
  cluster.network.cut('client1', 'node2');
  cluster.network.cut('client1', 'node3');
  probe.submit('sent', { deadlineMs: 60_000 });
  const session = cluster.machine.sessions.get(id);
  let lostAtMs = 0;
  let endedAtMs = 0;
  cluster.scheduler.runUntil(
    () => {
      if (probe.losses > 0 && lostAtMs === 0) lostAtMs = cluster.scheduler.nowMs;
      if (session?.isOver === true && endedAtMs === 0) endedAtMs = cluster.scheduler.nowMs;
      return lostAtMs > 0 && endedAtMs > 0;
    },
    { withinMs: 10_000, what: 'both know' },
  );
  assert.ok(lostAtMs <= endedAtMs && endedAtMs - lostAtMs < 200, `${lostAtMs} ${endedAtMs}`);
  assert.equal(probe.codes()['sent'], 'sessionExpired');
  assert.deepEqual(probe.states, ['open', 'suspended', 'expired']);
  assert.deepEqual([sessions.state, sessions.session], ['expired', 0]);
  cluster.network.healAll();
  probe.submit('again');
  probe.wait();
  assert.ok(sessions.session > id);
  assert.equal(probe.losses, 1);
  assert.deepEqual(probe.states, ['open', 'suspended', 'expired', 'open']);
});

test('sessions: T57: a process was stopped for longer than the ttl → expired as soon as it asks, before any answer', () => {
  const cluster = new SessionCluster(77);
  const process = cluster.scheduler.forNode('stopped');
  let nowMs = 0;
  const sessions = cluster.sessions({ sessionTtlMs: 1000 }, { clock: { nowMs: () => process.clock.nowMs() + nowMs, wallMs: () => 0 } });
  const probe = new SessionProbe(cluster, sessions);
  probe.submit('a');
  probe.wait();
  assert.equal(sessions.state, 'open');
  nowMs += 600;
  assert.equal(sessions.state, 'suspended');
  nowMs += 600;
  assert.equal(sessions.state, 'expired');
});

test('sessions: the cluster ended the session → sessionLost once, pending commands end, the next command opens a new one', () => {
  const { cluster, sessions, probe } = setUp(78);
  const id = sessions.session;
  const session = cluster.machine.sessions.get(id);
  assert.ok(session !== undefined);
  cluster.machine.end(session);
  cluster.sessionEnded(session, true);
  probe.submit('pending');
  probe.wait();
  assert.deepEqual(probe.codes(), { pending: 'sessionExpired' });
  assert.equal(probe.losses, 1);
  probe.submit('next');
  probe.wait();
  assert.equal(probe.outcome('next')?.kind, 'reply');
  assert.ok(sessions.session > id);
  assert.equal(probe.losses, 1);
  probe.check();
});

test('sessions: a call made from sessionLost or from its own callback → belongs to the new session', () => {
  const cluster = new SessionCluster(79);
  const sessions = cluster.sessions();
  const told: string[] = [];
  const submit = (text: string): void =>
    void sessions.submit(1, 10, new Uint8Array(0), {}, (error) => told.push(`${text} ${error?.code ?? 'ok'}`));
  sessions.listen(1, { event: () => {}, sessionLost: () => submit('fromLost'), stateChanged: () => {} });
  submit('a');
  cluster.scheduler.runFor(100);
  const session = cluster.machine.sessions.get(sessions.session);
  assert.ok(session !== undefined);
  cluster.machine.end(session);
  sessions.submit(1, 10, new Uint8Array(0), {}, () => submit('fromDone'));
  cluster.scheduler.runFor(500);
  assert.deepEqual(told, ['a ok', 'fromLost ok', 'fromDone ok']);
});

test('sessions: a short grace → more signs of life, suspended sooner, and the same session after a short loss', () => {
  const { cluster, sessions, probe } = setUp(80, { disconnectGraceMs: 300 });
  const id = sessions.session;
  cluster.scheduler.runFor(3000);
  const pings = cluster.node(1).requests.filter((request) => request.type === 'ping').length;
  assert.ok(pings >= 25 && pings <= 32, `${pings} pings`);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(1000);
  assert.equal(sessions.session, id);
  cluster.network.cut('client1', 'node1', 'reset');
  cluster.network.cut('client1', 'node2');
  cluster.network.cut('client1', 'node3');
  cluster.scheduler.runFor(160);
  assert.equal(sessions.state, 'suspended');
  cluster.scheduler.runFor(1000);
  cluster.network.healAll();
  cluster.scheduler.runFor(4000);
  assert.equal(probe.losses, 1);
});

test('sessions: opening is given up by all → nothing is tried any more; the next call begins with another key', () => {
  const cluster = new SessionCluster(81);
  cluster.elect(0);
  const sessions = cluster.sessions();
  const probe = new SessionProbe(cluster, sessions);
  probe.submit('a', { deadlineMs: 300 });
  probe.query('linearizable', 200);
  probe.wait();
  assert.deepEqual(probe.codes(), { a: 'noLeader' });
  const { messages } = cluster;
  cluster.scheduler.runFor(5000);
  assert.equal(cluster.messages, messages);
  cluster.elect(1);
  probe.submit('b');
  probe.wait();
  assert.equal(probe.outcome('b')?.kind, 'reply');
  const keys = cluster.nodes.flatMap((node) =>
    node.requests.flatMap((request) => (request.type === 'openSession' ? [request.key.join()] : [])),
  );
  assert.ok(new Set(keys).size === 2 && keys.length > 2, 'one key per session, however often it is asked for');
});

test('sessions: T77: closed in contact → the session is closed at the cluster after what was submitted; everything is settled', () => {
  const { cluster, core, sessions, probe } = setUp(82);
  const id = sessions.session;
  for (let i = 0; i < 5; i++) probe.submit(`${i}`);
  probe.query();
  let closed = 0;
  core.close(() => closed++);
  probe.submit('after');
  cluster.scheduler.runUntil(() => closed === 1, { withinMs: 100, what: 'closed' });
  assert.ok(probe.isQuiet);
  assert.equal(cluster.machine.sessions.get(id)?.isOver, true);
  assert.deepEqual(probe.codes(), { after: 'closed' });
  assert.equal(probe.outcome('4')?.kind, 'reply');
  assert.deepEqual([sessions.state, sessions.session, probe.losses], ['closed', 0, 1]);
  cluster.scheduler.runFor(50);
  assert.equal(cluster.network.openEnds, 0);
  probe.check();
});

test('sessions: T77: closed without contact, twice, with calls in every state → each settles once, and nothing goes on', () => {
  const { cluster, core, sessions, probe } = setUp(83);
  for (const node of cluster.nodes) node.intervene = () => 'ignore';
  probe.submit('sent');
  probe.query();
  probe.query('sequential');
  cluster.scheduler.runFor(10);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(10);
  probe.submit('unsent');
  probe.query();
  let closed = 0;
  core.close(() => closed++);
  core.close(() => closed++);
  sessions.close(() => closed++);
  cluster.scheduler.runFor(5);
  assert.equal(closed, 3);
  assert.ok(probe.isQuiet);
  assert.deepEqual(probe.codes(), { sent: 'aborted', unsent: 'closed' });
  const { messages } = cluster;
  cluster.scheduler.runFor(20_000);
  assert.equal(cluster.messages, messages);
  assert.equal(cluster.network.openEnds, 0);
});

test('sessions: T77: the cluster does not answer the closing → closed all the same within a second', () => {
  const { cluster, core, probe } = setUp(84);
  cluster.node(1).intervene = (request) => (request.type === 'commands' ? 'ignore' : 'serve');
  probe.submit('sent');
  cluster.scheduler.runFor(5);
  let closed = 0;
  core.close(() => closed++);
  cluster.scheduler.runFor(1010);
  assert.equal(closed, 1);
  assert.deepEqual(probe.codes(), { sent: 'aborted' });
});

test('sessions: no cluster of that id answers → clusterMismatch for the calls, not silence', () => {
  const cluster = new SessionCluster(85);
  const sessions = cluster.client([1], { clusterId: 'd2d2d2d2d2d2d2d2' as never }).sessions(GROUP);
  for (const node of cluster.nodes) node.refuseHello = new QuorateError('clusterMismatch', 'another cluster');
  const probe = new SessionProbe(cluster, sessions);
  probe.submit('a');
  probe.wait(2000);
  assert.deepEqual(probe.codes(), { a: 'clusterMismatch' });
});

test('sessions: options out of range → invalidArgument', () => {
  const cluster = new SessionCluster(86);
  for (const options of [
    { sessionTtlMs: 50 },
    { sessionTtlMs: 1.5 },
    { disconnectGraceMs: -1 },
    { sessionTtlMs: 1000, disconnectGraceMs: 2000 },
    { callsMax: 0 },
  ]) {
    assert.throws(
      () => cluster.sessions(options),
      (error: QuorateError) => error.code === 'invalidArgument',
    );
  }
});
