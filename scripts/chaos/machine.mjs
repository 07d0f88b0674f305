// Networks, disks, clocks and folders of a run, and their removal.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NamespaceNetwork } from './namespace-network.mjs';
import { ProxyNetwork } from './proxy-network.mjs';
import { SmallDisk } from './small-disk.mjs';
import { SpacePort } from './space-port.mjs';

const DISK_MIB = 512;

export class Machine {
  directory = mkdtempSync(join(tmpdir(), 'quorate-chaos-'));
  network = null;
  /** By node id. */
  disks = new Map();
  /** Why a kind of network or disk is not the real one; for people. */
  remarks = [];
  #nodeIds;

  constructor(nodeIds) {
    this.#nodeIds = nodeIds;
  }

  /** `kind`: null takes what can be had. `hasDisks`: small file systems are wanted. */
  async prepare({ kind, clientNames, hasDisks }) {
    mkdirSync(this.folder('histories'));
    const why = kind === 'proxies' ? null : NamespaceNetwork.impossible();
    if (why !== null && kind === 'namespaces') throw new Error(`no network namespaces on this machine: ${why}`);
    if (why !== null) this.remarks.push(`network: proxies, because namespaces cannot be had: ${why}`);
    const nodes = this.#nodeIds.map((id) => `n${id}`);
    const isReal = why === null && kind !== 'proxies';
    this.network = isReal ? new NamespaceNetwork([...nodes, ...clientNames]) : await ProxyNetwork.make(nodes);
    if (hasDisks) this.#makeDisks();
    for (const id of this.#nodeIds) writeFileSync(this.clockFile(id), JSON.stringify({ jumpMs: 0, rate: 1 }));
  }

  #makeDisks() {
    const why = SmallDisk.impossible(this.directory);
    if (why !== null) this.remarks.push(`disks: writes are refused within the process, because no file system can be mounted: ${why}`);
    for (const id of this.#nodeIds) {
      const disk = why === null ? new SmallDisk(this.directory, `disk-${id}`, DISK_MIB) : new SpacePort(this.folder(`space-${id}.json`));
      this.disks.set(id, disk);
    }
  }

  folder(name) {
    return join(this.directory, name);
  }
  clockFile(id) {
    return this.folder(`clock-${id}.json`);
  }
  /** Where a node keeps its data. */
  dataOf(id) {
    return join(this.disks.get(id)?.path ?? this.folder(`disk-${id}`), 'data');
  }

  /** What changes the command of a node, so that its clock and its space go wrong when they are told to. */
  wrapperOf(id) {
    const faulty = (module, file) => ['--import', `${new URL(module, import.meta.url).href}?file=${encodeURIComponent(file)}`];
    const isPort = this.disks.get(id) instanceof SpacePort;
    const space = isPort ? faulty('space-fault.mjs', this.folder(`space-${id}.json`)) : [];
    const clock = faulty('clock-fault.mjs', this.clockFile(id));
    return (command, args) => this.network.within(`n${id}`, command, [...clock, ...space, ...args]);
  }

  /** All that was made. The processes have ended, or are about to. Twice does nothing. */
  remove({ isKeeping }) {
    this.network?.remove();
    this.network = null;
    for (const [id, disk] of this.disks) {
      if (isKeeping && disk instanceof SmallDisk) cpSync(this.dataOf(id), this.folder(`kept-${id}`), { recursive: true });
      disk.remove();
    }
    this.disks.clear();
    if (!isKeeping) rmSync(this.directory, { recursive: true, force: true, maxRetries: 3, retryDelay: 100 });
  }
}
