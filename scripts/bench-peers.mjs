// npm run bench:peers: Quorate, etcd and ZooKeeper under the same loads on the same machine, three processes each, one after the other in each round.
import { LIMIT_SHARE, measureLoad, spreadOf } from '@quorate/cli/bench';
import { measureFailovers, measureHandovers } from './bench-failover.mjs';
import { commandLine, loadAverage, runFacts } from './bench-machine.mjs';
import { UsageError, chosen, helpText, parseOptions, seconds, whole } from './bench-options.mjs';
import { peersText } from './peers/peers-text.mjs';
import { ETCD } from './peers/etcd-cluster.mjs';
import { MissingPeer } from './peers/missing-peer.mjs';
import { PeerCluster } from './peers/peer-cluster.mjs';
import { QuorateCluster } from './peers/quorate-cluster.mjs';
import { ZOOKEEPER } from './peers/zookeeper-cluster.mjs';

const OWN = 'quorate';
const PEERS = [ETCD, ZOOKEEPER];
/** What an operation of each is with each system: scripts/peers/*-driver.mjs. */
const LOADS = {
  put: { operation: 'put', bytes: null },
  append: { operation: 'append', bytes: null },
  'append-1k': { operation: 'append', bytes: 1024 },
  read: { operation: 'read', bytes: null },
};
const FAILOVER = 'failover';
const TRANSFER = 'transfer';
const WORKLOADS = [...Object.keys(LOADS), TRANSFER, FAILOVER];
const SHAPES = [
  { inFlight: 1, connections: 1 },
  { inFlight: 64, connections: 4 },
  { inFlight: 1000, connections: 8 },
];
const EXIT = { ok: 0, failed: 1, usage: 2, missing: 3 };
const STALL_MS = 10_000;
/** What is kept of each round; `spreads` are over the rounds. */
const KEPT = [
  'opsPerSecond',
  'p50Ms',
  'p99Ms',
  'p999Ms',
  'maxMs',
  'serverCpuMicrosPerOp',
  'clientCpuMicrosPerOp',
  'clientCpuShare',
  'residentMebibytes',
];
const RATIOS = ['opsPerSecond', 'p50Ms', 'p99Ms', 'p999Ms', 'serverCpuMicrosPerOp', 'clientCpuMicrosPerOp', 'residentMebibytes'];
const GAPS = ['p50Ms', 'p99Ms', 'maxMs'];

const USAGE = `usage: npm run bench:peers -- [WORKLOAD...] [options]

Measures Quorate, etcd and ZooKeeper in turn, each as three processes on loopback that sync before they acknowledge. Workloads: ${WORKLOADS.join(', ')};
all if none is named. Ratios are Quorate's figure by the peer's: of op/s more is better, of all others less.
Exit code: 0 done, 1 something failed or is partial, 2 bad usage, 3 a peer is missing (the others were measured).`;
const SPEC = {
  rounds: { default: 3, parse: whole(1, 1000), help: 'rounds of all loads on all systems; figures are medians' },
  seconds: { default: 5, parse: seconds, help: 'how long a load is measured in each round' },
  warmup: { default: 2, parse: seconds, help: 'how long it runs before that' },
  bytes: { default: 128, parse: whole(0, 1_000_000), help: 'bytes of each value' },
  keys: { default: 10_000, parse: whole(1), help: 'keys that are written and read' },
  'in-flight': { default: null, parse: whole(1, 100_000), help: 'only this many operations under way (default: 1, 64 and 1000)' },
  connections: { default: null, parse: whole(1, 1000), help: 'only this many connections (default: 1, 4 and 8)' },
  processes: { default: 1, parse: whole(1, 64), help: 'client processes' },
  transfers: { default: 20, parse: whole(1, 10_000), help: 'how often transfer hands leadership over' },
  kills: { default: 7, parse: whole(1, 1000), help: 'how often failover kills each leader' },
  json: { help: 'one JSON object on standard output, nothing else there' },
  help: { help: 'this text' },
};

const argv = process.argv.slice(2);
// The timers of a client that waits do not keep the process alive.
const keepAlive = setInterval(() => {}, 60_000);
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
])
  process.once(signal, () => process.exit(code));
try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error instanceof UsageError ? EXIT.usage : EXIT.failed;
} finally {
  clearInterval(keepAlive);
}

async function main() {
  const { values, positionals } = parseOptions(argv, SPEC);
  if (values.help) {
    process.stdout.write(helpText(USAGE, SPEC));
    return EXIT.ok;
  }
  const workloads = chosen(positionals, WORKLOADS, 'workload');
  const shapes = shapesOf(values);
  const versions = {
    [OWN]: { version: QuorateCluster.version() },
    ...Object.fromEntries(PEERS.map((kind) => [kind.name, presence(kind)])),
  };
  const present = PEERS.filter((kind) => versions[kind.name].missing === undefined);
  for (const [name, { missing }] of Object.entries(versions))
    if (missing !== undefined) process.stderr.write(`MISSING: ${name}: ${missing}\n`);
  const run = runFacts(commandLine('bench:peers', argv));
  const measured = await withClusters(present, (clusters) => measureAll({ clusters, workloads, shapes, values }));
  const { rounds, kills, transfers, bytes, keys, processes } = values;
  const result = {
    run,
    options: { rounds, seconds: values.seconds, warmupSeconds: values.warmup, bytes, keys, processes, kills, transfers },
    systems: versions,
    ...measured,
  };
  process.stdout.write(values.json ? `${JSON.stringify(result)}\n` : `${peersText(result)}\n`);
  const isPartial = result.cells.some((cell) => Object.values(cell.systems).some(({ partial }) => partial));
  return isPartial ? EXIT.failed : present.length < PEERS.length ? EXIT.missing : EXIT.ok;
}

function presence(kind) {
  try {
    return { version: kind.version() };
  } catch (error) {
    if (error instanceof MissingPeer) return { missing: error.message };
    throw error;
  }
}

function shapesOf({ 'in-flight': inFlight, connections, processes }) {
  const isGiven = inFlight !== null || connections !== null;
  const shapes = isGiven ? [{ inFlight: inFlight ?? 64, connections: connections ?? 4 }] : SHAPES;
  const fitting = shapes.filter((shape) => processes <= Math.min(shape.inFlight, shape.connections));
  if (fitting.length === 0)
    throw new UsageError(`--processes: ${processes} client processes need as many connections and operations in flight`);
  return fitting;
}

/** Runs `body` with all clusters up: Quorate's and those of the peers. All are gone afterwards. */
async function withClusters(kinds, body, started = []) {
  if (started.length === 0) return await QuorateCluster.run((cluster) => withClusters(kinds, body, [cluster]));
  const [next, ...rest] = kinds;
  if (next === undefined) return await body(started);
  return await PeerCluster.run(next, (cluster) => withClusters(rest, body, [...started, cluster]));
}

async function measureAll({ clusters, workloads, shapes, values }) {
  const loads = workloads.filter((workload) => workload in LOADS);
  const cells = loads.flatMap((workload) => shapes.map((shape) => ({ workload, ...shape, rounds: {} })));
  const loadAverages = [];
  for (let round = 1; round <= values.rounds; round++) {
    // Whoever is first in one round is last in the next.
    const order = clusters.map((_, index) => clusters[(index + round - 1) % clusters.length]);
    loadAverages.push(loadAverage());
    for (const cell of cells) for (const cluster of order) await measureCell(cell, cluster, round, values);
  }
  const gaps = [];
  if (workloads.includes(TRANSFER))
    gaps.push(
      await gapCell(
        TRANSFER,
        clusters.filter(({ transfer }) => transfer !== null),
        (cluster) => handovers(cluster, values),
      ),
    );
  if (workloads.includes(FAILOVER)) gaps.push(await gapCell(FAILOVER, clusters, (cluster) => failovers(cluster, values)));
  return { loadAverages, cells: [...cells.map(loadCell), ...gaps] };
}

async function measureCell(cell, cluster, round, values) {
  const { workload, inFlight, connections, rounds } = cell;
  const { bytes, keys, processes } = values;
  progress(`round ${round} of ${values.rounds}: ${cluster.name}: ${workload}, ${inFlight} in flight over ${connections} connections`);
  const settings = {
    addresses: await cluster.loadAddresses(),
    operation: LOADS[workload].operation,
    connections,
    bytes: LOADS[workload].bytes ?? bytes,
    batch: 1,
    keys,
    streams: 1,
    timeoutMs: 5000,
  };
  const load = { settings, processes, inFlight, rate: null, seconds: values.seconds, warmup: values.warmup, rounds: 1, stallMs: STALL_MS };
  rounds[cluster.name] ??= [];
  try {
    const measured = await measureLoad({ module: cluster.module, servers: await cluster.servers(), ...load });
    rounds[cluster.name].push(...measured.rounds);
  } catch (error) {
    rounds[cluster.name].push({ partial: true, partialReasons: [error.message], errors: {} });
  }
  progress('');
}

function loadCell({ workload, inFlight, connections, rounds }) {
  const systems = Object.fromEntries(Object.entries(rounds).map(([name, results]) => [name, systemOf(results)]));
  return { workload, inFlight, connections, systems, ratios: ratiosOf(systems, RATIOS) };
}

/** Medians with least and greatest; null where a round has no such figure. */
function systemOf(results) {
  const figures = results.map((result) => ({ ...result, residentMebibytes: meanMebibytes(result.residentBytes) }));
  const spreads = Object.fromEntries(KEPT.map((figure) => [figure, spreadOf(figures.map((result) => result[figure] ?? null))]));
  return {
    ...spreads,
    driverIsLimit: (spreads.clientCpuShare?.median ?? 0) >= LIMIT_SHARE,
    partial: results.some(({ partial }) => partial),
    partialReasons: [...new Set(results.flatMap(({ partialReasons }) => partialReasons))],
    errors: results.map(({ errors }) => errors).filter((errors) => Object.keys(errors).length > 0),
    rounds: figures.map((result) => Object.fromEntries(KEPT.map((figure) => [figure, result[figure] ?? null]))),
  };
}

function meanMebibytes(bytes = []) {
  return bytes.length === 0 || bytes.includes(null) ? null : bytes.reduce((total, each) => total + each, 0) / bytes.length / 1_048_576;
}

/** Quorate's median by that of each peer. */
function ratiosOf(systems, figures) {
  const own = systems[OWN];
  const ratio = (figure, peer) => (own[figure] && peer[figure]?.median ? own[figure].median / peer[figure].median : null);
  const peers = Object.entries(systems).filter(([name]) => name !== OWN);
  return Object.fromEntries(
    peers.map(([name, peer]) => [name, Object.fromEntries(figures.map((figure) => [figure, ratio(figure, peer)]))]),
  );
}

function failovers(cluster, { kills, bytes }) {
  const onKill = (kill, ms) => progress(`failover: ${cluster.name}: kill ${kill} of ${kills}: ${ms.toFixed(0)} ms`);
  return measureFailovers(cluster, { kills, bytes, onKill });
}

function handovers(cluster, { transfers, bytes }) {
  const onProgress = (done) => progress(`transfer: ${cluster.name}: ${done} of ${transfers}`);
  return measureHandovers(cluster, { transfers, bytes, onProgress });
}

/** One system after the other: what is measured is far longer than what others do meanwhile. */
async function gapCell(workload, clusters, measure) {
  const systems = {};
  for (const cluster of clusters) {
    try {
      const { operations, partial, partialReasons, errors, histogram, ...gaps } = await measure(cluster);
      const spreads = Object.fromEntries(GAPS.map((name) => [name, { min: gaps[name], median: gaps[name], max: gaps[name] }]));
      systems[cluster.name] = { operations, ...spreads, partial, partialReasons, errors: [errors], histogram };
    } catch (error) {
      systems[cluster.name] = { operations: 0, partial: true, partialReasons: [error.message], errors: [] };
    }
    progress('');
  }
  return { workload, inFlight: null, connections: null, systems, ratios: ratiosOf(systems, GAPS) };
}

/** On a terminal only; an empty text clears the line. */
function progress(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${text}`);
}
