// The command line of `npm run chaos`; wrong use ends the process with code 2.
import { FAULTS } from './faults.mjs';
import { HISTORIES_MAX } from './kept-history.mjs';

const WIDTH = Math.max(...Object.keys(FAULTS).map((name) => name.length));

export const HELP = `usage: npm run chaos -- [--minutes M] [--seed N] [--faults A,B] [--network KIND] [--clients N] [--history FILE] [--keep]

Three servers and some clients in processes of their own, faults at random, and a verdict on all that the clients called and saw.

  --minutes M      time under faults, at most 1440, with or without a fraction; default 2; it goes on for up to a minute more until each fault
                   was injected once
  --seed N         of the faults and the clients: their order, not their moments, is the same again; default: drawn
  --faults A,B     only these; "none": no faults. Default: all
  --network KIND   namespaces (Linux as root) or proxies (anywhere); default: namespaces where they can be had
  --clients N      at a time, 1 to 20; default 4
  --history FILE   where the history goes (docs/formats/history.md); default: a new file in the folder for temporary files, where those of
                   the last ${HISTORIES_MAX} runs are kept; the last line says which
  --keep           keeps the data of the nodes and what they logged
  --help           this text

faults:
${Object.entries(FAULTS)
  .map(([name, meaning]) => `  ${name.padEnd(WIDTH)}  ${meaning}`)
  .join('\n')}

exit code: 0 all is well, 1 a guarantee was broken or something could not be judged, 2 bad usage, 3 a fault of this script or of the machine, also
if a fault that the machine allows for was never injected
`;

class BadUsage extends Error {}

/** Of the arguments; ends the process if they are wrong, or ask for help. */
export function readOptions(args) {
  try {
    const options = parse(args);
    if (options !== null) return options;
    process.stdout.write(HELP);
    return process.exit(0);
  } catch (error) {
    if (!(error instanceof BadUsage)) throw error;
    process.stderr.write(`error: ${error.message}\n\n${HELP}`);
    return process.exit(2);
  }
}

const READERS = {
  minutes: (text) => decimal('minutes', text, 0.05, 1440),
  seed: (text) => whole('seed', text, 0, 0xffff_ffff),
  faults: faultNames,
  network: (text) => oneOf('network', text, ['namespaces', 'proxies']),
  clients: (text) => whole('clients', text, 1, 20),
  history: (text) => text,
};

function parse(args) {
  const options = {
    minutes: 2,
    seed: Math.floor(Math.random() * 0x1_0000_0000),
    faults: Object.keys(FAULTS),
    network: null,
    clients: 4,
    history: null,
    isKeeping: false,
  };
  for (let at = 0; at < args.length; at++) {
    const [, name, inline] = /^--([a-z]+)(?:=(.*))?$/su.exec(args[at]) ?? [];
    if (name === 'help' && inline === undefined) return null;
    if (name === 'keep' && inline === undefined) {
      options.isKeeping = true;
      continue;
    }
    if (name === undefined || !Object.hasOwn(READERS, name)) throw new BadUsage(`unknown argument "${args[at]}"`);
    const value = inline ?? args[++at];
    if (value === undefined || value === '') throw new BadUsage(`--${name} needs a value`);
    options[name] = READERS[name](value);
  }
  return options;
}

function whole(name, text, min, max) {
  const value = Number(text);
  if (!/^[0-9]+$/u.test(text) || value < min || value > max)
    throw new BadUsage(`--${name} must be a whole number from ${min} to ${max}, not "${text}"`);
  return value;
}

function decimal(name, text, min, max) {
  const value = Number(text);
  if (!/^[0-9]+(\.[0-9]+)?$/u.test(text) || value < min || value > max)
    throw new BadUsage(`--${name} must be a number from ${min} to ${max}, not "${text}"`);
  return value;
}

function oneOf(name, text, known) {
  if (!known.includes(text)) throw new BadUsage(`--${name} must be one of: ${known.join(', ')}; not "${text}"`);
  return text;
}

function faultNames(text) {
  if (text === 'none') return [];
  const names = text.split(',');
  for (const name of names) if (!Object.hasOwn(FAULTS, name)) throw new BadUsage(`there is no fault "${name}"`);
  return [...new Set(names)];
}
