// Power cuts at random moments of a real run on real disks, and a system-call trace of real servers.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SILENT_LOGGER, parseAddress } from '@quorate/base';
import { startHost } from '@quorate/host';
import { NodeDisk, NodeNetwork, nodeChecksum, nodeClock, nodeRandom, nodeTimers } from '@quorate/platform-node';
import { BUILTIN_TYPES } from '@quorate/resources';
import { RecordingDisk, SimCluster } from '@quorate/testkit';
import { Quorate } from 'quorate';
import { freePorts } from './free-ports.mjs';
import { traceAcknowledgements } from './power-trace.mjs';
import { delay, until } from './processes.mjs';
import { Choices } from './random.mjs';
import { report, say } from './report.mjs';

const STREAMS = ['power-a', 'power-b', 'power-c'];
const RECORDS = 1500;
/** Small, so that files fill up, are checkpointed and recycled within the run. */
const SETTINGS = { journalFileBytes: 262_144 };
const SYNC_MODES = ['adaptive', 'async', 'sync'];

export async function prove({ seed, images = 1000 }) {
  const choices = new Choices(seed);
  const run = await record(choices);
  say(
    `recorded ${run.acked.length} acknowledged records; operations on the disks: ${run.disks.map((disk) => disk.operations.length).join(', ')}`,
  );
  const recovered = recoverImages(run, images, choices);
  const trace = await traceAcknowledgements();
  return report(
    'power',
    {
      seed,
      recordedAcknowledgements: run.acked.length,
      diskOperations: run.disks.reduce((sum, disk) => sum + disk.operations.length, 0),
      restartsInTheRun: run.restarts,
      imageSets: recovered.sets,
      imagesOpened: recovered.sets * 3,
      acknowledgedInImages: recovered.checked,
      distinctMoments: recovered.moments,
      cutsWithUnsyncedWrites: recovered.unsynced,
      problems: recovered.problems.length,
      trace: trace.status,
      tracedAcknowledgements: trace.acknowledgements,
      acknowledgedBeforeSync: trace.early,
      tightestMicros: trace.tightestMicros,
    },
    [
      [`${images} power cuts of all three disks`, recovered.sets === images],
      ['at many cuts something was not synced', recovered.unsynced > recovered.sets / 4],
      ['the recording is whole', run.disks.every((disk) => !disk.isStopped)],
      ['every image recovers with all that was acknowledged before', recovered.problems.length === 0],
      ['the trace shows acknowledgements', trace.status !== 'done' || trace.acknowledgements >= trace.wanted],
      ['none left before two syncs that cover it', trace.early === 0],
    ],
    [...recovered.problems.slice(0, 10), ...trace.problems],
  );
}

/** Says after each operation that it happened. */
export class MarkingDisk extends RecordingDisk {
  #happened;

  constructor(inner, happened) {
    super(inner);
    this.#happened = happened;
  }

  record(operation) {
    super.record(operation);
    this.#happened();
  }
}

/** Three hosts in this process, over loopback, each on the real disk with a recording wrapper. */
async function record(choices) {
  const root = mkdtempSync(join(tmpdir(), 'quorate-power-'));
  const ports = await freePorts(3);
  const addresses = ports.map((port) => `127.0.0.1:${port}`);
  const acked = [];
  const moments = [];
  // This process does nothing else meanwhile, so what is marked on all three disks here is one moment for all.
  const markAll = () => {
    for (const disk of disks) disk.mark('');
    moments.push(acked.length);
  };
  const disks = ports.map((_, index) => new MarkingDisk(new NodeDisk(join(root, `node-${index + 1}`)), markAll));
  const hosts = [];
  try {
    for (const index of [0, 1, 2]) new NodeDisk(root).makeDirectory(`node-${index + 1}`);
    for (const index of [0, 1, 2]) hosts[index] = await openHost(index, addresses, disks[index]);
    await until('a leader', () => hosts.every((host) => host.status().groups[0]?.leader > 0));
    let restarts = 0;
    const quorate = await Quorate.connect(addresses);
    for (const stream of STREAMS) await quorate.stream(stream).create();
    const append = async (lane) => {
      for (let i = 0; acked.length < RECORDS; i++) {
        const stream = choices.of(STREAMS);
        const value = `${lane}-${i}:`.padEnd(choices.between(20, choices.between(0, 20) === 0 ? 30_000 : 1200), '.');
        const { offset } = await quorate.stream(stream).append(value);
        acked.push({ stream, offset, value, moment: moments.length });
        markAll();
        if (choices.between(0, 3) === 0) await delay(choices.between(0, 3));
      }
    };
    const lanes = ['a', 'b', 'c', 'd', 'e', 'f'].map(append);
    for (const index of [0, 1, 2]) {
      await until('the next part of the run', () => acked.length >= (RECORDS * (index + 1)) / 4);
      await new Promise((resolve, reject) => hosts[index].stop((error) => (error === null ? resolve() : reject(error))));
      hosts[index] = await openHost(index, addresses, disks[index]);
      restarts++;
    }
    await Promise.all(lanes);
    await quorate.close();
    return { disks, acked, moments, restarts };
  } finally {
    await Promise.all(hosts.map((host) => new Promise((resolve) => host.stop(resolve))));
    rmSync(root, { recursive: true, force: true });
  }
}

/** A host in this process on such a disk; each has a way of its own to sync. */
export function openHost(index, addresses, disk, settings = SETTINGS) {
  const address = parseAddress(addresses[index]);
  const options = {
    nodeId: index + 1,
    listen: address,
    advertise: address,
    members: addresses.map((text, at) => ({ nodeId: at + 1, address: text })),
    resources: BUILTIN_TYPES,
    disk,
    network: new NodeNetwork(),
    clock: nodeClock,
    timers: nodeTimers,
    random: nodeRandom,
    checksum: nodeChecksum,
    logger: SILENT_LOGGER,
    version: 'prove',
    pid: process.pid,
    settings: { ...settings, syncMode: SYNC_MODES[index], drainMs: 500 },
  };
  return new Promise((resolve, reject) => {
    startHost(options, (error, host) => (error === null ? resolve(host) : reject(error)), {
      fatal: (error) => {
        throw error;
      },
    });
  });
}

/**
 * Each time: all three disks cut at one moment (every other time right after an acknowledgement), whole nodes started on what is left (in the
 * simulator: virtual time, the same code), a leader elected, all streams read.
 */
function recoverImages({ disks, acked, moments }, count, choices) {
  const problems = [];
  const chosen = new Set();
  const dirty = disks.map(unsyncedAfter);
  let checked = 0;
  let unsynced = 0;
  let sets = 0;
  for (; sets < count && problems.length <= 10; sets++) {
    const moment = sets % 2 === 0 ? choices.of(acked).moment : choices.between(acked[0].moment, moments.length - 1);
    chosen.add(moment);
    const places = disks.map((disk) => disk.marks[moment].atOperation);
    const cuts = disks.map((disk, index) => disk.crashImage({ random: choices.source, atOperation: places[index] }));
    const seed = choices.between(1, 1_000_000);
    const found = recoverOne(cuts, seed, problems, moment);
    if (found !== null)
      checked += checkAcked(found, acked.slice(0, moments[moment]), `moment ${moment} (simulator seed ${seed})`, problems);
    if (places.some((place, index) => dirty[index][place])) unsynced++;
    if ((sets + 1) % 100 === 0) say(`${sets + 1} power cuts recovered`);
  }
  return { sets, checked, moments: chosen.size, problems, unsynced };
}

/** For each number of operations whether something written was not synced after them. */
export function unsyncedAfter(disk) {
  const open = new Set();
  const after = [false];
  for (const operation of disk.operations) {
    if (operation.type === 'write') open.add(operation.file);
    else if (operation.type === 'sync') open.delete(operation.file);
    after.push(open.size > 0);
  }
  return after;
}

function recoverOne(cuts, seed, problems, moment) {
  const cluster = new SimCluster({ seed, settings: SETTINGS });
  try {
    for (const [index, cut] of cuts.entries()) cluster.node(index + 1).restoreImage(cut.image);
    cluster.startAll();
    const reader = cluster.client('reader');
    return new Map(STREAMS.map((stream) => [stream, cluster.await(`reading ${stream}`, 60_000, (done) => reader.readAll(stream, done))]));
  } catch (error) {
    problems.push(
      `cut at moment ${moment} (simulator seed ${seed}): ${error.message}; nodes: ${cluster.nodes.map((node) => node.failure?.message ?? 'up').join(' | ')}`,
    );
    return null;
  }
}

function checkAcked(found, acked, what, problems) {
  for (const [index, { stream, offset, value }] of acked.entries()) {
    const stored = found.get(stream)[offset];
    if (stored !== value)
      problems.push(`cut at ${what}: record ${index + 1} (${stream} at ${offset}) is ${stored?.slice(0, 30) ?? 'missing'}`);
  }
  return acked.length;
}
