import { type Command, Option } from 'commander';
import { duration, wholeNumber } from '../arguments.js';
import type { CliIo } from '../cli-io.js';
import { type Run, common, example, fenceOption, flag, named } from '../command-flags.js';

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
  set.addOption(new Option('--if-absent', 'only if the key has no entry').conflicts('ifVersion')).addOption(fenceOption());
  flag(set, '--json-value', 'VALUE is JSON');
  example(
    common(set),
    'quorate map set colours sky blue',
    'quorate map set limits upload \'{"bytes":1000}\' --json-value --ttl 10s',
    'quorate map set files readme - < README.md',
  ).action(async (name: string, key: string, value: string, flags) => {
    run.code = await (await import('../commands/map.js')).setInMap({ name, key, value, flags }, io);
  });

  const remove = named(map.command('remove'), 'map')
    .argument('<key>', 'key of the entry')
    .description('Remove an entry; fine if there is none.')
    .option('--if-version <version>', 'only if the entry has this version', wholeNumber(0))
    .addOption(fenceOption());
  example(common(remove), 'quorate map remove colours sky').action(async (name: string, key: string, flags) => {
    run.code = await (await import('../commands/map.js')).removeFromMap({ name, key, flags }, io);
  });
}

function addMapReads(map: Command, io: CliIo, run: Run): void {
  const get = named(map.command('get'), 'map')
    .argument('<key>', 'key of the entry')
    .description(`Print a value. No entry: prints nothing ("null" with --json), exit code 1. ${VALUES}`);
  example(common(get), 'quorate map get colours sky').action(async (name: string, key: string, flags) => {
    run.code = await (await import('../commands/map.js')).getFromMap({ name, key, flags }, io);
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
      run.code = await (await import('../commands/map.js')).listMap({ name, what, flags }, io);
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
    run.code = await (await import('../commands/map-watch.js')).watchMap(name, flags, io);
  });
}
