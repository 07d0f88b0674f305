// Three processes of the leader-election example: the leader is killed, and another says that it leads. Ten times.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.mjs';
import { nodeStatus } from './node-status.mjs';
import { Process, REPOSITORY, delay, until } from './processes.mjs';
import { Choices } from './random.mjs';
import { percentile, report, say } from './report.mjs';
import { compareStates } from './state-hashes.mjs';

const EXAMPLE = join(REPOSITORY, 'examples', 'leader-election', 'main.js');
const MEDIAN_MS_MOST = 1000;

export async function prove({ seed, rounds = 10 }) {
  if (!existsSync(EXAMPLE)) throw new Error(`there is no ${EXAMPLE}`);
  const choices = new Choices(seed);
  const directory = mkdtempSync(join(tmpdir(), 'quorate-election-'));
  const addresses = (await freePorts(3)).map((port) => `localhost:${port}`);
  const usage = await exitOf(new Process(process.execPath, [EXAMPLE, join(directory, 'nobody')]));
  const members = addresses.map((_, index) => new Member(index, join(directory, `server${index + 1}`), addresses));
  const afterMs = [];
  const restartMs = [];
  let kills = 0;
  try {
    for (const member of members) member.start();
    let leader = await elected(members, null);
    const firstOf = leader.index;
    for (let round = 0; round < rounds; round++) {
      // The others stand, and the killed one of the last round too.
      await delay(1500 + choices.between(0, 500));
      const said = members.map(({ elections }) => elections);
      const killedAtMs = performance.now();
      const { signal } = await leader.kill();
      if (signal !== 'SIGKILL') throw new Error(`the leader had ended by itself: ${JSON.stringify(leader.process.exit)}`);
      kills++;
      const next = await elected(members, leader, said);
      afterMs.push(next.electedAtMs - killedAtMs);
      say(`kill ${round + 1}: process ${leader.index + 1}; process ${next.index + 1} elected after ${Math.round(afterMs.at(-1))} ms`);
      const others = members.filter((member) => member !== leader && member !== next && member.elections > said[member.index]);
      if (others.length > 0) throw new Error('two say that they lead');
      leader.start();
      restartMs.push(performance.now() - killedAtMs);
      leader = next;
    }
    for (const member of members)
      if (!member.process.isRunning) throw new Error(`process ${member.index + 1} ended by itself\n${member.words()}`);
    // Each is a replica of its own, which tells its state like any node.
    const states = await compareStates({ nodes: members });
    const median = percentile(afterMs, 0.5);
    return report(
      'election',
      {
        seed,
        kills,
        firstLeader: firstOf + 1,
        electedMs: afterMs.map(Math.round),
        electedMsMedian: Math.round(median),
        electedMsMost: Math.round(Math.max(...afterMs)),
        groupsCompared: states.groups,
        replicasCompared: states.replicas,
        usageExitCode: usage.code,
      },
      [
        [`${rounds} kills of the leader`, kills === rounds],
        ['fewer than two arguments: usage, exit code 2', usage.code === 2],
        [`the median is under ${MEDIAN_MS_MOST} ms`, median < MEDIAN_MS_MOST],
        ['the same state on all three replicas', states.problems.length === 0 && states.replicas === members.length && states.groups >= 2],
      ],
      states.problems,
    );
  } finally {
    await Promise.all(members.map((member) => member.process?.kill()));
    rmSync(directory, { recursive: true, force: true });
  }
}

class Member {
  elections = 0;
  electedAtMs = 0;
  process = null;

  constructor(index, directory, addresses) {
    this.index = index;
    this.address = addresses[index];
    this.args = [EXAMPLE, directory, addresses[index], ...addresses.filter((_, other) => other !== index)];
  }

  start() {
    this.process = new Process(process.execPath, this.args);
    this.process.onLine = (line) => {
      if (!line.includes('Elected leader!')) return;
      this.elections++;
      this.electedAtMs = performance.now();
    };
  }

  status() {
    return nodeStatus(this.address);
  }

  async kill() {
    await this.process.kill();
    return this.process.exit;
  }

  words() {
    return this.process.lines.slice(-10).join('\n');
  }
}

/** The member, other than `before`, that says anew that it leads. */
async function elected(members, before, said = [0, 0, 0]) {
  try {
    return await until('"Elected leader!"', () => members.find((member) => member !== before && member.elections > said[member.index]), {
      withinMs: 30_000,
      everyMs: 2,
    });
  } catch (error) {
    throw new Error(`${error.message}\n${members.map((member) => `process ${member.index + 1}: ${member.words()}`).join('\n')}`, {
      cause: error,
    });
  }
}

async function exitOf(process) {
  return await process.ended;
}
