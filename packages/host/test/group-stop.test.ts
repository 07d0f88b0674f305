import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_STREAM_GROUP } from '@quorate/base';
import { SimCluster } from '@quorate/testkit';
import { append, createStream, statusOf } from './harness.js';

test('group: it stops on the node that leads it while the node lives on → its followers learn of it and elect another within a second', () => {
  const cluster = new SimCluster({ seed: 501 });
  // Batches of 100 KB fit the journal files of the others, not those of this node: its replica stops.
  cluster.node(1).start({ journalFileBytes: 65_536 });
  cluster.node(2).start();
  cluster.node(3).start();
  cluster.awaitLeader();
  const client = cluster.client('client');
  const streams: string[] = [];
  while (cluster.leaderOf(FIRST_STREAM_GROUP + streams.length - 1) !== cluster.node(1)) {
    streams.push(`s${streams.length}`);
    createStream(cluster, client, streams.at(-1) as string);
  }
  const group = FIRST_STREAM_GROUP + streams.length - 1;
  const stream = streams.at(-1) as string;
  cluster.runFor(500);
  client.append(stream, { valueBytes: 100_000, deadlineMs: 20_000 });
  cluster.runUntil(() => cluster.groupOn(cluster.node(1), group)?.role === 'stopped', 2000, 'its replica stops');
  assert.equal(statusOf(cluster.node(1)).state, 'serving');
  cluster.runUntil(() => cluster.leaderOf(group) !== undefined, 1000, 'another leader');
  append(cluster, client, stream, 3);
  cluster.check(streams);
});
