import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { FIRST_STREAM_GROUP, LIMITS, crc32c, groupId } from '@quorate/base';
import { encodeAppendPayload } from '@quorate/streams';
import type { SimCluster, SimNode } from '@quorate/testkit';
import type { ClientRequestBody, GroupStatus } from '@quorate/wire';
import { append, isWhole, runningCluster, statusOf } from './harness.js';
import { RawClient } from './raw-client.js';

const MIB = 1_048_576;
const GROUP = groupId(FIRST_STREAM_GROUP);
const RECORD = new Uint8Array(100_000);
/** What the disks can do: a frame of the journal takes 4 MiB, and one is written and synced at a time. */
const SYNC_MS = 1000;
const CAPACITY_PER_SECOND = (4 * MIB) / RECORD.length;
const TIMES = 10;
const SECONDS = 6;
/** Raw ones: they have no bounds of their own. */
const CONNECTIONS = 64;

/**
 * What a node may hold in memory: what is proposed and not committed (the leader) or came and is not durable (the others take no more than that), a frame that is
 * being written and one that is being received. And of each connection the request that is being received, and its copy in the network.
 */
const NODE_BYTES_MAX = LIMITS.groupProposalBytesMax + 2 * LIMITS.frameBytesMax;
const CONNECTION_BYTES_MAX = 2 * RECORD.length;
const BYTES_MAX = 3 * NODE_BYTES_MAX + CONNECTIONS * CONNECTION_BYTES_MAX;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
function memoryBytes(): number {
  // What the first one frees is given back beside it, and counted by the second.
  collect();
  collect();
  return process.memoryUsage().arrayBuffers;
}

/** Each of a producer of its own: that one was refused is nothing to the others. */
let producers = 0;
function appendOne(): ClientRequestBody {
  const producer = (++producers).toString(16).padStart(16, '0');
  const payload = encodeAppendPayload({ producer, epoch: 0, firstNumber: 0, records: [RECORD] });
  return { type: 'append', group: GROUP, payload, payloadChecksum: crc32c(payload) };
}

function groupOf(node: SimNode): GroupStatus {
  const group = statusOf(node).groups.find((each) => each.group === GROUP);
  assert.ok(group !== undefined);
  return group;
}

/** Open ones; in portions, for a node has a bound on those that have not said hello too. */
function connections(cluster: SimCluster, node: SimNode, count: number): RawClient[] {
  const raws: RawClient[] = [];
  while (raws.length < count) {
    const portion = Array.from({ length: Math.min(500, count - raws.length) }, () => new RawClient(cluster, node));
    cluster.runUntil(() => portion.every((raw) => raw.isOpen), 5000, 'connections');
    raws.push(...portion);
  }
  return raws;
}

/** How many answers there are of each kind; errors by their code. */
function answersOf(raws: readonly RawClient[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { log } of raws) {
    for (const answer of log) {
      const kind = answer.type === 'error' ? answer.code : answer.type;
      counts[kind] = (counts[kind] ?? 0) + 1;
    }
  }
  return counts;
}

test('T71: an open loop of ten times as many appends as the disks take, by clients without bounds → overloaded at once, memory within the limits, then all as before', () => {
  const { cluster, client } = runningCluster({ seed: 471, settings: { journalFileBytes: 16 * MIB, syncMode: 'async' } });
  const leader = cluster.awaitLeader(GROUP);
  const raws = connections(cluster, leader, CONNECTIONS);
  const { term, lastIndex: firstIndex } = groupOf(leader);
  const latencies = cluster.nodes.map(({ disk }) => disk.latency);
  for (const { disk } of cluster.nodes) disk.latency = { writeMs: [0.1, 0.1], syncMs: [SYNC_MS, SYNC_MS] };
  const before = memoryBytes();
  let sent = 0;
  let memory = 0;
  let proposed = 0;
  for (let ms = 10; ms <= SECONDS * 1000; ms += 10) {
    for (; sent < (TIMES * CAPACITY_PER_SECOND * ms) / 1000; sent++) raws[sent % CONNECTIONS]?.send(appendOne());
    cluster.runFor(10);
    const { lastIndex, appliedIndex } = groupOf(leader);
    proposed = Math.max(proposed, (lastIndex - appliedIndex) * RECORD.length);
    if (ms % 1000 === 0) memory = Math.max(memory, memoryBytes() - before);
  }
  cluster.runFor(5);
  const during = answersOf(raws);
  const { appended = 0, overloaded = 0 } = during;
  assert.deepEqual(Object.keys(during).sort(), ['appended', 'overloaded']);
  assert.ok(sent >= 9 * appended && overloaded > sent / 2, `${sent} sent, ${appended} appended, ${overloaded} overloaded`);
  // The last one is taken while there is room for a byte; and no more than is applied soon, which with such disks is far less.
  assert.ok(proposed > 0 && proposed <= LIMITS.groupProposalBytesMax + RECORD.length, `${proposed} bytes proposed`);
  assert.ok((sent - appended - overloaded) * RECORD.length <= proposed, 'whoever waits for an answer is in the log');
  assert.ok(memory <= BYTES_MAX, `${memory / MIB} MiB in memory, the bound is ${BYTES_MAX / MIB}`);
  for (const [at, node] of cluster.nodes.entries()) node.disk.latency = latencies[at] ?? node.disk.latency;
  cluster.runUntil(() => raws.reduce((sum, { log }) => sum + log.length, 0) === sent, 10_000, 'every answer');
  const after = answersOf(raws);
  assert.equal(groupOf(leader).appliedIndex - firstIndex, after['appended'], 'what was taken is stored, and nothing else');
  assert.equal(after['overloaded'], overloaded, 'and nothing of it refused later');
  const fromMs = cluster.scheduler.nowMs;
  append(cluster, client, 's', 10);
  assert.ok(cluster.scheduler.nowMs - fromMs < 100, `ten appends took ${cluster.scheduler.nowMs - fromMs} ms`);
  assert.equal(groupOf(leader).term, term, 'the leader stayed in office');
  assert.ok(raws.every(({ isOpen }) => isOpen) && cluster.nodes.every(isWhole));
});

test('T71: more readers wait at the end of a stream than a connection and a node may have → overloaded beyond each bound; once a record comes, room again', () => {
  const { cluster, client } = runningCluster({ seed: 472 });
  const leader = cluster.awaitLeader(GROUP);
  const waiting = (): number => statusOf(leader).metrics['tailReaders'] ?? 0;
  const wait: ClientRequestBody = {
    type: 'readStream',
    group: GROUP,
    fromOffset: 3,
    maxRecords: 10,
    maxBytes: 1000,
    waitMs: 60_000,
    consistency: 'sequential',
  };
  const over = 5;
  const raws = connections(cluster, leader, LIMITS.tailWaitersMax / LIMITS.connectionRequestsMax);
  const [first, second] = raws as [RawClient, RawClient];
  for (let i = 0; i < LIMITS.connectionRequestsMax + over; i++) first.send(wait);
  cluster.runUntil(() => first.log.length === over, 5000, 'refusals of the connection');
  assert.deepEqual(answersOf(raws), { overloaded: over });
  assert.equal(waiting(), LIMITS.connectionRequestsMax);
  for (const raw of raws.slice(1)) for (let i = 0; i < LIMITS.connectionRequestsMax - over; i++) raw.send(wait);
  cluster.runUntil(() => waiting() >= LIMITS.tailWaitersMax - 3 * over, 5000, 'most wait');
  for (let i = 0; i < 3 * over; i++) connections(cluster, leader, 1)[0]?.send(wait);
  cluster.runUntil(() => waiting() === LIMITS.tailWaitersMax, 5000, 'as many wait as may');
  second.send(wait);
  cluster.runUntil(() => second.log.length === 1, 1000, 'a refusal of the node');
  assert.deepEqual(answersOf([second]), { overloaded: 1 });
  assert.equal(waiting(), LIMITS.tailWaitersMax);
  append(cluster, client, 's', 1);
  cluster.runUntil(() => waiting() === 0, 10_000, 'all are answered');
  cluster.runUntil(() => first.log.length === LIMITS.connectionRequestsMax + over, 10_000, 'the last answer');
  assert.deepEqual(answersOf([first]), { overloaded: over, records: LIMITS.connectionRequestsMax });
  first.send({ ...wait, fromOffset: 4 });
  cluster.runUntil(() => waiting() === 1, 1000, 'room again');
});

test('T71: more connections than a node may have → refused with overloaded; those it has are served, and one that goes makes room', () => {
  const { cluster, client } = runningCluster({ seed: 473 });
  const leader = cluster.awaitLeader(GROUP);
  const connected = (): number => statusOf(leader).metrics['clientConnections'] ?? 0;
  const raws = connections(cluster, leader, LIMITS.clientConnectionsMax - connected());
  assert.equal(connected(), LIMITS.clientConnectionsMax);
  const late = new RawClient(cluster, leader);
  cluster.runUntil(() => late.closeError !== null, 5000, 'a refusal');
  assert.equal(late.closeError?.code, 'overloaded');
  append(cluster, client, 's', 1);
  assert.equal(connected(), LIMITS.clientConnectionsMax);
  raws[0]?.frames.destroy();
  cluster.runUntil(() => connected() < LIMITS.clientConnectionsMax, 1000, 'room');
  connections(cluster, leader, 1);
});
