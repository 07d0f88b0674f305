import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GROUP, SessionCluster } from './session-cluster.js';
import { SessionProbe } from './session-probe.js';

function setUp(seed: number, options: { readonly sessionTtlMs: number; readonly disconnectGraceMs: number }) {
  const cluster = new SessionCluster(seed);
  const sessions = cluster.client([1]).sessions(GROUP, options);
  const probe = new SessionProbe(cluster, sessions);
  const doubts: { readonly code: string; readonly atMs: number }[] = [];
  sessions.listen(100, {
    event: () => {},
    sessionLost: () => {},
    stateChanged: () => {},
    sessionDoubted: ({ code }) => doubts.push({ code, atMs: cluster.scheduler.nowMs }),
  });
  probe.submit('first');
  probe.wait();
  return { cluster, sessions, probe, doubts };
}

function cutOff(cluster: SessionCluster): void {
  for (const node of ['node1', 'node2', 'node3']) cluster.network.cut('client1', node);
}

/** Until the cluster ends the session: it is never open there for less long than the client takes it for certain. Gives when. */
function awaitEnd({ cluster, sessions }: ReturnType<typeof setUp>): number {
  const session = cluster.machine.sessions.get(sessions.session);
  assert.ok(session !== undefined);
  cluster.scheduler.runUntil(
    () => {
      assert.ok(!(session.isOver && sessions.session === session.id && sessions.isCertain), `at ${cluster.scheduler.nowMs}`);
      return session.isOver;
    },
    { withinMs: 20_000, what: 'the cluster ends the session' },
  );
  return cluster.scheduler.nowMs;
}

for (const graceMs of [0, 50, 300, 2000]) {
  test(`T57: the connection ends for both, grace ${graceMs} ms → doubted no later than the cluster ends the session, long before the ttl`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const rig = setUp(seed, { sessionTtlMs: 10_000, disconnectGraceMs: graceMs });
      const { cluster, doubts, probe } = rig;
      cluster.scheduler.runFor(1000 + seed * 77);
      assert.deepEqual([...doubts], []);
      cutOff(cluster);
      cluster.network.cut('client1', 'node1', 'reset');
      const endedMs = awaitEnd(rig);
      assert.ok(doubts.length === 1 && (doubts[0]?.atMs ?? 0) <= endedMs, JSON.stringify(doubts));
      assert.equal(doubts[0]?.code, 'sessionExpired');
      assert.equal(probe.losses, 0, 'the session itself is lost with the ttl only');
    }
  });
}

for (const graceMs of [150, 300, 2000]) {
  test(`T57: only the cluster sees the connection end, grace ${graceMs} ms → doubted no later than the cluster ends the session`, () => {
    for (let seed = 1; seed <= 5; seed++) {
      const rig = setUp(seed, { sessionTtlMs: 10_000, disconnectGraceMs: graceMs });
      const { cluster, doubts, sessions } = rig;
      cluster.scheduler.runFor(1000 + seed * 77);
      cutOff(cluster);
      cluster.node(1).cutAll();
      const endedMs = awaitEnd(rig);
      assert.ok(doubts.length === 1 && (doubts[0]?.atMs ?? 0) <= endedMs, JSON.stringify(doubts));
      assert.ok(!sessions.isCertain);
    }
  });
}

test('T57: no answer for longer than the grace, though the connection stands → doubted once each time, and certain again with the contact', () => {
  const { cluster, sessions, doubts, probe } = setUp(7, { sessionTtlMs: 10_000, disconnectGraceMs: 300 });
  const id = sessions.session;
  for (let round = 1; round <= 3; round++) {
    cutOff(cluster);
    cluster.scheduler.runFor(800);
    assert.deepEqual([sessions.isCertain, doubts.length], [false, round]);
    cluster.network.healAll();
    cluster.scheduler.runFor(3000);
    assert.deepEqual([sessions.isCertain, doubts.length], [true, round]);
  }
  assert.equal(sessions.session, id);
  assert.equal(probe.losses, 0);
});

test('T57: nothing happens for minutes, short graces → never doubted while there is contact', () => {
  for (const disconnectGraceMs of [0, 150, 10_000]) {
    const { cluster, sessions, doubts } = setUp(8, { sessionTtlMs: 10_000, disconnectGraceMs });
    for (let i = 0; i < 6000; i++) {
      cluster.scheduler.runFor(10);
      assert.ok(sessions.isCertain);
    }
    assert.deepEqual(doubts, []);
  }
});

test('T57: a process was stopped for longer than the grace → not certain as soon as it asks, before it was told', () => {
  const cluster = new SessionCluster(9);
  const process = cluster.scheduler.forNode('stopped');
  let stoppedMs = 0;
  const options = { sessionTtlMs: 10_000, disconnectGraceMs: 500 };
  const sessions = cluster.sessions(options, { clock: { nowMs: () => process.clock.nowMs() + stoppedMs, wallMs: () => 0 } });
  const probe = new SessionProbe(cluster, sessions);
  probe.submit('a');
  probe.wait();
  assert.ok(sessions.isCertain);
  stoppedMs += 600;
  assert.ok(!sessions.isCertain);
  assert.notEqual(sessions.state, 'expired');
});

test('T57: the grace is the ttl → nothing is doubted, the session is lost', () => {
  const { cluster, sessions, doubts, probe } = setUp(10, { sessionTtlMs: 1000, disconnectGraceMs: 1000 });
  cutOff(cluster);
  cluster.scheduler.runFor(2000);
  assert.deepEqual([doubts.length, probe.losses, sessions.isCertain], [0, 1, false]);
});
