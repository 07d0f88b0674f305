import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SYSTEM_GROUP, randomBetween } from '@quorate/base';
import { type InjectedRule, SimCluster, type SimClient, type SimClusterOptions, type SimNode, SimulationFault } from '@quorate/testkit';

const STREAM = 'orders';

interface Ready {
  cluster: SimCluster;
  client: SimClient;
  /** Group of the stream. */
  group: number;
}

/** A formed cluster with one stream and a client. */
function ready(seed: number, options: Omit<SimClusterOptions, 'seed'> = {}): Ready {
  const cluster = new SimCluster({ seed, ...options });
  cluster.startAll();
  cluster.awaitLeader();
  const client = cluster.client('client');
  cluster.await('creating the stream', 30_000, (done) => client.createStream(STREAM, done));
  const groupOf = (node: SimNode): number | undefined => node.status()?.groups.find((candidate) => candidate.group !== SYSTEM_GROUP)?.group;
  cluster.runUntil(() => cluster.nodes.every((node) => groupOf(node) !== undefined), 5000, 'all nodes open the stream');
  const group = groupOf(cluster.node(1)) as number;
  cluster.awaitLeader(group);
  return { cluster, client, group };
}

/** Appends one record and waits for its acknowledgement. */
function append({ cluster, client }: Ready): void {
  cluster.await('an append', 30_000, (done) => client.append(STREAM, {}, done));
}

function others(cluster: SimCluster, ...without: SimNode[]): SimNode[] {
  return cluster.nodes.filter((node) => !without.includes(node));
}

const isLearner = (node: SimNode): boolean => node.status()?.groups.some((group) => group.isLearner) === true;
const isWhole = (node: SimNode): boolean => {
  const status = node.status();
  return status !== null && status.groups.length === 2 && status.groups.every((group) => !group.isLearner && group.role !== 'stopped');
};

test('cluster: three nodes start, form, elect, and take appends → all acknowledged, dense and in order', () => {
  for (let seed = 1; seed <= 3; seed++) {
    const { cluster, client } = ready(seed);
    client.startWork({ streams: [STREAM], lanes: 4 });
    cluster.runFor(300);
    client.stopWork();
    const records = cluster.check([STREAM]).get(STREAM);
    assert.ok(cluster.history.acknowledged > 50, `seed ${seed}`);
    assert.ok(records !== undefined && records.length >= cluster.history.acknowledged);
    assert.ok(cluster.leadershipsLogged >= 2, 'leaderships are told by the log');
  }
});

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

test('T12: the leader cannot sync and one follower is away → the other follower alone does not make it acknowledged', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const setup = ready(seed, { settings: { syncMode: 'async' } });
    const { cluster, client, group } = setup;
    append(setup);
    const leader = cluster.leaderOf(group) as SimNode;
    const [near, away] = others(cluster, leader) as [SimNode, SimNode];
    cluster.network.cut(leader.name, away.name);
    cluster.network.cut(near.name, away.name);
    leader.disk.inject({ operations: ['write', 'sync'], times: Number.POSITIVE_INFINITY, effect: { type: 'slow', ms: 100_000 } });
    const before = cluster.groupOn(near, group)?.durableIndex ?? 0;
    const pending = client.append(STREAM);
    cluster.runFor(100);
    assert.ok((cluster.groupOn(near, group)?.durableIndex ?? 0) > before, `seed ${seed}: the follower has it on disk`);
    assert.equal(pending.outcome, 'pending', `seed ${seed}: acknowledged by one durable copy of three`);
    leader.powerCut(cluster.random);
    near.powerCut(cluster.random);
    cluster.network.healAll();
    cluster.healAll();
    cluster.check([STREAM]);
  }
});

test('T22: power is lost everywhere right after the first acknowledgement of a new leader → it is still there', () => {
  for (let seed = 1; seed <= 6; seed++) {
    const setup = ready(seed);
    const { cluster, client, group } = setup;
    for (let round = 0; round < 3; round++) {
      append(setup);
      const old = cluster.awaitLeader(group);
      old.kill();
      append(setup);
      cluster.powerCutAll();
      cluster.startAll();
      cluster.awaitLeader(group);
    }
    assert.equal(cluster.history.acknowledged, 6);
    assert.equal(client.core.openCalls, 0);
    assert.equal(cluster.check([STREAM]).get(STREAM)?.length, 6);
  }
});

test('T24: power is lost on all nodes at random moments while clients append → no acknowledged record is missing', () => {
  let acknowledged = 0;
  for (let seed = 1; seed <= 6; seed++) {
    const { cluster, client } = ready(seed, {
      settings: { journalFileBytes: 262_144, syncMode: (['adaptive', 'sync', 'async'] as const)[seed % 3] ?? 'async' },
    });
    client.startWork({ streams: [STREAM], lanes: 4, pauseMsMax: 6, valueBytesMax: 2000 });
    for (let cut = 0; cut < 5; cut++) {
      cluster.runFor(randomBetween(cluster.random, 20, 400));
      cluster.powerCutAll();
      cluster.runFor(randomBetween(cluster.random, 0, 50));
      cluster.startAll();
    }
    cluster.runFor(400);
    client.stopWork();
    cluster.check([STREAM]);
    acknowledged += cluster.history.acknowledged;
  }
  assert.ok(acknowledged > 500, `${acknowledged} acknowledged`);
});

test('T24: disks that only pretend to sync → the harness finds the missing records', () => {
  let found = 0;
  for (let seed = 1; seed <= 3; seed++) {
    const { cluster, client } = ready(seed);
    for (const node of cluster.nodes) node.disk.inject({ operations: ['sync'], times: Number.POSITIVE_INFINITY, effect: { type: 'lost' } });
    client.startWork({ streams: [STREAM], lanes: 4 });
    cluster.runFor(200);
    client.stopWork();
    cluster.runFor(50);
    cluster.powerCutAll();
    try {
      cluster.startAll();
      cluster.check([STREAM]);
    } catch (thrown) {
      assert.ok(thrown instanceof SimulationFault && thrown.message.includes(`seed ${seed}`), String(thrown));
      found++;
    }
  }
  assert.equal(found, 3);
});

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
    const { cluster, client, group } = setup;
    append(setup);
    cluster.runFor(200);
    const leader = cluster.leaderOf(group) as SimNode;
    const [victim, second] = others(cluster, leader) as [SimNode, SimNode];
    cluster.network.cut(leader.name, second.name);
    cluster.network.cut(victim.name, second.name);
    append(setup);
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

test('T70: one node alone, power lost at random moments → what it acknowledged is there', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const { cluster, client } = ready(seed, { nodes: 1 });
    client.startWork({ streams: [STREAM], lanes: 4, pauseMsMax: 2 });
    for (let cut = 0; cut < 8; cut++) {
      cluster.runFor(randomBetween(cluster.random, 5, 200));
      cluster.powerCutAll();
      cluster.startAll();
    }
    cluster.runFor(500);
    client.stopWork();
    cluster.check([STREAM]);
    assert.ok(cluster.history.acknowledged > 20, `seed ${seed}: ${cluster.history.acknowledged}`);
  }
});

test('cluster: the leader is stopped for 10 s with requests in its buffers → writes go on, nothing lost, doubled or stale', () => {
  for (let seed = 1; seed <= 2; seed++) {
    const { cluster, client, group } = ready(seed);
    client.startWork({ streams: [STREAM], lanes: 4, pauseMsMax: 100, readShare: 0.4 });
    cluster.runFor(200);
    const leader = cluster.leaderOf(group) as SimNode;
    leader.pause();
    const before = cluster.history.acknowledged;
    cluster.runFor(2000);
    assert.ok(cluster.history.acknowledged > before, `seed ${seed}: no write within 2 s`);
    cluster.runFor(8000);
    leader.resume();
    cluster.runFor(500);
    client.stopWork();
    cluster.check([STREAM]);
  }
});

test('cluster: same seed → same trace to the last event; another seed → another', () => {
  const run = (seed: number): string => {
    const { cluster, client } = ready(seed);
    client.startWork({ streams: [STREAM], lanes: 2 });
    cluster.runFor(200);
    cluster.powerCutAll();
    cluster.startAll();
    cluster.runFor(500);
    return cluster.scheduler.traceHash;
  };
  assert.equal(run(1), run(1));
  assert.notEqual(run(1), run(2));
});
