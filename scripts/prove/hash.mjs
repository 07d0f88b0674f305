// The same state on every replica, whatever version of Node.js, time zone and language its process has.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from './cluster.mjs';
import { PLACES, VERSIONS, nodeBinaries } from './node-versions.mjs';
import { delay } from './processes.mjs';
import { Choices } from './random.mjs';
import { report, say } from './report.mjs';
import { SessionLoad } from './session-load.mjs';
import { compareStates } from './state-hashes.mjs';

const SETTINGS = { journalFileBytes: 4_194_304, snapshotLogBytes: 65_536 };

export async function prove({ seed, seconds = 20, rounds = 3 }) {
  const choices = new Choices(seed);
  const directory = mkdtempSync(join(tmpdir(), 'quorate-node-'));
  try {
    const { nodes, missing } = nodeBinaries(directory);
    const totals = { runs: 0, comparisons: 0, groups: 0, restarts: 0, installed: 0, taken: 0, acknowledged: 0, problems: [] };
    for (let round = 0; round < rounds; round++) await runOnce({ nodes, round, seconds, choices, totals });
    return report(
      'hash',
      {
        seed,
        nodeVersions: Array.from(nodes.values(), ({ version }) => version),
        missingVersions: missing,
        runs: totals.runs,
        acknowledged: totals.acknowledged,
        restarts: totals.restarts,
        snapshotsTaken: totals.taken,
        snapshotsInstalled: totals.installed,
        comparisons: totals.comparisons,
        groupsCompared: totals.groups,
        problems: totals.problems.length,
      },
      [
        [`Node ${VERSIONS.join(', ')} took part`, missing.length === 0],
        [`${rounds} runs`, totals.runs === rounds],
        ['each replica was restarted and one was fed by a snapshot', totals.installed >= rounds],
        ['state hashes equal on all replicas at equal indexes', totals.problems.length === 0 && totals.comparisons === rounds * 3],
      ],
      totals.problems,
    );
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function runOnce({ nodes, round, seconds, choices, totals }) {
  const all = [...nodes.values()];
  let turn = round;
  // Each node in another version, place and language; at the next turn in another again.
  const wrapperOf = (id) => (_command, args) => {
    const { path } = all[(id + turn) % all.length];
    const place = PLACES[(id + 2 * turn) % PLACES.length];
    return ['env', [...Object.entries(place).map(([name, value]) => `${name}=${value}`), path, ...args]];
  };
  await Cluster.run({ settings: SETTINGS, wrapperOf }, async (cluster) => {
    const compare = async (when) => {
      await cluster.ready();
      const { groups, problems } = await compareStates(cluster);
      totals.comparisons++;
      totals.groups += groups;
      totals.problems.push(...problems.map((problem) => `run ${round + 1}, ${when}: ${problem}`));
    };
    const note = async () => {
      for (const { metrics } of await Promise.all(cluster.nodes.map((node) => node.status()))) {
        totals.taken += metrics.snapshotsTaken;
        totals.installed += metrics.snapshotsInstalled;
      }
    };
    const load = new SessionLoad({ connect: SessionLoad.connector(cluster.addresses), paceMs: 0, valueBytes: 1000 });
    await load.start();
    await delay((seconds * 1000) / 4);
    const away = cluster.node(choices.between(1, 3));
    await away.kill();
    await delay((seconds * 1000) / 2);
    away.start();
    totals.restarts++;
    await cluster.ready();
    await delay((seconds * 1000) / 4);
    await load.stop();
    const { problems } = await load.check(cluster.addresses);
    totals.problems.push(...problems.shown);
    totals.acknowledged += load.acknowledgedCount;
    await load.close();
    await compare('after the work');
    await note();
    for (const when of ['restarted', 'restarted once more']) {
      for (const node of cluster.nodes) await node.stop();
      turn++;
      await cluster.startAll();
      totals.restarts += 3;
      await compare(when);
    }
    totals.runs++;
    say(
      `run ${round + 1}: ${load.acknowledgedCount} acknowledged; ${totals.installed} snapshots installed so far; ${totals.problems.length} problems`,
    );
  });
}
