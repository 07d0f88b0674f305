// node scripts/bench-table.mjs FILE… [--write]: tables of README.md from what `npm run bench -- --json` (a line per load) or
// `npm run bench:peers -- --json` (one object) printed. Without --write they go to standard output.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { UsageError, parseOptions } from './bench-options.mjs';
import { markdownTable, peersTable, thousands } from './peers/peers-text.mjs';
import { ROOT } from './workspace.mjs';

const README = join(ROOT, 'README.md');
const USAGE = 'usage: node scripts/bench-table.mjs FILE... [--write]';
const SPEC = { write: { help: 'put the tables into README.md' } };

/** The tables by the section of README.md that they belong to: `bench` and `bench:peers`. */
export function tablesOf(texts) {
  const objects = texts.flatMap((text) =>
    text
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map(parsed),
  );
  const peers = objects.filter((object) => object.cells !== undefined);
  const loads = objects.filter((object) => object.workload !== undefined);
  if (peers.length + loads.length < objects.length || objects.length === 0)
    throw new UsageError('a file is not what the benchmarks print with --json');
  return {
    ...(loads.length === 0 ? {} : { bench: ownTable(loads) }),
    ...(peers.length === 0 ? {} : { 'bench:peers': peersTable(peers.at(-1)) }),
  };
}

function parsed(line) {
  try {
    return JSON.parse(line);
  } catch (error) {
    throw new UsageError(`not JSON: ${error.message}`);
  }
}

/** A row per load of `npm run bench`. */
export function ownTable(loads) {
  const { run } = loads[0];
  const figure = (value, digits) => (value === null || value === undefined ? '-' : value < 1000 ? value.toFixed(digits) : thousands(value));
  const rows = loads.map((load) => [
    `${load.workload}${load.partial ? ' (partial)' : ''}`,
    figure(load.inFlight, 0),
    figure(load.connections, 0),
    figure(load.opsPerSecond, 0),
    figure(load.payloadMegabytesPerSecond, 1),
    `${figure(load.p50Ms, 2)} ms`,
    `${figure(load.p99Ms, 1)} ms`,
    load.serverCpuMicrosPerOp === null || load.serverCpuMicrosPerOp === undefined ? '-' : `${figure(load.serverCpuMicrosPerOp, 1)} µs`,
    `${figure(load.clientCpuMicrosPerOp, 1)}${load.clientCpuMicrosPerOp === undefined ? '' : ' µs'}${load.clientIsLimit ? ' !' : ''}`,
    figure(load.syncsPerOp, 4),
    load.diskShare === null || load.diskShare === undefined ? '-' : `${(100 * load.diskShare).toFixed(1)} %`,
  ]);
  const head = [
    'load',
    'in flight',
    'connections',
    'op/s',
    'MB/s',
    'p50',
    'p99',
    'server CPU/op',
    'client CPU/op',
    'syncs/op',
    'of the disk',
  ];
  const averages = loads.map(({ loadAverage }) => loadAverage).filter((value) => value !== undefined);
  return [
    markdownTable([head, ...rows]),
    '',
    `Server CPU, syncs and the share of the disk (${thousands(loads[0].diskMegabytesPerSecond ?? 0)} MB/s in synced writes of 1 MiB) are sums over the three nodes. ${run.date.slice(0, 10)}, ${run.machine}, Node ${run.node}, load average`,
    `${Math.min(...averages)} to ${Math.max(...averages)}; \`${run.command}\`.`,
  ].join('\n');
}

/** A text with what stands between the two marks of a section replaced. */
export function withSection(markdown, name, table) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [markdown.indexOf(begin), markdown.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no section ${begin} … ${end}`);
  return `${markdown.slice(0, from + begin.length)}\n\n${table}\n\n${markdown.slice(to)}`;
}

function run(argv) {
  const { values, positionals } = parseOptions(argv, SPEC);
  if (positionals.length === 0) throw new UsageError(USAGE);
  const tables = tablesOf(positionals.map((file) => readFileSync(file, 'utf8')));
  if (!values.write) {
    process.stdout.write(`${Object.values(tables).join('\n\n')}\n`);
    return;
  }
  let markdown = readFileSync(README, 'utf8');
  for (const [name, table] of Object.entries(tables)) markdown = withSection(markdown, name, table);
  writeFileSync(README, markdown);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    run(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`error: ${error.message}\n`);
    process.exitCode = error instanceof UsageError || error.code === 'ENOENT' ? 2 : 1;
  }
}
