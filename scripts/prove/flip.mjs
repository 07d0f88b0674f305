// One byte of one file of one node is flipped while it is down, round after round: it must never be believed.
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync, readdirSync, rmSync, statSync, writeSync } from 'node:fs';
import { join, relative } from 'node:path';
import { Quorate } from 'quorate';
import { Cluster } from './cluster.mjs';
import { Ledger } from './ledger.mjs';
import { QUORATE, until } from './processes.mjs';
import { Choices } from './random.mjs';
import { recordsAt } from './raw-connection.mjs';
import { report, say } from './report.mjs';
import { Workload, checkLedger } from './workload.mjs';

const STREAMS = 3;

export async function prove({ seed, rounds = 40 }) {
  const choices = new Choices(seed);
  // Small journal files and large records, so that there are several, with segments and checkpoints.
  return await Cluster.run({ settings: { journalFileBytes: 4_194_304 } }, async (cluster) => {
    const ledger = new Ledger();
    const workload = new Workload({ addresses: cluster.addresses, ledger, clients: 2, streams: STREAMS, paceMs: 2, recordBytes: 8000 });
    await workload.start();
    await until('enough records for several journal files', () => ledger.counts().done > 2500, { withinMs: 120_000 });
    await workload.stop();
    const victim = cluster.node(choices.between(1, 3));
    const seen = {
      flips: 0,
      filesFlipped: new Set(),
      named: 0,
      inspected: 0,
      refused: 0,
      harmless: 0,
      repaired: 0,
      unexplained: [],
      told: new Set(),
    };
    for (let round = 0; round < rounds; round++) {
      await flipOnce({ cluster, victim, choices, ledger, streams: workload.streams, seen, round });
      // Some writes between the rounds, so that the flipped node takes part.
      const quorate = await Quorate.connect(cluster.addresses);
      for (const stream of workload.streams)
        await ledger.append(stream, `round-${round}`, (value) => quorate.stream(stream).append(value), 8000);
      await quorate.close();
    }
    await workload.close();
    const check = await checkLedger(ledger, cluster.addresses, workload.streams);
    return report(
      'flip',
      {
        seed,
        node: victim.id,
        flips: seen.flips,
        filesFlipped: seen.filesFlipped.size,
        namedByNode: seen.named,
        namedByInspect: seen.inspected,
        refusedToStart: seen.refused,
        harmless: seen.harmless,
        wholeAgain: seen.repaired,
        unexplained: seen.unexplained.length,
        recordsRead: check.records,
        problems: check.problemCount,
      },
      [
        [`${rounds} bytes flipped`, seen.flips === rounds],
        ['in several files', seen.filesFlipped.size >= Math.min(4, rounds)],
        ['some flips did damage', seen.named + seen.refused > 0],
        ['each damage named with file and offset, by the node or by inspect', seen.unexplained.length === 0],
        ['the node held every record again after each round', seen.repaired === rounds],
        ['no acknowledged record lost or altered', check.problemCount === 0],
      ],
      [...check.problems, ...seen.unexplained],
    );
  });
}

async function flipOnce({ cluster, victim, choices, ledger, streams, seen, round }) {
  if (round % 2 === 0) await victim.stop();
  else await victim.kill();
  const files = filesOf(victim.directory);
  // Each file in its turn, so that small ones are not forgotten.
  const file = files[round % files.length];
  const flipped = flipByte(file, choices);
  const name = relative(victim.directory, file);
  seen.flips++;
  seen.filesFlipped.add(name);
  const inspected = inspect(victim.directory);
  const isInspected = inspected.damage.some((damage) => damage.file === name);
  if (isInspected) seen.inspected++;
  victim.start();
  const outcome = await until(
    'the flipped node to serve or refuse',
    async () => {
      if (victim.process.exit !== null) return 'refused';
      const status = await victim.status();
      const isWhole =
        status.state === 'serving' &&
        status.groups.length > STREAMS &&
        status.groups.every((group) => !group.isLearner && group.role !== 'stopped' && group.leader !== 0);
      return isWhole && status;
    },
    { withinMs: 60_000 },
  );
  const warnings = victim.process.lines.filter((line) => /"level":"(warn|error)"/.test(line) && /damage/i.test(line));
  const isNamed = warnings.some((line) => line.includes(`"file":"${name}"`) && (/"offset":\d/.test(line) || /offset \d/.test(line)));
  // A file keeps its damage while it holds anything that lives: each start tells of it again.
  const fresh = warnings.filter((line) => !seen.told.has(placeIn(line)));
  for (const line of warnings) seen.told.add(placeIn(line));
  const effect = outcome === 'refused' ? 'refused to start' : isNamed ? 'named' : fresh.length > 0 ? 'MISNAMED' : 'no effect';
  say(
    `flip ${round + 1}: ${name} at ${flipped.offset} (${flipped.before} to ${flipped.after}): ${effect}${isInspected ? ', inspect names it' : ''}`,
  );
  if (effect === 'refused to start') seen.refused++;
  else if (effect === 'named') seen.named++;
  else if (effect === 'no effect') seen.harmless++;
  const where = `round ${round + 1}: ${name} at ${flipped.offset}`;
  if (effect !== 'no effect' && !isNamed)
    seen.unexplained.push(
      `${where}: damage was met, and this file or a place in it not named: ${(fresh[0] ?? victim.process.lines.at(-1))?.slice(0, 250)}`,
    );
  if (effect === 'no effect' && isInspected) seen.unexplained.push(`${where}: inspect sees damage, the node did not name it`);
  if (outcome === 'refused') {
    rmSync(victim.directory, { recursive: true });
    victim.start();
  }
  await cluster.ready();
  await holdsEverything(victim, ledger, streams, `a flip in ${name} at ${flipped.offset}`);
  seen.repaired++;
}

/** What this node itself has must become all that was acknowledged, and never be anything else. */
async function holdsEverything(node, ledger, streams, what) {
  const status = await until(`node ${node.id} to apply everything after ${what}`, async () => {
    const now = await node.status();
    return now.groups.every((group) => group.appliedIndex === group.lastIndex) && now;
  });
  const groupOf = (stream) => status.groups.find((group) => group.name === stream).group;
  const check = await ledger.check(Object.fromEntries(streams.map((stream) => [stream, recordsAt(node.address, groupOf(stream))])));
  if (check.problemCount > 0) throw new Error(`after ${what} node ${node.id} holds something else: ${check.problems[0]}`);
}

/** File and offset that a line of the log tells of. */
function placeIn(line) {
  const { file, offset, msg } = JSON.parse(line);
  return `${msg} ${file} ${offset}`;
}

function filesOf(directory) {
  const found = readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name));
  return found.filter((file) => statSync(file).size > 0).sort();
}

/** Mostly where something is written: a file filled with zeros beforehand would take most flips where nothing is. */
function flipByte(file, choices) {
  const fd = openSync(file, 'r+');
  try {
    const size = statSync(file).size;
    const used = usedBytes(readFileSync(file));
    const offset = choices.between(0, 9) === 0 ? choices.between(0, size - 1) : choices.between(0, Math.max(1, used) - 1);
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, offset);
    const before = byte[0];
    byte[0] = before ^ (1 << choices.between(0, 7));
    writeSync(fd, byte, 0, 1, offset);
    return { offset, before, after: byte[0] };
  } finally {
    closeSync(fd);
  }
}

function usedBytes(bytes) {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end--;
  return end;
}

function inspect(directory) {
  try {
    return JSON.parse(
      execFileSync(process.execPath, [QUORATE, 'inspect', directory, '--json'], {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        maxBuffer: 64 * 1024 * 1024,
      }),
    );
  } catch (error) {
    if (error.stdout !== '') return JSON.parse(error.stdout);
    // It could not be read at all: then its error names the file.
    return { damage: [JSON.parse(error.stderr).error.details] };
  }
}
