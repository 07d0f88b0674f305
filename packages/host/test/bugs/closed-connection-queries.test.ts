import assert from 'node:assert/strict';
import { test } from 'node:test';
import { metric } from '../session-rig.js';
import { GROUP, oneQuery, setup } from '../raw-session.js';

// They were kept until their time was over, five seconds, and took the room of others.
test('T71: the connection of queries that wait is closed → they are forgotten at once, not when their time is over', () => {
  const { cluster, raw, session, resource, leader } = setup(47);
  const query = { type: 'queries', group: GROUP, session, minIndex: 0, ...oneQuery(resource, 9), afterNumber: 50 } as const;
  for (let i = 0; i < 10; i++) raw.send({ ...query, consistency: i % 2 === 0 ? 'sequential' : 'linearizable' });
  cluster.runUntil(() => metric(leader, 'queriesWaiting') === 10, 1000, 'they wait');
  raw.frames.close();
  cluster.runFor(200);
  assert.equal(metric(leader, 'queriesWaiting'), 0);
});
