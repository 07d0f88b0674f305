import assert from 'node:assert/strict';
import test from 'node:test';
import { ByteWriter, LIMITS } from '@quorate/base';
import { type ClientResponse, QUERY_HEADER_BYTES, QueryResultList, writeQuery } from '@quorate/wire';
import { metric } from './session-rig.js';
import { GROUP, ask, codeOf, oneQuery, setup } from './raw-session.js';

test('T71, T74: a query for what will never be applied → unavailable after five seconds; more than may wait → overloaded', () => {
  const { cluster, raw, session, resource, leader } = setup(39);
  const query = { type: 'queries', group: GROUP, session, minIndex: 0, ...oneQuery(resource, 9) } as const;
  const ids = [
    raw.send({ ...query, afterNumber: 50, consistency: 'linearizable' }),
    raw.send({ ...query, afterNumber: 50, consistency: 'sequential' }),
    raw.send({ ...query, afterNumber: 0, minIndex: 1_000_000, consistency: 'sequential' }),
    raw.send({ ...query, session: 900_000, afterNumber: 0, consistency: 'sequential' }),
  ];
  cluster.runFor(4900);
  assert.equal(metric(leader, 'queriesWaiting'), 4);
  assert.equal(raw.answers.size, 3);
  cluster.runFor(300);
  for (const id of ids) assert.equal(codeOf(raw.answers.get(id) as ClientResponse), 'unavailable');
  assert.equal(metric(leader, 'queriesWaiting'), 0);
  for (let i = 0; i < LIMITS.connectionRequestsMax + 5; i++) raw.send({ ...query, afterNumber: 50, consistency: 'sequential' });
  cluster.runFor(1000);
  assert.equal(raw.log.filter((each) => codeOf(each) === 'overloaded').length, 5);
});

test('T71: queries with large arguments wait for what will never be applied → overloaded beyond their bytes, room comes back', () => {
  const { cluster, raw, session, resource } = setup(46);
  const query = { type: 'queries', group: GROUP, session, afterNumber: 50, minIndex: 0 } as const;
  const asked = oneQuery(resource, 9, new Uint8Array(1_048_576 - QUERY_HEADER_BYTES));
  const fit = LIMITS.groupQueryBytesMax / asked.queries.length;
  const waiting = (consistency: 'linearizable' | 'sequential'): number[] =>
    Array.from({ length: fit + 3 }, () => {
      cluster.runFor(50);
      return raw.send({ ...query, ...asked, consistency });
    });
  const answered = (ids: readonly number[]): string[] =>
    ids.flatMap((id) => (raw.answers.has(id) ? [codeOf(raw.answers.get(id) as ClientResponse)] : []));
  const sequential = waiting('sequential');
  cluster.runUntil(() => answered(sequential).length > 2, 4000, 'some are too many');
  assert.deepEqual(answered(sequential), ['overloaded', 'overloaded', 'overloaded']);
  cluster.runFor(5000);
  assert.equal(answered(sequential).filter((code) => code === 'unavailable').length, fit);
  const rest = waiting('linearizable');
  cluster.runUntil(() => answered(rest).length > 2, 4000, 'again only those are too many');
});

test('queries of one request: each is answered or refused by itself', () => {
  const { cluster, raw, session, resource } = setup(48);
  const list = new ByteWriter();
  writeQuery(list, resource, 9, new Uint8Array(0));
  writeQuery(list, resource + 1000, 9, new Uint8Array(0));
  writeQuery(list, resource, 77, new Uint8Array(0));
  writeQuery(list, resource, 9, new Uint8Array(0));
  const query = { type: 'queries', group: GROUP, session, minIndex: 0, afterNumber: 0, consistency: 'linearizable' } as const;
  const answer = ask(cluster, raw, { ...query, count: 4, queries: list.take() });
  assert.ok(answer.type === 'queryResults' && answer.isLast && answer.count === 4, codeOf(answer));
  const results = new QueryResultList(answer.results);
  const codes = Array.from({ length: 4 }, () => {
    results.next();
    return results.error?.code ?? 'ok';
  });
  assert.deepEqual(codes, ['ok', 'invalidArgument', 'resourceUnsupported', 'ok']);
});
