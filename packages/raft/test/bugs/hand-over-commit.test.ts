// A leader that was stopped handed over before its followers knew what it had committed last: the one that stayed alone could not know it.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeId } from '@quorate/base';
import { Cluster, electLeader, others } from '../harness/cluster.js';

for (const [when, isBefore] of [
  ['before the hand-over', true],
  ['during it', false],
] as const) {
  test(`commit index: an entry is committed ${when} of leadership → all are told before the leader stops, though none follow`, () => {
    const cluster = new Cluster({ nodes: 3, raft: { commitTellMs: 5 } });
    const leader = electLeader(cluster);
    cluster.run(100);
    const { term } = cluster.raft(leader);
    const proposal = cluster.propose(leader, 'last');
    if (isBefore) cluster.run(50, () => proposal?.isAcked === true);
    const [target, other] = others(leader) as [number, number];
    // Nobody votes, and nobody tells the old leader that it is over.
    cluster.filter = ({ from, message }) => from === leader || (message.type === 'appendResponse' && message.term === term);
    cluster.act(leader, (raft) => assert.equal(raft.transferLeader(nodeId(target), cluster.nowMs), true));
    const sinceMs = cluster.nowMs;
    cluster.run(isBefore ? 2 : 6, () => [target, other].every((id) => cluster.raft(id).commitIndex === proposal?.index));
    assert.deepEqual(
      [target, other].map((id) => cluster.raft(id).commitIndex),
      [proposal?.index, proposal?.index],
      `after ${cluster.nowMs - sinceMs} ms`,
    );
  });
}
