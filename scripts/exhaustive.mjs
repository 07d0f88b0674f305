// `npm run exhaustive -- [crashes|failures|graphs] …`: short runs in the simulator, each of a whole class: power lost at every call to the disk and
// at every call of the recoveries, every call failing once, every way in which the cables between nodes can be cut.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { EXIT } from './sim/options.mjs';
import { ROOT, build, ensureInstalled, main, parseFlags, say, wholeNumber } from './workspace.mjs';

const HELP = `npm run exhaustive -- [KIND] [--seed N] [--seeds N] [--length N] [--from N] [--to N] [--every N] [--depth N] [--sample N]

KIND is one of these; all of them if none is given:
  crashes    a script of --length operations (200) on one node; power is lost at each call to its disk, and of what was not synced nothing,
             everything or any part is left; then at each call of the recovery from that, and at each call of the recovery from one of those
             (--depth 1 or 2: without these); --from, --to, --every: only these calls of the script
  failures   the same script; each call to the disk fails once, with an I/O error and with "no space"
  graphs     three nodes: all 64 ways in which the directions between them can work; appends must go on wherever two have both directions to each
             other; five nodes: all graphs of cables that work both ways, and --sample (40) with single directions drawn at random; names those
             under which nothing is acknowledged though a quorum is connected, which the rules of Raft allow there

--seeds N tries N seeds, one after the other: each has orders of calls of its own, and the ways of syncing take turns.

Exit code: 0 nothing found, 1 a promise was broken, 2 wrong usage, 3 the simulator itself failed.
`;
const KINDS = ['crashes', 'failures', 'graphs'];
const CALLS_MAX = 1_000_000;

const args = process.argv.slice(2);
if (args.includes('--help')) {
  process.stdout.write(HELP);
  process.exit(0);
}
const kind = args[0] !== undefined && !args[0].startsWith('--') ? args.shift() : undefined;
if (kind !== undefined && !KINDS.includes(kind)) {
  process.stderr.write(`error: unknown kind "${kind}"; known: ${KINDS.join(', ')}\n`);
  process.exit(2);
}

await main(async () => {
  const flags = parseFlags(args, ['seed', 'seeds', 'length', 'from', 'to', 'every', 'depth', 'sample']);
  const seed = wholeNumber(flags, 'seed', { min: 0, max: 0xffff_ffff, fallback: 1 });
  const seeds = wholeNumber(flags, 'seeds', { min: 1, max: 10_000, fallback: 1 });
  const script = {
    length: wholeNumber(flags, 'length', { min: 1, max: 10_000, fallback: 200 }),
    from: wholeNumber(flags, 'from', { min: 0, max: CALLS_MAX, fallback: 0 }),
    to: wholeNumber(flags, 'to', { min: 1, max: CALLS_MAX, fallback: CALLS_MAX }),
    every: wholeNumber(flags, 'every', { min: 1, max: CALLS_MAX, fallback: 1 }),
    depth: wholeNumber(flags, 'depth', { min: 1, max: 3, fallback: 3 }),
  };
  const sample = wholeNumber(flags, 'sample', { min: 0, max: 100_000, fallback: 40 });
  await ensureInstalled();
  await build(['packages/testkit']);
  const testkit = await import(pathToFileURL(join(ROOT, 'packages', 'testkit', 'dist', 'index.js')).href);
  try {
    let problems = 0;
    for (let each = seed; each < seed + seeds; each++) {
      if (seeds > 1) say(`exhaustive: seed ${each}`);
      if (kind === undefined || kind === 'crashes') crashes(testkit, { ...script, seed: each });
      if (kind === undefined || kind === 'failures') failures(testkit, { ...script, seed: each });
      if (kind === undefined || kind === 'graphs') problems += graphs(testkit, each, sample);
    }
    return problems > 0 ? EXIT.bug : EXIT.good;
  } catch (thrown) {
    const end = testkit.endAt('exhaustive', thrown);
    const isBroken = testkit.isSimulatorError(end);
    process.stderr.write(`[quorate] ${isBroken ? 'simulator error' : 'error'}: ${end.stack}\n`);
    return isBroken ? EXIT.simulator : EXIT.bug;
  }
});

/** Says how far it is, at most every few seconds. */
function progress(what) {
  let saidMs = performance.now();
  return (tell) => {
    if (performance.now() - saidMs < 5000) return;
    saidMs = performance.now();
    say(`${what}: ${tell()}`);
  };
}

function inWords({ calls, recoveries, secondRecoveries }) {
  return `${calls} calls of the script, ${recoveries} of the recoveries, ${secondRecoveries} of the recoveries from those`;
}

function noCall({ from }) {
  process.stderr.write(`error: the script has no call ${from} to the disk\n`);
  process.exit(EXIT.wrongUse);
}

function crashes({ crashEverywhere }, script) {
  const tell = progress('crashes');
  const counts = crashEverywhere({ ...script, progress: (tried) => tell(() => inWords(tried)) });
  if (counts.calls === 0) noCall(script);
  say(`crashes: power was lost at ${inWords(counts)}; nothing that was acknowledged was missing`);
}

function failures({ failEverywhere }, script) {
  for (const [name, failing] of [
    ['an I/O error', 'io'],
    ['no space', 'full'],
  ]) {
    const tell = progress(`failures (${name})`);
    const { calls } = failEverywhere({ ...script, progress: (tried) => tell(() => `${tried.calls} calls`) }, failing);
    if (calls === 0) noCall(script);
    say(`failures: ${calls} calls failed with ${name}, each once; the script came to its end, nothing that was acknowledged was missing`);
  }
}

/** Gives how many graphs broke a promise; all are tried and named. */
function graphs({ runConnectivity, pairGraphs, directionsOf, describeGraph, graphProblem }, seed, sample) {
  let problems = 0;
  const five = directionsOf(5).length;
  const drawn = Array.from({ length: sample }, (_, i) => (Math.imul(seed + i + 1, 0x9e37_79b1) >>> 0) & (2 ** five - 1));
  const classes = [
    ['three nodes, every graph of single directions', 3, Array.from({ length: 2 ** directionsOf(3).length }, (_, graph) => graph)],
    ['five nodes, every graph of cables', 5, pairGraphs(5)],
    ['five nodes, single directions at random', 5, drawn],
  ];
  for (const [name, nodes, all] of classes) {
    const tell = progress(`graphs: ${name}`);
    const results = [];
    for (const graph of all) {
      results.push(runConnectivity(graph, { seed, nodes }));
      tell(() => `${results.length} of ${all.length}`);
    }
    if (results.length === 0) continue;
    const connected = results.filter(({ hasQuorum }) => hasQuorum);
    const without = connected.filter(({ lateAcknowledged }) => lateAcknowledged === 0);
    const slowest = Math.max(0, ...connected.map(({ resumedMs }) => resumedMs ?? 0));
    const mended = Math.max(0, ...results.map(({ mendedMs }) => mendedMs));
    say(
      `graphs: ${name}: ${results.length}, ${connected.length} with a quorum, ${without.length} of these without progress; ` +
        `writes resumed after ${Math.round(slowest)} virtual ms at most, after mending ${Math.round(mended)}`,
    );
    for (const { graph, leaderships } of without) say(`graphs:   no progress: ${describeGraph(nodes, graph)} (${leaderships} leaderships)`);
    for (const result of results) {
      const problem = graphProblem(nodes, result);
      if (problem === null) continue;
      problems++;
      say(`graphs: seed ${seed}: this must not be: ${problem}`);
    }
  }
  return problems;
}
