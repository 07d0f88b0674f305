// The command line of `npm run sim`.
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { MUST_REACH_HOURS } from './must-reach.mjs';
import { parseFlags, wholeNumber } from '../workspace.mjs';

const FLAGS = ['seed', 'count', 'minutes', 'failures', 'faults', 'jobs', 'keep', 'replay', 'shrink-seconds', 'log', 'history'];
export const SEED_MAX = 0xffff_ffff;

/** Exit codes. */
export const EXIT = { good: 0, bug: 1, wrongUse: 2, simulator: 3, notReached: 4 };

/** Of a run: an error of the simulator counts before all else, since nothing it says can be relied on. */
export function exitCodeOf({ failed, broken, never }) {
  if (broken !== null) return EXIT.simulator;
  if (failed.length > 0) return EXIT.bug;
  return never.length > 0 ? EXIT.notReached : EXIT.good;
}

export function helpText({ faults, branches }) {
  return `npm run sim -- [flags]: whole clusters in the simulator, one per seed, judged while they run.

  --seed N [--count N]   these seeds, one after the other; alone: one; default: 20 from 1
  --minutes M            fresh seeds on all cores for so long (with --seed: from that one on)
  --replay FILE          a failure that was kept, or the smallest script found for one (…-small.json)
  --faults a,b           only these faults
  --log FILE, --history FILE
                         of single seeds: what nodes and clients log; what clients called and saw (docs/formats/history.md)
  --shrink-seconds N     how long the first failure is made smaller; default 60, 0: not at all
  --failures N           ends at the N-th failure; default 1, with --minutes 10
  --jobs N               processes, with --minutes; default: one per core
  --keep FOLDER          for failures; default tmp/sim-failures
  --help                 this

Exit codes:
  0  all promises held
  1  a bug was found
  2  wrong command line: an unknown flag or fault, a number that is none, a file that cannot be replayed
  3  the simulator itself failed: an error in its own code, a process of it that ended or hangs, a run that does not repeat
  4  all promises held, but after ${MUST_REACH_HOURS} virtual hours or more a fault or a rare branch had never happened: they are named

Faults: ${faults.join(', ')}

Rare branches: ${branches.join(', ')}
`;
}

export function wrongUse(message) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(EXIT.wrongUse);
}

/** Only these faults; undefined: all. */
export function faultsOf(text, known) {
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

/** `isScript(file)`: it is a script, not a kept seed. A wrong command line ends the process with code 2. */
export function readOptions(args, isScript) {
  const flags = parseFlags(args, FLAGS);
  const script = flags.replay !== undefined && isScript(flags.replay) ? flags.replay : null;
  const replay = flags.replay === undefined || script !== null ? null : readReplay(flags.replay);
  const seed = replay?.seed ?? wholeNumber(flags, 'seed', { min: 0, max: SEED_MAX, fallback: 1 });
  const isOne = replay !== null || flags.seed !== undefined;
  const minutes = wholeNumber(flags, 'minutes', { min: 1, max: 100_000, fallback: 0 });
  if (minutes > 0 && (flags.log !== undefined || flags.history !== undefined)) wrongUse('--log and --history are for single seeds');
  return {
    script,
    seed,
    hasSeed: flags.seed !== undefined,
    count: wholeNumber(flags, 'count', { min: 1, max: 1_000_000, fallback: isOne ? 1 : 20 }),
    minutes,
    failuresMax: wholeNumber(flags, 'failures', { min: 1, max: 1_000_000, fallback: minutes > 0 ? 10 : 1 }),
    jobs: wholeNumber(flags, 'jobs', { min: 1, max: 1024, fallback: availableParallelism() }),
    shrinkSeconds: wholeNumber(flags, 'shrink-seconds', { min: 0, max: 86_400, fallback: 60 }),
    faults: replay?.faults ?? flags.faults,
    folder: flags.keep,
    log: flags.log,
    history: flags.history,
  };
}
