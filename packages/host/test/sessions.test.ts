import assert from 'node:assert/strict';
import test from 'node:test';
import { TallyUser, leaderOf, metric, sessionCluster } from './session-rig.js';

test('sessions: commands, events and queries of two clients → results in order, each event once, all nodes alike', () => {
  const cluster = sessionCluster(1);
  const a = new TallyUser(cluster, 'a').open();
  const b = new TallyUser(cluster, 'b').open();
  assert.equal(a.tally, b.tally);
  b.run('watch');
  for (let i = 1; i <= 50; i++) assert.equal(a.run('add', { amount: 2 }).value, 2 * i);
  assert.equal(b.ask('get').value, 100);
  assert.equal(b.ask('get', { consistency: 'sequential' }).value, 100);
  cluster.runUntil(() => b.events.length === 50, 1000, 'all events');
  assert.deepEqual(
    b.events.map((event) => event.value),
    Array.from({ length: 50 }, (_, i) => 2 * (i + 1)),
  );
  assert.equal(metric(leaderOf(cluster), 'sessions'), 2);
  assert.equal(metric(leaderOf(cluster), 'sessionsCarried'), 2);
  assert.equal(metric(leaderOf(cluster), 'resources'), 1);
});
