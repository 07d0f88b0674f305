import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_STREAM_GROUP, LIMITS, groupId } from '@quorate/base';
import type { ClientRequestBody } from '@quorate/wire';
import { append, awaitWhole, createStream, runningCluster, statusOf } from './harness.js';
import { RawClient } from './raw-client.js';

const MEBIBYTE = 1_048_576;
/** Journal files of simulations are too small for large records. */
const LARGE = { journalFileBytes: 16 * MEBIBYTE };
const FIRST = groupId(FIRST_STREAM_GROUP);

function read(fromOffset: number, waitMs: number, consistency: 'linearizable' | 'sequential'): ClientRequestBody {
  return { type: 'readStream', group: FIRST, fromOffset, maxRecords: 1000, maxBytes: MEBIBYTE, waitMs, consistency };
}

for (const consistency of ['linearizable', 'sequential'] as const) {
  test(`client: asks for 60 MiB at once in ${consistency} reads and reads on → every answer, never cut as a slow consumer`, () => {
    const { cluster, client } = runningCluster({ seed: 401, settings: LARGE });
    cluster.await('a large record', 5000, (done) => client.append('s', { valueBytes: MEBIBYTE - 100 }, done));
    const raw = new RawClient(cluster, cluster.awaitLeader(FIRST_STREAM_GROUP));
    cluster.runUntil(() => raw.isOpen, 1000, 'connection');
    const asked = Array.from({ length: 60 }, () => raw.send(read(3, 0, consistency)));
    cluster.runUntil(() => raw.answers.size === asked.length, 60_000, 'all answers');
    for (const id of asked) {
      const answer = raw.answers.get(id);
      assert.equal(answer?.type === 'records' ? answer.count : answer?.type, 1);
    }
    assert.equal(raw.isOpen, true);
  });
}

test('client: 60 readers of one connection wait at the end of a stream, a large record comes → all get it, none is cut', () => {
  const { cluster, client } = runningCluster({ seed: 402, settings: LARGE });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const raw = new RawClient(cluster, leader);
  cluster.runUntil(() => raw.isOpen, 1000, 'connection');
  const asked = Array.from({ length: 60 }, (_, i) => raw.send(read(3, 30_000, i % 2 === 0 ? 'linearizable' : 'sequential')));
  cluster.runUntil(() => statusOf(leader).metrics['tailReaders'] === asked.length, 2000, 'all wait');
  cluster.await('a large record', 5000, (done) => client.append('s', { valueBytes: MEBIBYTE - 100 }, done));
  cluster.runUntil(() => raw.answers.size === asked.length, 20_000, 'all answers');
  for (const id of asked) {
    const answer = raw.answers.get(id);
    assert.equal(answer?.type === 'records' ? answer.count : answer?.type, 1);
  }
});

test('client: asks for much and reads nothing → what waits for room is bounded, the node goes on and stops in time', () => {
  const { cluster, client } = runningCluster({ seed: 403, settings: LARGE });
  cluster.await('a large record', 5000, (done) => client.append('s', { valueBytes: MEBIBYTE - 100 }, done));
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const raw = new RawClient(cluster, leader);
  cluster.runUntil(() => raw.isOpen, 1000, 'connection');
  raw.frames.pause();
  for (let i = 0; i < 200; i++) raw.send(read(3, 0, 'linearizable'));
  cluster.runFor(1000);
  append(cluster, client, 's', 3);
  let isStopped = false;
  leader.stop(() => (isStopped = true));
  cluster.runUntil(() => isStopped, 10_000, 'the stop');
});

test('T18: a link is slower than what is written → what the full queue drops counts as lost, and every group catches up by itself', () => {
  // On a slow link each group sends little ahead, but one record at least: only many fill the queue.
  const streams = [...Array.from({ length: 20 }, (_, at) => `s${at}`), 'late'];
  const { cluster, client } = runningCluster({ seed: 404, settings: LARGE }, streams);
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const follower = cluster.nodes.find((node) => node !== leader);
  assert.ok(follower !== undefined);
  const raw = new RawClient(cluster, leader);
  // One node leads all, so that all goes through one queue.
  for (let group = FIRST_STREAM_GROUP; group < FIRST_STREAM_GROUP + streams.length; group++) {
    cluster.runUntil(
      () => {
        const present = cluster.leaderOf(group);
        if (present === leader) return true;
        if (present !== undefined)
          new RawClient(cluster, present).send({ type: 'transferLeader', group: groupId(group), to: leader.nodeId });
        cluster.runFor(100);
        return false;
      },
      20_000,
      'one leader',
    );
  }
  raw.frames.destroy();
  cluster.runFor(500);
  cluster.network.setLink(leader.name, follower.name, { bytesPerMs: 10_000 });
  let open = 0;
  const appendMany = (stream: string, count: number): void => {
    for (let i = 0; i < count; i++) {
      open++;
      client.append(stream, { valueBytes: MEBIBYTE - 100, deadlineMs: 60_000 }, () => open--);
    }
  };
  for (const stream of streams.slice(0, -1)) appendMany(stream, 2);
  cluster.runUntil(() => open === 0, 2500, 'all are acknowledged without it');
  // Of this one nothing gets into the queue, so no answer will come that tells.
  appendMany('late', 2);
  cluster.runUntil(() => open === 0, 500, 'these too');
  assert.ok((statusOf(leader).metrics['peerMessagesDropped'] ?? 0) > 0);
  const lastIndexes = (node: typeof leader): string =>
    statusOf(node)
      .groups.map((group) => `${group.group}:${group.durableIndex}`)
      .join();
  const fastMs = cluster.scheduler.nowMs;
  cluster.network.setLink(leader.name, follower.name, { bytesPerMs: 125_000 });
  cluster.runUntil(() => lastIndexes(follower) === lastIndexes(leader), 20_000, 'it has everything');
  assert.ok(cluster.scheduler.nowMs - fastMs < 4000, `took ${cluster.scheduler.nowMs - fastMs} ms`);
  cluster.check(streams);
});

test('leader: a group created while a member is away → it is known to be away: no hand-over to it, writes go on', () => {
  const { cluster, client } = runningCluster({ seed: 405 });
  cluster.node(3).kill();
  cluster.runFor(500);
  createStream(cluster, client, 'later');
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP + 1);
  const raw = new RawClient(cluster, leader);
  const id = raw.send({ type: 'transferLeader', group: groupId(FIRST_STREAM_GROUP + 1), to: cluster.node(3).nodeId });
  cluster.runUntil(() => raw.answers.has(id), 2000, 'an answer');
  const answer = raw.answers.get(id);
  assert.equal(answer?.type === 'error' ? answer.code : answer?.type, 'unavailable');
  cluster.node(3).start();
  awaitWhole(cluster, cluster.node(3), 3);
});

assert.ok(60 * MEBIBYTE > LIMITS.connectionQueueBytesMax);

test('idle: 150 streams → not many more events than with one, no messages of groups, and no more than a few looks at deadlines', () => {
  const stepsIdle = (streams: number): number => {
    const { cluster, client } = runningCluster({ seed: 406 });
    let open = 0;
    for (let i = 1; i < streams; i++) {
      open++;
      client.core.createStream(`idle-${i}`, { deadlineMs: 60_000 }, () => open--);
    }
    cluster.runUntil(() => open === 0, 60_000, 'all are created');
    client.core.close(() => {});
    cluster.runFor(3000);
    const before = cluster.scheduler.steps;
    cluster.runFor(2000);
    return cluster.scheduler.steps - before;
  };
  const few = stepsIdle(1);
  const many = stepsIdle(150);
  assert.ok(many < few * 1.3, `${few} events with one stream, ${many} with 150`);
});
