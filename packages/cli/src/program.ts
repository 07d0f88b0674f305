import { VERSION } from '@quorate/server/version';
import { Command, Option } from 'commander';
import { fence, seconds, wholeNumber } from './arguments.js';
import type { CliIo } from './cli-io.js';
import { type Run, common, example, flag } from './command-flags.js';
import { addCallCommand } from './resource-programs/call-program.js';
import { addCounterCommands } from './resource-programs/counter-program.js';
import { addElectCommand } from './resource-programs/election-program.js';
import { addLockCommand } from './resource-programs/lock-program.js';
import { addMapCommands } from './resource-programs/map-program.js';
import { TIMING_HELP } from './timing-help.js';

/**
 * The whole command line. Each action loads its module only when it runs, so that `--help` and errors come at once.
 */
export function createProgram(io: CliIo, run: Run): Command {
  const program = new Command('quorate')
    .description('A replicated log for Node.js: streams, maps, counters, locks and elections that several machines agree on.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpCommand(false)
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.stdout.write(text), writeErr: (text) => io.stderr.write(text), outputError: () => {} });
  example(
    program,
    'quorate dev                       # a cluster of three on this machine',
    'quorate stream create orders',
    "quorate stream append orders 'hello'",
    'quorate stream read orders',
    'quorate map set colours sky blue',
    'quorate lock nightly --wait 10s -- ./backup.sh',
  );
  addNodeCommands(program, io, run);
  addStreamCommands(program, io, run);
  addMapCommands(program, io, run);
  addCounterCommands(program, io, run);
  addLockCommand(program, io, run);
  addElectCommand(program, io, run);
  addCallCommand(program, io, run);
  addToolCommands(program, io, run);
  return program;
}

function addNodeCommands(program: Command, io: CliIo, run: Run): void {
  const dev = program
    .command('dev')
    .summary('Run a whole cluster on this machine.')
    .description(
      'Run a whole cluster on this machine, each node a process of its own. Ctrl-C drains and stops all; a second start resumes.',
    )
    .option('--nodes <count>', 'number of nodes', wholeNumber(1, 15), 3)
    .option('--data <directory>', 'folder for the data directories of all nodes', './data')
    .option('--port <port>', 'port of the first node on 127.0.0.1; the others take the next ones', wholeNumber(1, 65_535), 7400)
    .addOption(logLevelOption());
  example(common(dev, { connect: false }), 'quorate dev --nodes 3 --data ./data --port 7400').action(async (flags) => {
    const { runDev } = await import('./commands/dev.js');
    run.code = await runDev(flags, io);
  });

  const server = program
    .command('server')
    .summary('Run one node.')
    .description(
      'Run one node. Each flag may also be a QUORATE_* variable (QUORATE_DATA) or a key of a JSON file (--config); a flag wins over a ' +
        'variable, a variable over the file. SIGTERM, SIGINT and SIGHUP stop it in order: it accepts nothing new, hands leadership over, ' +
        'answers what is under way and exits 0; a second signal ends it at once.',
    )
    .option('--node <id>', 'number of this node, 1 to 65535')
    .option('--data <directory>', 'its data directory')
    .option('--listen <address>', 'HOST:PORT to listen on (default: its address in the list of members)')
    .option('--advertise <address>', 'HOST:PORT under which others reach it, if it listens elsewhere')
    .option('--members <list>', 'all members: 1=HOST:PORT,2=HOST:PORT,…')
    .option('--cluster <id>', 'id of the cluster (16 hexadecimal digits): refuse any other')
    .option('--config <file>', 'JSON file with the same keys and "settings"')
    .option('--log-level <level>', 'debug, info, warn or error (default: info)')
    .addOption(new Option('--exit-with-parent', 'stop when standard input ends').hideHelp())
    .addHelpText('after', `\n${TIMING_HELP}`);
  example(
    common(server, { connect: false }),
    'quorate server --node 1 --data /var/lib/quorate --listen 0.0.0.0:7400 --advertise 10.0.0.1:7400 \\',
    '    --members 1=10.0.0.1:7400,2=10.0.0.2:7400,3=10.0.0.3:7400',
  ).action(async (flags) => {
    const { runServerCommand } = await import('./commands/server.js');
    run.code = await runServerCommand(flags, io);
  });
}

function addStreamCommands(program: Command, io: CliIo, run: Run): void {
  const stream = program.command('stream').helpCommand(false).description('Create, list, write and read streams.').exitOverride();
  example(stream, "quorate stream append orders 'hello' --connect 127.0.0.1:7400,127.0.0.1:7401");

  const create = stream.command('create').argument('<name>', 'name of the stream').description('Create a stream; fine if it exists.');
  example(common(create), 'quorate stream create orders').action(async (name: string, flags) => {
    run.code = await (await import('./commands/stream.js')).createStream(name, flags, io);
  });

  const list = stream.command('list').description('List streams by name.').option('--prefix <text>', 'only names that start with it', '');
  example(common(list), 'quorate stream list --prefix order').action(async (flags) => {
    run.code = await (await import('./commands/stream.js')).listStreams(flags, io);
  });

  const info = stream
    .command('info')
    .argument('<name>', 'name of the stream')
    .description('Show the offsets, group and leader of a stream.');
  example(common(info), 'quorate stream info orders').action(async (name: string, flags) => {
    run.code = await (await import('./commands/stream.js')).streamInfo(name, flags, io);
  });

  const append = stream
    .command('append')
    .argument('<name>', 'name of the stream')
    .argument('[value]', 'the record; "-" or nothing: each line of standard input is a record', '-')
    .description('Append records; each is on the disks of a majority when its offset is printed.')
    .option('--in-flight <count>', 'most records under way at once when they come from standard input', wholeNumber(1, 10_000), 1000)
    .option('--fence <json>', 'not once the stream has seen a newer holder of this lock or leadership: what QUORATE_FENCE says', fence);
  example(
    common(append),
    "quorate stream append orders 'hello'",
    'quorate stream append orders - < lines.txt',
    'quorate lock import -- sh -c \'quorate stream append orders "$(date)" --fence "$QUORATE_FENCE"\'',
  ).action(async (name: string, value: string, flags) => {
    run.code = await (await import('./commands/stream-append.js')).appendToStream({ name, value, flags }, io);
  });

  const read = stream
    .command('read')
    .argument('<name>', 'name of the stream')
    .description('Print records, one per line.')
    .option('--from <offset>', 'first offset (default: the oldest there is)', wholeNumber(0))
    .option('--limit <count>', 'stop after so many records', wholeNumber(1));
  flag(read, '--follow', 'wait for new records at the end; --limit or Ctrl-C ends it');
  example(common(read), 'quorate stream read orders --from 10 --limit 5 --json', 'quorate stream read orders --follow').action(
    async (name: string, flags) => {
      run.code = await (await import('./commands/stream-read.js')).readStream(name, flags, io);
    },
  );
}

function addToolCommands(program: Command, io: CliIo, run: Run): void {
  const status = program.command('status').description('Show the nodes of the cluster, their roles and what is damaged.');
  flag(status, '--groups', 'show each group of each node');
  example(common(status), 'quorate status --connect 127.0.0.1:7400,127.0.0.1:7401').action(async (flags) => {
    run.code = await (await import('./commands/status.js')).showStatus(flags, io);
  });

  const inspect = program
    .command('inspect')
    .argument('<directory>', 'data directory of a node that is stopped')
    .description('Print and verify a data directory offline. Changes nothing.');
  example(common(inspect, { connect: false }), 'quorate inspect ./data/node-1').action(async (directory: string, flags) => {
    run.code = await (await import('./commands/inspect.js')).inspectDirectory(directory, flags, io);
  });

  addBenchCommand(program, io, run);
}

function addBenchCommand(program: Command, io: CliIo, run: Run): void {
  const bench = program
    .command('bench')
    .argument('[workloads...]', 'put, append, append-1k, append-batch, read, transfer; all if none is named')
    .summary('Measure a running cluster.')
    .description(
      'Keep operations under way and measure: op/s, latency, CPU of servers and clients, syncs and system calls per operation, bytes written, ' +
        'memory, delays of event loops. Leaves streams and a map named bench-… in the cluster.',
    )
    .option('--in-flight <count>', 'operations under way at once, over all connections', wholeNumber(1, 100_000), 64)
    .option('--connections <count>', 'client connections, over all client processes', wholeNumber(1, 1000), 4)
    .option('--processes <count>', 'client processes', wholeNumber(1, 64), 1)
    .option(
      '--rate <count>',
      'operations to begin per second; latency then counts from when each was due (default: as many as go)',
      wholeNumber(1, 10_000_000),
    )
    .option('--rounds <count>', 'rounds to measure; figures are medians', wholeNumber(1, 1000), 1)
    .option('--seconds <seconds>', 'how long a round is', seconds, 5)
    .option('--warmup <seconds>', 'how long to run before the first round', seconds, 1)
    .option('--bytes <count>', 'bytes of each value or record of put, append and read', wholeNumber(0, 1_048_576), 128)
    .option('--keys <count>', 'keys that put and read go through', wholeNumber(1, 1_000_000), 100_000)
    .option('--streams <count>', 'streams to append to', wholeNumber(1, 1000), 1)
    .option('--transfers <count>', 'how often transfer hands leadership over', wholeNumber(1, 10_000), 20);
  flag(bench, '--system-calls', 'count the system calls of the servers too, with strace, for a second after the last round');
  example(
    common(bench),
    'quorate bench put --in-flight 1000 --connections 8 --seconds 10',
    'quorate bench read --rate 5000 --rounds 3',
  ).action(async (workloads: string[], flags) => {
    run.code = await (await import('./commands/bench.js')).runBench(workloads, flags, io);
  });
}

function logLevelOption(): Option {
  return new Option('--log-level <level>', 'what the nodes log').choices(['debug', 'info', 'warn', 'error']).default('info');
}
