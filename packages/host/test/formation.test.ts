import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SYSTEM_GROUP } from '@quorate/base';
import { CHANGING_OPERATIONS, SimCluster } from '@quorate/testkit';
import { isWhole, statusOf } from './harness.js';

test('formation: all members empty and reachable → one cluster id, all incarnations known to all', () => {
  const cluster = new SimCluster({ seed: 1 });
  cluster.startAll();
  cluster.awaitLeader();
  const statuses = cluster.nodes.map((node) => node.status());
  assert.equal(new Set(statuses.map((status) => status?.clusterId)).size, 1);
  for (const status of statuses) {
    assert.deepEqual(
      status?.members.map((member) => member.incarnation),
      statuses.map((other) => other?.incarnation),
    );
  }
});

test('formation: a member is missing → nobody forms, votes or leads until it is there', () => {
  const cluster = new SimCluster({ seed: 2 });
  cluster.node(1).start();
  cluster.node(2).start();
  cluster.runFor(10_000);
  for (const id of [1, 2]) {
    assert.equal(cluster.node(id).status()?.state, 'forming');
    assert.deepEqual(cluster.node(id).status()?.groups, []);
  }
  cluster.node(3).start();
  cluster.awaitLeader();
});

/** Waits until all serve, and checks that they are one cluster, with the same incarnation of each node on every list. */
function awaitOneCluster(cluster: SimCluster, what: string): void {
  cluster.runUntil(() => cluster.nodes.every(isWhole), 30_000, `all serve and vote (${what})`);
  assert.equal(new Set(cluster.nodes.map((node) => statusOf(node).clusterId)).size, 1, what);
  for (const node of cluster.nodes) {
    assert.deepEqual(
      statusOf(node).members.map((member) => member.incarnation),
      cluster.nodes.map((other) => statusOf(other).incarnation),
      what,
    );
  }
}

test('formation: started in any order, at once, a moment or a minute apart → one cluster', () => {
  const orders = [
    [1, 2, 3],
    [1, 3, 2],
    [2, 1, 3],
    [2, 3, 1],
    [3, 1, 2],
    [3, 2, 1],
  ];
  for (const [i, order] of orders.entries()) {
    for (const pauseMs of [0, 7, 60_000]) {
      const cluster = new SimCluster({ seed: 1000 + i });
      for (const id of order) {
        cluster.node(id).start();
        cluster.runFor(id === order[1] ? pauseMs : pauseMs / 100);
      }
      awaitOneCluster(cluster, `order ${order.join()}, ${pauseMs} ms`);
    }
  }
});

for (const id of [1, 2, 3]) {
  test(`formation: node ${id} loses power at every disk operation of it, and starts again → one cluster`, () => {
    let isDone = false;
    for (let skip = 0; !isDone; skip++) {
      assert.ok(skip < 80, 'the sequence ends');
      const cluster = new SimCluster({ seed: 1100 + skip });
      const node = cluster.node(id);
      const crash = node.disk.inject({ operations: CHANGING_OPERATIONS, skip, effect: { type: 'crash', when: 'after' } });
      cluster.startAll();
      const isFormed = (): boolean => cluster.nodes.every((each) => each.status()?.state === 'serving');
      cluster.runUntil(() => !node.isUp || isFormed(), 5000, `a crash or a cluster (operation ${skip})`);
      isDone = crash.hits === 0;
      crash.remove();
      if (!node.isUp) {
        node.powerCut(cluster.random);
        cluster.runFor(skip % 2 === 0 ? 1 : 500);
        node.start();
      }
      awaitOneCluster(cluster, `operation ${skip}`);
    }
  });
}

test('formation: all lose power at once at every moment of it → one cluster', () => {
  for (let afterMs = 0; afterMs < 12; afterMs += 0.5) {
    const cluster = new SimCluster({ seed: 1200 + afterMs });
    cluster.startAll();
    cluster.runFor(afterMs);
    cluster.powerCutAll();
    cluster.startAll();
    awaitOneCluster(cluster, `after ${afterMs} ms`);
  }
});

test('formation: a single member → forms and leads by itself, at once', () => {
  const cluster = new SimCluster({ seed: 3, nodes: 1 });
  cluster.startAll();
  cluster.awaitLeader(SYSTEM_GROUP, 100);
  assert.equal(cluster.node(1).status()?.state, 'serving');
});

test('formation: a formed cluster after a majority is back → no need for the third', () => {
  const cluster = new SimCluster({ seed: 4 });
  cluster.startAll();
  cluster.awaitLeader();
  cluster.powerCutAll();
  cluster.runFor(100);
  cluster.node(1).start();
  cluster.node(3).start();
  cluster.awaitLeader();
});

test('T34: two of three wiped → they join as learners and the cluster waits instead of forgetting', () => {
  const cluster = new SimCluster({ seed: 5 });
  cluster.startAll();
  const id = cluster.awaitLeader().status()?.clusterId;
  cluster.node(1).wipe();
  cluster.node(2).wipe();
  cluster.node(1).start();
  cluster.node(2).start();
  cluster.runFor(10_000);
  for (const wiped of [1, 2]) {
    const status = cluster.node(wiped).status();
    assert.equal(status?.clusterId, id);
    assert.equal(status?.groups[0]?.isLearner, true);
  }
  assert.equal(cluster.leaderOf(), undefined);
});
