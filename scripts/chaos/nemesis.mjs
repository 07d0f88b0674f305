// Breaks real processes, their network, disks and clocks at random, and mends them again.
import { writeFileSync } from 'node:fs';
import { DEFAULT_GROUP, SYSTEM_GROUP } from '@quorate/base';
import { delay } from '../prove/processes.mjs';
import { Choices } from '../prove/random.mjs';
import { endedForSpace } from './space-excuse.mjs';

const NETWORK = 'network';
/** Time after a full disk in which a node may still end for it. */
const EXCUSE_MS = 15_000;
const WATCH_MS = 250;
const CALM_MS = 8000;

export class Nemesis {
  /** Faults injected, by class. */
  counts = {};
  /** Times that a node without space ended by itself. */
  endedForSpace = 0;
  #options;
  #random;
  #isRunning = true;
  /** What something is done to: node ids, names of clients, the network. */
  #busy = new Set();
  #pending = new Set();
  #loops = [];
  /** By node id: when its disk was last full. */
  #fullAtMs = new Map();

  /**
   * `clients`: slots; `disks` and `clockFileOf`: by node id; `faults`: those that may be injected; `note`: told what is done to whom;
   * `problem`: told what must not happen.
   */
  constructor(options) {
    this.#options = options;
    this.#random = new Choices(options.seed);
    for (const fault of options.faults) this.counts[fault] = 0;
    this.#loops = [this.#injectAll(), this.#watchNodes()];
  }

  /** True once each fault that may be injected was, at least once. */
  get hasInjectedEach() {
    return Object.values(this.counts).every((count) => count > 0);
  }

  /** In rounds, each of all faults in an order of its own, so that none is left out for long; the first round is quick. */
  async #injectAll() {
    const { faults, note } = this.#options;
    let round = [];
    while (this.#isRunning && faults.length > 0) {
      await delay(this.#restMs());
      if (!this.#isRunning) return;
      if (round.length === 0) round = this.#shuffled(faults);
      const fault = round.shift();
      const target = await this.#perform(fault);
      if (target === null) {
        // It does not fit the moment: behind the others.
        round.push(fault);
        continue;
      }
      this.counts[fault]++;
      note(fault, target);
    }
  }

  #restMs() {
    if (!this.hasInjectedEach) return this.#random.between(200, 1500);
    // Now and then long enough for all to be well again.
    return this.#random.between(0, 7) === 0 ? CALM_MS : this.#random.between(200, 3000);
  }

  #shuffled(items) {
    const left = [...items];
    return items.map(() => left.splice(this.#random.between(0, left.length - 1), 1)[0]);
  }

  /** A node that ends by itself is started again; only one without space may. */
  async #watchNodes() {
    const { cluster, note, problem } = this.#options;
    while (this.#isRunning) {
      await delay(WATCH_MS);
      for (const node of cluster.nodes) {
        if (node.isRunning || this.#busy.has(node.id) || !this.#isRunning) continue;
        await node.process.ended;
        if (this.#isExcused(node)) this.endedForSpace++;
        else problem(`node ${node.id} ended by itself: ${lastWordsOf(node)}`);
        note('ended', nameOf(node));
        this.#busy.add(node.id);
        this.#later(1000, () => this.#startAgain(node));
      }
    }
  }

  /** True for a node whose disk is full, or was a moment ago, if that is what it ended for. */
  #isExcused(node) {
    const fullAtMs = this.#fullAtMs.get(node.id) ?? Number.NEGATIVE_INFINITY;
    return performance.now() - fullAtMs <= EXCUSE_MS && endedForSpace(node.process);
  }

  #startAgain(node) {
    this.#busy.delete(node.id);
    if (!node.isRunning) node.start();
  }

  /** Ends what is done, and starts what is down. */
  async stop() {
    this.#isRunning = false;
    await Promise.all(this.#loops);
    const { cluster, clients, network, disks, note } = this.#options;
    // What was begun is ended now; ends of processes are waited for.
    while (this.#pending.size > 0) {
      for (const pending of this.#pending) pending.now();
      await Promise.all([...this.#pending].map(({ over }) => over));
    }
    network.healAll();
    for (const [id, disk] of disks) {
      disk.free();
      this.#setClock(id, 0, 1);
    }
    for (const node of cluster.nodes) {
      if (node.isPaused) node.resume();
      if (!node.isRunning) node.start();
    }
    for (const client of clients) {
      if (client.isPaused) client.resume();
      if (!client.isRunning) client.start();
    }
    note('healed', null);
  }

  #setClock(id, jumpMs, rate) {
    writeFileSync(this.#options.clockFileOf(id), JSON.stringify({ jumpMs, rate }));
  }

  #later(ms, act) {
    const pending = {};
    const wait = new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      pending.now = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    pending.over = wait.then(act).then(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /** A running node that nothing is done to; undefined: there is none. */
  #anyNode() {
    const free = this.#options.cluster.nodes.filter((node) => this.#isFree(node));
    return free.length === 0 ? undefined : this.#random.of(free);
  }
  #isFree(node) {
    return node.isRunning && !node.isPaused && !this.#busy.has(node.id);
  }

  async #leader() {
    const { cluster } = this.#options;
    const id = await cluster.leaderOf(this.#random.of([SYSTEM_GROUP, DEFAULT_GROUP]));
    const node = id === undefined ? undefined : cluster.node(id);
    return node !== undefined && this.#isFree(node) ? node : undefined;
  }

  #anyClient() {
    const free = this.#options.clients.filter((client) => client.isRunning && !client.isPaused && !this.#busy.has(client.name));
    return free.length === 0 ? undefined : this.#random.of(free);
  }

  /** Gives whom it hit; null: it does not fit the moment. */
  async #perform(fault) {
    switch (fault) {
      case 'kill':
      case 'stop':
        return this.#end(this.#anyNode(), fault);
      case 'killLeader':
        return this.#end(await this.#leader(), fault);
      case 'killAll':
        return this.#endAll();
      case 'pause':
        return this.#pause(this.#anyNode());
      case 'pauseLeader':
        return this.#pause(await this.#leader());
      case 'killClient':
        return this.#killClient(this.#anyClient());
      case 'pauseClient':
        return this.#pauseClient(this.#anyClient());
      case 'diskFull':
        return this.#fillDisk(this.#anyNode());
      case 'clockJump':
      case 'clockRate':
        return this.#disturbClock(fault);
      default:
        return this.#disturbNetwork(fault);
    }
  }

  #endAll() {
    const nodes = this.#options.cluster.nodes.filter((node) => this.#isFree(node));
    for (const node of nodes) this.#end(node, 'killAll');
    return nodes.length > 0 ? nodes.map(nameOf).join(' ') : null;
  }

  #end(node, fault) {
    if (node === undefined) return null;
    this.#busy.add(node.id);
    const downMs = this.#random.between(0, 3000);
    const ended = fault === 'stop' ? this.#stopInOrder(node) : node.kill();
    this.#later(0, async () => {
      await ended;
      this.#later(downMs, () => this.#startAgain(node));
    });
    return nameOf(node);
  }

  async #stopInOrder(node) {
    const exit = await node.process.stop();
    // Ended by the signal itself: it had only just begun.
    if (exit.code === 0 || exit.signal === 'SIGTERM' || this.#isExcused(node)) return;
    this.#options.problem(`node ${node.id} did not stop in order: ${lastWordsOf(node)}`);
  }

  #pause(node) {
    if (node === undefined) return null;
    this.#busy.add(node.id);
    node.pause();
    this.#later(this.#random.of([300, 1000, 4000, 15_000]), () => {
      this.#busy.delete(node.id);
      node.resume();
    });
    return nameOf(node);
  }

  #killClient(client) {
    if (client === undefined) return null;
    this.#busy.add(client.name);
    const downMs = this.#random.between(0, 2000);
    const ended = client.kill();
    this.#later(0, async () => {
      await ended;
      this.#later(downMs, () => {
        this.#busy.delete(client.name);
        if (!client.isRunning) client.start();
      });
    });
    return client.name;
  }

  #pauseClient(client) {
    if (client === undefined) return null;
    this.#busy.add(client.name);
    client.pause();
    this.#later(this.#random.of([300, 2000, 12_000]), () => {
      this.#busy.delete(client.name);
      client.resume();
    });
    return client.name;
  }

  #fillDisk(node) {
    if (node === undefined || this.#busy.has(`disk ${node.id}`)) return null;
    const disk = this.#options.disks.get(node.id);
    this.#busy.add(`disk ${node.id}`);
    this.#fullAtMs.set(node.id, Number.POSITIVE_INFINITY);
    disk.fill(this.#random.of([0, 4096, 50_000, 1_000_000]));
    this.#later(this.#random.between(2000, 15_000), () => {
      disk.free();
      this.#busy.delete(`disk ${node.id}`);
      this.#fullAtMs.set(node.id, performance.now());
    });
    return nameOf(node);
  }

  #disturbClock(fault) {
    const node = this.#random.of(this.#options.cluster.nodes);
    if (fault === 'clockJump') this.#setClock(node.id, this.#random.between(-7_200_000, 7_200_000), 1);
    else this.#setClock(node.id, 0, 1 + this.#random.between(-20, 20) / 1000);
    return nameOf(node);
  }

  async #disturbNetwork(fault) {
    const { cluster, network } = this.#options;
    if (this.#busy.has(NETWORK)) return null;
    const leader = fault === 'isolateLeader' ? await this.#leader() : undefined;
    if (fault === 'isolateLeader') return leader === undefined ? null : this.#mendLater(this.#isolateWithClients(nameOf(leader)));
    const names = cluster.nodes.map(nameOf);
    const a = this.#random.of(names);
    const b = this.#random.of(names.filter((name) => name !== a));
    if (fault === 'reset') {
      network.reset(a, b);
      return `${a} ${b}`;
    }
    return this.#mendLater(this.#breakNetwork(fault, a, b));
  }

  /** The network was broken, `target` says where; null: it was not. */
  #mendLater(target) {
    const { network } = this.#options;
    if (target === null) return null;
    this.#busy.add(NETWORK);
    this.#later(this.#random.between(200, 8000), () => {
      network.healAll();
      this.#busy.delete(NETWORK);
    });
    return target;
  }

  /**
   * The two sides of a cut: a leader with some of the clients, the other nodes with the others. Clients first, whose connections break, so that
   * they know where to ask once the others elect; then there is a time in which both sides have a leader.
   */
  #isolateWithClients(leader) {
    const { cluster, clients, network } = this.#options;
    const others = cluster.nodes.map(nameOf).filter((name) => name !== leader);
    const within = clients.filter(() => this.#random.between(0, 1) === 0).map(({ name }) => name);
    for (const { name } of clients) {
      for (const node of within.includes(name) ? others : [leader]) {
        this.#cutBoth(name, node);
        network.reset(name, node);
      }
    }
    for (const other of others) this.#cutBoth(leader, other);
    return [leader, ...within].join(' ');
  }

  #cutBoth(a, b) {
    const { network } = this.#options;
    network.cut(a, b);
    network.cut(b, a);
  }

  #breakNetwork(fault, a, b) {
    const { cluster, network } = this.#options;
    const both = (x, y) => this.#cutBoth(x, y);
    switch (fault) {
      case 'isolate':
        for (const name of cluster.nodes.map(nameOf)) if (name !== a) both(a, name);
        return a;
      case 'cut':
        both(a, b);
        return `${a} ${b}`;
      case 'cutOneWay':
        network.cut(a, b);
        return `${a} ${b}`;
      case 'loss':
        network.lose(a, this.#random.between(1, 20) / 100);
        return a;
      case 'cutClient': {
        const client = this.#anyClient();
        if (client === undefined) return null;
        both(client.name, a);
        if (this.#random.between(0, 1) === 0) both(client.name, b);
        return client.name;
      }
      default:
        throw new Error(`unknown fault ${fault}`);
    }
  }
}

function lastWordsOf({ process: { exit, newest } }) {
  return `${JSON.stringify(exit)}\n${newest.slice(-20).join('\n')}`;
}

function nameOf({ id }) {
  return `n${id}`;
}
