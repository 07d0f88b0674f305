import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SimCluster, SimNode } from '@quorate/testkit';
import { append, awaitWhole, createStream, isWhole, runningCluster, statusOf } from './harness.js';

const SECTOR = 512;

/** Writes nonsense over the middle of the journal: so many frames that nobody can tell which groups they were of. */
function ruinJournal(node: SimNode, sectors: number): string {
  const path = node.disk.paths().find((candidate) => /^journal\/\d+/.test(candidate)) as string;
  const bytes = node.disk.contentOf(path);
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  const from = Math.floor(end / 3 / SECTOR) * SECTOR;
  assert.ok(from + (sectors + 4) * SECTOR < end, 'the journal is long enough');
  node.disk.corrupt(path, from, new Uint8Array(sectors * SECTOR).fill(0xa5));
  return path;
}

/** A cluster whose node 3 is down, with a journal of which a part cannot be read. */
function withRuin(seed: number, nodes: number): { cluster: SimCluster; victim: SimNode; path: string } {
  const { cluster, client } = runningCluster({ seed, nodes }, ['a', 'b']);
  append(cluster, client, 'a', 30);
  cluster.runFor(200);
  const victim = cluster.node(nodes);
  victim.kill();
  const path = ruinJournal(victim, 8);
  return { cluster, victim, path };
}

test('T27: damage at the start whose groups cannot be told → a new incarnation, a learner of every group, then whole; nothing lost', () => {
  for (const seed of [601, 602, 603]) {
    const { cluster, victim, path } = withRuin(seed, 3);
    const before = statusOf(cluster.node(1)).members[2]?.incarnation;
    cluster.node(2).kill();
    victim.start();
    cluster.runUntil(() => victim.host !== null, 5000, 'it is open');
    // With one other node there is no majority that remembers: nothing may be elected or committed with its help.
    cluster.runFor(5000);
    assert.ok(statusOf(victim).groups.length >= 3);
    assert.ok(statusOf(victim).groups.every((group) => group.isLearner));
    assert.ok(statusOf(victim).damage.some((text) => text.startsWith(`${path} at `)));
    assert.notEqual(statusOf(victim).incarnation, before);
    cluster.node(2).start();
    awaitWhole(cluster, victim, 3);
    cluster.runUntil(() => statusOf(cluster.node(1)).members[2]?.incarnation === statusOf(victim).incarnation, 5000, 'registered');
    // What is done is done: the next start is an ordinary one.
    const now = statusOf(victim).incarnation;
    cluster.runFor(500);
    victim.kill();
    victim.start();
    cluster.runUntil(() => victim.host !== null, 5000, 'it is open again');
    assert.equal(statusOf(victim).incarnation, now);
    assert.ok(statusOf(victim).groups.every((group) => !group.isLearner));
    cluster.node(1).kill();
    const client = cluster.client('after');
    append(cluster, client, 'a', 3);
    createStream(cluster, client, 'c');
    cluster.healAll();
    cluster.check(['a', 'b', 'c']);
  }
});

test('T27: the same, and it dies at every disk operation of starting anew → it never goes by what it had, and comes back whole', () => {
  let isDone = false;
  for (let skip = 0; !isDone; skip++) {
    assert.ok(skip < 80, 'the sequence ends');
    const { cluster, victim } = withRuin(620, 3);
    const before = statusOf(cluster.node(1)).members[2]?.incarnation;
    const crash = victim.disk.inject({
      operations: ['create', 'write', 'sync', 'rename', 'syncDirectory'],
      skip,
      effect: { type: 'crash', when: 'after' },
    });
    victim.start();
    const isWholeAgain = (): boolean => isWhole(victim) && statusOf(victim).groups.length >= 3;
    cluster.runUntil(() => !victim.isUp || isWholeAgain(), 20_000, `a crash, or the end (operation ${skip})`);
    isDone = crash.hits === 0;
    crash.remove();
    if (!victim.isUp) {
      victim.powerCut(cluster.random);
      // Alone with one other it must neither vote nor count.
      cluster.node(2).kill();
      victim.start();
      cluster.runFor(500);
      const groups = victim.status()?.groups ?? [];
      const isLetIn = statusOf(cluster.node(1)).members[2]?.incarnation !== before;
      if (!isLetIn)
        assert.ok(
          groups.every((group) => group.isLearner && group.role !== 'leader'),
          `operation ${skip}`,
        );
    }
    cluster.healAll();
    awaitWhole(cluster, victim, 3);
    cluster.node(1).kill();
    append(cluster, cluster.client('after'), 'b', 2);
    cluster.healAll();
    cluster.check(['a', 'b']);
  }
});

test('T27: a single node, the same damage → it refuses to start with file and offset, again and again, and deletes nothing', () => {
  const { cluster, victim, path } = withRuin(610, 1);
  const before = victim.disk.contentOf(path);
  for (let times = 0; times < 2; times++) {
    victim.start();
    cluster.runUntil(() => !victim.isUp, 5000, 'it ends');
    assert.equal(victim.failure?.code, 'dataDamaged');
    assert.match(victim.failure?.message ?? '', /journal\/\d+\S* at \d+/);
  }
  assert.deepEqual(victim.disk.contentOf(path), before);
});
