// npm run bench [-- --seconds N]: three servers in a temporary directory, `quorate bench` against them for each load, one table.
import { parseArgs } from 'node:util';
import { Cluster } from './prove/cluster.mjs';
import { Process, QUORATE } from './prove/processes.mjs';

const IN_FLIGHT = [1, 64, 1000];
const CONNECTIONS = [1, 4, 8];

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    warmup: { type: 'string', default: '1' },
    bytes: { type: 'string', default: '128' },
    streams: { type: 'string', default: '1' },
    json: { type: 'boolean', default: false },
  },
});

// The timers of a client that waits do not keep the process alive.
const keepAlive = setInterval(() => {}, 60_000);
process.exitCode = await Cluster.run({ logLevel: 'warn' }, run);
clearInterval(keepAlive);

async function run(cluster) {
  if (!values.json)
    console.log(
      `three nodes on loopback, Node ${process.version}, ${values.bytes}-byte records, ${values.streams} stream(s), ${values.seconds} s each\n`,
    );
  row(['in flight', 'connections', 'op/s', 'p50 ms', 'p99 ms', 'server µs/op', 'client µs/op', 'syncs/op', 'RSS MiB']);
  let code = 0;
  for (const inFlight of IN_FLIGHT) {
    for (const connections of CONNECTIONS) {
      const result = await measure(cluster, inFlight, connections);
      if (values.json) console.log(JSON.stringify(result));
      else row(cells(result));
      if (Object.keys(result.errors).length > 0) {
        console.log(`  errors: ${JSON.stringify(result.errors)}`);
        code = 1;
      }
    }
  }
  if (!values.json) console.log('\nserver µs/op and syncs/op are sums over the three nodes; RSS is per node');
  return code;
}

async function measure(cluster, inFlight, connections) {
  const flags = [
    '--in-flight',
    inFlight,
    '--connections',
    connections,
    '--seconds',
    values.seconds,
    '--warmup',
    values.warmup,
    '--bytes',
    values.bytes,
    '--streams',
    values.streams,
  ];
  const bench = new Process(process.execPath, [QUORATE, 'bench', '--connect', cluster.addresses.join(','), '--json', ...flags.map(String)]);
  const { code } = await bench.ended;
  if (code !== 0) throw new Error(`bench ended with exit code ${code}: ${bench.lines.join('\n')}`);
  return JSON.parse(bench.lines.at(-1));
}

function cells(result) {
  const { serverMicrosPerAppend: server, residentBytes } = result;
  return [
    result.inFlight,
    result.connections,
    result.perSecond.toFixed(0),
    result.p50Ms.toFixed(2),
    result.p99Ms.toFixed(2),
    server === null ? 'not available' : server.toFixed(1),
    result.clientMicrosPerAppend.toFixed(1),
    result.syncsPerAppend.toFixed(4),
    residentBytes.map((bytes) => (bytes === null ? '?' : Math.round(bytes / 1_048_576))).join(' '),
  ];
}

function row(texts) {
  if (!values.json) console.log(texts.map((text) => String(text).padStart(12)).join(' '));
}
