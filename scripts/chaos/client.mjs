// One client of `npm run chaos`, in a process of its own: works at random until told to stop, and writes down all it calls and sees. An event is in
// its file before anything follows from it, so that what a killed client called is known. It talks with the process that started it by messages.
import { closeSync, openSync, writeSync } from 'node:fs';
import { SeededRandom } from '@quorate/base';
import { encodeEvent } from '@quorate/checkers';
import { nodeTimers } from '@quorate/platform-node';
import { LeaderObservers, ELECTION, MAP } from '@quorate/resources';
import { CallScript, HistoryRecorder, HolderWatch, MapWatcher, ResourceWorkload, objectOf } from '@quorate/testkit';
import { Quorate } from 'quorate';
import { delay, until } from '../prove/processes.mjs';
import { StreamWork } from './stream-work.mjs';

/** Time for open calls to settle once nothing is broken any more. */
const SETTLE_MS = 60_000;

const { name, addresses, file, startNs, seed, isAuditor, plan, streams, maps, connect } = JSON.parse(process.argv[2]);
const began = BigInt(startNs);
const fd = openSync(file, 'a');
const recorder = new HistoryRecorder(
  () => Number(process.hrtime.bigint() - began) / 1e6,
  (event) => writeSync(fd, `${encodeEvent(event)}\n`),
);
const tell = (message) => process.send?.(message);

// Whoever started it has ended: nobody waits for it.
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

function fail(error) {
  tell({ problem: `${name}: ${error?.stack ?? String(error)}` });
  setTimeout(() => process.exit(1), 200);
}

/** Until a node answers. */
async function connected() {
  for (;;) {
    try {
      return await Quorate.connect(addresses, connect);
    } catch (error) {
      if (error.code !== 'unavailable' && error.code !== 'deadlineExceeded') throw error;
      await delay(100);
    }
  }
}

const numbers = (count) => Array.from({ length: count }, (_, at) => at);

/** Works at random. */
class Worker {
  #resources;
  #streams;

  constructor(quorate) {
    const process = {
      isAlive: true,
      get nowMs() {
        return performance.now();
      },
      timers: nodeTimers,
      onKilled: () => {},
    };
    const holders = new HolderWatch((fault) => fail(new Error(fault)));
    this.#resources = new ResourceWorkload({
      client: { name, face: quorate, process },
      script: { name, lanes: numbers(plan.lanes), watches: numbers(plan.watches), sessionTtlMs: 0 },
      plan,
      calls: new CallScript(seed, null, []),
      recorder,
      holders,
      streams: [],
      append: null,
    });
    this.#streams = new StreamWork({ name, quorate, recorder, streams, random: new SeededRandom(seed + 1), deadlineMs: plan.deadlineMs });
    this.#resources.start();
    this.#streams.start();
  }

  get figures() {
    const { sessionsLost, sessionsResumed, watchEvents } = this.#resources;
    return { sessionsLost, sessionsResumed, watchEvents };
  }
  get watchers() {
    return [...this.#resources.watchers];
  }
  stop() {
    this.#resources.stop();
    this.#streams.stop();
  }
}

/** Watches everything from the beginning; no fault is injected into it. */
class Auditor {
  watchers = [];
  figures = {};

  constructor(quorate) {
    const { client } = quorate.resources;
    for (const map of maps) this.#watch(client, map, 0);
    for (const election of plan.elections) this.#observe(client, election);
  }

  #watch(client, map, number) {
    const object = objectOf('map', map);
    const watcher = new MapWatcher(client.handle(MAP, map), {
      lane: recorder.lane(name),
      recorder,
      object,
      name: `${name}/${map}/${number}`,
      key: null,
      afterVersion: 0,
      told: () => {},
      ended: () => {},
    });
    this.watchers.push(watcher);
  }

  #observe(client, election) {
    const told = (leader) => {
      const fields = { leader: leader === null ? null : { token: [leader.token.epoch, leader.token.index] } };
      recorder.told(name, objectOf('election', election), 'leaderChanged', fields);
    };
    const again = () => nodeTimers.set(100, () => this.#observe(client, election));
    LeaderObservers.of(client.handle(ELECTION, election)).observe({ leader: told, ended: again }, { deadlineMs: 60_000 });
  }

  stop() {}
}

/** Every watch that is open is told of all that happened. `final`: of each map its version, and the versions of its keys. */
async function watchesReach(watchers, final) {
  const isThere = ({ object, key, lastVersion, isOver }) => {
    const { version, keys } = final[object];
    return isOver || lastVersion >= (key === null ? version : (keys[key] ?? 0));
  };
  try {
    await until('all watches to be told', () => watchers.every(isThere), { withinMs: SETTLE_MS });
  } catch {
    const late = watchers.filter((watcher) => !isThere(watcher));
    for (const { name: watch, object, lastVersion } of late)
      tell({ problem: `watch ${watch} of ${object} was told up to ${lastVersion} of ${final[object].version}` });
  }
  for (const { name: watch, object, key, isOver } of watchers) {
    if (key === null && !isOver) recorder.told(name, object, 'reached', { watch, version: final[object].version });
  }
}

const quorate = await connected();
const work = isAuditor ? new Auditor(quorate) : new Worker(quorate);
tell({ started: true });
const sendFigures = () =>
  tell({ figures: { calls: recorder.calls, answered: recorder.answered, unknown: recorder.unknown, ...work.figures } });
setInterval(sendFigures, 500).unref();

async function stop() {
  work.stop();
  try {
    await until('open calls to settle', () => recorder.open === 0, { withinMs: SETTLE_MS });
  } catch {
    tell({ problem: `${name}: calls without an end ${SETTLE_MS} ms after the last fault: ${recorder.openCalls().join(', ')}` });
  }
  tell({ stopped: true });
}

async function finish(final) {
  await watchesReach(work.watchers, final);
  for (const watcher of work.watchers) watcher.stop();
  await quorate.close();
  sendFigures();
  closeSync(fd);
  process.send({ finished: true }, () => process.exit(0));
}

process.on('message', (message) => {
  if (message.stop) void stop();
  if (message.finish) void finish(message.finish);
});
