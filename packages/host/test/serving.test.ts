import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_STREAM_GROUP, type QuorateError, groupId, utf8 } from '@quorate/base';
import type { ClientRequestBody, ClientResponse } from '@quorate/wire';
import { SimCluster, type SimNode } from '@quorate/testkit';
import { append, awaitWhole, createStream, isWhole, runningCluster, statusOf } from './harness.js';
import { RawClient } from './raw-client.js';

const FIRST = groupId(FIRST_STREAM_GROUP);
const TAIL: ClientRequestBody = {
  type: 'readStream',
  group: FIRST,
  fromOffset: 3,
  maxRecords: 10,
  maxBytes: 1000,
  waitMs: 60_000,
  consistency: 'linearizable',
};

/** The answer to a request sent to one node over a connection of its own. */
function ask(cluster: SimCluster, node: SimNode, body: ClientRequestBody, withinMs: number): ClientResponse {
  const client = new RawClient(cluster, node);
  const id = client.send(body);
  cluster.runUntil(() => client.answers.has(id), withinMs, `an answer of ${node.name} to ${body.type}`);
  return client.answers.get(id) as ClientResponse;
}

test('T55: a leader cut off from the others, and one that was paused → no linearizable answer from what it holds', () => {
  for (const how of ['cut off', 'paused'] as const) {
    const { cluster, client } = runningCluster({ seed: 71 });
    const old = cluster.awaitLeader(FIRST_STREAM_GROUP);
    const raw = new RawClient(cluster, old);
    cluster.runFor(20);
    if (how === 'paused') old.pause();
    else for (const other of cluster.nodes) if (other !== old) cluster.network.cut(old.name, other.name);
    const first = raw.send({ ...TAIL, fromOffset: 0, waitMs: 0 });
    append(cluster, client, 's', 5);
    const second = raw.send({ ...TAIL, fromOffset: 0, waitMs: 0 });
    cluster.runFor(1000);
    old.resume();
    cluster.network.healAll();
    cluster.runUntil(() => raw.answers.has(first) && raw.answers.has(second), 5000, 'both answers');
    for (const id of [first, second]) {
      const answer = raw.answers.get(id);
      assert.ok(answer?.type === 'error' || (answer?.type === 'records' && answer.count === 8), `${how}: ${answer?.type}`);
    }
  }
});

test('T52: a new leader asked before it applied what its log holds → the answer has every acknowledged record', () => {
  const { cluster, client } = runningCluster({ seed: 72 });
  append(cluster, client, 's', 200);
  cluster.powerCutAll();
  cluster.startAll();
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const answer = ask(cluster, leader, { ...TAIL, fromOffset: 0, maxRecords: 1000, maxBytes: 100_000, waitMs: 0 }, 5000);
  assert.equal(answer.type === 'records' ? answer.count : answer.type, 203);
});

test('tail: its leader is cut off → the reader is sent on within a second, not left to its deadline', () => {
  const { cluster } = runningCluster({ seed: 73 });
  const old = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const raw = new RawClient(cluster, old);
  const id = raw.send(TAIL);
  cluster.runFor(100);
  assert.equal(raw.answers.has(id), false);
  for (const other of cluster.nodes) if (other !== old) cluster.network.cut(old.name, other.name);
  cluster.runUntil(() => raw.answers.has(id), 1000, 'an answer');
  assert.equal(raw.answers.get(id)?.type, 'error');
});

test('tail: a group starts anew after damage, and a node drains → every reader gets an answer', () => {
  const { cluster } = runningCluster({ seed: 74 });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const raw = new RawClient(cluster, leader);
  const id = raw.send(TAIL);
  const sequential = raw.send({ ...TAIL, consistency: 'sequential' });
  cluster.runFor(100);
  let isStopped = false;
  leader.stop(() => (isStopped = true));
  cluster.runUntil(() => raw.answers.has(id) && raw.answers.has(sequential) && isStopped, 3000, 'both answers and the stop');
});

test('tail: readers whose connection is gone → forgotten at once', () => {
  const { cluster } = runningCluster({ seed: 75 });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  for (let round = 0; round < 3; round++) {
    const raw = new RawClient(cluster, leader);
    for (let i = 0; i < 1000; i++) raw.send(TAIL);
    cluster.runUntil(() => statusOf(leader).metrics['tailReaders'] === 1000, 2000, 'all wait');
    raw.frames.destroy();
    cluster.runUntil(() => statusOf(leader).metrics['tailReaders'] === 0, 1000, 'nobody waits');
  }
});

test('stop: all nodes of a cluster at once, with appends under way → each ends soon, every call is answered', () => {
  const { cluster, client } = runningCluster({ seed: 76 }, ['a', 'b']);
  const begin = cluster.scheduler.nowMs;
  for (let i = 0; i < 50; i++) client.append(i % 2 === 0 ? 'a' : 'b', { deadlineMs: 3000 });
  let stopped = 0;
  for (const node of cluster.nodes) node.stop((error) => (assert.equal(error, null), stopped++));
  cluster.runUntil(() => stopped === 3, 2000, 'all have stopped');
  cluster.runUntil(() => cluster.history.open === 0, 5000, 'all calls are settled');
  assert.ok(cluster.scheduler.nowMs - begin < 5000);
  cluster.startAll();
  cluster.check(['a', 'b']);
});

test('stop: twice, while forming, and while the disk has failed → each stop calls back once', () => {
  const cluster = new SimCluster({ seed: 77 });
  const node = cluster.node(1);
  node.start();
  cluster.runFor(50);
  assert.equal(statusOf(node).state, 'forming');
  const told: (QuorateError | null)[] = [];
  node.host?.stop((error) => told.push(error));
  node.host?.stop((error) => told.push(error));
  cluster.runUntil(() => told.length === 2, 5000, 'both stops');
  assert.deepEqual(told, [null, null]);
});

test('disk: a sync fails on the leader → it answers nobody any more, the others go on, nothing is lost', () => {
  const { cluster, client } = runningCluster({ seed: 78 });
  client.startWork({ streams: ['s'] });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  leader.disk.inject({ operations: ['sync'], effect: { type: 'fail', kind: 'io' } });
  cluster.runUntil(() => !leader.isUp, 2000, 'the node gives up');
  assert.equal(leader.failure?.code, 'diskFailed');
  append(cluster, client, 's', 3);
  client.stopWork();
  cluster.healAll();
  cluster.check(['s']);
});

test('T32: the leader has no space → appends are refused as diskFull, and go on once there is space', () => {
  const { cluster, client } = runningCluster({ seed: 79, settings: { journalFileBytes: 65_536 } });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  leader.disk.capacityBytes = leader.disk.usedBytes();
  const full = (): boolean => statusOf(leader).metrics['diskFull'] === 1;
  for (let i = 0; i < 400 && !full(); i++) {
    client.append('s', { valueBytes: 1000, deadlineMs: 1000 });
    cluster.runFor(20);
  }
  assert.ok(full());
  leader.disk.capacityBytes = Number.POSITIVE_INFINITY;
  cluster.runUntil(() => !full(), 5000, 'there is space');
  append(cluster, client, 's', 3);
  cluster.check(['s']);
});

test('formation: no space for the identity → formed once there is space', () => {
  const cluster = new SimCluster({ seed: 80 });
  cluster.startAll();
  const rules = cluster.nodes.map((node) =>
    node.disk.inject({ operations: ['create', 'write'], path: /identity/, skip: 2, times: 3, effect: { type: 'fail', kind: 'full' } }),
  );
  cluster.awaitLeader();
  cluster.runUntil(() => cluster.nodes.every(isWhole), 20_000, 'all serve');
  assert.ok(rules.some((rule) => rule.hits > 0));
});

test('old image: no space, or a failing disk, for the new identity → the node ends with that error', () => {
  for (const kind of ['full', 'io'] as const) {
    const { cluster, client } = runningCluster({ seed: 81 });
    const victim = cluster.node(2);
    const image = victim.disk.image();
    append(cluster, client, 's', 20);
    cluster.runFor(100);
    victim.restoreImage(image);
    const fault = victim.disk.inject({ operations: ['write'], path: /identity/, effect: { type: 'fail', kind } });
    victim.start();
    cluster.runUntil(() => fault.hits === 1 && !victim.isUp, 5000, 'the node ends');
    assert.equal(victim.failure?.code, kind === 'full' ? 'diskFull' : 'diskFailed');
    victim.start();
    awaitWhole(cluster, victim, 2);
    cluster.check(['s']);
  }
});

test('client: more requests than a connection may have → overloaded for those beyond, an answer for each', () => {
  const { cluster } = runningCluster({ seed: 82 });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const raw = new RawClient(cluster, leader);
  cluster.runUntil(() => raw.isOpen, 1000, 'connection');
  const waiting = 16_384;
  for (let i = 0; i < waiting + 10; i++) raw.send(TAIL);
  cluster.runUntil(() => raw.answers.size >= 10, 5000, 'the refusals');
  for (const answer of raw.answers.values()) assert.equal(answer.type === 'error' ? answer.code : answer.type, 'overloaded');
});

test('status: six thousand streams with long names → fits a frame, says how many groups there are', () => {
  const { cluster, client } = runningCluster({ seed: 83, nodes: 1 });
  const name = (i: number): string => `${'n'.repeat(240)}${i}`;
  let open = 0;
  for (let i = 0; i < 6000; i++) {
    open++;
    client.core.createStream(name(i), { deadlineMs: 60_000 }, (error) => (assert.equal(error, null), open--));
  }
  cluster.runUntil(() => open === 0, 60_000, 'all are created');
  const answer = ask(cluster, cluster.node(1), { type: 'status' }, 5000);
  assert.ok(answer.type === 'status');
  assert.equal(answer.status.metrics['groups'], 6003);
  assert.equal(answer.status.metrics['groupsNotListed'], 6003 - answer.status.groups.length);
  assert.ok(answer.status.groups.length > 3000 && answer.status.groups.length < 6003);
});

test('T50: a second directory of a node that is alive → refused; of one that was replaced → refused for ever', () => {
  const { cluster, client } = runningCluster({ seed: 84 });
  const node = cluster.node(2);
  const old = node.disk.image();
  append(cluster, client, 's', 1);
  node.wipe();
  cluster.runFor(100);
  node.start();
  awaitWhole(cluster, node, 2);
  node.restoreImage(old);
  node.start();
  cluster.runFor(5000);
  assert.equal(isWhole(node) && cluster.groupOn(node, FIRST_STREAM_GROUP)?.leader !== 0, false);
  node.kill();
  createStream(cluster, client, 'later');
  cluster.check(['s', 'later']);
});

test('append: a payload that does not match its checksum, and one over the limit → refused, nothing is appended', () => {
  const { cluster } = runningCluster({ seed: 85 });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const answer = ask(cluster, leader, { type: 'append', group: FIRST, payload: utf8('nonsense'), payloadChecksum: 1 }, 2000);
  assert.equal(answer.type, 'error');
});

test('T56: a sequential read beyond what a replica has applied → sent to the leader, never told that there is nothing', () => {
  const { cluster, client } = runningCluster({ seed: 86 });
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const behind = cluster.nodes.find((node) => node !== leader) as SimNode;
  for (const other of cluster.nodes) if (other !== behind) cluster.network.cut(behind.name, other.name);
  append(cluster, client, 's', 10);
  const answer = ask(cluster, behind, { ...TAIL, fromOffset: 12, waitMs: 0, consistency: 'sequential' }, 5000);
  assert.ok(answer.type === 'error' && (answer.code === 'notLeader' || answer.code === 'noLeader'), answer.type);
  const atLeader = ask(cluster, leader, { ...TAIL, fromOffset: 12, waitMs: 0, consistency: 'sequential' }, 5000);
  assert.equal(atLeader.type === 'records' ? atLeader.count : atLeader.type, 1);
  const beyond = ask(cluster, leader, { ...TAIL, fromOffset: 1000, waitMs: 0, consistency: 'sequential' }, 5000);
  assert.equal(beyond.type === 'error' ? beyond.code : beyond.type, 'offsetOutOfRange');
});

test('T80: connections that never say hello → bounded, the rest refused as overloaded; they are let go, and the node serves', () => {
  const { cluster, client } = runningCluster({ seed: 87 });
  const node = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const network = cluster.network.attach(cluster.scheduler.forNode('silent'));
  let open = 0;
  for (let i = 0; i < 3000; i++) {
    network.connect(node.address, { opened: () => open++, data: () => {}, drain: () => {}, closed: () => open-- });
  }
  cluster.runFor(500);
  assert.ok(open <= 1024, `${open} are open`);
  cluster.runFor(6000);
  append(cluster, client, 's', 3);
  assert.equal(ask(cluster, node, { type: 'status' }, 2000).type, 'status');
});

test('T28: a reader meets a damaged batch on the leader → it gets the record from another replica, and the leader is mended', () => {
  const { cluster, client } = runningCluster({ seed: 88 });
  append(cluster, client, 's', 20);
  const mark = utf8(cluster.history.appends[5]?.values[0] as string);
  // What was just written is still in memory; after a start it is read from the disk.
  for (const node of cluster.nodes) node.kill();
  cluster.startAll();
  const leader = cluster.awaitLeader(FIRST_STREAM_GROUP);
  cluster.runUntil(
    () => cluster.groupOn(leader, FIRST_STREAM_GROUP)?.appliedIndex === cluster.groupOn(leader, FIRST_STREAM_GROUP)?.lastIndex,
    5000,
    'applied',
  );
  let flips = 0;
  for (const path of leader.disk.paths()) {
    const at = path.startsWith('journal/') ? Buffer.from(leader.disk.contentOf(path)).indexOf(mark) : -1;
    if (at < 0) continue;
    leader.disk.flipBit(path, at, 3);
    flips++;
  }
  assert.ok(flips > 0);
  const values = cluster.await('a read', 20_000, (done: (error: QuorateError | null, values: string[]) => void) =>
    client.readAll('s', done),
  );
  assert.equal(values.length, 23);
  cluster.runUntil(() => statusOf(leader).damage.length > 0, 5000, 'the damage is noted');
  awaitWhole(cluster, leader, 2);
  cluster.check(['s']);
});

test('T32: every node has no space → writes are refused or wait, reads go on; with space again all is written, nothing is lost', () => {
  const { cluster, client } = runningCluster({ seed: 89, settings: { journalFileBytes: 65_536 } });
  for (const node of cluster.nodes) node.disk.capacityBytes = node.disk.usedBytes();
  const isFull = (node: SimNode): boolean => node.status()?.metrics['diskFull'] === 1;
  for (let i = 0; i < 600 && !cluster.nodes.every(isFull); i++) {
    client.append('s', { valueBytes: 1000, deadlineMs: 60_000 });
    cluster.runFor(20);
  }
  assert.ok(cluster.nodes.some(isFull));
  cluster.runFor(3000);
  const read = ask(cluster, cluster.nodes.find((node) => isFull(node)) as SimNode, { ...TAIL, waitMs: 0, consistency: 'sequential' }, 2000);
  assert.equal(read.type, 'records');
  cluster.node(2).kill();
  for (const node of cluster.nodes) node.disk.capacityBytes = Number.POSITIVE_INFINITY;
  cluster.node(2).start();
  cluster.runUntil(() => !cluster.nodes.some(isFull), 10_000, 'there is space');
  append(cluster, client, 's', 3);
  cluster.check(['s']);
});
