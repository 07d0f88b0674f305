import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, electLeader, others } from './harness/cluster.js';

/** The longest election timeout of the harness. */
const TIMEOUT_MS = 300;

/** Cuts every link but those listed. */
function keepOnly(cluster: Cluster, links: readonly (readonly [number, number])[]): void {
  for (const { id: a } of cluster.members) {
    for (const { id: b } of cluster.members) {
      if (a < b && !links.some(([from, to]) => (from === a && to === b) || (from === b && to === a))) cluster.cut(a, b);
    }
  }
}

/** Ms until something new is committed somewhere. */
function msToProgress(cluster: Cluster, withinMs: number): number {
  const fromMs = cluster.nowMs;
  let at = 0;
  const pending = new Map<number, ReturnType<Cluster['propose']>>();
  cluster.run(withinMs, () => {
    const { leader } = cluster;
    if (leader !== 0 && pending.get(leader) == null) pending.set(leader, cluster.propose(leader, `progress ${at++}`));
    return [...pending.values()].some((proposal) => proposal?.isAcked === true);
  });
  const isDone = [...pending.values()].some((proposal) => proposal?.isAcked === true);
  return isDone ? cluster.nowMs - fromMs : Number.POSITIVE_INFINITY;
}

for (const tellsConnections of [true, false]) {
  const how = tellsConnections ? 'and all are told' : 'and nobody is told';
  test(`T04: only links to one follower are left, ${how} → the leader gives up, that follower leads within four election timeouts`, () => {
    for (let seed = 1; seed <= 20; seed++) {
      const cluster = new Cluster({ nodes: 5, seed, tellsConnections });
      const leader = electLeader(cluster);
      cluster.run(300);
      const [centre] = others(leader, 5) as [number];
      keepOnly(
        cluster,
        others(centre, 5).map((id) => [centre, id] as const),
      );
      cluster.run(4 * TIMEOUT_MS, () => cluster.leader === centre && cluster.raft(centre).isEstablished);
      assert.equal(cluster.leader, centre, `seed ${seed}\n${cluster.status().join('\n')}`);
      assert.ok(msToProgress(cluster, 100) <= 100, `seed ${seed}`);
    }
  });
}

test('T04: a follower hears the others but not its leader → the leader stays, no term moves, all goes on', () => {
  const cluster = new Cluster({ nodes: 3, tellsConnections: false });
  const leader = electLeader(cluster);
  cluster.run(300);
  const { term } = cluster.raft(leader);
  const [between, end] = others(leader) as [number, number];
  keepOnly(cluster, [
    [leader, between],
    [between, end],
  ]);
  for (let i = 0; i < 20; i++) {
    assert.ok(msToProgress(cluster, 100) <= 100);
    cluster.run(200);
  }
  assert.deepEqual([cluster.leader, cluster.raft(leader).term, cluster.raft(end).term], [leader, term, term]);
});

test('T04: no majority is connected, then the links are mended → progress within four election timeouts', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const cluster = new Cluster({ nodes: 5, seed, tellsConnections: false });
    electLeader(cluster);
    keepOnly(cluster, [
      [1, 2],
      [3, 4],
    ]);
    cluster.run(5000);
    assert.equal(msToProgress(cluster, 1000), Number.POSITIVE_INFINITY, `seed ${seed}: two of five commit nothing`);
    cluster.heal();
    assert.ok(msToProgress(cluster, 4 * TIMEOUT_MS) <= 4 * TIMEOUT_MS, `seed ${seed}\n${cluster.status().join('\n')}`);
  }
});

test('T06: the disk of the leader hangs for ten election timeouts, its heartbeats go on → commits go on', () => {
  const cluster = new Cluster({ nodes: 3 });
  const leader = electLeader(cluster);
  cluster.run(300);
  cluster.member(leader).isDiskHeld = true;
  for (let passedMs = 0; passedMs < 10 * TIMEOUT_MS; passedMs += 100) {
    assert.ok(msToProgress(cluster, 100) <= 100, `${passedMs} ms after the disk began to hang`);
    cluster.run(50);
  }
  cluster.member(leader).isDiskHeld = false;
  cluster.run(1000);
  cluster.checkConverged();
});

test('T06: the disk of the leader hangs while much is written → it hands over before it holds much in memory, and commits go on', () => {
  const cluster = new Cluster({ nodes: 3 });
  const first = electLeader(cluster);
  cluster.run(300);
  cluster.member(first).isDiskHeld = true;
  let bytes = 0;
  let acked = 0;
  for (let i = 0; i < 600; i++) {
    const { leader } = cluster;
    const proposal = leader === 0 ? null : cluster.propose(leader, `${i} ${'x'.repeat(8000)}`);
    if (leader === first && proposal !== null) bytes += 8000;
    cluster.run(5);
    if (proposal?.isAcked === true) acked++;
  }
  // Four windows of the harness, and what one more takes.
  assert.ok(bytes <= 4 * 65_536 + 16_000, `${bytes} bytes proposed to a leader that cannot store them`);
  assert.notEqual(cluster.leader, first);
  cluster.member(first).isDiskHeld = false;
  cluster.run(2000);
  cluster.checkConverged();
  assert.ok(acked > 300, `${acked} acknowledged`);
});

test('T07: the leader can send and cannot receive → it steps down within two election timeouts, another leads', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const cluster = new Cluster({ nodes: 3, seed, tellsConnections: false });
    const deaf = electLeader(cluster);
    cluster.run(300);
    for (const id of others(deaf)) cluster.blocked.add(`${id}>${deaf}`);
    const cutMs = cluster.nowMs;
    cluster.run(2 * TIMEOUT_MS, () => cluster.raft(deaf).role !== 'leader');
    assert.notEqual(cluster.raft(deaf).role, 'leader', `seed ${seed}`);
    assert.ok(msToProgress(cluster, 2 * TIMEOUT_MS) <= 2 * TIMEOUT_MS, `seed ${seed}`);
    assert.ok(cluster.nowMs - cutMs <= 4 * TIMEOUT_MS, `seed ${seed}`);
    assert.notEqual(cluster.leader, deaf);
  }
});
