// One run: a cluster, clients, faults, and the verdict on it all.
import { closeSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { HistoryCheck, encodeEvent, encodeHeader } from '@quorate/checkers';
import { Cluster } from '../prove/cluster.mjs';
import { delay, until } from '../prove/processes.mjs';
import { compareStates } from '../prove/state-hashes.mjs';
import { ClientSlot } from './client-slot.mjs';
import { impossible } from './faults.mjs';
import { Machine } from './machine.mjs';
import { mergedEvents } from './merge.mjs';
import { Nemesis } from './nemesis.mjs';
import { MAPS, OBJECTS, PLAN, READING, STREAMS } from './plan.mjs';
import { Reader } from './reader.mjs';

const PROGRESS_MS = 10_000;
/** Time in which a cluster that nothing is done to any more must serve, and clients must end. */
const MEND_MS = 120_000;
/** Longer than any time to live that clients give, by any of the clocks. */
const TTLS_OVER_MS = 3000;
/** Beyond the time that was asked for, until each fault was injected at least once. */
const EACH_MS_MAX = 60_000;
const LINES_MAX = 65_536;
const NODES = 3;

export class Chaos {
  /** What must not be, in words. */
  problems = [];
  figures = {};
  #options;
  #say;
  #machine = new Machine(Array.from({ length: NODES }, (_, at) => at + 1));
  #began = process.hrtime.bigint();
  #clients = [];
  #auditor = null;
  #reader;
  #cluster = null;

  constructor(options, say) {
    this.#options = options;
    this.#say = say;
  }

  get directory() {
    return this.#machine.directory;
  }
  get remarks() {
    return this.#machine.remarks;
  }

  /** All of it; false: something was broken. */
  async run() {
    const { clients, faults, network: kind } = this.#options;
    const slots = Array.from({ length: clients }, (_, at) => `c${at + 1}`);
    const remove = () => this.#remove();
    process.on('exit', remove);
    try {
      await this.#machine.prepare({ kind, clientNames: [...slots, 'auditor'], hasDisks: faults.includes('diskFull') });
      const { network } = this.#machine;
      this.#reader = new Reader(this.#historyOf('reader'), () => this.#nowMs());
      const options = {
        nodes: NODES,
        directory: this.#machine.folder('cluster'),
        settings: settingsOf(this.#options.seed),
        placeOf: (id) => network.listener(`n${id}`),
        directoryOf: (id) => this.#machine.dataOf(id),
        wrapperOf: (id) => this.#machine.wrapperOf(id),
      };
      await Cluster.run(options, (cluster) => {
        // After those of the cluster, which end its processes.
        process.off('exit', remove).on('exit', remove);
        return this.#torment(cluster, slots);
      });
      this.#judge();
    } finally {
      await Promise.all([...this.#clients, this.#auditor].map((client) => client?.kill()));
      process.off('exit', remove);
      this.#remove();
    }
    return this.problems.length === 0;
  }

  #nowMs() {
    return this.#msOf(process.hrtime.bigint());
  }
  #historyOf(name) {
    return this.#machine.folder(`histories/${name}.jsonl`);
  }
  #problem(text) {
    this.problems.push(text);
    this.#say(`PROBLEM: ${text}`);
  }

  #slot(slot, seed, { isAuditor = false, plan = PLAN } = {}) {
    const { network } = this.#machine;
    const times = [
      { sessionTtlMs: 2000 },
      { sessionTtlMs: 10_000, disconnectGraceMs: 1000 },
      { sessionTtlMs: 5000 },
      { sessionTtlMs: 3000, disconnectGraceMs: 500 },
    ];
    return new ClientSlot({
      slot,
      folder: this.#machine.folder('histories'),
      within: (name, command, args) => network.within(name, command, args),
      seed,
      argumentsOf: () => ({
        addresses: this.#cluster.addresses,
        startNs: String(this.#began),
        isAuditor,
        plan,
        streams: STREAMS,
        maps: MAPS,
        connect: { deadlineMs: PLAN.deadlineMs, ...times[seed % times.length] },
      }),
      problem: (text) => this.#problem(text),
    });
  }

  async #torment(cluster, slots) {
    this.#cluster = cluster;
    const { seed, faults, minutes } = this.#options;
    const { network, disks } = this.#machine;
    await this.#reader.connect(cluster.addresses);
    this.#auditor = this.#slot('auditor', seed, { isAuditor: true });
    // One of several only reads.
    this.#clients = slots.map((slot, at) => this.#slot(slot, seed + at, { plan: at > 0 && at === slots.length - 1 ? READING : PLAN }));
    const everybody = [this.#auditor, ...this.#clients];
    for (const client of everybody) client.start();
    await until('the clients to work', () => everybody.every((client) => client.hasStarted), { withinMs: MEND_MS });
    const nemesis = new Nemesis({
      cluster,
      clients: this.#clients,
      network,
      disks,
      clockFileOf: (id) => this.#machine.clockFile(id),
      seed,
      faults: faults.filter((fault) => impossible(fault, network) === null),
      note: (fault, target) => this.#reader.fault(fault, target),
      problem: (text) => this.#problem(text),
    });
    this.figures.network = network.kind;
    this.figures.faults = nemesis.counts;
    const endMs = performance.now() + minutes * 60_000;
    for (let leftMs = minutes * 60_000; leftMs > 0; leftMs = endMs - performance.now()) {
      await delay(Math.min(PROGRESS_MS, leftMs));
      this.#progress();
    }
    while (!nemesis.hasInjectedEach && performance.now() < endMs + EACH_MS_MAX) await delay(200);
    this.#say('chaos: mending');
    await nemesis.stop();
    this.figures.endedForSpace = nemesis.endedForSpace;
    await this.#conclude(cluster);
  }

  #counted(name) {
    return [...this.#clients, this.#auditor].flatMap(({ lives }) => lives).reduce((sum, { figures }) => sum + (figures[name] ?? 0), 0);
  }

  #progress() {
    const injected = Object.values(this.figures.faults).reduce((sum, count) => sum + count, 0);
    const [calls, answered, unknown] = ['calls', 'answered', 'unknown'].map((name) => this.#counted(name));
    const up = this.#cluster.nodes.filter((node) => node.isRunning && !node.isPaused).length;
    this.#say(
      `chaos: ${(this.#nowMs() / 1000).toFixed(0)} s: ${calls} calls, ${answered} answered, ${unknown} unknown, ${injected} faults, ${up} of ${NODES} nodes up`,
    );
  }

  /** Nothing is broken any more: everything must come to its end. Whatever does not is a problem, and the history is judged all the same. */
  async #conclude(cluster) {
    try {
      await cluster.ready({ withinMs: MEND_MS });
      const everybody = [...this.#clients, this.#auditor];
      await Promise.all(everybody.map((client) => client.stop(MEND_MS)));
      await delay(TTLS_OVER_MS);
      const { final, records } = await this.#reader.readAll();
      this.figures.records = records;
      await Promise.all(everybody.map((client) => client.finish(final, MEND_MS)));
      await this.#reader.close();
      const { problems, groups, replicas } = await compareStates(cluster, MEND_MS);
      for (const problem of problems) this.#problem(problem);
      Object.assign(this.figures, { groupsCompared: groups, replicasCompared: replicas });
    } catch (error) {
      this.#problem(`it does not come to its end: ${error.stack}\n${cluster.lastWords().join('\n')}`);
    }
    for (const name of ['sessionsLost', 'sessionsResumed', 'watchEvents']) this.figures[name] = this.#counted(name);
    this.figures.logged = this.#logged();
    this.figures.clients = this.#clients.reduce((sum, { lives }) => sum + lives.length, 0);
    await Promise.all([...this.#clients, this.#auditor].map((client) => client.kill()));
  }

  /** One history of all, judged. */
  #judge() {
    this.#say('chaos: judging the history');
    const header = { format: 'quorate-history', version: 1, source: `chaos seed ${this.#options.seed}`, objects: OBJECTS };
    const check = new HistoryCheck(header);
    const file = this.#options.history;
    const fd = openSync(file, 'w');
    let lines = [encodeHeader(header)];
    const flush = () => {
      writeSync(fd, `${lines.join('\n')}\n`);
      lines = [];
    };
    const errors = new Map();
    const lives = [...this.#clients, this.#auditor].flatMap((slot) => slot.lives);
    const sources = lives.map(({ name, file: events, endNs }) => ({
      name,
      file: events,
      endMs: endNs === null ? null : this.#msOf(endNs),
    }));
    for (const event of mergedEvents([...sources, { name: 'reader', file: this.#historyOf('reader'), endMs: null }])) {
      check.take(event);
      if (event.error !== undefined) count(errors, event.error);
      lines.push(encodeEvent(event));
      if (lines.length >= LINES_MAX) flush();
    }
    if (lines.length > 0) flush();
    closeSync(fd);
    this.figures.errors = listOf(errors);
    const { problems, problemCount, stats } = check.finish();
    for (const { type, rule, object, line, text } of problems)
      this.#problem(`line ${line}: ${object}: ${rule}${type === 'undecided' ? ' (undecided)' : ''}: ${text}`);
    if (problemCount > problems.length) this.#problem(`… and ${problemCount - problems.length} more in the history`);
    this.figures.judged = stats;
  }

  /** Warnings and errors that the nodes logged. */
  #logged() {
    const counts = new Map();
    for (const line of this.#cluster.nodes.flatMap(({ history }) => history.flatMap(({ lines }) => lines))) {
      if (!line.includes('"level":"warn"') && !line.includes('"level":"error"')) continue;
      const { msg, code } = JSON.parse(line);
      count(counts, code === undefined ? msg : `${msg} (${code})`);
    }
    return listOf(counts);
  }

  #msOf(ns) {
    return Number(BigInt.asIntN(64, ns - this.#began)) / 1e6;
  }

  #remove() {
    for (const client of [...this.#clients, this.#auditor]) client?.process?.signal('SIGKILL');
    for (const node of this.#cluster?.nodes ?? []) {
      node.process?.signal('SIGKILL');
      if (!this.#options.isKeeping) continue;
      const lines = node.history.flatMap(({ pid, exit, lines: said }) => [`process ${pid}, ended: ${JSON.stringify(exit)}`, ...said]);
      writeFileSync(this.#machine.folder(`n${node.id}.log`), `${lines.join('\n')}\n`);
    }
    this.#cluster = null;
    this.#machine.remove(this.#options);
  }
}

function settingsOf(seed) {
  return {
    // Small, so that files are made and removed all the time.
    journalFileBytes: 4_194_304,
    snapshotLogBytes: 65_536,
    // Far apart in every second run: then a leader that is cut off goes on believing for long that it leads, while the others have another.
    electionTimeoutMaxMs: seed % 2 === 0 ? 300 : 1000,
  };
}

function count(counts, name) {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

function listOf(counts) {
  const most = [...counts].sort((a, b) => b[1] - a[1]);
  return most.map(([name, times]) => `${name} ${times}`).join(', ') || 'none';
}
