import { type Command, Option } from 'commander';
import { duration, fence, integer, wholeNumber } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { type Run, common, example, flag } from './command-flags.js';

const SESSION_TTL_MS_MIN = 100;
const SESSION_TTL_MS_MAX = 0xffff_ffff;

const VALUES =
  'Values are JSON, as every client writes and reads them by default: a VALUE of the command line is stored as a JSON string, with --json-value ' +
  'as the JSON that it is. A string is printed as its text, anything else as JSON.';

/** `quorate map …` */
export function addMapCommands(program: Command, io: CliIo, run: Run): void {
  const map = program
    .command('map')
    .helpCommand(false)
    .summary('Read, write and watch maps.')
    .description(`Read, write and watch maps. ${VALUES}`)
    .exitOverride();
  example(map, 'quorate map set colours sky blue', 'quorate map get colours sky');
  addMapWrites(map, io, run);
  addMapReads(map, io, run);
}

function addMapWrites(map: Command, io: CliIo, run: Run): void {
  const set = named(map.command('set'), 'map')
    .argument('<key>', 'key of the entry')
    .argument('<value>', 'the value; "-": standard input, without the line end at its end')
    .description(`Set a value; prints the version of the map that it made. ${VALUES}`)
    .option('--ttl <duration>', 'remove the entry after this time, like 500ms, 10s or 2m', duration(1))
    .option('--if-version <version>', 'only if the entry has this version (0: if there is none)', wholeNumber(0));
  set.addOption(new Option('--if-absent', 'only if the key has no entry').conflicts('ifVersion')).option('--fence <json>', FENCE, fence);
  flag(set, '--json-value', 'VALUE is JSON');
  example(
    common(set),
    'quorate map set colours sky blue',
    'quorate map set limits upload \'{"bytes":1000}\' --json-value --ttl 10s',
    'quorate map set files readme - < README.md',
  ).action(async (name: string, key: string, value: string, flags) => {
    run.code = await (await import('./commands/map.js')).setInMap({ name, key, value, flags }, io);
  });

  const remove = named(map.command('remove'), 'map')
    .argument('<key>', 'key of the entry')
    .description('Remove an entry; fine if there is none.')
    .option('--if-version <version>', 'only if the entry has this version', wholeNumber(0))
    .option('--fence <json>', FENCE, fence);
  example(common(remove), 'quorate map remove colours sky').action(async (name: string, key: string, flags) => {
    run.code = await (await import('./commands/map.js')).removeFromMap({ name, key, flags }, io);
  });
}

function addMapReads(map: Command, io: CliIo, run: Run): void {
  const get = named(map.command('get'), 'map')
    .argument('<key>', 'key of the entry')
    .description(`Print a value. No entry: prints nothing ("null" with --json), exit code 1. ${VALUES}`);
  example(common(get), 'quorate map get colours sky').action(async (name: string, key: string, flags) => {
    run.code = await (await import('./commands/map.js')).getFromMap({ name, key, flags }, io);
  });

  for (const what of ['keys', 'entries'] as const) {
    const list = named(map.command(what), 'map')
      .description(
        what === 'keys'
          ? 'Print the keys in order, one per line.'
          : 'Print keys and values in order of the keys, a tab between, one entry per line. Line ends, tabs and such are printed as \\x0a; exact with --json.',
      )
      .option('--prefix <text>', 'only keys that start with it', '')
      .option('--limit <count>', 'stop after so many', wholeNumber(1));
    example(common(list), `quorate map ${what} colours --prefix s`).action(async (name: string, flags) => {
      run.code = await (await import('./commands/map.js')).listMap({ name, what, flags }, io);
    });
  }

  const watch = named(map.command('watch'), 'map')
    .description(
      'Print changes as they happen, one per line: version, "set", "removed" or "expired", key, value, tabs between. Goes on over lost connections ' +
        'without a gap. Ctrl-C ends it, exit code 0.',
    )
    .option('--key <key>', 'only this key')
    .addOption(new Option('--prefix <text>', 'only keys that start with it').conflicts('key'))
    .option('--after <version>', 'begin with the changes after this version, as far as the map remembers them', wholeNumber(0));
  example(common(watch), 'quorate map watch colours --prefix s --json').action(async (name: string, flags) => {
    run.code = await (await import('./commands/map-watch.js')).watchMap(name, flags, io);
  });
}

/** `quorate counter …` */
export function addCounterCommands(program: Command, io: CliIo, run: Run): void {
  const counter = program
    .command('counter')
    .helpCommand(false)
    .description('Read and change counters: whole numbers, 0 at first.')
    .exitOverride();
  example(counter, 'quorate counter add visits');

  const add = named(counter.command('add'), 'counter')
    .argument('[n]', 'what to add; may be negative', integer, 1)
    .description('Add to a counter, exactly once; prints the new value.')
    .option('--fence <json>', FENCE, fence);
  example(common(add), 'quorate counter add visits', 'quorate counter add visits -5').action(async (name: string, n: number, flags) => {
    run.code = await (await import('./commands/counter.js')).addToCounter({ name, n, flags }, io);
  });

  const get = named(counter.command('get'), 'counter').description('Print the value of a counter.');
  example(common(get), 'quorate counter get visits').action(async (name: string, flags) => {
    run.code = await (await import('./commands/counter.js')).getCounter(name, flags, io);
  });

  const set = named(counter.command('set'), 'counter')
    .argument('<n>', 'the new value', integer)
    .description('Set a counter; prints the value before.')
    .option('--fence <json>', FENCE, fence);
  example(common(set), 'quorate counter set visits 0').action(async (name: string, n: number, flags) => {
    run.code = await (await import('./commands/counter.js')).setCounter({ name, n, flags }, io);
  });
}

/** `quorate lock` */
export function addLockCommand(program: Command, io: CliIo, run: Run): void {
  const lock = named(program.command('lock'), 'lock')
    .usage('[options] <name> -- <command> [arguments…]')
    .argument('[command...]', 'the command and its arguments, after "--"')
    .summary('Run a command while holding a lock.')
    .description(`Wait for a lock, run a command while holding it, and give it up when the command has ended. ${whileHeld('the lock')}`)
    .option('--wait <duration>', 'longest wait, like 500ms or 10s; 0s: only if it is free (default: as long as it takes)', duration(0))
    .addOption(new Option('--holder', 'print who holds it, run nothing').conflicts(['wait']));
  example(
    common(heldFlags(lock)),
    'quorate lock nightly --wait 10s -- ./backup.sh --full',
    'quorate lock import -- sh -c \'quorate map set jobs last "$(date)" --fence "$QUORATE_FENCE"\'',
    'quorate lock nightly --holder',
  ).action(async (name: string, command: readonly string[], flags) => {
    run.code = await (await import('./commands/lock.js')).runLock({ name, command, flags }, io);
  });
}

/** `quorate elect` */
export function addElectCommand(program: Command, io: CliIo, run: Run): void {
  const elect = named(program.command('elect'), 'election')
    .usage('[options] <name> [-- <command> [arguments…]]')
    .argument('[command...]', 'the command and its arguments, after "--"')
    .summary('Run a command while leading.')
    .description(
      `Stand for election, run a command while leading, and step down when the command has ended. ${whileHeld('leadership')}\n\nWithout a ` +
        'command: prints a line when it leads and when it no longer does, and stands again, until Ctrl-C (exit code 0).',
    )
    .option('--about <text>', 'what it says of itself to those who ask who leads')
    .addOption(new Option('--leader', 'print who leads, run nothing').conflicts(['about']));
  example(
    common(heldFlags(elect)),
    'quorate elect scheduler --about "$(hostname)" -- ./scheduler.sh',
    'quorate elect scheduler --leader',
  ).action(async (name: string, command: readonly string[], flags) => {
    run.code = await (await import('./commands/elect.js')).runElect({ name, command, flags }, io);
  });
}

const FENCE = 'only while this lock or leadership is held: what QUORATE_FENCE says';

function whileHeld(what: string): string {
  return (
    'Ends with the exit code of the command (128 + n if signal n ended it, 127 if there is no such command, 126 if it cannot be run). ' +
    `If ${what} is lost meanwhile, the command is sent SIGTERM, after a while SIGKILL, and the exit code is 75. ` +
    'SIGINT, SIGTERM and SIGHUP are passed on to the command. Without a terminal all this reaches whatever the command has started, too; on one only the command itself, ' +
    'so end scripts with "exec", or give them no terminal (< /dev/null).\n\n' +
    'The command finds its token, which grows from holder to holder, in QUORATE_TOKEN (as 1.42), and in QUORATE_FENCE what --fence takes: a process that ' +
    'was stopped may go on after another has begun, and only fenced writes are safe from it.'
  );
}

function heldFlags(command: Command): Command {
  return command
    .option(
      '--session-ttl <duration>',
      'time without contact after which another may go on (default: 10s)',
      duration(SESSION_TTL_MS_MIN, SESSION_TTL_MS_MAX),
    )
    .addOption(
      new Option('--kill-after <duration>', 'time between SIGTERM and SIGKILL').argParser(duration(0, 3_600_000)).default(5000, '5s'),
    );
}

function named(command: Command, kind: string): Command {
  return command.argument('<name>', `name of the ${kind}`);
}
