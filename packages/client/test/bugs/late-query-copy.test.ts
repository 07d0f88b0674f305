import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '@quorate/base';
import { type ClientRequest, encodeResponse } from '@quorate/wire';
import { addressOf } from '../scripted-cluster.js';
import { SessionCluster } from '../session-cluster.js';
import { oneResult } from '../session-node.js';
import { SessionProbe } from '../session-probe.js';

// The answer was measured by what the later copy asks for, and so seemed to be a lie of its node: the connection ended with all that was on it.
test('sessions: an earlier copy of a query is answered late, with less than a later copy asks for → the answer is taken, its connection stays', () => {
  const cluster = new SessionCluster(66);
  const probe = new SessionProbe(cluster, cluster.sessions({ readFrom: addressOf(2) }));
  probe.submit('a');
  probe.wait();
  const isAsked = (request: ClientRequest): boolean => request.type === 'queries';
  for (const node of cluster.nodes) node.intervene = (request) => (isAsked(request) ? 'ignore' : 'serve');
  probe.query('sequential', 10_000);
  cluster.scheduler.runFor(50);
  const node = cluster.node(2);
  const [early] = node.requests.filter(isAsked);
  const [frames] = node.connections;
  assert.ok(early !== undefined && frames !== undefined);
  const { index } = cluster.machine;
  probe.submit('b');
  cluster.scheduler.runUntil(
    () => cluster.nodes.some(({ requests }) => requests.some((request) => request.type === 'queries' && request.minIndex > index)),
    {
      withinMs: 5000,
      what: 'a copy that asks for more',
    },
  );
  const body = { type: 'queryResults', index, eventIndex: 0, first: 0, isLast: true, ...oneResult(utf8(`${index}|a`)) } as const;
  const { type, parts } = encodeResponse(early.id, body);
  frames.send(type, parts);
  cluster.scheduler.runFor(50);
  assert.deepEqual(
    probe.told.flatMap((told) => (told.kind === 'answer' ? [told.list] : [])),
    [['a']],
  );
  assert.ok(frames.isOpen);
});
