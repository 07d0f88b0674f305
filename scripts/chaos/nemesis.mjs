// Breaks real processes, their network, disks and clocks at random, and mends them again.
import { writeFileSync } from 'node:fs';
import { DEFAULT_GROUP, SYSTEM_GROUP } from '@quorate/base';
import { Choices } from '../prove/random.mjs';
import { delay } from '../prove/processes.mjs';

/** What can be done, and what a machine must allow for it. */
export const FAULTS = {
  kill: 'SIGKILL of a node',
  killLeader: 'SIGKILL of a node that leads',
  killAll: 'SIGKILL of all nodes at once',
  stop: 'SIGTERM of a node',
  pause: 'SIGSTOP of a node, for up to 15 s',
  pauseLeader: 'SIGSTOP of a node that leads',
  pauseClient: 'SIGSTOP of a client, also for longer than its session lives',
  isolate: 'a node is cut off from all other nodes',
  cut: 'two nodes are cut off from each other',
  cutOneWay: 'what a node sends to another does not arrive',
  cutClient: 'a client is cut off from some nodes',
  reset: 'connections between two nodes break',
  loss: 'a part of the packets to a node is lost',
  diskFull: 'a node has no disk space left',
  clockJump: 'the time of day jumps on a node',
  clockRate: 'the monotonic clock of a node goes faster or slower',
};

export class Nemesis {
  counts = {};
  #cluster;
  #clients;
  #network;
  #disks;
  #clockFileOf;
  #random;
  #faults;
  #note;
  #isRunning = true;
  #busy = new Set();

  /** `note`: told what is done to whom. `disks`: by node id, or null where there are none. */
  constructor({ cluster, clients, network, disks, clockFileOf, seed, faults, note }) {
    this.#cluster = cluster;
    this.#clients = clients;
    this.#network = network;
    this.#disks = disks;
    this.#clockFileOf = clockFileOf;
    this.#random = new Choices(seed);
    this.#note = note;
    this.#faults = faults.filter((fault) => this.#can(fault));
    for (const fault of this.#faults) this.counts[fault] = 0;
  }

  #can(fault) {
    if (fault === 'diskFull') return this.#disks !== null;
    if (fault === 'loss' || fault === 'cutClient') return this.#network.kind === 'namespaces';
    return true;
  }

  /** Until `stop`. */
  async run() {
    while (this.#isRunning) {
      await delay(this.#random.between(200, 2500));
      if (!this.#isRunning) break;
      const fault = this.#random.of(this.#faults);
      const target = await this.#perform(fault);
      if (target === null) continue;
      this.counts[fault]++;
      this.#note(fault, target);
    }
  }

  /** Mends everything and starts what is down; until all nodes serve. */
  async stop() {
    this.#isRunning = false;
    await this.#mend();
    for (const node of this.#cluster.nodes) {
      if (node.isPaused) node.resume();
      if (!node.isRunning) node.start();
    }
    for (const client of this.#clients) client.process.signal('SIGCONT');
  }

  async #mend() {
    this.#network.healAll();
    for (const disk of this.#disks?.values() ?? []) disk.free();
    for (const { id } of this.#cluster.nodes) this.#setClock(id, 0, 1);
  }

  #setClock(id, jumpMs, rate) {
    writeFileSync(this.#clockFileOf(id), JSON.stringify({ jumpMs, rate }));
  }

  /** A running node that nothing is done to; undefined: there is none. */
  #anyNode() {
    const free = this.#cluster.nodes.filter((node) => this.#isFree(node));
    return free.length === 0 ? undefined : this.#random.of(free);
  }
  #isFree(node) {
    return node.isRunning && !node.isPaused && !this.#busy.has(node.id);
  }

  async #leader() {
    const id = await this.#cluster.leaderOf(this.#random.of([SYSTEM_GROUP, DEFAULT_GROUP]));
    const node = id === undefined ? undefined : this.#cluster.node(id);
    return node !== undefined && this.#isFree(node) ? node : undefined;
  }

  /** Gives whom it hit; null: it does not fit the moment. */
  async #perform(fault) {
    switch (fault) {
      case 'kill':
      case 'stop':
        return this.#end(this.#anyNode(), fault);
      case 'killLeader':
        return this.#end(await this.#leader(), fault);
      case 'killAll': {
        const running = this.#cluster.nodes.filter((node) => this.#isFree(node));
        for (const node of running) this.#end(node, fault);
        return running.length > 0 ? 'all' : null;
      }
      case 'pause':
        return this.#pause(this.#anyNode());
      case 'pauseLeader':
        return this.#pause(await this.#leader());
      case 'pauseClient':
        return this.#pauseClient();
      case 'diskFull':
        return this.#fillDisk();
      case 'clockJump':
      case 'clockRate':
        return this.#disturbClock(fault);
      default:
        return this.#disturbNetwork(fault);
    }
  }

  #end(node, fault) {
    if (node === undefined) return null;
    this.#busy.add(node.id);
    const ended = fault === 'stop' ? node.process.stop() : node.kill();
    void ended
      .then(() => delay(this.#random.between(0, 3000)))
      .then(() => {
        this.#busy.delete(node.id);
        if (this.#isRunning && !node.isRunning) node.start();
      });
    return `n${node.id}`;
  }

  #pause(node) {
    if (node === undefined) return null;
    this.#busy.add(node.id);
    node.pause();
    this.#later(this.#random.of([300, 1000, 4000, 15_000]), () => {
      this.#busy.delete(node.id);
      if (node.isPaused && node.isRunning) node.resume();
    });
    return `n${node.id}`;
  }

  #pauseClient() {
    const client = this.#random.of(this.#clients);
    client.process.signal('SIGSTOP');
    this.#later(this.#random.of([300, 2000, 8000]), () => client.process.signal('SIGCONT'));
    return client.name;
  }

  #fillDisk() {
    const node = this.#anyNode();
    if (node === undefined) return null;
    const disk = this.#disks.get(node.id);
    disk.fill(this.#random.between(0, 2_000_000));
    this.#later(this.#random.between(500, 6000), () => disk.free());
    return `n${node.id}`;
  }

  #disturbClock(fault) {
    const { id } = this.#random.of(this.#cluster.nodes);
    if (fault === 'clockJump') this.#setClock(id, this.#random.between(-7_200_000, 7_200_000), 1);
    else this.#setClock(id, 0, 1 + this.#random.between(-20, 20) / 1000);
    return `n${id}`;
  }

  #disturbNetwork(fault) {
    const names = this.#cluster.nodes.map(({ id }) => `n${id}`);
    const a = this.#random.of(names);
    const b = this.#random.of(names.filter((name) => name !== a));
    const both = (x, y) => {
      this.#network.cut(x, y);
      this.#network.cut(y, x);
    };
    switch (fault) {
      case 'isolate':
        for (const name of names) if (name !== a) both(a, name);
        break;
      case 'cut':
        both(a, b);
        break;
      case 'cutOneWay':
        this.#network.cut(a, b);
        break;
      case 'cutClient': {
        const { name } = this.#random.of(this.#clients);
        both(name, a);
        if (this.#random.between(0, 1) === 0) both(name, b);
        this.#later(this.#random.between(200, 8000), () => this.#network.healAll());
        return name;
      }
      case 'reset':
        this.#network.reset(a, b);
        return `${a} ${b}`;
      case 'loss':
        this.#network.lose(a, this.#random.between(1, 20) / 100);
        break;
      default:
        throw new Error(`unknown fault ${fault}`);
    }
    this.#later(this.#random.between(200, 8000), () => this.#network.healAll());
    return fault === 'isolate' || fault === 'loss' ? a : `${a} ${b}`;
  }

  #later(ms, act) {
    void delay(ms).then(act);
  }
}
