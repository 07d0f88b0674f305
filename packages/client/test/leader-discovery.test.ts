import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type NodeId, QuorateError, formatAddress, utf8 } from '@quorate/base';
import { addressOf, Outcome, SERVE, ScriptedCluster } from './scripted-cluster.js';
import { append, setUp, wait } from './client-calls.js';

test('client: a follower asked first → redirected by its hint, the leader and all members learnt from it', () => {
  const { cluster, client } = setUp(2, [2]);
  const first = append(cluster, client, 'a');
  wait(cluster, [first]);
  assert.equal(first.error, null);
  assert.deepEqual(
    [...client.addresses].sort(),
    [1, 2, 3].map((id) => formatAddress(addressOf(id))),
  );
  const asked = cluster.node(2).requests.length;
  wait(cluster, [append(cluster, client, 'b')]);
  assert.equal(cluster.node(2).requests.length, asked, 'the leader is remembered');
});

test('client: T09: two nodes name each other as leader for ever → the true one is reached within a hop per node', () => {
  const { cluster, client } = setUp(3, [2]);
  cluster.node(2).hint = () => 3 as NodeId;
  cluster.node(3).hint = () => 2 as NodeId;
  const outcome = append(cluster, client, 'a');
  wait(cluster, [outcome], 2000);
  assert.equal(outcome.error, null);
  for (const type of ['findStream', 'append'] as const)
    assert.ok(cluster.requestsOf(type) <= 3, `${cluster.requestsOf(type)} hops of ${type}`);
});

test('client: T09: hints in a circle and no leader anywhere → pauses between rounds, then noLeader or unavailable at the deadline', () => {
  const { cluster, client } = setUp(4, [1, 2, 3]);
  for (const id of [1, 2, 3]) cluster.node(id).hint = () => ((id % 3) + 1) as NodeId;
  const outcome = append(cluster, client, 'a', 2000);
  wait(cluster, [outcome], 3000);
  assert.equal(outcome.error?.code, 'unavailable');
  assert.equal(outcome.error?.retry, 'safe');
  assert.ok(cluster.requestsOf('findStream') < 60, `${cluster.requestsOf('findStream')} requests in 2 s`);
});

test('client: the leader moves after it applied but did not answer → the new one gives the first answer', () => {
  const { cluster, client } = setUp(6);
  // It applies as leader, then the leader is another and the answer is lost.
  cluster.node(1).script = (request) => (request.type === 'append' ? { do: 'late', ms: 60_000, when: 'before' } : SERVE);
  const outcome = append(cluster, client, 'a');
  cluster.scheduler.runFor(50);
  cluster.leader = 3 as NodeId;
  wait(cluster, [outcome], 1000);
  assert.equal(outcome.result?.offset, 0);
  assert.deepEqual(cluster.values('s'), ['a']);
});

test('client: the leader is stopped (SIGSTOP) and another takes over → appends go on within a second, none lost or doubled', () => {
  const { cluster, client } = setUp(7, [1, 2, 3]);
  wait(cluster, [append(cluster, client, 'warm')]);
  cluster.node(1).process.pause();
  const outcomes = ['a', 'b'].map((text) => append(cluster, client, text));
  const startMs = cluster.scheduler.nowMs;
  cluster.scheduler.runFor(300);
  cluster.leader = 2 as NodeId;
  wait(cluster, outcomes, 1000);
  assert.ok(cluster.scheduler.nowMs - startMs < 1000);
  const later = append(cluster, client, 'c');
  cluster.node(1).process.resume();
  wait(cluster, [later]);
  cluster.scheduler.runFor(1000);
  assert.deepEqual(cluster.values('s'), ['warm', 'a', 'b', 'c']);
});

test('client: a malformed answer → the connection is dropped, and the call is asked again', () => {
  const { cluster, client } = setUp(16);
  let n = 0;
  cluster.node(1).script = (request) => {
    n += 1;
    if (n === 1 || n === 3) return { do: 'garbage' };
    if (n === 4) return { do: 'answer', body: { type: 'transferred' } };
    return n === 5 && request.type === 'append' ? { do: 'answer', body: { type: 'appended', offset: 0, count: 7 } } : SERVE;
  };
  const outcome = append(cluster, client, 'a');
  wait(cluster, [outcome]);
  assert.equal(outcome.result?.offset, 0);
  assert.deepEqual(cluster.values('s'), ['a']);
  assert.ok(n >= 6);
  cluster.scheduler.runFor(100);
  assert.equal(cluster.node(1).connections.size, 1, 'the broken connections are gone');
});

test('client: wrong cluster id → clusterMismatch at once; another cluster behind the second address → not mixed up', () => {
  const cluster = new ScriptedCluster(20);
  cluster.create('s');
  const wrong = cluster.client([1, 2, 3], { clusterId: 'ffffffffffffffff' as never });
  const outcome = append(cluster, wrong, 'a');
  wait(cluster, [outcome], 1000);
  assert.equal(outcome.error?.code, 'clusterMismatch');
});

test('client: a server of another protocol → protocolMismatch that says what it seems to speak', () => {
  const cluster = new ScriptedCluster(21);
  const process = cluster.scheduler.forNode('web');
  cluster.network.attach(process).listen(
    addressOf(9),
    (connection) => ({ data: () => connection.write(utf8('HTTP/1.1 400 Bad Request\r\n\r\n')), drain: () => {}, closed: () => {} }),
    () => {},
  );
  const outcome = append(cluster, cluster.client([9]), 'a');
  wait(cluster, [outcome], 1000);
  assert.equal(outcome.error?.code, 'protocolMismatch');
  assert.match(outcome.error?.message ?? '', /HTTP/);
});

test('client: a node whose disk is broken among sound ones → another node serves; all broken → diskFailed', () => {
  const { cluster, client } = setUp(25, [1, 2, 3]);
  const broken = new QuorateError('diskFailed', 'the disk failed');
  cluster.node(1).script = () => ({ do: 'refuse', error: broken });
  cluster.leader = 2 as NodeId;
  const served = append(cluster, client, 'a');
  wait(cluster, [served]);
  assert.equal(served.error, null);
  for (const node of cluster.nodes) node.script = () => ({ do: 'refuse', error: broken });
  const failed = new Outcome<unknown>(cluster.scheduler);
  client.streamInfo('s', {}, failed.done);
  wait(cluster, [failed], 1000);
  assert.equal(failed.error?.code, 'diskFailed');
});

test('client: the first address is a black hole → the first call waits for it once, later ones do not, and nothing is left after close', () => {
  for (let seed = 60; seed < 70; seed++) {
    const cluster = new ScriptedCluster(seed);
    cluster.create('s');
    cluster.network.cut('client1', 'node3', 'hold');
    const client = cluster.client([3, 1]);
    const first = append(cluster, client, 'a');
    wait(cluster, [first], 1500);
    assert.equal(first.error, null);
    const startMs = cluster.scheduler.nowMs;
    for (let i = 0; i < 20; i++) {
      const status = new Outcome<unknown>(cluster.scheduler);
      client.status({}, status.done);
      wait(cluster, [status], 2000);
      assert.equal(status.error, null);
    }
    assert.ok(
      cluster.scheduler.nowMs - startMs < 600,
      `seed ${seed}: ${cluster.scheduler.nowMs - startMs} ms for 20 calls that any node answers`,
    );
    client.close(() => {});
    cluster.scheduler.runFor(1600);
    assert.equal(cluster.network.openEnds, 0);
  }
});

test('client: one address speaks another protocol, the other is down → unavailable (safe) at the deadline: the second may come back', () => {
  const cluster = new ScriptedCluster(71);
  const web = cluster.scheduler.forNode('web');
  cluster.network.attach(web).listen(
    addressOf(9),
    (connection) => ({ data: () => connection.write(utf8('HTTP/1.1 400 Bad Request\r\n\r\n')), drain: () => {}, closed: () => {} }),
    () => {},
  );
  const outcome = append(cluster, cluster.client([9, 8]), 'a', 1000);
  wait(cluster, [outcome], 1100);
  assert.equal(outcome.error?.code, 'unavailable');
  assert.match(outcome.error?.message ?? '', /HTTP/);
});

test('client: closed while a node that was stopped (SIGSTOP) owes its hello → the connection is gone at once', () => {
  const cluster = new ScriptedCluster(72);
  const mute = cluster.scheduler.forNode('mute');
  cluster.network.attach(mute).listen(
    addressOf(9),
    () => ({ data: () => {}, drain: () => {}, closed: () => {} }),
    () => {},
  );
  const client = cluster.client([9]);
  const outcome = append(cluster, client, 'a');
  cluster.scheduler.runFor(50);
  assert.equal(cluster.network.openEnds, 2);
  mute.pause();
  client.close(() => {});
  wait(cluster, [outcome], 10);
  assert.equal(outcome.error?.code, 'closed');
  cluster.scheduler.runFor(20);
  assert.equal(cluster.network.openEnds, 1, 'only the end of the node that is stopped');
});
