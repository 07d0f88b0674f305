// A large state under load: how late the event loops of the nodes are with and without a snapshot being taken, and while an emptied node gets one.
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { DEFAULT_GROUP } from '@quorate/base';
import { Cluster } from './cluster.mjs';
import { loadDemands, setsPerSecond } from './load-rate.mjs';
import { Process, delay, until } from './processes.mjs';
import { percentile, report, say } from './report.mjs';
import { compareStates } from './state-hashes.mjs';

/** How much larger the 99.9th percentile of the delay may be with a snapshot than without, and the longest one. */
const P999_MS_MOST = 10;
const MAX_MS_MOST = 50;
/** Bytes of the log between two snapshots, by key: about as long without as with one, so that neither has the longest delay for its length alone. */
const LOG_BYTES_PER_KEY = 2200;
const PROBE = pathToFileURL(fileURLToPath(new URL('loop-probe.mjs', import.meta.url))).href;
const LOAD = fileURLToPath(new URL('map-load.mjs', import.meta.url));
const IDLE = fileURLToPath(new URL('idle-loop.mjs', import.meta.url));
const PLAIN_SECONDS_LEAST = 20;
const STEADY_SECONDS_MOST = 480;
/** Snapshots that each node takes under load, at least: so many that the machine's own standstills do not make up the highest thousandth. */
const SNAPSHOTS_LEAST = 2;
const VALUE_BYTES = 1024;
/** What the machine has to do after a process of two gigabytes was killed, a virtual one with its host too, is over by then. */
const AFTER_KILL_MS = 10_000;
/** Looks at the loop below which a percentile says nothing. */
const SAMPLES_LEAST = 500;

/** `rounds`: how often a node is emptied and fed. `nodeFlags`: of Node.js, for the nodes, to compare with what a server runs with: none. */
export async function prove({ seed, keys = 1_000_000, rate = 20_000, rounds = 3, nodeFlags = [] }) {
  const directory = mkdtempSync(join(tmpdir(), 'quorate-bigstate-'));
  const probes = new Probes(directory, nodeFlags);
  const settings = { drainMs: 10_000, snapshotLogBytes: Math.max(67_108_864, keys * LOG_BYTES_PER_KEY) };
  return await Cluster.run({ wrapperOf: (id) => probes.wrapper(id), settings, directory }, async (cluster) => {
    const watch = new SnapshotWatch(cluster);
    const load = new Process(process.execPath, [LOAD, cluster.addresses.join(','), String(keys), String(rate), String(VALUE_BYTES)]);
    const idle = new Process(process.execPath, [IDLE]);
    try {
      const filledIn = await fill(load, keys);
      say(`${keys} keys set, ${Math.round((keys / filledIn) * 1000)} a second; now ${rate} sets a second`);
      const taken = await steady(cluster, watch, load, probes);
      const installs = [];
      for (let round = 0; round < rounds; round++) {
        if (round > 0) await cluster.ready({ withinMs: 300_000 });
        installs.push(await installOnEmptied(cluster, watch, load, probes, installs));
      }
      const progress = progressOf(load);
      load.signal('SIGKILL');
      await load.ended;
      await delay(2000);
      const states = await compareStates(cluster, 120_000);
      const statuses = await Promise.all(cluster.nodes.map((node) => node.status()));
      return judge({ seed, keys, rate, filledIn, cluster, watch, probes, nodeFlags, taken, installs, progress, states, statuses, idle });
    } finally {
      await idle.kill();
      await load.kill();
    }
  });
}

/** The meters in the nodes: told in which phase the proof is, and asked for what they measured in it. */
class Probes {
  #directory;
  #phaseFile;
  #nodeFlags;
  /** By id of a node: its windows of measurement. */
  windows = new Map();

  constructor(directory, nodeFlags) {
    this.#directory = directory;
    this.#nodeFlags = nodeFlags;
    this.#phaseFile = join(directory, 'phase');
    this.phase('none');
  }

  wrapper(id) {
    const variables = [`LOOP_PROBE_PHASE=${this.#phaseFile}`, `LOOP_PROBE_REPORT=${this.#report(id)}`, `LOOP_PROBE_GROUP=${DEFAULT_GROUP}`];
    return (command, args) => ['env', [...variables, command, ...this.#nodeFlags, '--import', PROBE, ...args]];
  }

  #report(id) {
    return join(this.#directory, `loop-${id}.json`);
  }

  phase(name) {
    writeFileSync(`${this.#phaseFile}.new`, name);
    renameSync(`${this.#phaseFile}.new`, this.#phaseFile);
  }

  /** Ends the phase and takes what all nodes measured in it. */
  async collect(cluster) {
    this.phase('report');
    for (const { id } of cluster.nodes) {
      const text = await until(`the measurements of node ${id}`, () => readFileSync(this.#report(id), 'utf8'), { withinMs: 60_000 });
      rmSync(this.#report(id));
      const { windows, resolutionMs } = JSON.parse(text);
      this.resolutionMs = resolutionMs;
      this.windows.set(id, [...(this.windows.get(id) ?? []), ...windows]);
    }
  }

  /** Figures of one phase of a node, its windows together; in ms. */
  figures(id, phase) {
    const windows = this.windows.get(id).filter((window) => window.phase === phase);
    const values = windows.flatMap((window) => window.values);
    const ms = windows.reduce((sum, { fromMs, toMs }) => sum + toMs - fromMs, 0);
    const cpuMs = windows.reduce((sum, window) => sum + window.cpuMs, 0);
    const part = (share) => round(percentile(values, share) ?? 0);
    return {
      samples: values.length,
      seconds: Math.round(ms / 1000),
      p50: part(0.5),
      p99: part(0.99),
      p999: part(0.999),
      max: round(values.reduce((most, value) => Math.max(most, value), 0)),
      cpuPercent: ms === 0 ? 0 : Math.round((100 * cpuMs) / ms),
      gc: garbage(windows),
      longest: windows
        .flatMap(({ gaps }) => gaps)
        .sort((a, b) => b.ms - a.ms)
        .slice(0, 3),
    };
  }
}

/** By kind: collections, ms of them in all, the longest. */
function garbage(windows) {
  const kinds = {};
  for (const { gc } of windows) {
    for (const [kind, { count, totalMs, maxMs }] of Object.entries(gc)) {
      const [counts, total, most] = kinds[kind] ?? [0, 0, 0];
      kinds[kind] = [counts + count, round(total + totalMs), round(Math.max(most, maxMs))];
    }
  }
  return kinds;
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
async function steady(cluster, watch, load, probes) {
  probes.phase('steady');
  const sinceMs = Date.now();
  const seconds = () => (Date.now() - sinceMs) / 1000;
  const ended = (id) => watch.spans(id).filter(({ fromMs, toMs }) => fromMs > sinceMs && toMs !== null);
  const isEnough = (id) => {
    const busyMs = watch
      .spans(id)
      .reduce((sum, { fromMs, toMs }) => sum + Math.max(0, (toMs ?? Date.now()) - Math.max(fromMs, sinceMs)), 0);
    return ended(id).length >= SNAPSHOTS_LEAST && seconds() - busyMs / 1000 >= PLAIN_SECONDS_LEAST;
  };
  while (!cluster.nodes.every(({ id }) => isEnough(id)) && seconds() < STEADY_SECONDS_MOST) {
    if (!load.isRunning) throw new Error(load.lines.slice(-5).join('\n'));
    await delay(500);
  }
  const taken = cluster.nodes.map(({ id }) => ended(id).length);
  say(`${Math.round(seconds())} s of load; snapshots taken in it: ${taken.join(', ')}`);
  const endMs = Date.now();
  await probes.collect(cluster);
  return { taken, sinceMs, endMs };
}

/** A follower, the same as before if that does not lead, loses its directory and comes back; gives when it was fed. */
async function installOnEmptied(cluster, watch, load, probes, before) {
  const leader = await until('a leader', () => cluster.leaderOf(DEFAULT_GROUP));
  const others = cluster.others(leader);
  const node = others.find(({ id }) => id === before[0]?.id) ?? others[0];
  await node.kill();
  // Removing gigabytes keeps the disk of all of them busy: that is not what is measured.
  renameSync(node.directory, `${node.directory}-before-${before.length}`);
  say(`node ${node.id} is emptied; node ${leader} leads`);
  await delay(AFTER_KILL_MS);
  probes.phase('installing');
  const fromMs = Date.now();
  node.start();
  watch.follow(node);
  const isInstalled = () => load.isRunning && node.process.lines.some((line) => line.includes('snapshot installed'));
  await until('the emptied node to have installed a snapshot', isInstalled, { withinMs: 300_000, everyMs: 100 });
  const toMs = Date.now();
  const at = (ms) => new Date(ms).toISOString().slice(14, 23);
  say(`it has installed its snapshot after ${Math.round((toMs - fromMs) / 1000)} s, from ${at(fromMs)} to ${at(toMs)}`);
  // For what comes of it: the old state goes.
  await delay(500);
  await probes.collect(cluster);
  return { id: node.id, leader, fromMs, toMs };
}

/** When each node had a snapshot under way, by its log. */
class SnapshotWatch {
  #spans = new Map();

  constructor(cluster) {
    for (const node of cluster.nodes) this.follow(node);
  }

  /** Another process of a node: what the one before had begun is not finished. */
  follow(node) {
    this.#spans.set(
      node.id,
      this.spans(node.id).filter(({ toMs }) => toMs !== null),
    );
    node.process.onLine = (line) => {
      if (!line.includes('"snapshot ')) return;
      const { msg, group } = JSON.parse(line);
      if (group !== DEFAULT_GROUP) return;
      const spans = this.spans(node.id);
      const last = spans.at(-1);
      if (last?.toMs === null) last.toMs = Date.now();
      if (msg === 'snapshot begun') spans.push({ fromMs: Date.now(), toMs: null });
    };
  }

  finished(id) {
    return this.spans(id).filter(({ toMs }) => toMs !== null);
  }
  spans(id) {
    return this.#spans.get(id) ?? [];
  }
}

const round = (ms) => Math.round(ms * 10) / 10;

/** The longest delays of a process that does nothing, by phase: those of the machine. */
function idleDelays(idle, taken, installs) {
  const seconds = idle.lines.map((line) => JSON.parse(line));
  const most = (fromMs, toMs) =>
    Math.max(0, ...seconds.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs + 1000).map(({ maxMs }) => maxMs));
  return { steady: most(taken.sinceMs, taken.endMs), installing: Math.max(...installs.map(({ fromMs, toMs }) => most(fromMs, toMs))) };
}

function judge({ seed, keys, rate, filledIn, cluster, watch, probes, nodeFlags, taken, installs, progress, states, statuses, idle }) {
  const demands = [
    [`each node took ${SNAPSHOTS_LEAST} snapshots under load`, taken.taken.every((count) => count >= SNAPSHOTS_LEAST)],
    ['the same state on all replicas', states.problems.length === 0],
  ];
  const nodes = {};
  const emptied = `node ${[...new Set(installs.map(({ id }) => id))].join(' or ')}`;
  for (const { id } of cluster.nodes) {
    const of = (phase) => probes.figures(id, phase);
    nodes[id] = { without: of('without'), taking: of('taking'), installing: of('installing') };
    compare(`node ${id}, taking a snapshot`, nodes[id].without, nodes[id].taking, demands);
    compare(`node ${id}, while ${emptied} installs`, nodes[id].without, nodes[id].installing, demands);
  }
  const isIn = (from, to) => from >= taken.sinceMs && to <= taken.endMs;
  const spans = cluster.nodes.flatMap(({ id }) => watch.spans(id));
  const isTaking = (from, to) => spans.some(({ fromMs, toMs }) => fromMs < to && (toMs ?? taken.endMs) > from);
  const setsByPhase = {
    without: setsPerSecond(progress, (from, to) => isIn(from, to) && !isTaking(from, to)),
    taking: setsPerSecond(progress, (from, to) => isIn(from, to) && isTaking(from, to)),
    installing: setsPerSecond(progress, (from, to) => installs.some(({ fromMs, toMs }) => from >= fromMs && to <= toMs)),
  };
  demands.push(...loadDemands(rate, setsByPhase, progress.at(-1).errors));
  const steadyProgress = progress.filter(({ phase }) => phase === 'steady');
  const metric = (name) => statuses.map(({ metrics }) => metrics[name]);
  const seconds = ({ fromMs, toMs }) => round((toMs - fromMs) / 1000);
  return report(
    'bigstate',
    {
      seed,
      keys,
      valueBytes: VALUE_BYTES,
      nodeFlags,
      setsPerSecondWhileFilling: Math.round((keys / filledIn) * 1000),
      setsPerSecondWanted: rate,
      setsPerSecond: setsByPhase,
      setsLeftOut: progress.at(-1).leftOut,
      loadErrors: progress.at(-1).errors,
      longestSetMs: Math.max(...steadyProgress.map(({ longestMs }) => longestMs)),
      snapshotsUnderLoad: taken.taken,
      snapshotSeconds: cluster.nodes.map(({ id }) => watch.finished(id).map(seconds)),
      installSeconds: installs.map(seconds),
      emptiedNodes: installs.map(({ id }) => id),
      leadersThen: installs.map(({ leader }) => leader),
      snapshotBytes: metric('snapshotBytes'),
      machineBytes: metric('machineBytes'),
      snapshotsFailed: metric('snapshotsFailed'),
      resolutionMs: probes.resolutionMs,
      idleProcessMaxMs: idleDelays(idle, taken, installs),
      ...Object.fromEntries(
        Object.entries(nodes).flatMap(([id, phases]) => Object.entries(phases).map(([phase, figures]) => [`node${id}.${phase}`, figures])),
      ),
    },
    demands,
    states.problems,
  );
}

/** All values are from look to look, the resolution included. */
function compare(what, without, measured, demands) {
  const more = round(measured.p999 - without.p999);
  demands.push([`${what}: there are measurements`, measured.samples >= SAMPLES_LEAST && without.samples >= SAMPLES_LEAST]);
  demands.push([`${what}: p99.9 at most ${P999_MS_MOST} ms more than without (${more} ms more)`, more <= P999_MS_MOST]);
  const longer = round(measured.max - without.max);
  demands.push([`${what}: the longest at most ${MAX_MS_MOST} ms more than without (${longer} ms more)`, longer <= MAX_MS_MOST]);
}
