// Random nodes and leaders die by SIGKILL and come back while four clients append to eight streams; at the end all three die at once.
import { Cluster } from './cluster.mjs';
import { Ledger } from './ledger.mjs';
import { delay } from './processes.mjs';
import { Choices } from './random.mjs';
import { report, say } from './report.mjs';
import { Workload, checkLedger } from './workload.mjs';

const KILLS_LEAST = 25;
const LEADER_KILLS_LEAST = 8;
const ACKED_LEAST = 10_000;

export async function prove({ seed, seconds = 60 }) {
  const scale = Math.min(1, seconds / 60);
  const wanted = {
    kills: Math.ceil(KILLS_LEAST * scale),
    leaderKills: Math.ceil(LEADER_KILLS_LEAST * scale),
    acked: Math.ceil(ACKED_LEAST * scale),
  };
  const choices = new Choices(seed);
  return await Cluster.run({ settings: { journalFileBytes: 4_194_304 } }, async (cluster) => {
    say('three nodes are up');
    const ledger = new Ledger();
    const workload = new Workload({ addresses: cluster.addresses, ledger });
    await workload.start();
    const startMs = performance.now();
    const kills = await killAround({ cluster, choices, wanted, seconds, startMs, acknowledged: () => ledger.counts().done });
    const appendedSeconds = (performance.now() - startMs) / 1000;
    say('all three die at once');
    await delay(choices.between(0, 500));
    await killAll(cluster);
    await cluster.startAll();
    await delay(500);
    await workload.close();
    say('every call has ended; all three die once more before the check');
    await killAll(cluster);
    await cluster.startAll();
    const counts = ledger.counts();
    const check = await checkLedger(ledger, cluster.addresses, workload.streams);
    return report(
      'kill',
      {
        seed,
        seconds: Number(appendedSeconds.toFixed(1)),
        kills: kills.total,
        leaderKills: kills.leaders,
        killedAllAtOnce: 2,
        acknowledged: counts.done,
        never: counts.never,
        unknown: counts.unknown,
        unsettled: counts.open,
        errors: Object.fromEntries(workload.errors),
        longestPauseMs: Math.round(workload.longestGapMs),
        recordsRead: check.records,
        problems: check.problemCount,
      },
      [
        [`at least ${seconds} s of appends`, appendedSeconds >= seconds],
        [`at least ${wanted.kills} kills`, kills.total >= wanted.kills],
        [`at least ${wanted.leaderKills} kills of a leader`, kills.leaders >= wanted.leaderKills],
        [`at least ${wanted.acked} acknowledged records`, counts.done >= wanted.acked],
        ['every call settled', counts.open === 0],
        ['each acknowledged record there once, in order, dense', check.problemCount === 0],
      ],
      check.problems,
    );
  });
}

/**
 * Kills and starts nodes until `seconds` have passed and all that is wanted has happened; half of the time a leader of one of `groups`.
 * `wanted`: kills, kills of a leader, acknowledged calls (`acknowledged` counts them).
 */
export async function killAround({ cluster, choices, wanted, seconds, startMs, acknowledged, groups = [0, 16, 17, 18, 19] }) {
  const kills = { total: 0, leaders: 0 };
  const isEnough = () =>
    performance.now() - startMs >= seconds * 1000 &&
    kills.total >= wanted.kills &&
    kills.leaders >= wanted.leaderKills &&
    acknowledged() >= wanted.acked;
  while (!isEnough() && performance.now() - startMs < seconds * 5000) {
    const leader = await cluster.leaderOf(choices.of(groups));
    const isAimed = kills.total % 2 === 0 && leader !== undefined;
    const victim = isAimed ? cluster.node(leader) : cluster.node(choices.between(1, 3));
    const isLeader = await leadsSomething(victim);
    if (!victim.process.signal('SIGKILL'))
      throw new Error(
        `node ${victim.id} ended by itself: ${JSON.stringify(victim.process.exit)}\n${victim.process.lines.slice(-10).join('\n')}`,
      );
    await victim.process.ended;
    kills.total++;
    if (isLeader) kills.leaders++;
    say(`kill ${kills.total}: node ${victim.id}${isLeader ? ', a leader' : ''}; ${acknowledged()} acknowledged`);
    await delay(choices.between(50, 800));
    victim.start();
    // Every fifth time the next one dies while this one still recovers.
    if (kills.total % 5 !== 0) await cluster.ready();
    await delay(choices.between(50, 600));
    for (const node of cluster.nodes)
      if (!node.isRunning) throw new Error(`node ${node.id} ended by itself\n${node.process.lines.slice(-10).join('\n')}`);
  }
  await cluster.ready();
  return kills;
}

async function leadsSomething(node) {
  try {
    return (await node.status(1000)).groups.some((group) => group.role === 'leader');
  } catch {
    return false;
  }
}

/** SIGKILL for all nodes at once. */
export async function killAll(cluster) {
  for (const node of cluster.nodes) node.process.signal('SIGKILL');
  await Promise.all(cluster.nodes.map((node) => node.process.ended));
  if (cluster.nodes.some((node) => node.process.exit.signal !== 'SIGKILL')) throw new Error('not all three were killed');
}
