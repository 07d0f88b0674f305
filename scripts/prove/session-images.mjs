// Power cuts at random moments of a real run with sessions and stream appends: whole nodes are started on what is left of the three disks, in the simulator.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFAULT_GROUP, fromUtf8, utf8 } from '@quorate/base';
import { NodeDisk } from '@quorate/platform-node';
import { COUNTER, LOCK, MAP, ResourceClient } from '@quorate/resources';
import { SimCluster } from '@quorate/testkit';
import { Quorate } from 'quorate';
import { freePorts } from './free-ports.mjs';
import { compareReplicas } from './image-states.mjs';
import { MarkingDisk, openHost, unsyncedAfter } from './power.mjs';
import { delay, until } from './processes.mjs';
import { say } from './report.mjs';
import { SessionLoad } from './session-load.mjs';

/** Calls that the run acknowledges, appends among them, and least appends among those. */
const ACKED = 4500;
const APPENDS_LEAST = 1000;
const STREAMS = ['cut-a', 'cut-b', 'cut-c'];
const APPEND_CLIENTS = 4;
/** Rest after an append of each client to each stream. */
const APPEND_PACE_MS = 10;
/** Small, so that files fill up, snapshots are taken and logs are cut within the run. */
const SETTINGS = { journalFileBytes: 262_144, snapshotLogBytes: 65_536 };
/** The system group, that of the resources, and one of each stream. */
const GROUPS = 2 + STREAMS.length;
const LOCKS = ['lock-a', 'lock-b'];

/** `count`: power cuts, each of which leaves three images. */
export async function proveImages(choices, count) {
  const run = await record();
  const appends = run.acked.filter(({ call }) => call.stream !== undefined).length;
  say(
    `recorded ${run.acked.length} acknowledged calls; operations on the disks: ${run.disks.map((disk) => disk.operations.length).join(', ')}`,
  );
  const recovered = recoverImages(run, count, choices);
  return {
    measured: {
      recordedAcknowledgements: run.acked.length,
      recordedAppends: appends,
      diskOperations: run.disks.reduce((sum, disk) => sum + disk.operations.length, 0),
      restartsInTheRun: run.restarts,
      snapshotsInTheRun: run.snapshots,
      powerCuts: recovered.sets,
      imagesOpened: recovered.sets * 3,
      acknowledgedInImages: recovered.checked,
      appendsInImages: recovered.appends,
      statesComparedAfterCuts: recovered.states,
      eventsToldAfterCuts: recovered.events,
      cutsWithUnsyncedWrites: recovered.unsynced,
      imageProblems: recovered.problems.length,
    },
    demands: [
      [`${count} power cuts of all three disks`, recovered.sets === count],
      [
        `at least ${APPENDS_LEAST} acknowledged appends recorded, and looked for in the images`,
        appends >= APPENDS_LEAST && recovered.appends > 0,
      ],
      ['after every cut the states of all replicas of all groups were compared', recovered.states === recovered.sets * GROUPS],
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
  const called = [];
  const moments = [];
  // This process does nothing else meanwhile, so what is marked on all three disks here is one moment for all.
  const markAll = () => {
    for (const disk of disks) disk.mark('');
    moments.push({ acked: acked.length, called: called.length });
  };
  const begun = (call) => called.push(call);
  const acknowledged = (call) => {
    acked.push({ call, moment: moments.length });
    markAll();
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
      begun,
      acknowledged,
    });
    // Streams are there before the first moment that counts.
    const appending = await appendBeside(addresses, { begun, acknowledged });
    await load.start();
    appending.start();
    let restarts = 0;
    for (const index of [0, 1, 2]) {
      await until('the next part of the run', () => acked.length >= (ACKED * (index + 1)) / 4, { withinMs: 120_000 });
      await stop(hosts[index]);
      hosts[index] = await openHost(index, addresses, disks[index], SETTINGS);
      restarts++;
    }
    const appends = () => acked.filter(({ call }) => call.stream !== undefined).length;
    await until('the last part of the run', () => acked.length >= ACKED && appends() >= APPENDS_LEAST, { withinMs: 120_000 });
    await Promise.all([load.stop(), appending.stop()]);
    const { problems } = await load.check(addresses);
    if (problems.count > 0) throw new Error(`the run itself is wrong: ${problems.shown.join('\n')}`);
    await load.close();
    return {
      disks,
      acked,
      called,
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

/** Creates streams; clients then append to them, one call at a time for each of them; an append that fails is a fault of the run. */
async function appendBeside(addresses, { begun, acknowledged }) {
  let isRunning = true;
  const clients = [];
  for (let client = 0; client < APPEND_CLIENTS; client++) clients.push(await Quorate.connect(addresses, { deadlineMs: 45_000 }));
  for (const stream of STREAMS) await clients[0].stream(stream).create();
  const append = async (client, stream) => {
    for (let number = 0; isRunning; number++) {
      const call = { stream, record: `${client}/${stream}#${number};`.padEnd(20 + ((number * 37) % 1200), '.'), offset: null };
      begun(call);
      const { offset } = await clients[client].stream(stream).append(call.record);
      call.offset = offset;
      acknowledged(call);
      await delay(APPEND_PACE_MS);
    }
  };
  let loops = [];
  const start = () => {
    loops = clients.flatMap((_, client) => STREAMS.map((stream) => append(client, stream)));
  };
  const stop = async () => {
    isRunning = false;
    await Promise.all(loops);
    await Promise.all(clients.map((client) => client.close()));
  };
  return { start, stop };
}

/** Each time: all three disks cut at one moment (every other time right after an acknowledgement), a leader elected, everything read. */
function recoverImages(run, count, choices) {
  const { disks, acked, moments } = run;
  const problems = [];
  const dirty = disks.map(unsyncedAfter);
  const totals = { checked: 0, appends: 0, states: 0, events: 0, unsynced: 0, sets: 0, problems };
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
      const problem = (text) => problems.push(`${what}: ${text}`);
      totals.checked += checkImage(found, run, moments[moment], problem);
      totals.appends += checkStreams(found.streams, run, moments[moment], problem);
      totals.states += compareReplicas(cluster, problem);
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
  const reader = cluster.client('reader');
  const { core, process } = reader;
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
  const streams = new Map(
    STREAMS.map((stream) => [stream, cluster.await(`reading ${stream}`, 60_000, (done) => reader.readAll(stream, done))]),
  );
  return { version, after, entries, events, counters, tokens, streams };
}

function checkImage(found, run, moment, problem) {
  const before = run.acked.slice(0, moment.acked);
  const called = run.called.slice(0, moment.called);
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

/** Every record that was acknowledged is at its offset, and nothing is there that was not called, or twice; gives how many were looked for. */
function checkStreams(streams, run, moment, problem) {
  const before = run.acked.slice(0, moment.acked).filter(({ call }) => call.stream !== undefined);
  const called = new Map(run.called.slice(0, moment.called).map((call) => [call.record, call.stream]));
  for (const { call } of before) {
    const stored = streams.get(call.stream)[call.offset];
    if (stored !== call.record)
      problem(`${call.record.slice(0, 30)} was acknowledged at ${call.offset} of ${call.stream}: there is ${stored?.slice(0, 30)}`);
  }
  for (const [stream, records] of streams) {
    if (new Set(records).size !== records.length) problem(`${stream} holds a record twice`);
    for (const [offset, record] of records.entries())
      if (called.get(record) !== stream) problem(`${stream} holds what was not yet called at ${offset}: ${record.slice(0, 30)}`);
  }
  return before.length;
}
