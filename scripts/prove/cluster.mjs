// A cluster of real `quorate server` processes in a temporary directory.
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from './free-ports.mjs';
import { Process, QUORATE, until } from './processes.mjs';
import { nodeStatus } from './node-status.mjs';

class ServerNode {
  constructor(cluster, id, { listen, advertise }, directory) {
    this.cluster = cluster;
    this.id = id;
    this.listen = listen;
    /** Under which others reach it. */
    this.address = advertise;
    this.directory = directory;
    this.process = null;
    /** How earlier processes of this node ended, and the end of what they said. */
    this.history = [];
    this.isPaused = false;
  }

  get pid() {
    return this.process?.pid;
  }
  get isRunning() {
    return this.process?.isRunning === true;
  }

  /** Starts the process; does not wait for it. `wrap` changes the command and its arguments. */
  start(wrap = this.cluster.wrapperOf(this.id)) {
    if (this.isRunning) throw new Error(`node ${this.id} runs already`);
    const flags = [
      '--node',
      String(this.id),
      '--data',
      this.directory,
      '--listen',
      this.listen,
      '--advertise',
      this.address,
      '--members',
      this.cluster.members,
      '--config',
      this.cluster.configFile,
    ];
    const [command, args] = wrap(process.execPath, [QUORATE, 'server', ...flags]);
    this.process = new Process(command, args);
    this.isPaused = false;
    const run = { pid: this.process.pid, exit: null, lines: this.process.lines };
    this.history.push(run);
    this.process.ended.then((exit) => (run.exit = exit));
  }

  async kill() {
    await this.process?.kill();
    this.isPaused = false;
  }

  async stop() {
    const exit = await this.process?.stop();
    if (exit && exit.code !== 0)
      throw new Error(`node ${this.id} did not stop in order: ${JSON.stringify(exit)}\n${this.process.newest.slice(-20).join('\n')}`);
  }

  /** SIGSTOP, then until the kernel has stopped it. */
  pause() {
    if (!this.process.signal('SIGSTOP')) throw new Error(`node ${this.id} does not run`);
    this.isPaused = true;
  }
  resume() {
    this.process.signal('SIGCONT');
    this.isPaused = false;
  }

  /** Its own view of the cluster; rejects if it does not answer in time. */
  status(withinMs = 2000) {
    return nodeStatus(this.address, withinMs);
  }
}

export class Cluster {
  /**
   * Of a node's id: `wrapperOf`, what changes the command and the arguments that start it; `placeOf`, where it listens and what it tells others;
   * `directoryOf`, where its data is.
   */
  constructor(options = {}) {
    const { nodes = 3, settings = {}, logLevel = 'info', directory, wrapperOf = () => (command, args) => [command, args] } = options;
    this.directory = directory ?? mkdtempSync(join(tmpdir(), 'quorate-prove-'));
    this.configFile = join(this.directory, 'settings.json');
    this.settings = settings;
    this.logLevel = logLevel;
    this.count = nodes;
    this.wrapperOf = wrapperOf;
    this.placeOf = options.placeOf;
    this.directoryOf = options.directoryOf ?? ((id) => join(this.directory, `node-${id}`));
    this.nodes = [];
  }

  /** Runs `body` with a cluster that is ready; all processes and files are gone afterwards, whatever happens. */
  static async run(options, body) {
    const cluster = new Cluster(options);
    const cleanUp = () => cluster.#killNow();
    const interrupted = (signal) => {
      cleanUp();
      process.exit(signal === 'SIGINT' ? 130 : 143);
    };
    process.on('exit', cleanUp);
    process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
    let isGood = false;
    try {
      await cluster.#prepare();
      await cluster.startAll();
      const result = await body(cluster);
      isGood = true;
      return result;
    } finally {
      await Promise.all(cluster.nodes.map((node) => node.kill()));
      process.off('exit', cleanUp);
      process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
      if (isGood || process.env.KEEP === undefined) rmSync(cluster.directory, { recursive: true, force: true });
      else process.stderr.write(`data kept in ${cluster.directory}\n`);
    }
  }

  async #prepare() {
    mkdirSync(this.directory, { recursive: true });
    writeFileSync(this.configFile, JSON.stringify({ logLevel: this.logLevel, settings: this.settings }));
    const ports = this.placeOf === undefined ? await freePorts(this.count) : [];
    const onLoopback = (id) => ({ listen: `127.0.0.1:${ports[id - 1]}`, advertise: `127.0.0.1:${ports[id - 1]}` });
    const placeOf = this.placeOf ?? onLoopback;
    this.nodes = Array.from(
      { length: this.count },
      (_, index) => new ServerNode(this, index + 1, placeOf(index + 1), this.directoryOf(index + 1)),
    );
    this.members = this.nodes.map((node) => `${node.id}=${node.address}`).join(',');
  }

  get addresses() {
    return this.nodes.map((node) => node.address);
  }
  node(id) {
    return this.nodes[id - 1];
  }
  others(id) {
    return this.nodes.filter((node) => node.id !== id);
  }

  async startAll() {
    for (const node of this.nodes) if (!node.isRunning) node.start();
    await this.ready();
  }

  /** Until all running nodes serve, agree on a leader of the system group, and none is a learner anywhere. */
  async ready({ withinMs = 60_000 } = {}) {
    return await until(
      'the cluster to be ready',
      async () => {
        const running = this.nodes.filter((node) => node.isRunning && !node.isPaused);
        const statuses = await Promise.all(running.map((node) => node.status()));
        return statuses.every(isServing) && agreed(statuses) && statuses;
      },
      { withinMs },
    );
  }

  /** Id of the leader of a group as a running node sees it; undefined: none. */
  async leaderOf(group) {
    const running = this.nodes.filter((node) => node.isRunning && !node.isPaused);
    const answers = await Promise.allSettled(running.map((node) => node.status(1000)));
    for (const answer of answers) {
      if (answer.status !== 'fulfilled') continue;
      const found = answer.value.groups.find((entry) => entry.group === group && entry.role === 'leader');
      if (found !== undefined) return answer.value.nodeId;
    }
    return undefined;
  }

  /** What the processes said last, for a failed proof. */
  lastWords(lines = 8) {
    return this.nodes.flatMap((node) => (node.process?.newest.slice(-lines) ?? []).map((line) => `[node ${node.id}] ${line}`));
  }

  #killNow() {
    for (const node of this.nodes) node.process?.signal('SIGKILL');
  }
}

function isServing(status) {
  return (
    status.state === 'serving' && status.groups.length > 0 && status.groups.every((group) => !group.isLearner && group.role !== 'stopped')
  );
}

function agreed(statuses) {
  const leaders = new Set(statuses.map((status) => status.groups.find((group) => group.group === 0)?.leader ?? 0));
  return leaders.size === 1 && !leaders.has(0);
}
