import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, electLeader, others } from './harness/cluster.js';

const WINDOW_BYTES = 4_194_304;
const LEAST_BYTES = 262_144;

/** Bytes of entries on their way to the follower. */
function underWay(cluster: Cluster, to: number): number {
  let bytes = 0;
  for (const { to: at, message } of cluster.flights) {
    if (at === to && message.type === 'appendRequest') for (const batch of message.batches) bytes += batch.length;
  }
  return bytes;
}

// Entries are answered when they are durable: a disk that is slow must not be taken for a link that is.
for (const diskMs of [1, 200]) {
  test(`T73: more is proposed than a link may carry soon, disks of ${diskMs} ms → a quarter of a MiB is on its way at first, more and more as questions are answered soon`, () => {
    const cluster = new Cluster({ nodes: 3, raft: { appendMessageBytes: 2_097_152, windowBytes: WINDOW_BYTES } });
    const leader = electLeader(cluster);
    cluster.run(500);
    const follower = others(leader)[0] as number;
    for (const id of others(leader)) cluster.member(id).diskMs = diskMs;
    for (let n = 0; n < 100; n++) cluster.propose(leader, 'x'.repeat(50_000));
    const first = underWay(cluster, follower);
    assert.ok(first > LEAST_BYTES / 2 && first <= LEAST_BYTES, `${first} bytes`);
    let most = 0;
    for (let ms = 0; ms < 100; ms++) {
      cluster.run(1);
      most = Math.max(most, underWay(cluster, follower));
    }
    assert.ok(most > 2 * LEAST_BYTES && most <= WINDOW_BYTES, `${most} bytes`);
    cluster.run(2000);
    assert.ok(cluster.proposals.every((proposal) => proposal.isAcked));
    cluster.checkConverged();
  });
}
