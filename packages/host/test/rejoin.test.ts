import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FIRST_STREAM_GROUP, groupId, utf8 } from '@quorate/base';
import type { SimNode } from '@quorate/testkit';
import { append, awaitWhole, createStream, runningCluster, statusOf } from './harness.js';
import { RawClient } from './raw-client.js';

test('T34: two nodes wiped one after the other, each let in again → streams created later still get a leader', () => {
  const { cluster, client } = runningCluster({ seed: 21 });
  for (const id of [1, 2]) {
    const node = cluster.node(id);
    node.wipe();
    cluster.runFor(200);
    node.start();
    awaitWhole(cluster, node, 2);
  }
  createStream(cluster, client, 'later');
  cluster.node(3).kill();
  createStream(cluster, client, 'without the third');
  cluster.node(3).start();
  for (const node of cluster.nodes) awaitWhole(cluster, node, 4);
  cluster.check(['s', 'later', 'without the third']);
});

test('T34: wiped again before, while and after it is let in → counted only with its newest incarnation, nothing lost', () => {
  for (let afterMs = 0; afterMs <= 120; afterMs += 12) {
    const { cluster, client } = runningCluster({ seed: 300 + afterMs }, ['a', 'b']);
    client.startWork({ streams: ['a', 'b'], pauseMsMax: 10 });
    const victim = cluster.node(1 + ((afterMs / 12) % 3));
    victim.wipe();
    cluster.runFor(20);
    victim.start();
    cluster.runFor(afterMs);
    victim.wipe();
    cluster.runFor(1);
    victim.start();
    awaitWhole(cluster, victim, 3);
    client.stopWork();
    for (const other of cluster.nodes) if (other !== victim) other.kill();
    cluster.runFor(50);
    cluster.healAll();
    cluster.check(['a', 'b']);
  }
});

for (const id of [1, 2, 3]) {
  for (const how of ['only it is down', 'all are down']) {
    test(`T37: an old image on node ${id}, ${how} → noticed; it becomes a new incarnation and is let in again`, () => {
      const { cluster, client } = runningCluster({ seed: 40 + id }, ['a', 'b']);
      const victim = cluster.node(id);
      const image = victim.disk.image();
      append(cluster, client, 'a', 20);
      createStream(cluster, client, 'c');
      cluster.runFor(200);
      append(cluster, client, 'b', 1);
      const before = statusOf(victim).incarnation;
      if (how === 'all are down') for (const node of cluster.nodes) node.kill();
      victim.restoreImage(image);
      cluster.healAll();
      awaitWhole(cluster, victim, 4);
      cluster.runUntil(() => statusOf(victim).incarnation !== before, 5000, 'a new incarnation');
      cluster.check(['a', 'b', 'c']);
    });
  }
}

test('T27: a stored batch is damaged under a running node, whatever its role → its group starts anew there, nothing lost', () => {
  for (const id of [1, 2, 3]) {
    const { cluster, client } = runningCluster({ seed: 90 + id }, ['a', 'b']);
    append(cluster, client, 'a', 10);
    const marks = cluster.history.appends.filter((entry) => entry.stream === 'a').map((entry) => utf8(entry.values[0] as string));
    for (const node of cluster.nodes) node.kill();
    const victim = cluster.node(id);
    victim.start();
    cluster.runUntil(() => victim.host !== null, 2000, 'it is open');
    // It has verified what it read at its start, and applies only once there is a leader: what is flipped now it meets then.
    let flips = 0;
    for (const path of victim.disk.paths().filter((name) => name.startsWith('journal/'))) {
      const bytes = Buffer.from(victim.disk.contentOf(path));
      for (const mark of marks) {
        const at = bytes.indexOf(mark);
        if (at < 0) continue;
        victim.disk.flipBit(path, at, 3);
        flips++;
      }
    }
    assert.ok(flips >= 10);
    cluster.healAll();
    cluster.runUntil(() => statusOf(victim).damage.length > 0, 10_000, 'the damage is met');
    awaitWhole(cluster, victim, 3);
    assert.match(statusOf(victim).damage[0] ?? '', /^journal\/\S+ at \d+: /);
    cluster.node((id % 3) + 1).kill();
    append(cluster, client, 'a', 3);
    cluster.healAll();
    cluster.check(['a', 'b']);
  }
});

test('T37: an old image that wrote much before it met a node that remembers → noticed all the same', () => {
  const { cluster, client } = runningCluster({ seed: 51 });
  const a = cluster.awaitLeader(FIRST_STREAM_GROUP);
  const [n, b] = cluster.nodes.filter((node) => node !== a);
  assert.ok(n !== undefined && b !== undefined);
  const image = n.disk.image();
  // What is written from here on n acknowledges to a; b gets it from a and hears nothing of n.
  cluster.network.cut(n.name, b.name);
  append(cluster, client, 's', 40);
  cluster.runFor(100);
  append(cluster, client, 's', 1);
  cluster.runFor(100);
  const before = statusOf(n).incarnation;
  for (const node of cluster.nodes) node.kill();
  n.restoreImage(image);
  cluster.network.healAll();
  n.start();
  b.start();
  // These two suffice, and b cannot tell. What n writes now must not hide from a that something before it is missing.
  append(cluster, client, 's', 100);
  assert.equal(statusOf(n).incarnation, before);
  a.start();
  cluster.runUntil(() => statusOf(n).incarnation !== before, 10_000, 'the old image is noticed');
  awaitWhole(cluster, n, 2);
  cluster.check(['s']);
});

test('T37: it dies right after it became a new incarnation, before its groups started anew → still counts as wiped', () => {
  const { cluster, client } = runningCluster({ seed: 61 }, ['a', 'b']);
  const victim = cluster.node(2);
  const image = victim.disk.image();
  append(cluster, client, 'a', 20);
  cluster.runFor(200);
  victim.restoreImage(image);
  const crash = victim.disk.inject({ operations: ['rename'], path: /identity/, effect: { type: 'crash', when: 'after' } });
  victim.start();
  cluster.runUntil(() => crash.hits === 1 && !victim.isUp, 10_000, 'the crash');
  for (const node of cluster.nodes) node.kill();
  victim.start();
  cluster.runFor(1000);
  assert.deepEqual(
    statusOf(victim).groups.map((group) => [group.isLearner, group.lastIndex]),
    [
      [true, 0],
      [true, 0],
      [true, 0],
      [true, 0],
    ],
  );
  cluster.healAll();
  awaitWhole(cluster, victim, 4);
  cluster.check(['a', 'b']);
});

test('T37: it dies at every disk operation of becoming a new incarnation → it never votes with what it had, and is let in', () => {
  let isDone = false;
  for (let skip = 0; !isDone; skip++) {
    assert.ok(skip < 80, 'the sequence ends');
    const { cluster, client } = runningCluster({ seed: 700 + skip }, ['a', 'b']);
    const victim = cluster.node(3);
    const image = victim.disk.image();
    append(cluster, client, 'a', 20);
    cluster.runFor(200);
    victim.restoreImage(image);
    const before = statusOf(cluster.node(1)).members[2]?.incarnation;
    victim.start();
    const crash = victim.disk.inject({
      operations: ['create', 'write', 'sync', 'rename', 'syncDirectory'],
      skip,
      effect: { type: 'crash', when: 'after' },
    });
    cluster.runFor(800);
    isDone = crash.hits === 0;
    crash.remove();
    if (!victim.isUp) victim.powerCut(cluster.random);
    cluster.healAll();
    cluster.runUntil(() => statusOf(cluster.node(1)).members[2]?.incarnation !== before, 20_000, 'its new incarnation is registered');
    awaitWhole(cluster, victim, 3);
    cluster.node(1).kill();
    append(cluster, client, 'a', 3);
    cluster.healAll();
    cluster.check(['a', 'b']);
  }
});

test('T50: a new incarnation whose registration is held up → no group lets it in before: the directory that it took the place of is not refused yet', () => {
  const { cluster, client } = runningCluster({ seed: 801 }, ['a', 'b', 'c', 'd']);
  const system = cluster.awaitLeader();
  const victim = cluster.nodes.find((node) => node !== system) as SimNode;
  const other = cluster.nodes.find((node) => node !== system && node !== victim) as SimNode;
  const raw = new RawClient(cluster, cluster.awaitLeader(FIRST_STREAM_GROUP));
  if (cluster.leaderOf(FIRST_STREAM_GROUP) !== other) {
    raw.send({ type: 'transferLeader', group: groupId(FIRST_STREAM_GROUP), to: other.nodeId });
    cluster.runUntil(() => cluster.leaderOf(FIRST_STREAM_GROUP) === other, 5000, 'a leader elsewhere');
  }
  const image = victim.disk.image();
  append(cluster, client, 'a', 20);
  cluster.runFor(200);
  const before = statusOf(victim).incarnation;
  // An old image knows of its groups without the system group, of which nothing reaches it.
  victim.restoreImage(image);
  cluster.network.cut(system.name, victim.name);
  victim.start();
  cluster.runUntil(() => victim.host !== null && statusOf(victim).incarnation !== before, 5000, 'a new incarnation');
  cluster.runFor(3000);
  assert.equal(cluster.leaderOf(), system);
  assert.equal(cluster.groupOn(victim, FIRST_STREAM_GROUP)?.isLearner, true);
  assert.ok((cluster.groupOn(victim, FIRST_STREAM_GROUP)?.lastIndex ?? 0) > 20, 'it is fed');
  cluster.network.healAll();
  awaitWhole(cluster, victim, 5);
  cluster.check(['a', 'b', 'c', 'd']);
});
