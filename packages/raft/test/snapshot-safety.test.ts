import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, randomBetween, randomChance } from '@quorate/base';
import { Cluster, electLeader } from './harness/cluster.js';

/** As in safety.test.ts. */
const SEEDS = Number(process.env['RAFT_SEEDS'] ?? 60);
const FIRST_SEED = Number(process.env['RAFT_FIRST_SEED'] ?? 1);

/** Any message at any time, twice, late or never; syncs, steps on snapshots, failures of them, compactions, crashes and cuts in between. */
function randomSchedule(seed: number, nodes: number): Cluster {
  const random = new SeededRandom(seed);
  const cluster = new Cluster({
    nodes,
    seed,
    hasContacts: randomChance(random, 0.5),
    tellsConnections: randomChance(random, 0.5),
    raft: { windowMessages: randomBetween(random, 1, 6), appendMessageBytes: randomBetween(random, 60, 300), snapshotPieceBytes: 50 },
  });
  const kept: typeof cluster.flights = [];
  let number = 0;
  cluster.run(700);
  for (let step = 0; step < 400; step++) {
    const id = randomBetween(random, 1, nodes);
    const member = cluster.member(id);
    const dice = randomBetween(random, 1, 100);
    const flight = cluster.flights[randomBetween(random, 0, Math.max(0, cluster.flights.length - 1))];
    if (dice <= 45) {
      if (flight !== undefined) {
        if (randomChance(random, 0.15) && kept.length < 80) kept.push(flight);
        cluster.deliver(flight);
      }
    } else if (dice <= 49) {
      cluster.flights = cluster.flights.filter((other) => other !== flight);
    } else if (dice <= 53) {
      const old = kept[randomBetween(random, 0, Math.max(0, kept.length - 1))];
      if (old !== undefined) cluster.deliver(old);
    } else if (dice <= 61) {
      cluster.sync(id);
    } else if (dice <= 69) {
      cluster.runJob(id);
    } else if (dice <= 76) {
      cluster.nowMs += randomBetween(random, 0, 60);
      if (member.raft !== null && member.raft.nextDeadlineMs <= cluster.nowMs) cluster.tick(id);
    } else if (dice <= 80) {
      cluster.nowMs += 400;
      cluster.tick(id);
    } else if (dice <= 88) {
      const leader = cluster.members.find((other) => other.raft?.role === 'leader' && randomChance(random, 0.7));
      if (leader !== undefined) cluster.propose(leader.id, `v${number++}`);
    } else if (dice <= 93) {
      if (member.raft !== null)
        cluster.compact(id, randomChance(random, 0.5) ? {} : { index: member.machine.appliedIndex - randomBetween(random, 0, 5) });
    } else if (dice <= 95) {
      if (member.raft === null) cluster.restart(id);
      else cluster.crash(id);
    } else if (dice <= 96) {
      member.failures = 1;
    } else if (dice <= 98) {
      cluster.run(randomBetween(random, 1, 400));
    } else if (dice <= 99) {
      const other = randomBetween(random, 1, nodes);
      if (other !== id) cluster.cut(id, other);
    } else {
      cluster.heal();
    }
  }
  cluster.checkLogMatching();
  return cluster;
}

/** Whatever happened, a quiet network and running nodes bring back progress; machines and logs are the same. */
function recover(cluster: Cluster): void {
  cluster.heal();
  for (const member of cluster.members) {
    member.failures = 0;
    if (member.raft === null) cluster.restart(member.id);
  }
  cluster.run(25_000);
  const leader = electLeader(cluster, 8000);
  const proposal = cluster.propose(leader, 'last');
  cluster.run(2000);
  assert.ok(proposal?.isAcked === true, `the last proposal is acknowledged\n${cluster.status().join('\n')}`);
  cluster.checkLogMatching();
  cluster.checkConverged();
  assert.deepEqual(cluster.faults, []);
  assert.equal(
    cluster.members.every((member) => member.openReaders === 0),
    true,
    'every snapshot that was opened is closed',
  );
}

for (const nodes of [3, 5]) {
  test(`safety: ${SEEDS} random schedules of ${nodes} replicas with snapshots → machines equal at every index, then progress`, () => {
    let installs = 0;
    for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
      try {
        const cluster = randomSchedule(seed, nodes);
        recover(cluster);
        for (const member of cluster.members) installs += member.installs;
      } catch (error) {
        throw new Error(`seed ${seed}, ${nodes} replicas (repeat: RAFT_FIRST_SEED=${seed} RAFT_SEEDS=1)`, { cause: error });
      }
    }
    assert.ok(installs > SEEDS / 4, `${installs} snapshots were installed`);
  });
}
