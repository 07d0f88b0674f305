// Found by seed 4146820860 of the simulation: a follower came back over a link of 3 MB/s and was asked where the logs meet with half a MiB of entries,
// and again with each heartbeat. The link carried nothing else: both ends missed each other's signs of life, and the leader left its office.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, electLeader, others } from '../harness/cluster.js';

const FEW_BYTES = 65_536;

test('T73: a follower far behind is asked and its answer is long on the way → few entries go with the question, none when it is repeated', () => {
  const cluster = new Cluster({ nodes: 3, raft: { appendMessageBytes: 2_097_152, windowBytes: 4_194_304 } });
  const leader = electLeader(cluster);
  cluster.run(100);
  const behind = others(leader)[0] as number;
  cluster.crash(behind);
  for (let i = 0; i < 30; i++) {
    cluster.propose(leader, 'x'.repeat(10_000));
    cluster.run(20);
  }
  const sent: number[] = [];
  let isAnswerLate = true;
  cluster.filter = ({ from, to, message }) => {
    if (to === behind && message.type === 'appendRequest') sent.push(message.batches.reduce((sum, { length }) => sum + length, 0));
    return from !== behind || !isAnswerLate;
  };
  cluster.restart(behind);
  cluster.run(2000);
  const entries = sent.filter((bytes) => bytes > 0);
  assert.equal(entries.length, 1);
  assert.ok((entries[0] as number) > FEW_BYTES / 2 && (entries[0] as number) <= FEW_BYTES, `${entries[0]} bytes`);
  assert.ok(sent.length > 5, `asked ${sent.length} times`);
  isAnswerLate = false;
  cluster.run(2000);
  cluster.checkConverged();
});
