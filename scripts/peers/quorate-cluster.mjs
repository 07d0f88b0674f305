// Quorate as its peers are: three processes on loopback, its own defaults.
import { readFileSync } from 'node:fs';
import { DEFAULT_GROUP } from '@quorate/base';
import { quorateServers } from '@quorate/cli/bench';
import { Quorate } from 'quorate';
import { Cluster } from '../prove/cluster.mjs';
import { until } from '../prove/processes.mjs';

const READY_MS = 60_000;

/** The same interface as that of `PeerCluster`. */
export class QuorateCluster {
  name = 'quorate';
  module = new URL('../../packages/cli/dist/bench/quorate-driver.js', import.meta.url).href;
  #cluster;
  #observer;

  constructor(cluster, observer) {
    this.#cluster = cluster;
    this.#observer = observer;
  }

  static version() {
    return JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')).version;
  }

  static async run(body) {
    return await Cluster.run({ logLevel: 'warn' }, async (cluster) => {
      const observer = await Quorate.connect(cluster.addresses);
      try {
        return await body(new QuorateCluster(cluster, observer));
      } finally {
        await observer.close();
      }
    });
  }

  get addresses() {
    return this.#cluster.addresses;
  }
  get pids() {
    return this.#cluster.nodes.map((node) => node.pid);
  }

  async servers() {
    return await quorateServers(this.#observer);
  }

  /** Until all nodes serve; gives the id of the leader of the group that the maps are in. */
  async ready() {
    await this.#cluster.ready();
    return await until('a leader', () => this.#cluster.leaderOf(DEFAULT_GROUP), { withinMs: READY_MS });
  }

  kill(id) {
    this.#cluster.node(id).process.signal('SIGKILL');
  }

  async restart(id) {
    await this.#cluster.node(id).process.ended;
    this.#cluster.node(id).start();
    await this.ready();
  }

  get transfer() {
    return () => this.#observer.transferLeader(DEFAULT_GROUP);
  }

  async loadAddresses() {
    await this.ready();
    return this.addresses;
  }
}
