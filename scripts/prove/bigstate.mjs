// A large state under load: how late the event loops of the nodes are with and without a snapshot being taken, and while an emptied node gets one.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DEFAULT_GROUP } from '@quorate/base';
import { Cluster } from './cluster.mjs';
import { Process, delay, until } from './processes.mjs';
import { percentile, report, say } from './report.mjs';
import { compareStates } from './state-hashes.mjs';

const P999_MS_MOST = 10;
const MAX_MS_MOST = 50;
const PROBE = pathToFileURL(fileURLToPath(new URL('loop-probe.mjs', import.meta.url))).href;
const LOAD = fileURLToPath(new URL('bigstate-load.mjs', import.meta.url));
/** Around what was seen of a snapshot, for what began before it was seen. */
const MARGIN_MS = 100;
const PLAIN_SECONDS_LEAST = 20;
const STEADY_SECONDS_MOST = 1200;

export async function prove({ seed, keys = 1_000_000, rate = 20_000 }) {
  // The probes of all starts of a node write to one file of it.
  const directory = mkdtempSync(join(tmpdir(), 'quorate-bigstate-'));
  const wrapperOf = (id) => (command, args) => [
    'env',
    [`LOOP_PROBE_FILE=${join(directory, `loop-${id}`)}`, command, '--import', PROBE, ...args],
  ];
  return await Cluster.run({ wrapperOf, settings: { drainMs: 10_000 }, directory }, async (cluster) => {
    const watch = new SnapshotWatch(cluster);
    const load = new Process(process.execPath, [LOAD, cluster.addresses.join(','), String(keys), String(rate)]);
    try {
      const filledIn = await fill(load, keys);
      say(`${keys} keys set, ${Math.round((keys / filledIn) * 1000)} a second; now ${rate} sets a second or what this machine gives`);
      const steadyAtMs = Date.now();
      const taken = await steady(cluster, watch, load);
      const emptied = await installOnEmptied(cluster, watch, load);
      const endMs = Date.now();
      const progress = progressOf(load).filter(({ phase, atMs }) => phase === 'steady' && atMs >= steadyAtMs + 1000 && atMs <= endMs);
      load.signal('SIGKILL');
      await load.ended;
      await delay(2000);
      const states = await compareStates(cluster, 300_000);
      const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
      return judge({ seed, keys, rate, filledIn, cluster, watch, taken, emptied, steadyAtMs, endMs, progress, states, statuses });
    } finally {
      watch.stop();
      await load.kill();
    }
  });
}

const progressOf = (load) => load.lines.map((line) => JSON.parse(line)).filter(({ event }) => event === 'progress');

async function fill(load, keys) {
  const sinceMs = Date.now();
  let said = 0;
  await until(
    'all keys to be set',
    () => {
      if (!load.isRunning) throw new Error(load.lines.slice(-5).join('\n'));
      const last = progressOf(load).at(-1);
      if (last !== undefined && last.done >= said + keys / 5) {
        said = last.done;
        say(`${last.done} keys set`);
      }
      return load.lines.some((line) => line.includes('"filled"'));
    },
    { withinMs: 3_600_000, everyMs: 500 },
  );
  return Date.now() - sinceMs;
}

/** Until each node has taken a snapshot under the load, and has worked without for long enough. */
async function steady(cluster, watch, load) {
  const sinceMs = Date.now();
  const seconds = () => (Date.now() - sinceMs) / 1000;
  const isEnough = (id) => {
    const own = watch.spans(id).filter(({ fromMs, toMs }) => fromMs > sinceMs && toMs !== null);
    const busyMs = watch
      .spans(id)
      .reduce((sum, { fromMs, toMs }) => sum + Math.max(0, (toMs ?? Date.now()) - Math.max(fromMs, sinceMs)), 0);
    return own.length >= 1 && seconds() - busyMs / 1000 >= PLAIN_SECONDS_LEAST;
  };
  while (!cluster.nodes.every(({ id }) => isEnough(id)) && seconds() < STEADY_SECONDS_MOST) {
    if (!load.isRunning) throw new Error(load.lines.slice(-5).join('\n'));
    await delay(500);
  }
  const taken = cluster.nodes.map(({ id }) => watch.spans(id).filter(({ fromMs, toMs }) => fromMs > sinceMs && toMs !== null).length);
  say(`${Math.round(seconds())} s of load; snapshots taken in it: ${taken.join(', ')}`);
  return taken;
}

/** A follower loses its directory and comes back; gives when it was fed. */
async function installOnEmptied(cluster, watch, load) {
  const leader = await until('a leader', () => cluster.leaderOf(DEFAULT_GROUP));
  const node = cluster.others(leader)[0];
  await node.kill();
  rmSync(node.directory, { recursive: true, force: true });
  say(`node ${node.id} is emptied`);
  const fromMs = Date.now();
  node.start();
  watch.follow(node);
  await until(
    'the emptied node to have installed a snapshot',
    () => load.isRunning && node.process.lines.some((line) => line.includes('snapshot installed')),
    {
      withinMs: 900_000,
      everyMs: 100,
    },
  );
  const toMs = Date.now();
  say(`it has installed its snapshot after ${Math.round((toMs - fromMs) / 1000)} s`);
  const listeningMs = watch.listeningMs(node.id);
  return { id: node.id, fromMs: Math.max(fromMs, listeningMs ?? fromMs), toMs, hasListened: listeningMs !== null };
}

/** When each node had a snapshot under way, by the unfinished files in its directory. */
class SnapshotWatch {
  #spans = new Map();
  #listening = new Map();
  #timer;
  #cluster;

  constructor(cluster) {
    this.#cluster = cluster;
    for (const node of cluster.nodes) this.follow(node);
    this.#timer = setInterval(() => this.#look(), 20);
  }

  follow(node) {
    node.process.onLine = (line) => {
      if (line.includes('"listening"')) this.#listening.set(node.id, Date.now());
    };
  }

  #look() {
    for (const { id, directory } of this.#cluster.nodes) {
      const spans = this.spans(id);
      const last = spans.at(-1);
      const isUnderWay = unfinishedIn(join(directory, 'snapshots')).some((name) => name.startsWith(`${DEFAULT_GROUP}-`));
      if (isUnderWay && (last === undefined || last.toMs !== null)) spans.push({ fromMs: Date.now(), toMs: null });
      else if (!isUnderWay && last?.toMs === null) last.toMs = Date.now();
    }
  }

  spans(id) {
    if (!this.#spans.has(id)) this.#spans.set(id, []);
    return this.#spans.get(id);
  }
  listeningMs(id) {
    return this.#listening.get(id) ?? null;
  }
  stop() {
    clearInterval(this.#timer);
  }
}

function unfinishedIn(folder) {
  try {
    return readdirSync(folder).filter((name) => name.endsWith('.new'));
  } catch {
    return [];
  }
}

/** Delays of a node's loop between two moments; a delay belongs to the moment at which it ended. */
function samplesOf(cluster, id, fromMs, toMs) {
  const file = join(cluster.directory, `loop-${id}`);
  if (!existsSync(file)) return [];
  const samples = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    if (line === '') continue;
    const numbers = JSON.parse(line);
    for (let at = 0; at < numbers.length; at += 3) {
      const [atMs, ms, waitedMs] = numbers.slice(at, at + 3);
      if (atMs >= fromMs && atMs <= toMs) samples.push({ atMs, ms, ownMs: Math.max(0, ms - waitedMs) });
    }
  }
  return samples;
}

/** `own`: less the time for which the process was ready and other processes had the processors. Told, but nothing is judged by it. */
function figures(samples) {
  const of = (delays) => [round(percentile(delays, 0.999) ?? 0), round(delays.reduce((most, ms) => Math.max(most, ms), 0))];
  const [p999, max] = of(samples.map(({ ms }) => ms));
  const [ownP999, ownMax] = of(samples.map(({ ownMs }) => ownMs));
  return { samples: samples.length, p999, max, ownP999, ownMax };
}
const round = (ms) => Math.round(ms * 10) / 10;

function judge({ seed, keys, rate, filledIn, cluster, watch, taken, emptied, steadyAtMs, endMs, progress, states, statuses }) {
  const demands = [
    ['each node took a snapshot under load', taken.every((count) => count > 0)],
    ['the emptied node was measured while it installed', emptied.hasListened],
    ['the same state on all replicas', states.problems.length === 0],
  ];
  const nodes = {};
  const plainOfAll = [];
  for (const { id } of cluster.nodes) {
    const spans = watch.spans(id);
    const isIn = ({ atMs, ms }) => spans.some(({ fromMs, toMs }) => atMs > fromMs - MARGIN_MS && atMs - ms < (toMs ?? endMs) + MARGIN_MS);
    const samples = samplesOf(cluster, id, steadyAtMs + 1000, emptied.fromMs - 1000);
    const plain = samples.filter((sample) => !isIn(sample));
    plainOfAll.push(...plain);
    nodes[id] = { without: figures(plain), taking: figures(samples.filter(isIn)) };
    compare(`node ${id}, taking a snapshot`, nodes[id].without, nodes[id].taking, demands);
  }
  const without = figures(plainOfAll);
  for (const { id } of cluster.nodes) {
    nodes[id].installing = figures(samplesOf(cluster, id, emptied.fromMs + MARGIN_MS, emptied.toMs));
    compare(
      `node ${id}, while ${id === emptied.id ? 'it' : `node ${emptied.id}`} installs`,
      id === emptied.id ? without : nodes[id].without,
      nodes[id].installing,
      demands,
    );
  }
  const first = progress[0];
  const last = progress.at(-1);
  const metric = (name) => statuses.map(({ metrics }) => metrics[name]);
  return report(
    'bigstate',
    {
      seed,
      keys,
      valueBytes: 1024,
      setsPerSecondWhileFilling: Math.round((keys / filledIn) * 1000),
      setsPerSecondWanted: rate,
      setsPerSecond: Math.round(((last.done - first.done) / (last.atMs - first.atMs)) * 1000),
      loadErrors: last.errors,
      longestSetMs: Math.max(...progress.map(({ longestMs }) => longestMs)),
      seconds: Math.round((endMs - steadyAtMs) / 1000),
      snapshotsUnderLoad: taken,
      snapshotSeconds: cluster.nodes.map(({ id }) => watch.spans(id).map(({ fromMs, toMs }) => round(((toMs ?? endMs) - fromMs) / 1000))),
      installSeconds: round((emptied.toMs - emptied.fromMs) / 1000),
      emptiedNode: emptied.id,
      snapshotBytes: metric('snapshotBytes'),
      machineBytes: metric('machineBytes'),
      snapshotsFailed: metric('snapshotsFailed'),
      delaysWithoutMs: without,
      delaysMs: nodes,
    },
    demands,
    states.problems,
  );
}

function compare(what, without, measured, demands) {
  const p999 = round(measured.p999 - without.p999);
  const max = round(measured.max - without.max);
  demands.push([`${what}: there are measurements`, measured.samples > 100 && without.samples > 100]);
  demands.push([`${what}: p99.9 at most ${P999_MS_MOST} ms more than without (${p999} ms more)`, p999 <= P999_MS_MOST]);
  demands.push([`${what}: longest at most ${MAX_MS_MOST} ms more than without (${max} ms more)`, max <= MAX_MS_MOST]);
}
