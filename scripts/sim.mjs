// `npm run sim`: whole clusters in the simulator, one per seed, judged while they run.
//   --seed N [--count N]   these seeds; --log FILE, --history FILE for the last of them (docs/formats/history.md)
//   --minutes M            fresh seeds on all cores for so long
//   --replay FILE          a failure that was kept, or the smallest script that was found for one (…-small.json)
//   --shrink-seconds N     how long the first failure is made smaller; default 60, 0: not at all
//   --faults a,b           only these faults; --failures N: ends at the N-th failure; --jobs N: processes; --keep FOLDER: for failures
// Exit codes: 0 all promises held, 1 a bug was found, 2 a wrong command line, 3 the simulator itself failed.
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { cpuMsSince } from './sim/cpu-time.mjs';
import { explore } from './sim/explore.mjs';
import { isScriptFile, replayScript, tellFailure } from './sim/failure.mjs';
import { Totals, counted } from './sim/totals.mjs';
import { ROOT, build, ensureInstalled, parseFlags, say, wholeNumber } from './workspace.mjs';

const FLAGS = ['seed', 'count', 'minutes', 'failures', 'faults', 'jobs', 'keep', 'replay', 'shrink-seconds', 'log', 'history'];
const SEED_MAX = 0xffff_ffff;

function wrongUse(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(2);
}

/** One line for a run that kept all promises. */
function summary({ virtualMs, operations, records, faults, traceHash }) {
  return `${(virtualMs / 1000).toFixed(1)} virtual s, ${operations} calls, ${records} records, faults: ${counted(faults)}, trace ${traceHash}`;
}

/** Only these faults; undefined: all. */
function faultsOf(text, known) {
  if (text === undefined) return undefined;
  const names = text.split(',').filter((name) => name !== '');
  const unknown = names.find((name) => !known.includes(name));
  if (unknown !== undefined) wrongUse(`there is no fault "${unknown}"; known: ${known.join(', ')}`);
  return names;
}

function readReplay(path) {
  try {
    const { seed, faults } = JSON.parse(readFileSync(path, 'utf8'));
    if (!Number.isInteger(seed) || seed < 0 || seed > SEED_MAX) throw new Error('it has no seed');
    return { seed, faults: Array.isArray(faults) ? faults.join(',') : undefined };
  } catch (error) {
    return wrongUse(`${path} is no failure of the simulation: ${error.message}`);
  }
}

function commit() {
  try {
    return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return null;
  }
}

/** Keeps a failure as a file to replay; gives its path. */
function keep(folder, seed, faults, failure) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `seed-${seed}.json`);
  const kept = { seed, ...(faults === undefined ? {} : { faults }), commit: commit(), node: process.version, failure };
  writeFileSync(path, `${JSON.stringify(kept, null, 2)}\n`);
  return path;
}

/** In this process, one after the other, with logs and histories. */
async function runHere({ seeds, failuresMax, options, log, history, totals, onResult, onFailure }) {
  const load = (name) => import(pathToFileURL(join(ROOT, 'packages', name, 'dist', 'index.js')).href);
  const { runSimulation } = await load('testkit');
  const { encodeEvent, encodeHeader } = await load('checkers');
  const file = log === undefined ? null : openSync(log, 'w');
  const writeHistory = (header, events) => writeFileSync(history, `${[encodeHeader(header), ...events.map(encodeEvent)].join('\n')}\n`);
  const all = {
    ...options,
    ...(file === null ? {} : { log: (line) => writeSync(file, `${line}\n`) }),
    ...(history === undefined ? {} : { history: writeHistory }),
  };
  const failed = [];
  for (const seed of seeds) {
    if (failed.length >= failuresMax) break;
    const started = process.cpuUsage();
    try {
      const result = runSimulation(seed, all);
      const ms = cpuMsSince(started);
      totals.add(result, ms);
      onResult(seed, ms, result);
    } catch (error) {
      failed.push(seed);
      onFailure(seed, error instanceof Error ? (error.stack ?? error.message) : String(error));
    }
  }
  if (file !== null) closeSync(file);
  return { failed, broken: null };
}

async function run() {
  const flags = parseFlags(process.argv.slice(2), FLAGS);
  const shrinkSeconds = wholeNumber(flags, 'shrink-seconds', { min: 0, max: 86_400, fallback: 60 });
  const isScript = flags.replay !== undefined && isScriptFile(flags.replay);
  const replay = flags.replay === undefined || isScript ? null : readReplay(flags.replay);
  const seed = replay?.seed ?? wholeNumber(flags, 'seed', { min: 0, max: SEED_MAX, fallback: 1 });
  const isOne = replay !== null || flags.seed !== undefined;
  const count = wholeNumber(flags, 'count', { min: 1, max: 1_000_000, fallback: isOne ? 1 : 20 });
  const minutes = wholeNumber(flags, 'minutes', { min: 1, max: 100_000, fallback: 0 });
  const failuresMax = wholeNumber(flags, 'failures', { min: 1, max: 1_000_000, fallback: minutes > 0 ? 10 : 1 });
  const jobs = wholeNumber(flags, 'jobs', { min: 1, max: 1024, fallback: availableParallelism() });
  if (minutes > 0 && (flags.log !== undefined || flags.history !== undefined)) wrongUse('--log and --history are for single seeds');
  await ensureInstalled();
  await build(['packages/testkit']);
  const testkit = await import(pathToFileURL(join(ROOT, 'packages', 'testkit', 'dist', 'index.js')).href);
  if (isScript) return replayScript(testkit, flags.replay);
  const { NEMESIS_ACTIONS, RARE_BRANCHES } = testkit;
  const faults = faultsOf(replay?.faults ?? flags.faults, NEMESIS_ACTIONS);
  const options = faults === undefined ? {} : { actions: faults };
  const totals = new Totals({ faults: faults ?? NEMESIS_ACTIONS, branches: RARE_BRANCHES });
  const folder = flags.keep ?? join(ROOT, 'tmp', 'sim-failures');
  const onFailure = (at, failure) => {
    process.stderr.write(`${failure}\n`);
    process.stderr.write(`sim: seed ${at} failed; kept: ${keep(folder, at, faults, failure)}\n`);
  };
  const common = { options, failuresMax, totals, onFailure };
  let outcome;
  if (minutes > 0) {
    // Fresh seeds: nobody has to remember which were tried.
    let at = flags.seed === undefined ? Math.floor(Math.random() * SEED_MAX) : seed;
    const next = () => at++ % (SEED_MAX + 1);
    say(`sim: ${jobs} processes from seed ${at} for ${minutes} min`);
    outcome = await explore({ ...common, jobs, next, untilMs: performance.now() + minutes * 60_000, onResult: () => {} });
  } else {
    const seeds = Array.from({ length: count }, (_, i) => seed + i);
    const onResult = (each, ms, result) => say(`sim: seed ${each}: ${Math.round(ms)} ms, ${summary(result)}`);
    outcome = await runHere({ ...common, seeds, log: flags.log, history: flags.history, onResult });
  }
  for (const line of totals.lines) say(`sim: ${line}`);
  if (outcome.broken !== null) throw new Error(outcome.broken);
  const [first] = outcome.failed;
  if (first === undefined) {
    say(`sim: ${totals.seeds} seeds: all promises held`);
    return 0;
  }
  if (shrinkSeconds > 0) tellFailure(testkit, testkit.drawScript(first, options), { seconds: shrinkSeconds, folder });
  process.stderr.write(
    `[quorate] error: seeds that failed: ${outcome.failed.join(', ')}; repeat one with: npm run sim -- --seed ${first}${faults === undefined ? '' : ` --faults ${faults.join(',')}`}\n`,
  );
  return 1;
}

try {
  process.exitCode = await run();
} catch (error) {
  process.stderr.write(`[quorate] simulator error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 3;
}
