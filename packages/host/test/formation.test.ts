import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimCluster } from '@quorate/testkit';

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

test('formation: the coordinator dies at every moment of it → restarted, the cluster still forms', () => {
  for (let afterMs = 0; afterMs < 60; afterMs += 2) {
    const cluster = new SimCluster({ seed: 100 + afterMs });
    cluster.startAll();
    cluster.runFor(afterMs);
    cluster.node(1).powerCut(cluster.random);
    cluster.runFor(500);
    cluster.node(1).start();
    cluster.awaitLeader();
    cluster.runUntil(
      () => cluster.nodes.every((node) => node.status()?.state === 'serving'),
      20_000,
      `all serve (cut after ${afterMs} ms)`,
    );
  }
});

test('formation: a single member → forms and leads by itself', () => {
  const cluster = new SimCluster({ seed: 3, nodes: 1 });
  cluster.startAll();
  cluster.awaitLeader();
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
