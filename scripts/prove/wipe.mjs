// A node loses its directory while it is down: it must not count towards any majority until it was fed and admitted again.
import { rmSync } from 'node:fs';
import { Quorate } from 'quorate';
import { Cluster } from './cluster.mjs';
import { Ledger } from './ledger.mjs';
import { delay, until } from './processes.mjs';
import { report, say } from './report.mjs';
import { Workload, checkLedger } from './workload.mjs';

export async function prove({ seed, seconds = 5, rounds = 3 }) {
  return await Cluster.run({ settings: { journalFileBytes: 4_194_304 } }, async (cluster) => {
    const ledger = new Ledger();
    const workload = new Workload({ addresses: cluster.addresses, ledger, clients: 2, streams: 4 });
    await workload.start();
    await delay(1500);
    const seen = { wipes: 0, learnerSeen: 0, admitted: 0, newIncarnations: 0 };
    for (let round = 0; round < rounds; round++) await wipeUnderLoad(cluster, cluster.node((round % 3) + 1), seen);
    await workload.close();
    const before = ledger.counts();
    const waited = await wipeWithoutMajority(cluster, ledger, seconds, seen);
    const check = await checkLedger(ledger, cluster.addresses, workload.streams);
    return report(
      'wipe',
      { seed, ...seen, acknowledgedBefore: before.done, ...waited, recordsRead: check.records, problems: check.problemCount },
      [
        [`the directory was wiped ${rounds + 1} times`, seen.wipes === rounds + 1],
        ['each wiped node became a new incarnation', seen.newIncarnations === seen.wipes],
        ['a wiped node was seen as learner', seen.learnerSeen >= 1],
        ['each was admitted in the end', seen.admitted === seen.wipes],
        [`nothing was acknowledged in ${seconds} s with the wiped node and one other`, waited.ackedWithoutMajority === 0],
        ['the wiped node led and voted for nothing meanwhile', waited.leadersWithoutMajority === 0],
        ['no acknowledged record was lost', check.problemCount === 0],
      ],
      check.problems,
    );
  });
}

async function wipe(node, seen) {
  const before = (await node.status()).incarnation;
  await node.stop();
  rmSync(node.directory, { recursive: true });
  seen.wipes++;
  return before;
}

async function wipeUnderLoad(cluster, node, seen) {
  say(`node ${node.id} loses its directory under load`);
  const before = await wipe(node, seen);
  node.start();
  let wasLearner = false;
  const after = await until(
    'the wiped node to be admitted',
    async () => {
      const status = await node.status();
      if (status.groups.some((group) => group.isLearner)) wasLearner = true;
      return (
        status.state === 'serving' &&
        status.groups.length >= 5 &&
        status.groups.every((group) => !group.isLearner && group.leader !== 0) &&
        status
      );
    },
    { everyMs: 5 },
  );
  if (wasLearner) seen.learnerSeen++;
  seen.admitted++;
  if (after.incarnation !== before) seen.newIncarnations++;
  await cluster.ready();
}

/** Node 1 is wiped while node 2 is down: only node 3 knows what was acknowledged, so nothing may go on. */
async function wipeWithoutMajority(cluster, ledger, seconds, seen) {
  const [wiped, down, keeper] = cluster.nodes;
  say('node 1 loses its directory while node 2 is down: the cluster must wait');
  await down.stop();
  const before = await wipe(wiped, seen);
  wiped.start();
  await until('the wiped node to answer', () => wiped.status());
  const quorate = await Quorate.connect([wiped.address, keeper.address], { deadlineMs: 1500 });
  const endMs = performance.now() + seconds * 1000;
  let tried = 0;
  let acked = 0;
  let leaders = 0;
  let learner = false;
  while (performance.now() < endMs) {
    tried++;
    if ((await ledger.append('stream-0', 'waiter', (value) => quorate.stream('stream-0').append(value))) === null) acked++;
    const statuses = await Promise.all([wiped.status(), keeper.status()]);
    leaders += statuses.flatMap((status) => status.groups).filter((group) => group.role === 'leader').length;
    const groups = statuses[0].groups;
    if (groups.length > 0 && groups.every((group) => group.isLearner)) learner = true;
  }
  await quorate.close();
  if (learner) seen.learnerSeen++;
  say('node 2 is back');
  down.start();
  await cluster.ready();
  seen.admitted++;
  if ((await wiped.status()).incarnation !== before) seen.newIncarnations++;
  return { triedWithoutMajority: tried, ackedWithoutMajority: acked, leadersWithoutMajority: leaders, wipedNodeWasLearner: learner };
}
