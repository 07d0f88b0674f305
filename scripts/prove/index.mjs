// npm run prove -- NAME [--seconds N] [--seed N] …: shows one of the promises with real processes. Exit code 0: shown.
import { parseArgs } from 'node:util';

const PROOFS = {
  start: 'a clean clone starts with one command, stops without a trace and resumes',
  kill: 'SIGKILL of random nodes and leaders under load loses and doubles nothing',
  power: 'crash images of the real disks hold every acknowledged record; nothing is acknowledged before its sync',
  pause: 'a leader frozen for ten seconds costs no record, no stale read, and less than a second',
  wipe: 'a node that lost its directory neither votes nor acknowledges until it was fed',
  flip: 'a flipped byte anywhere in one node is named or repaired, never believed',
  sessions: 'maps, counters, locks and watches survive SIGKILLs and power cuts: exact, exclusive, each event once',
  'pause-sessions': 'a frozen leader gives no stale read, a frozen lock holder no late write (in another group: once the next has written)',
  election: 'the leader-election example: kill the leader, and another is elected within a second',
  bigstate: 'snapshots of a large state, taken and installed, do not hold up the event loop',
  hash: 'equal states on all replicas, also across versions of Node.js, time zones and languages',
  trace: 'the same seeds give the same runs of the simulator, event for event, on every version of Node.js',
  faces: 'the same tests of resources pass embedded, remote and simulated',
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  strict: true,
  options: {
    seed: { type: 'string' },
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    images: { type: 'string' },
    keys: { type: 'string' },
    rate: { type: 'string' },
    'node-flags': { type: 'string' },
    help: { type: 'boolean' },
  },
});
const name = positionals[0];
if (values.help || positionals.length !== 1 || !Object.hasOwn(PROOFS, name)) {
  console.log(
    'npm run prove -- NAME [--seed N] [--seconds N] [--rounds N] [--images N] [--keys N] [--rate N] [--node-flags="FLAGS OF NODE.JS"]\n',
  );
  for (const [proof, what] of Object.entries(PROOFS)) console.log(`  ${proof.padEnd(14)} ${what}`);
  process.exit(values.help ? 0 : 2);
}

const options = { seed: whole('seed') ?? Date.now() % 1_000_000 };
for (const key of ['seconds', 'rounds', 'images', 'keys', 'rate']) {
  const value = whole(key);
  if (value !== undefined) options[key] = value;
}
if (values['node-flags'] !== undefined) options.nodeFlags = values['node-flags'].split(' ').filter((flag) => flag !== '');
console.log(`prove ${name}: ${PROOFS[name]}; seed ${options.seed}`);
// The timers of a client that waits do not keep the process alive.
const keepAlive = setInterval(() => {}, 60_000);
const { prove } = await import(`./${name}.mjs`);
try {
  process.exitCode = await prove(options);
} catch (error) {
  console.log(`${name}: NOT PROVED: ${error?.stack ?? error}`);
  process.exitCode = 1;
}
console.log(`repeat with: npm run prove -- ${name} --seed ${options.seed}`);
clearInterval(keepAlive);
process.exit();

function whole(key) {
  if (values[key] === undefined) return undefined;
  const value = Number(values[key]);
  if (!Number.isInteger(value) || value < 0) {
    console.log(`--${key} must be a whole number, not ${values[key]}`);
    process.exit(2);
  }
  return value;
}
