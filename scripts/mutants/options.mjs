// The command line of `npm run mutants`; wrong use ends the process with code 2.
import { MUTANTS } from './catalogue.mjs';

const USAGE = 'usage: npm run mutants -- [--only ID,…] [--jobs N] [--sim SEEDS [--record]] [--list] [--json]';

export function readOptions(args) {
  const options = { only: null, jobs: null, simSeeds: 0, isRecording: false, isList: false, isJson: false };
  const value = (flag, at, inline) => inline ?? args[at + 1] ?? fail(`${flag} needs a value`);
  for (let at = 0; at < args.length; at++) {
    const [flag, inline] = splitFlag(args[at]);
    if (flag === '--list' && inline === undefined) options.isList = true;
    else if (flag === '--record' && inline === undefined) options.isRecording = true;
    else if (flag === '--json' && inline === undefined) options.isJson = true;
    else if (flag === '--only') options.only = knownIds(value(flag, at, inline));
    else if (flag === '--jobs') options.jobs = wholeNumber(flag, value(flag, at, inline), 64);
    else if (flag === '--sim') options.simSeeds = wholeNumber(flag, value(flag, at, inline), 1_000_000);
    else fail(`unknown argument "${args[at]}"`);
    if (['--only', '--jobs', '--sim'].includes(flag) && inline === undefined) at++;
  }
  if (options.isRecording && options.simSeeds === 0) fail('--record needs --sim');
  return options;
}

function splitFlag(argument) {
  const at = argument.indexOf('=');
  return at < 0 ? [argument, undefined] : [argument.slice(0, at), argument.slice(at + 1)];
}

function knownIds(text) {
  const ids = text.split(',').filter(Boolean);
  if (ids.length === 0) fail('--only needs the id of a mutant');
  for (const id of ids) if (!MUTANTS.some((mutant) => mutant.id === id)) fail(`there is no mutant "${id}"; --list shows them`);
  return ids;
}

function wholeNumber(flag, text, max) {
  const number = Number(text);
  if (!/^[0-9]+$/u.test(text) || number < 1 || number > max) fail(`${flag} must be a whole number from 1 to ${max}, not "${text}"`);
  return number;
}

function fail(what) {
  process.stderr.write(`error: ${what}\n${USAGE}\n`);
  process.exit(2);
}
