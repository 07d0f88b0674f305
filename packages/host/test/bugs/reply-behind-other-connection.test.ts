import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClientResponse } from '@quorate/wire';
import { RawClient } from '../raw-client.js';
import { GROUP, KEY, ask, batchesOf, codeOf, commands, openSession, tally } from '../raw-session.js';
import { leaderOf, sessionCluster } from '../session-rig.js';

// The reply waited for the events of a connection that carries the session by now, and the node could stop.
test('T80: a command is applied after its session was bound to another connection, which does not read → the reply does not wait for that one', () => {
  const cluster = sessionCluster(45, { nodes: 1, settings: { syncMode: 'async' } });
  const leader = leaderOf(cluster);
  const raw = new RawClient(cluster, leader);
  const { session, resource } = openSession(cluster, raw);
  ask(cluster, raw, commands(session, 2, [tally(resource, 'watch')]));
  for (let i = 0; i < 30; i++) ask(cluster, raw, commands(session, 3 + i, [tally(resource, 'flood', { count: 3, size: 100_000 })]));
  const other = new RawClient(cluster, leader);
  ask(cluster, other, { type: 'ping' });
  other.frames.pause();
  leader.disk.latency = { writeMs: [0, 0.1], syncMs: [100, 100] };
  const id = raw.send(commands(session, 33, [tally(resource, 'add', { amount: 1 })]));
  cluster.runFor(10);
  other.send({ type: 'bindSession', group: GROUP, session, key: KEY, acknowledgedEvents: session, nextEvents: 0 });
  cluster.runFor(50);
  assert.ok(!raw.answers.has(id), 'it is under way');
  cluster.runUntil(() => raw.answers.has(id), 1000, 'the reply');
  assert.equal(codeOf(raw.answers.get(id) as ClientResponse), 'replies');
  other.frames.resume();
  cluster.runUntil(() => batchesOf(other, session)[30]?.isWhole === true, 5000, 'all events on the other connection');
  assert.equal(leader.status()?.state, 'serving');
});
