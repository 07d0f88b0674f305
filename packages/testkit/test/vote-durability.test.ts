import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InjectedRule, SimCluster, SimNode } from '@quorate/testkit';
import { STREAM, others, ready } from './ready-cluster.js';

test('T01: a voter loses power right after its vote elected a leader, and another asks it → not a second leader of that term', () => {
  let asked = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const { cluster, group } = ready(seed, { settings: { syncMode: 'async' } });
    // The old leader will be the voter; its syncs take far longer than a message.
    const voter = cluster.leaderOf(group) as SimNode;
    const [a, b] = others(cluster, voter) as [SimNode, SimNode];
    cluster.network.cut(a.name, b.name);
    voter.kill();
    voter.start(PATIENT);
    voter.disk.latency = SLOW_SYNC;
    const winner = awaitOneOf(cluster, group, [a, b]);
    voter.powerCut(cluster.random);
    cluster.network.cut(voter.name, winner.name);
    voter.start(PATIENT);
    if (awaitOneOf(cluster, group, [voter, winner === a ? b : a]) !== voter) asked++;
    cluster.runFor(200);
  }
  assert.ok(asked >= 8, `the voter was asked again ${asked} times`);
});

test('T02: a candidate loses power right after it was elected, and another asks for its vote → not a second leader of that term', () => {
  let asked = 0;
  for (let seed = 1; seed <= 12; seed++) {
    const { cluster, group } = ready(seed, { settings: { syncMode: 'async' } });
    const voter = cluster.leaderOf(group) as SimNode;
    const [candidate, other] = others(cluster, voter) as [SimNode, SimNode];
    cluster.network.cut(other.name, candidate.name);
    cluster.network.cut(other.name, voter.name);
    candidate.disk.latency = SLOW_SYNC;
    voter.kill();
    voter.start(PATIENT);
    const winner = awaitOneOf(cluster, group, [candidate, voter]);
    winner.powerCut(cluster.random);
    cluster.network.cut(candidate.name, voter.name);
    cluster.network.heal(other.name, winner.name);
    winner.start(PATIENT);
    if (awaitOneOf(cluster, group, [other, winner]) === other && winner === candidate) asked++;
    cluster.runFor(200);
  }
  assert.ok(asked >= 8, `the candidate was asked for a vote ${asked} times`);
});

/** Who starts with these settings lets others stand for election first. */
const PATIENT = { electionTimeoutMinMs: 2000, electionTimeoutMaxMs: 3000 };
const SLOW_SYNC = { writeMs: [0, 0.1], syncMs: [40, 40] } as const;

/** Waits until one of these nodes leads a group; gives it. */
function awaitOneOf(cluster: SimCluster, group: number, nodes: readonly SimNode[]): SimNode {
  const leading = (): SimNode | undefined => nodes.find((node) => cluster.groupOn(node, group)?.role === 'leader');
  cluster.runUntil(() => leading() !== undefined, 20_000, `${nodes.map((node) => node.name).join(' or ')} leads group ${group}`);
  return leading() as SimNode;
}

test('T01: power fails at syncs all over a cluster whose elections tie → never two leaders of a term, nothing acknowledged is lost', () => {
  let hits = 0;
  let terms = 0;
  for (let seed = 1; seed <= 2; seed++) {
    const settings = { electionTimeoutMinMs: 150, electionTimeoutMaxMs: 151, syncMode: 'async' } as const;
    const { cluster, client, group } = ready(seed, {
      nodes: 5,
      settings,
      link: { latencyMs: 0.2, jitterMs: 4 },
      diskLatency: { writeMs: [0, 0.1], syncMs: [2, 12] },
    });
    client.startWork({ streams: [STREAM], lanes: 1, pauseMsMax: 100 });
    for (let round = 0; round < 8; round++) {
      const leader = cluster.leaderOf(group) ?? cluster.node(1);
      const rules = others(cluster, leader).map((node) => crashAtSync(cluster, node, round % 3, 'before', 1));
      if (leader.isUp) leader.powerCut(cluster.random);
      cluster.runFor(250);
      for (const rule of rules) {
        hits += rule.hits;
        rule.remove();
      }
      cluster.healAll();
      cluster.runFor(100);
    }
    client.stopWork();
    cluster.check([STREAM]);
    terms += cluster.invariants.leaderships;
  }
  assert.ok(hits >= 30 && terms >= 12, `${hits} crashes were injected, ${terms} terms had a leader`);
});

/** At the chosen sync of a node its power is cut; it starts again a little later. */
function crashAtSync(cluster: SimCluster, node: SimNode, skip: number, when: 'before' | 'midway' | 'after', restartMs = 50): InjectedRule {
  const rule = node.disk.inject({ operations: ['sync'], skip, effect: { type: 'crash', when } });
  // The power goes in the same event: not even a page cache is left.
  node.process?.onKilled(() => {
    if (rule.hits === 0) return;
    cluster.scheduler.schedule(cluster.scheduler.nowMs, () => node.powerCut(cluster.random), null);
    cluster.scheduler.schedule(cluster.scheduler.nowMs + restartMs, () => !node.isUp && node.start(), null);
  });
  return rule;
}
