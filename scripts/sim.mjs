// `npm run sim`: whole clusters in the simulator, one per seed, judged while they run. `--help` tells the flags and the exit codes.
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { explore } from './sim/explore.mjs';
import { isScriptFile, replayScript, tellFailure } from './sim/failure.mjs';
import { runHere } from './sim/here.mjs';
import { neverReached } from './sim/must-reach.mjs';
import { EXIT, SEED_MAX, exitCodeOf, faultsOf, helpText, readOptions } from './sim/options.mjs';
import { Totals, counted } from './sim/totals.mjs';
import { ROOT, build, ensureInstalled, say } from './workspace.mjs';

/** One line for a run that kept all promises. */
function summary({ virtualMs, operations, records, faults, traceHash }) {
  return `${(virtualMs / 1000).toFixed(1)} virtual s, ${operations} calls, ${records} records, faults: ${counted(faults)}, trace ${traceHash}`;
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

async function load(name) {
  return import(pathToFileURL(join(ROOT, 'packages', name, 'dist', 'index.js')).href);
}

async function prepared() {
  await ensureInstalled();
  await build(['packages/testkit']);
  return load('testkit');
}

/** Runs all seeds: what failed, and what of the simulator broke. */
async function runAll({ flags, testkit, options, totals, onFailure, onBroken }) {
  const { seed, count, minutes, jobs, failuresMax } = flags;
  const common = { options, failuresMax, totals, onFailure, onBroken };
  if (minutes > 0) {
    // Fresh seeds: nobody has to remember which were tried.
    let at = flags.hasSeed ? seed : Math.floor(Math.random() * SEED_MAX);
    const next = () => at++ % (SEED_MAX + 1);
    say(`sim: ${jobs} processes from seed ${at} for ${minutes} min`);
    return explore({ ...common, jobs, next, untilMs: performance.now() + minutes * 60_000, onResult: () => {} });
  }
  const seeds = Array.from({ length: count }, (_, i) => seed + i);
  const onResult = (each, ms, result) => say(`sim: seed ${each}: ${Math.round(ms)} ms, ${summary(result)}`);
  return runHere({ ...common, testkit, checkers: await load('checkers'), seeds, log: flags.log, history: flags.history, onResult });
}

async function run(args) {
  if (args.includes('--help')) {
    const { NEMESIS_ACTIONS, RARE_BRANCHES } = await prepared();
    process.stdout.write(helpText({ faults: NEMESIS_ACTIONS, branches: RARE_BRANCHES }));
    return EXIT.good;
  }
  const flags = readOptions(args, isScriptFile);
  const testkit = await prepared();
  if (flags.script !== null) return replayScript(testkit, flags.script);
  const { NEMESIS_ACTIONS, DISK_EFFECTS, RARE_BRANCHES } = testkit;
  const faults = faultsOf(flags.faults, NEMESIS_ACTIONS);
  const options = faults === undefined ? {} : { actions: faults };
  const totals = new Totals({
    faults: faults ?? NEMESIS_ACTIONS,
    effects: faults === undefined ? DISK_EFFECTS : [],
    branches: RARE_BRANCHES,
  });
  const folder = flags.folder ?? join(ROOT, 'tmp', 'sim-failures');
  const onFailure = (at, failure) => {
    process.stderr.write(`${failure}\n`);
    process.stderr.write(`sim: seed ${at} failed; kept: ${keep(folder, at, faults, failure)}\n`);
  };
  const onBroken = (at, text) => process.stderr.write(`sim: the simulator failed in seed ${at}; kept: ${keep(folder, at, faults, text)}\n`);
  const { failed, broken } = await runAll({ flags, testkit, options, totals, onFailure, onBroken });
  for (const line of totals.lines) say(`sim: ${line}`);
  const [first] = failed;
  const repeat = `npm run sim -- --seed ${first}${faults === undefined ? '' : ` --faults ${faults.join(',')}`}`;
  if (first !== undefined) process.stderr.write(`[quorate] error: seeds that failed: ${failed.join(', ')}; repeat one with: ${repeat}\n`);
  let fault = broken;
  if (fault === null && first !== undefined && flags.shrinkSeconds > 0) {
    const script = testkit.drawScript(first, options);
    const isRepeated = tellFailure(testkit, script, { seconds: flags.shrinkSeconds, folder });
    if (!isRepeated) fault = `seed ${first} failed and, run again, did not: the simulator is not deterministic`;
  }
  const never = neverReached(totals, { areFewFaults: faults !== undefined });
  const code = exitCodeOf({ failed, broken: fault, never });
  if (fault !== null) throw new Error(fault);
  if (never.length > 0) process.stderr.write(`[quorate] error: never happened in ${totals.hours} virtual hours: ${never.join(', ')}\n`);
  if (code === EXIT.good) say(`sim: ${totals.seeds} seeds: all promises held`);
  return code;
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`[quorate] simulator error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = EXIT.simulator;
}
