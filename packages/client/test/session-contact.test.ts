import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf } from './scripted-cluster.js';
import { SessionCluster } from './session-cluster.js';
import { SessionProbe } from './session-probe.js';

test('sessions: T57: answers are late, then no contact any more → the client takes the session for lost before the cluster ends it', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const cluster = new SessionCluster(700 + seed);
    const sessions = cluster.sessions({ sessionTtlMs: 2000 });
    const probe = new SessionProbe(cluster, sessions);
    probe.submit('known');
    probe.wait();
    const session = cluster.machine.sessions.get(sessions.session);
    assert.ok(session !== undefined);
    cluster.weather.late = 1;
    cluster.weather.lateMs = 350;
    cluster.scheduler.runFor(4000 + 97 * seed);
    assert.deepEqual([probe.losses, session.isOver], [0, false], `seed ${seed}`);
    for (const node of [1, 2, 3]) cluster.network.cut('client1', `node${node}`);
    let lostAtMs = 0;
    let endedAtMs = 0;
    cluster.scheduler.runUntil(
      () => {
        if (probe.losses > 0 && lostAtMs === 0) lostAtMs = cluster.scheduler.nowMs;
        if (session.isOver && endedAtMs === 0) endedAtMs = cluster.scheduler.nowMs;
        return lostAtMs > 0 && endedAtMs > 0;
      },
      { withinMs: 20_000, what: 'both know' },
    );
    assert.ok(lostAtMs <= endedAtMs, `seed ${seed}: lost at ${lostAtMs}, ended at ${endedAtMs}`);
  }
});

test('sessions: rule 9: the reply to a command is late, another node answers the query behind it → the answer is told after the reply', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const cluster = new SessionCluster(800 + seed);
    const sessions = cluster.sessions({ readFrom: addressOf(2) });
    const probe = new SessionProbe(cluster, sessions);
    probe.submit('first');
    probe.wait();
    cluster.weather.late = 1;
    cluster.weather.lateMs = 300;
    for (let round = 0; round < 10; round++) {
      probe.submit(`${round}`);
      probe.query('sequential');
      cluster.scheduler.runFor(20);
    }
    probe.wait();
    for (const [at, answer] of probe.told.entries()) {
      if (answer.kind !== 'answer') continue;
      const expected = probe.submitted.slice(0, answer.query);
      assert.deepEqual(answer.list.slice(0, answer.query), expected, `seed ${seed}`);
      for (const text of expected) {
        assert.ok(
          probe.told.findIndex((told) => told.kind === 'reply' && told.text === text) < at,
          `seed ${seed}: answered before the reply to ${text}`,
        );
      }
    }
    probe.check();
  }
});
