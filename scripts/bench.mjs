// npm run bench [-- WORKLOAD…]: three servers in a temporary directory, `quorate bench` against them for each load, one row each.
import { WORKLOAD_NAMES } from '@quorate/cli/bench';
import { measureDisk } from './bench-disk.mjs';
import { measureFailovers } from './bench-failover.mjs';
import { commandLine, loadAverage, runFacts } from './bench-machine.mjs';
import { UsageError, chosen, helpText, parseOptions, seconds, whole } from './bench-options.mjs';
import { QuorateCluster } from './peers/quorate-cluster.mjs';
import { Process, QUORATE } from './prove/processes.mjs';

const FAILOVER = 'failover';
const TRANSFER = 'transfer';
const USAGE = `usage: npm run bench -- [WORKLOAD...] [options]

Starts three servers on loopback and measures them. Workloads: ${[...WORKLOAD_NAMES, FAILOVER].join(', ')}; all if none is named.
Loads are measured with 1, 64 and 1000 operations in flight over 1, 4 and 8 connections, unless --in-flight and --connections say otherwise.`;
const EXIT = { ok: 0, failed: 1, usage: 2 };
const SHAPES = [
  { inFlight: 1, connections: 1 },
  { inFlight: 64, connections: 4 },
  { inFlight: 1000, connections: 8 },
];
const SPEC = {
  'in-flight': { default: null, parse: whole(1, 100_000), help: 'operations under way at once, over all connections' },
  connections: { default: null, parse: whole(1, 1000), help: 'client connections, over all client processes' },
  processes: { default: 1, parse: whole(1, 64), help: 'client processes' },
  rate: { default: null, parse: whole(1, 10_000_000), help: 'operations to begin per second; latency counts from when each was due' },
  rounds: { default: 1, parse: whole(1, 1000), help: 'rounds to measure; figures are medians' },
  seconds: { default: 5, parse: seconds, help: 'how long a round is' },
  warmup: { default: 1, parse: seconds, help: 'how long to run before the first round' },
  bytes: { default: 128, parse: whole(0, 1_048_576), help: 'bytes of each value or record of put, append and read' },
  keys: { default: 100_000, parse: whole(1), help: 'keys that put and read go through' },
  streams: { default: 1, parse: whole(1, 1000), help: 'streams to append to' },
  transfers: { default: 20, parse: whole(1, 10_000), help: 'how often transfer hands leadership over' },
  kills: { default: 10, parse: whole(1, 10_000), help: 'how often failover kills the leader' },
  'system-calls': { help: 'count the system calls of the servers too, with strace, for a second after the last round' },
  json: { help: 'one JSON object per load, nothing else on standard output' },
  help: { help: 'this text' },
};
const PASSED_ON = ['rounds', 'seconds', 'warmup', 'bytes', 'keys', 'streams', 'transfers'];
const HEAD = [
  'workload',
  'in flight',
  'conns',
  'op/s',
  'MB/s',
  'p50 ms',
  'p99 ms',
  'p99.9 ms',
  'max ms',
  'srv µs/op',
  'cli µs/op',
  'syncs/op',
  'disk %',
  'RSS MiB',
];

const argv = process.argv.slice(2);
// The timers of a client that waits do not keep the process alive.
const keepAlive = setInterval(() => {}, 60_000);
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? EXIT.usage : (error.exitCode ?? EXIT.failed);
} finally {
  clearInterval(keepAlive);
}

async function main() {
  const { values, positionals } = parseOptions(argv, SPEC);
  if (values.help) {
    process.stdout.write(helpText(USAGE, SPEC));
    return EXIT.ok;
  }
  const workloads = chosen(positionals, [...WORKLOAD_NAMES, FAILOVER], 'workload');
  const shapes = shapesOf(values);
  const facts = runFacts(commandLine('bench', argv));
  return await QuorateCluster.run((cluster) => measureAll({ cluster, workloads, shapes, values, facts }));
}

function shapesOf(values) {
  const { 'in-flight': inFlight, connections, processes } = values;
  const isGiven = inFlight !== null || connections !== null;
  const shapes = isGiven ? [{ inFlight: inFlight ?? 64, connections: connections ?? Math.min(4, inFlight ?? 4) }] : SHAPES;
  const fitting = shapes.filter((shape) => processes <= Math.min(shape.inFlight, shape.connections));
  if (fitting.length === 0)
    throw new UsageError(`--processes: ${processes} client processes need as many connections and operations in flight`);
  return fitting;
}

async function measureAll({ cluster, workloads, shapes, values, facts }) {
  let code = EXIT.ok;
  if (!values.json) say(`three nodes on loopback, ${facts.machine}, Node ${facts.node}, load average ${loadAverage()}`);
  const diskMegabytesPerSecond = await measureDisk();
  if (!values.json) say(`disk: ${diskMegabytesPerSecond.toFixed(0)} MB/s in synced writes of 1 MiB\n`);
  row(values, HEAD);
  for (const workload of workloads) {
    const isLoad = workload !== TRANSFER && workload !== FAILOVER;
    for (const shape of isLoad ? shapes : [null]) {
      const measured = workload === FAILOVER ? await failovers(cluster, values) : await runBench(cluster, workload, shape, values);
      const result = { ...measured, diskMegabytesPerSecond, diskShare: diskShareOf(measured, diskMegabytesPerSecond) };
      if (values.json) say(JSON.stringify({ ...result, loadAverage: loadAverage(), run: facts }));
      else row(values, cells(result));
      if (!result.partial) continue;
      code = EXIT.failed;
      process.stderr.write(`${workload}: PARTIAL: ${result.partialReasons.join('; ')} ${JSON.stringify(result.errors)}\n`);
    }
  }
  if (!values.json)
    say(
      '\nserver µs/op, syncs/op and disk % (what is written by what the disk gives) are sums over the three nodes; transfer and failover: ms without an acknowledgement',
    );
  return code;
}

async function failovers(cluster, { kills, bytes }) {
  const onKill = (kill, ms) => progress(`failover: kill ${kill} of ${kills}: ${ms.toFixed(0)} ms`);
  const result = await measureFailovers(cluster, { kills, bytes, onKill });
  progress('');
  return { workload: FAILOVER, ...result };
}

async function runBench(cluster, workload, shape, values) {
  const flags = PASSED_ON.flatMap((name) => [`--${name}`, String(values[name])]);
  if (shape !== null)
    flags.push('--in-flight', String(shape.inFlight), '--connections', String(shape.connections), '--processes', String(values.processes));
  if (shape !== null && values.rate !== null) flags.push('--rate', String(values.rate));
  if (values['system-calls']) flags.push('--system-calls');
  progress(shape === null ? workload : `${workload}: ${shape.inFlight} in flight over ${shape.connections} connections`);
  const bench = new Process(process.execPath, [QUORATE, 'bench', workload, '--connect', cluster.addresses.join(','), '--json', ...flags]);
  const { code } = await bench.ended;
  progress('');
  const line = bench.lines.find((text) => text.startsWith('{"workload"'));
  if (line !== undefined) return JSON.parse(line);
  throw Object.assign(new Error(`quorate bench ${workload} ended with exit code ${code}: ${bench.lines.join('\n')}`), { exitCode: code });
}

/** What all nodes write, as their storage counts, by what the disk gives; null: not a load that writes. */
function diskShareOf({ payloadMegabytesPerSecond, storageBytesPerPayloadByte }, diskMegabytesPerSecond) {
  if (!payloadMegabytesPerSecond || !storageBytesPerPayloadByte) return null;
  return (payloadMegabytesPerSecond * storageBytesPerPayloadByte) / diskMegabytesPerSecond;
}

function cells(result) {
  const figure = (value, digits) => (value === null || value === undefined ? '-' : value.toFixed(digits));
  const resident = result.rounds
    ?.at(-1)
    ?.residentBytes.map((bytes) => (bytes === null ? '?' : Math.round(bytes / 1_048_576)))
    .join(' ');
  return [
    result.workload,
    result.inFlight ?? '-',
    result.connections ?? '-',
    figure(result.opsPerSecond, 0),
    figure(result.payloadMegabytesPerSecond, 1),
    figure(result.p50Ms, 2),
    figure(result.p99Ms, 2),
    figure(result.p999Ms, 2),
    figure(result.maxMs, 2),
    figure(result.serverCpuMicrosPerOp, 1),
    `${figure(result.clientCpuMicrosPerOp, 1)}${result.clientIsLimit ? '!' : ''}`,
    figure(result.syncsPerOp, 4),
    result.diskShare === null ? '-' : figure(100 * result.diskShare, 1),
    resident ?? '-',
  ];
}

function row(values, texts) {
  if (!values.json) say(texts.map((text, index) => (index === 0 ? String(text).padEnd(13) : String(text).padStart(9))).join(' '));
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

/** On a terminal only; an empty text clears the line. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
