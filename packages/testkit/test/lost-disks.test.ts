import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimNode } from '@quorate/testkit';
import { STREAM, append, isLearner, isWhole, others, ready } from './ready-cluster.js';

/** A record that all have, then one that only the leader and the victim have: the second node is cut off from both. */
function cutOneOff(setup: ReturnType<typeof ready>): { leader: SimNode; victim: SimNode; second: SimNode } {
  const { cluster, group } = setup;
  append(setup);
  cluster.runFor(200);
  const leader = cluster.leaderOf(group) as SimNode;
  const [victim, second] = others(cluster, leader) as [SimNode, SimNode];
  cluster.network.cut(leader.name, second.name);
  cluster.network.cut(victim.name, second.name);
  append(setup);
  return { leader, victim, second };
}

test('T34: a node is wiped while it is down → it neither votes nor acknowledges until it is let in again', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const setup = ready(seed);
    const { cluster, client, group } = setup;
    for (let i = 0; i < 5; i++) append(setup);
    const leader = cluster.leaderOf(group) as SimNode;
    const [wiped, second] = others(cluster, leader) as [SimNode, SimNode];
    wiped.wipe();
    second.kill();
    wiped.start();
    // Only a node with the records and one without are left: the cluster waits, whoever asks.
    const waiting = client.append(STREAM, { deadlineMs: 60_000 });
    cluster.runFor(3000);
    assert.equal(waiting.outcome, 'pending', `seed ${seed}: acknowledged with a wiped node`);
    assert.ok(
      wiped.status()?.groups.every((each) => each.isLearner),
      `seed ${seed}: counts as a voter`,
    );
    leader.powerCut(cluster.random);
    leader.start();
    cluster.runFor(3000);
    assert.equal(cluster.leaderOf(group), undefined, `seed ${seed}: elected by a wiped node`);
    assert.equal(waiting.outcome, 'pending');
    // The second node is back: the wiped one is fed and let in, and then counts.
    second.start();
    cluster.runUntil(() => waiting.outcome === 'done', 20_000, 'the append that waited');
    cluster.runUntil(() => isWhole(wiped), 20_000, 'the wiped node is let in again');
    cluster.awaitLeader(group).kill();
    append(setup);
    cluster.healAll();
    assert.equal(cluster.check([STREAM]).get(STREAM)?.length, 7);
  }
});

test('T37: an old image of a disk is put back → the node is found out and counts as wiped', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const setup = ready(seed);
    const { cluster, client, group } = setup;
    append(setup);
    cluster.runFor(200);
    const leader = cluster.leaderOf(group) as SimNode;
    const [victim, second] = others(cluster, leader) as [SimNode, SimNode];
    const incarnation = victim.status()?.incarnation;
    const image = victim.disk.image();
    for (let i = 0; i < 20; i++) append(setup);
    cluster.runFor(200);
    victim.restoreImage(image);
    second.kill();
    victim.start();
    const waiting = client.append(STREAM, { deadlineMs: 60_000 });
    cluster.runFor(3000);
    assert.equal(waiting.outcome, 'pending', `seed ${seed}: acknowledged with an old image`);
    assert.notEqual(victim.status()?.incarnation, incarnation, `seed ${seed}: goes on as the same incarnation`);
    assert.ok(isLearner(victim));
    second.start();
    cluster.runUntil(() => waiting.outcome === 'done' && isWhole(victim), 20_000, 'the node is let in again');
    assert.equal(cluster.check([STREAM]).get(STREAM)?.length, 22);
  }
});

test('T37: the image is older by a few records only, and all others restart too → found out from what they stored', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const setup = ready(seed);
    const { cluster, client } = setup;
    const { leader, victim, second } = cutOneOff(setup);
    cluster.runFor(100);
    const image = victim.disk.image();
    // How far a peer has come is told with heartbeats and stored with the next frame.
    for (let i = 0; i < 4; i++) {
      append(setup);
      cluster.runFor(50);
    }
    // The last records are on the leader and the victim only. Everything stops; the victim comes back without them.
    for (const node of cluster.nodes) node.kill();
    victim.restoreImage(image);
    cluster.network.healAll();
    for (const node of [leader, victim]) node.start();
    cluster.runFor(3000);
    assert.ok(isLearner(victim), `seed ${seed}: not found out`);
    const waiting = client.append(STREAM, { deadlineMs: 60_000 });
    cluster.runFor(2000);
    assert.equal(waiting.outcome, 'pending');
    second.start();
    cluster.runUntil(() => waiting.outcome === 'done', 20_000, 'the append that waited');
    assert.equal(cluster.check([STREAM]).get(STREAM)?.length, 7);
  }
});

test('T37: the cluster rests after its last record, then all restart, one with an image from before that record → found out', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const setup = ready(seed);
    const { cluster, client } = setup;
    const { leader, victim, second } = cutOneOff(setup);
    cluster.runFor(300);
    const image = victim.disk.image();
    append(setup);
    // Nothing is written any more: what the leader hears of the victim's journal it stores by itself.
    cluster.runFor(300);
    for (const node of cluster.nodes) node.powerCut(cluster.random);
    victim.restoreImage(image);
    cluster.network.healAll();
    for (const node of [leader, victim]) node.start();
    cluster.runFor(3000);
    assert.ok(isLearner(victim), `seed ${seed}: not found out`);
    const waiting = client.append(STREAM, { deadlineMs: 60_000 });
    cluster.runFor(1000);
    assert.equal(waiting.outcome, 'pending', `seed ${seed}: acknowledged with an old image`);
    second.start();
    cluster.runUntil(() => waiting.outcome === 'done', 20_000, 'the append that waited');
    assert.equal(cluster.check([STREAM]).get(STREAM)?.length, 4);
  }
});

test('T50: a node comes back empty under its old id → a new incarnation that all members learn', () => {
  const setup = ready(1);
  const { cluster } = setup;
  append(setup);
  const node = cluster.node(3);
  const seen = new Set([node.status()?.incarnation]);
  for (let round = 0; round < 3; round++) {
    node.wipe();
    node.start();
    cluster.runUntil(() => isWhole(node), 20_000, 'the node is let in again');
    const incarnation = node.status()?.incarnation;
    assert.ok(incarnation !== undefined && !seen.has(incarnation));
    seen.add(incarnation);
    cluster.runUntil(
      () => cluster.nodes.every((other) => other.status()?.members.find((member) => member.nodeId === 3)?.incarnation === incarnation),
      5000,
      'all members know the new incarnation',
    );
    append(setup);
  }
  assert.equal(cluster.check([STREAM]).get(STREAM)?.length, 4);
});
