// Power cuts at random moments of a real run with sessions: whole nodes are started on what is left of the three disks, in the simulator.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_GROUP, fromUtf8, utf8 } from '@quorate/base';
import { NodeDisk } from '@quorate/platform-node';
import { COUNTER, LOCK, MAP, ResourceClient } from '@quorate/resources';
import { SimCluster } from '@quorate/testkit';
import { freePorts } from './free-ports.mjs';
import { MarkingDisk, openHost, unsyncedAfter } from './power.mjs';
import { delay, until } from './processes.mjs';
import { say } from './report.mjs';
import { SessionLoad } from './session-load.mjs';

/** Calls that the run acknowledges. */
const ACKED = 3000;
/** Small, so that files fill up, snapshots are taken and logs are cut within the run. */
const SETTINGS = { journalFileBytes: 262_144, snapshotLogBytes: 65_536 };
const LOCKS = ['lock-a', 'lock-b'];

export async function proveImages(choices, images) {
  const run = await record();
  say(
    `recorded ${run.acked.length} acknowledged calls; operations on the disks: ${run.disks.map((disk) => disk.operations.length).join(', ')}`,
  );
  const recovered = recoverImages(run, images, choices);
  return {
    measured: {
      recordedAcknowledgements: run.acked.length,
      diskOperations: run.disks.reduce((sum, disk) => sum + disk.operations.length, 0),
      restartsInTheRun: run.restarts,
      snapshotsInTheRun: run.snapshots,
      powerCuts: recovered.sets,
      imagesOpened: recovered.sets * 3,
      acknowledgedInImages: recovered.checked,
      eventsToldAfterCuts: recovered.events,
      cutsWithUnsyncedWrites: recovered.unsynced,
      imageProblems: recovered.problems.length,
    },
    demands: [
      [`${images} power cuts of all three disks`, recovered.sets === images],
      ['at many cuts something was not synced', recovered.unsynced > recovered.sets / 4],
      ['snapshots were taken in the run', run.snapshots > 0],
      ['the recording is whole', run.disks.every((disk) => !disk.isStopped)],
      ['every image recovers with all that was acknowledged before, and no more than was called', recovered.problems.length === 0],
    ],
    problems: recovered.problems.slice(0, 10),
  };
}

async function record() {
  const root = mkdtempSync(join(tmpdir(), 'quorate-images-'));
  const addresses = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
  const acked = [];
  const begun = [];
  const moments = [];
  // This process does nothing else meanwhile, so what is marked on all three disks here is one moment for all.
  const markAll = () => {
    for (const disk of disks) disk.mark('');
    moments.push({ acked: acked.length, begun: begun.length });
  };
  const disks = addresses.map((_, index) => new MarkingDisk(new NodeDisk(join(root, `node-${index + 1}`)), markAll));
  const hosts = [];
  let snapshots = 0;
  const stop = (host) => {
    snapshots += host.status().metrics.snapshotsTaken;
    return new Promise((resolve, reject) => host.stop((error) => (error === null ? resolve() : reject(error))));
  };
  try {
    for (const index of [0, 1, 2]) new NodeDisk(root).makeDirectory(`node-${index + 1}`);
    for (const index of [0, 1, 2]) hosts[index] = await openHost(index, addresses, disks[index], SETTINGS);
    await until('a leader', () =>
      hosts.every((host) => host.status().groups.length > 1 && host.status().groups.every(({ leader }) => leader > 0)),
    );
    const load = new SessionLoad({
      connect: SessionLoad.connector(addresses),
      paceMs: 0,
      begun: (call) => begun.push(call),
      acknowledged: (call) => {
        acked.push({ call, moment: moments.length });
        markAll();
      },
    });
    await load.start();
    let restarts = 0;
    for (const index of [0, 1, 2]) {
      await until('the next part of the run', () => acked.length >= (ACKED * (index + 1)) / 4, { withinMs: 120_000 });
      await stop(hosts[index]);
      hosts[index] = await openHost(index, addresses, disks[index], SETTINGS);
      restarts++;
    }
    await until('the last part of the run', () => acked.length >= ACKED, { withinMs: 120_000 });
    await load.stop();
    const { problems } = await load.check(addresses);
    if (problems.count > 0) throw new Error(`the run itself is wrong: ${problems.shown.join('\n')}`);
    await load.close();
    return {
      disks,
      acked,
      begun,
      moments,
      restarts,
      snapshots: snapshots + hosts.reduce((sum, host) => sum + host.status().metrics.snapshotsTaken, 0),
    };
  } finally {
    await Promise.all(hosts.map((host) => new Promise((resolve) => host.stop(resolve))));
    await delay(0);
    rmSync(root, { recursive: true, force: true });
  }
}

/** Each time: all three disks cut at one moment (every other time right after an acknowledgement), a leader elected, everything read. */
function recoverImages(run, count, choices) {
  const { disks, acked, moments } = run;
  const problems = [];
  const dirty = disks.map(unsyncedAfter);
  const totals = { checked: 0, events: 0, unsynced: 0, sets: 0, problems };
  for (; totals.sets < count && problems.length <= 10; totals.sets++) {
    const moment = totals.sets % 2 === 0 ? choices.of(acked).moment : choices.between(acked[0].moment, moments.length - 1);
    const places = disks.map((disk) => disk.marks[moment].atOperation);
    const cuts = disks.map((disk, index) => disk.crashImage({ random: choices.source, atOperation: places[index] }));
    const seed = choices.between(1, 1_000_000);
    const what = `cut at moment ${moment} (simulator seed ${seed})`;
    const cluster = new SimCluster({ seed, settings: SETTINGS });
    try {
      for (const [index, cut] of cuts.entries()) cluster.node(index + 1).restoreImage(cut.image);
      cluster.startAll();
      const found = readAll(cluster);
      totals.events += found.events.length;
      totals.checked += checkImage(found, run, moments[moment], (text) => problems.push(`${what}: ${text}`));
    } catch (error) {
      problems.push(`${what}: ${error.message}; nodes: ${cluster.nodes.map((node) => node.failure?.message ?? 'up').join(' | ')}`);
    }
    if (places.some((place, index) => dirty[index][place])) totals.unsynced++;
    if ((totals.sets + 1) % 50 === 0) say(`${totals.sets + 1} power cuts recovered`);
  }
  return totals;
}

/** Everything that a new client of a simulated cluster is told; takes both locks by the way. */
function readAll(cluster) {
  const { core, process } = cluster.client('reader');
  const { clock, timers } = process;
  const client = new ResourceClient(core.sessions(DEFAULT_GROUP), { group: DEFAULT_GROUP, clock, timers, deadlineMs: 30_000 });
  const ask = (what, handle, kind, operation, args) => cluster.await(what, 60_000, (done) => handle[kind](operation, args, {}, done));
  const map = client.handle(MAP, 'sets');
  const { version } = ask('the size', map, 'query', 'size', {});
  const entries = new Map();
  const all = { from: null, to: null, prefix: null, limit: 1000, isReverse: false, isKeysOnly: false };
  for (const { key, value, version: of } of ask('the entries', map, 'query', 'scan', all).entries)
    entries.set(fromUtf8(key), { value: JSON.parse(fromUtf8(value)), version: of });
  const events = [];
  map.listen({
    events: {
      changed: ({ version: of, key, value }) =>
        events.push({ version: of, key: fromUtf8(key), value: value && JSON.parse(fromUtf8(value)) }),
    },
  });
  const after = Math.max(0, version - 300);
  ask('the watch', map, 'command', 'watch', { key: utf8(''), isPrefix: true, afterVersion: after });
  cluster.runUntil(() => (events.at(-1)?.version ?? after) >= version, 20_000, 'the changes');
  const counters = new Map();
  for (const name of ['total', 'own-0', 'own-1', 'own-2', 'own-3', ...LOCKS.map((lock) => `inside-${lock}`)])
    counters.set(name, ask(name, client.handle(COUNTER, name), 'query', 'get', {}));
  const tokens = new Map();
  for (const lock of LOCKS) {
    const handle = client.handle(LOCK, lock);
    const { isHeld, token } = ask(lock, handle, 'query', 'holder', {});
    const claimed = ask(lock, handle, 'command', 'acquire', { waitMs: 0 });
    tokens.set(lock, { held: isHeld ? token.index : 0, next: claimed.token?.index ?? null });
  }
  return { version, after, entries, events, counters, tokens };
}

function checkImage(found, { acked, begun }, moment, problem) {
  const before = acked.slice(0, moment.acked);
  const called = begun.slice(0, moment.begun);
  // Maps: nothing acknowledged is missing, nothing is there that was not called, and the watch tells exactly the last changes.
  const sets = called.filter(({ key }) => key !== undefined);
  const byValue = new Map(sets.map((call) => [call.value, call]));
  for (const [key, { value, version }] of found.entries) {
    if (byValue.get(value)?.key !== key) problem(`${key} holds what was not yet called: ${value.slice(0, 30)} (version ${version})`);
  }
  for (const { call } of before) {
    if (call.key === undefined) continue;
    const entry = found.entries.get(call.key);
    if (entry === undefined || entry.version < call.version)
      problem(`${call.value.slice(0, 30)} was acknowledged at ${call.version}, its key is at ${entry?.version}`);
    const told = call.version > found.after ? found.events[call.version - found.after - 1] : undefined;
    if (call.version > found.after && (told?.value !== call.value || told.version !== call.version))
      problem(`change ${call.version} was acknowledged as ${call.value.slice(0, 30)} and told as ${told?.value?.slice(0, 30)}`);
  }
  for (const [at, { version }] of found.events.entries())
    if (version !== found.after + at + 1) problem(`change ${version} told where ${found.after + at + 1} was due`);
  if (found.version > sets.length) problem(`the map is at version ${found.version} after ${sets.length} calls`);
  // Counters: at least what was acknowledged, at most what was called.
  for (const [name, value] of found.counters) {
    const least = before.reduce((sum, { call }) => sum + (call.counter === name ? call.amount : 0), 0);
    const most = called.reduce((sum, call) => sum + (call.counter === name ? call.amount : 0), 0);
    if (value < least || value > most) problem(`counter ${name} is ${value}: ${least} acknowledged, ${most} called`);
  }
  // Locks: no token is given out again.
  for (const [lock, { held, next }] of found.tokens) {
    const newest = before.reduce((token, { call }) => (call.lock === lock ? Math.max(token, call.token) : token), 0);
    if (next !== null && next <= newest) problem(`${lock}: token ${next} is granted after ${newest} was`);
    if (next === null && held < newest) problem(`${lock} is held by token ${held} after ${newest} was granted`);
  }
  return before.length;
}
