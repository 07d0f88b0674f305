// Maps, counters, locks and watches beside stream appends: nodes die by SIGKILL, and the power is cut at random moments of a real run.
import { Cluster } from './cluster.mjs';
import { killAll, killAround } from './kill.mjs';
import { Ledger } from './ledger.mjs';
import { delay } from './processes.mjs';
import { Choices } from './random.mjs';
import { report, say } from './report.mjs';
import { SessionLoad } from './session-load.mjs';
import { proveImages } from './session-images.mjs';
import { compareStates } from './state-hashes.mjs';
import { Workload, checkLedger } from './workload.mjs';

const KILLS_LEAST = 25;
const LEADER_KILLS_LEAST = 8;
/** Of the appends, and as many of the calls of resources. */
const ACKED_LEAST = 10_000;
/** What is left of the disks of three nodes, each time the power is cut. */
const IMAGES_LEAST = 1200;
/** Rest after an append of each client to each stream: the machine has to serve the others too. */
const APPEND_PACE_MS = 40;
/** Small, so that snapshots are taken, and those who were away too long get them. */
const SETTINGS = { journalFileBytes: 4_194_304, snapshotLogBytes: 65_536 };

export async function prove({ seed, seconds = 60, images = IMAGES_LEAST }) {
  const choices = new Choices(seed);
  const killed = await killRun(choices, seconds);
  const cut = images === 0 ? null : await proveImages(choices, Math.ceil(images / 3));
  return report(
    'sessions',
    { seed, ...killed.measured, ...cut?.measured },
    [...killed.demands, ...(cut?.demands ?? [])],
    [...killed.problems, ...(cut?.problems ?? [])],
  );
}

async function killRun(choices, seconds) {
  const scale = Math.min(1, seconds / 60);
  const wanted = {
    kills: Math.ceil(KILLS_LEAST * scale),
    leaderKills: Math.ceil(LEADER_KILLS_LEAST * scale),
    acked: Math.ceil(ACKED_LEAST * scale),
  };
  return await Cluster.run({ settings: SETTINGS }, async (cluster) => {
    say('three nodes are up');
    const ledger = new Ledger();
    const appends = new Workload({ addresses: cluster.addresses, ledger, paceMs: APPEND_PACE_MS });
    const load = new SessionLoad({ connect: SessionLoad.connector(cluster.addresses) });
    await appends.start();
    await load.start();
    const startMs = performance.now();
    // Group 1 holds all resources: its leader dies most often.
    const kills = await killAround({
      cluster,
      choices,
      wanted,
      seconds,
      startMs,
      acknowledged: () => Math.min(ledger.counts().done, load.acknowledgedCount),
      groups: [0, 1, 1, 1, 1, 16, 17, 18, 19],
    });
    const workedSeconds = (performance.now() - startMs) / 1000;
    say('all three die at once');
    await delay(choices.between(0, 500));
    await killAll(cluster);
    await cluster.startAll();
    await delay(500);
    await Promise.all([load.stop(), appends.close()]);
    say('every call has ended; all three die once more before the check');
    await killAll(cluster);
    await cluster.startAll();
    const streams = await checkLedger(ledger, cluster.addresses, appends.streams);
    say('streams compared');
    const watched = await load.check(cluster.addresses);
    say('maps, counters, locks and watches compared');
    await load.close();
    say('clients closed');
    const states = await compareStates(cluster);
    const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
    return judge({ wanted, seconds, workedSeconds, kills, ledger, appends, load, streams, watched, states, statuses });
  });
}

function judge({ wanted, seconds, workedSeconds, kills, ledger, appends, load, streams, watched, states, statuses }) {
  const { problems, eventsTold, watches } = watched;
  const appended = ledger.counts();
  const metric = (name) => statuses.reduce((sum, { metrics }) => sum + metrics[name], 0);
  const sets = load.sets.counts();
  const grants = load.acquired.size;
  return {
    measured: {
      seconds: Number(workedSeconds.toFixed(1)),
      kills: kills.total,
      leaderKills: kills.leaders,
      killedAllAtOnce: 2,
      appendClients: appends.clients.length,
      streams: appends.streams.length,
      appendsAcknowledged: appended.done,
      appendsUnknown: appended.unknown,
      appendsNever: appended.never,
      setsAcknowledged: sets.done,
      setsUnknown: sets.unknown,
      setsNever: sets.never,
      incrementsAcknowledged: load.total.count('done') + load.own.reduce((sum, own) => sum + own.count('done'), 0),
      incrementsUnknown: load.total.count('unknown') + load.own.reduce((sum, own) => sum + own.count('unknown'), 0),
      lockGrants: grants,
      sections: load.sections,
      watches,
      eventsTold,
      sessionsLost: load.sessionsLost,
      errors: Object.fromEntries(load.errors),
      streamRecords: streams.records,
      streamErrors: Object.fromEntries(appends.errors),
      groupsCompared: states.groups,
      snapshotsTakenSinceRestart: metric('snapshotsTaken'),
      snapshotIndexLeast: Math.min(...statuses.map(({ groups }) => groups.find(({ group }) => group === 1).firstIndex - 1)),
      problems: problems.count + streams.problemCount + states.problems.length,
    },
    demands: [
      [`at least ${seconds} s of work`, workedSeconds >= seconds],
      [`at least ${wanted.kills} kills`, kills.total >= wanted.kills],
      [`at least ${wanted.leaderKills} kills of a leader`, kills.leaders >= wanted.leaderKills],
      [`at least ${wanted.acked} acknowledged appends`, appended.done >= wanted.acked],
      [`at least ${wanted.acked} acknowledged sets and increments`, load.acknowledgedCount >= wanted.acked],
      ['every append settled', appended.open === 0],
      ['locks went from hand to hand', grants >= wanted.acked / 100],
      ['watches told of changes', eventsTold > load.sets.counts().done],
      ['every set, counter, section, event and record as it must be', problems.count + streams.problemCount === 0],
      ['the same state on all replicas', states.problems.length === 0],
    ],
    problems: [...problems.shown, ...streams.problems, ...states.problems],
  };
}
