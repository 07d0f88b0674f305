import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { type SessionClient, connect } from '@quorate/client';
import type { SessionState } from '@quorate/machine';
import { GROUP, SessionCluster } from './session-cluster.js';
import { SessionProbe } from './session-probe.js';
import { setUpFace } from './virtual-time.js';

function setUp(seed: number, options = {}, clientOptions = {}) {
  const cluster = new SessionCluster(seed);
  const core = cluster.client([1], clientOptions);
  const sessions = core.sessions(GROUP, options);
  return { cluster, core, sessions, probe: new SessionProbe(cluster, sessions), told: heard(sessions) };
}

/** What a listener is told from now on. */
function heard(sessions: SessionClient): string[] {
  const told: string[] = [];
  sessions.onState((state, previous) => told.push(`${previous} → ${state}`));
  return told;
}

test('session states: opened, out of contact, back, expired, opened again, closed → each told once with the one before it', () => {
  const { cluster, core, sessions, probe, told } = setUp(101, { sessionTtlMs: 2000 });
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(500);
  cluster.elect(2);
  cluster.scheduler.runFor(1000);
  assert.deepEqual(told, ['opening → open', 'open → suspended', 'suspended → open']);
  cluster.elect(0);
  cluster.node(2).cutAll();
  cluster.scheduler.runFor(3000);
  cluster.elect(3);
  probe.submit('again');
  probe.wait();
  let closedAt = -1;
  core.close(() => {
    closedAt = told.length;
  });
  cluster.scheduler.runFor(2000);
  assert.deepEqual(told.slice(3), ['open → suspended', 'suspended → expired', 'expired → opening', 'opening → open', 'open → closed']);
  assert.equal(closedAt, 8, 'closed is told before the client is');
  assert.throws(() => sessions.onState(() => {}), { code: 'closed' });
});

test('session states: the client fails at once → closed is told, and nothing after it', () => {
  const { cluster, core, probe, told } = setUp(102);
  probe.submit('first');
  probe.wait();
  core.fail(new QuorateError('diskFailed', 'the only node failed'));
  cluster.scheduler.runFor(20_000);
  assert.deepEqual(told, ['opening → open', 'open → closed']);
});

test('session states: a command → told later, not from within the call', () => {
  const { cluster, sessions, probe, told } = setUp(103, { sessionTtlMs: 2000 });
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(5000);
  const count = told.length;
  probe.submit('again', { deadlineMs: 100 });
  assert.equal(sessions.state, 'opening');
  assert.equal(told.length, count);
  cluster.scheduler.runFor(1);
  assert.deepEqual(told.slice(count), ['expired → opening']);
  // No session comes about before the command is given up.
  cluster.scheduler.runFor(1000);
  assert.deepEqual(told.slice(count), ['expired → opening', 'opening → expired']);
});

test('session states: what it held → told as lost before expired is', () => {
  const { cluster, sessions, probe } = setUp(104, { sessionTtlMs: 2000 });
  const losses: number[] = [];
  sessions.onState((state) => {
    if (state === 'expired') losses.push(probe.losses);
  });
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(5000);
  assert.deepEqual(losses, [1]);
});

test('session states: a listener throws → logged as callbackThrew; the others and the client go on', () => {
  const lines: string[] = [];
  const logger = { log: (level: string, what: string, fields: unknown) => lines.push(`${level} ${what} ${JSON.stringify(fields)}`) };
  const { cluster, sessions, probe, told } = setUp(105, {}, { logger });
  sessions.onState(() => {
    throw new Error('boom');
  });
  const after = heard(sessions);
  probe.submit('first');
  probe.wait();
  cluster.scheduler.runFor(1);
  assert.deepEqual([told, after], [['opening → open'], ['opening → open']]);
  const thrown = lines.filter((line) => line.includes('callbackThrew'));
  assert.equal(thrown.length, 1);
  assert.match(thrown[0] as string, /^error callbackThrew .*sessionState.*boom/);
});

test('session states: a listener whose call changes the state → all hear of the first change before any hears of the next', () => {
  const { cluster, sessions, probe } = setUp(106, { sessionTtlMs: 2000 });
  const told: string[] = [];
  sessions.onState((state) => {
    told.push(`first ${state}`);
    if (state === 'expired') probe.submit('again', { deadlineMs: 60_000 });
  });
  sessions.onState((state) => told.push(`second ${state}`));
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(3000);
  cluster.elect(1);
  probe.wait();
  cluster.scheduler.runFor(1);
  const states = ['open', 'suspended', 'expired', 'opening', 'open'];
  assert.deepEqual(
    told,
    states.flatMap((state) => [`first ${state}`, `second ${state}`]),
  );
});

test('session states: ended, by end or at the end of using, also while a change waits or is told → told nothing more', () => {
  const { cluster, sessions, probe } = setUp(107, { sessionTtlMs: 2000 });
  const told: string[] = [];
  const first = sessions.onState((state) => {
    told.push(`first ${state}`);
    first.end();
    second.end();
    first.end();
  });
  const second = sessions.onState((state) => told.push(`second ${state}`));
  const { [Symbol.dispose]: dispose } = sessions.onState((state) => told.push(`third ${state}`));
  dispose();
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(5000);
  assert.deepEqual(told, ['first open']);
});

test('session states: a listener that comes while a change waits → not told that one', () => {
  const { cluster, sessions, probe } = setUp(108, { sessionTtlMs: 2000 });
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(5000);
  cluster.elect(1);
  probe.submit('again');
  const late = heard(sessions);
  probe.wait();
  cluster.scheduler.runFor(1);
  assert.deepEqual(late, ['opening → open']);
});

test('session states: sessions asked for and given up thousands of times in a turn → few changes are told, each with the one told before', () => {
  const { cluster, sessions, probe, told } = setUp(109, { sessionTtlMs: 2000 });
  probe.submit('first');
  probe.wait();
  cluster.elect(0);
  cluster.node(1).cutAll();
  cluster.scheduler.runFor(5000);
  const count = told.length;
  for (let at = 0; at < 3001; at++) {
    const call = probe.submit(`given up ${at}`);
    if (at < 3000) call.cancel();
  }
  assert.equal(sessions.state, 'opening');
  cluster.scheduler.runFor(1);
  const changes = told.slice(count).map((change) => change.split(' → ') as [SessionState, SessionState]);
  assert.ok(changes.length <= 16, `${changes.length} changes`);
  let state = 'expired';
  for (const [previous, next] of changes) {
    assert.equal(previous, state);
    state = next;
  }
  assert.equal(state, 'opening');
});

test('session states: what is no function, and one listener too many → invalidArgument, overloaded; one that ends makes room', () => {
  const { sessions } = setUp(110);
  assert.throws(() => sessions.onState(undefined as never), { code: 'invalidArgument' });
  // One listens already.
  const subscriptions = Array.from({ length: 999 }, () => sessions.onState(() => {}));
  assert.throws(() => sessions.onState(() => {}), { code: 'overloaded' });
  subscriptions[0]?.end();
  sessions.onState(() => {}).end();
});

test('session states: an async listener of the public face rejects → logged, no unhandled rejection', async () => {
  const lines: string[] = [];
  const { cluster } = setUpFace(111);
  const process = cluster.scheduler.forNode('asker');
  const client = connect('127.0.0.1:1', {
    network: cluster.network.attach(process),
    clock: process.clock,
    timers: process.timers,
    random: cluster.random,
    checksum: () => 0,
    logger: { log: (_, what, fields) => lines.push(`${what} ${JSON.stringify(fields)}`) },
  });
  client.onSessionState(async () => {
    throw new Error('boom');
  });
  assert.throws(() => client.onSessionState(7 as never), { code: 'invalidArgument' });
  const closed = client.close();
  cluster.scheduler.runFor(10);
  await closed;
  await null;
  assert.equal(lines.filter((line) => /^callbackThrew .*sessionState.*boom/.test(line)).length, 1);
});
