// Three processes of a peer on loopback, in a temporary directory; all gone when `run` ends, whatever happens.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverProcesses } from '@quorate/cli/bench';
import { Process, until } from '../prove/processes.mjs';

const NODES = 3;
const READY_MS = 60_000;

/**
 * A peer is told by `kind`: `name`; `version()`, which throws `MissingPeer`; `prepare(cluster)`, which chooses ports and writes configurations;
 * `commandOf(cluster, id)`; `leaderOf(cluster)`, the id of the leader if all nodes that run agree; `loadAddresses(cluster, leader)`, where the load
 * goes; `driver`, URL of its module;
 * `transfer(cluster)`, if leadership can be handed over.
 */
export class PeerCluster {
  constructor(kind) {
    this.kind = kind;
    this.name = kind.name;
    this.module = kind.driver.href;
    this.directory = mkdtempSync(join(tmpdir(), `quorate-peer-${kind.name}-`));
    this.processes = new Map();
    this.addresses = [];
  }

  static async run(kind, body) {
    const cluster = new PeerCluster(kind);
    const cleanUp = () => {
      for (const process of cluster.processes.values()) process.signal('SIGKILL');
      rmSync(cluster.directory, { recursive: true, force: true });
    };
    process.on('exit', cleanUp);
    try {
      await kind.prepare(cluster);
      for (const id of cluster.ids) cluster.start(id);
      await cluster.ready();
      return await body(cluster);
    } finally {
      await Promise.all([...cluster.processes.values()].map((process) => process.kill()));
      process.off('exit', cleanUp);
      rmSync(cluster.directory, { recursive: true, force: true });
    }
  }

  get ids() {
    return Array.from({ length: NODES }, (_, index) => index + 1);
  }
  get pids() {
    return this.ids.map((id) => this.processes.get(id).pid);
  }

  /** What the processes that run now use. */
  async servers() {
    return serverProcesses(this.pids);
  }

  start(id) {
    const [command, args] = this.kind.commandOf(this, id);
    this.processes.set(id, new Process(command, args, { cwd: this.directory }));
  }

  /** Until all nodes serve; gives the id of the leader. */
  async ready() {
    try {
      return await until(`${this.name} to elect a leader`, () => this.kind.leaderOf(this), { withinMs: READY_MS, everyMs: 100 });
    } catch (error) {
      const words = this.ids.flatMap((id) =>
        this.processes
          .get(id)
          .lines.slice(-5)
          .map((line) => `[${this.name} ${id}] ${line}`),
      );
      throw new Error(`${error.message}\n${words.join('\n')}`, { cause: error });
    }
  }

  /** Sends the signal and waits for nothing. */
  kill(id) {
    this.processes.get(id).signal('SIGKILL');
  }

  /** Starts a node that was killed again, and waits until it serves. */
  async restart(id) {
    await this.processes.get(id).ended;
    this.start(id);
    await this.ready();
  }

  /** How leadership is handed over; null: this peer has no such thing. */
  get transfer() {
    return this.kind.transfer === undefined ? null : () => this.kind.transfer(this);
  }

  async loadAddresses() {
    return this.kind.loadAddresses(this, await this.ready());
  }
}
