import {
  type Address,
  type NodeId,
  QuorateError,
  type Random,
  type Logger,
  crc32c,
  formatAddress,
  nodeId,
  randomUnit,
  SeededRandom,
} from '@quorate/base';
import { type AppliedState, type ConfiguredMember, type Host, type HostSettings, type LookedAtReplica, startHost } from '@quorate/host';
import type { AnyResourceType } from '@quorate/machine';
import type { NodeStatus } from '@quorate/wire';
import type { DiskImage, PowerCutOptions } from './disk-state.js';
import { SimulationFault, SimulatorError } from './faults.js';
import type { SimScheduler } from './scheduler.js';
import { type DiskLatency, SimDisk } from './sim-disk.js';
import type { SimNetwork } from './sim-network.js';
import type { SimProcess } from './sim-process.js';
import { endOf } from './simulator-error.js';

/** What all nodes of a simulated cluster share. */
export interface SimNodeContext {
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly members: readonly ConfiguredMember[];
  readonly settings: Partial<HostSettings>;
  /** Kinds of resources that a node has. */
  readonly resources: (node: string) => readonly AnyResourceType[];
  readonly logger: (node: string) => Logger;
  /** A replica on a node had its turn. */
  readonly turned: (node: SimNode, replica: LookedAtReplica) => void;
  /** Before a process starts. */
  readonly starting: (node: SimNode) => void;
}

/** Time for which others hear nothing of a machine without power, unless it comes back before. */
const SILENCE_MS = 15_000;

/** One machine of a simulated cluster: its disk, and the process on it, if any. */
export class SimNode {
  readonly name: string;
  readonly nodeId: NodeId;
  readonly address: Address;
  readonly disk: SimDisk;
  /** Rate of the monotonic clock of the next process: a little different on each machine. */
  clockRate: number;
  /** How far the time of day is off. */
  wallOffsetMs = 0;
  /** Starts so far. */
  starts = 0;
  /** Why the last start failed, or why the host gave up; null if neither. */
  failure: QuorateError | null = null;
  readonly #context: SimNodeContext;
  readonly #random: Random;
  #process: SimProcess | null = null;
  #host: Host | null = null;

  constructor(
    context: SimNodeContext,
    init: { readonly member: ConfiguredMember; readonly address: Address; readonly random: Random; readonly latency?: DiskLatency },
  ) {
    this.#context = context;
    this.#random = init.random;
    this.nodeId = nodeId(init.member.nodeId);
    this.name = `n${init.member.nodeId}`;
    this.address = init.address;
    this.disk = new SimDisk({
      random: new SeededRandom(init.random.nextUint32()),
      ...(init.latency === undefined ? {} : { latency: init.latency }),
    });
    this.clockRate = 1 + (randomUnit(init.random) - 0.5) / 1000;
  }

  get process(): SimProcess | null {
    return this.#process;
  }
  get host(): Host | null {
    return this.#host;
  }
  /** True from the start of the process to its end. */
  get isUp(): boolean {
    return this.#process !== null;
  }
  get isPaused(): boolean {
    return this.#process?.isPaused === true;
  }

  /** What the host says of itself; null if it is not running (yet). */
  status(): NodeStatus | null {
    return this.#host === null ? null : this.#host.status();
  }

  /** How far a replica on it is, and the hash of its state; null if it does not run. */
  appliedState(group: number): AppliedState | null {
    return this.#host === null ? null : this.#host.appliedState(group);
  }

  /** Starts a process on the machine, with soft settings of its own if given. It must not run. */
  start(settings: Partial<HostSettings> = {}): void {
    if (this.#process !== null) throw new SimulatorError(`${this.name} is running already`);
    const { scheduler } = this.#context;
    this.#context.starting(this);
    const process = scheduler.forNode(this.name, {
      rate: this.clockRate,
      wallOffsetMs: this.wallOffsetMs,
      startMs: Math.floor(randomUnit(this.#random) * 1000),
    });
    this.#process = process;
    this.starts++;
    this.failure = null;
    process.onKilled(() => this.#ended(process));
    process.timers.defer(() => this.#boot(process, settings));
  }

  /** The first event of the process: a disk fault in it is its own. */
  #boot(process: SimProcess, overrides: Partial<HostSettings>): void {
    const { network, members, settings } = this.#context;
    startHost(
      {
        nodeId: this.nodeId,
        listen: this.address,
        advertise: this.address,
        members,
        resources: this.#context.resources(this.name),
        disk: this.disk.attach(process),
        network: network.attach(process),
        clock: process.clock,
        timers: process.timers,
        random: new SeededRandom(this.#random.nextUint32()),
        checksum: crc32c,
        logger: this.#context.logger(this.name),
        version: '0.0.0-sim',
        pid: this.starts,
        settings: { ...settings, ...overrides },
      },
      (error, host) => {
        if (!process.isAlive) return;
        if (error !== null) this.#exit(process, error);
        else this.#host = host;
      },
      { fatal: (error) => this.#exit(process, error), turned: (replica) => this.#context.turned(this, replica) },
    );
  }

  /** SIGKILL: what was written stays in the page cache, connections close. */
  kill(): void {
    this.#process?.kill();
  }

  /** Power is lost, also if no process runs: what was not synced may be gone, and nobody is told. */
  powerCut(random: Random, options: PowerCutOptions = {}): void {
    if (this.#process !== null) {
      this.#context.network.powerLost(this.#process, SILENCE_MS);
      this.#process.kill();
    }
    this.disk.powerCut(random, options);
  }

  /** SIGTERM: the host hands over and closes; `done` once the process has ended. */
  stop(done: (error: QuorateError | null) => void): void {
    const process = this.#process;
    const host = this.#host;
    if (process === null || host === null) throw new SimulatorError(`${this.name} does not run a host to stop`);
    host.stop((error) => {
      process.kill();
      done(error);
    });
  }

  /** SIGSTOP and SIGCONT. */
  pause(): void {
    this.#process?.pause();
  }
  resume(): void {
    this.#process?.resume();
  }

  /** Deletes everything on its disk; kills the process first. */
  wipe(): void {
    this.kill();
    this.disk.wipe();
  }

  /** Puts an old state of the disk back; kills the process first. */
  restoreImage(image: DiskImage): void {
    this.kill();
    this.disk.restore(image);
  }

  /** The process ends by itself, as a server does on a fatal error. */
  #exit(process: SimProcess, error: QuorateError): void {
    if (!process.isAlive) return;
    if (error.code === 'invariantBroken') {
      const cause = error.cause instanceof Error ? `\n${error.cause.stack ?? ''}` : '';
      const found = this.#context.scheduler.fault(
        `${this.name} at ${formatAddress(this.address)}: ${error.message}\n${error.stack ?? ''}${cause}\n`,
      );
      // A host takes for its own whatever is thrown in its calls, that of the simulator too; and some stack must tell.
      const root = rootOf(error);
      const fault = endOf(root) instanceof SimulationFault ? found : root;
      // Told by an event of its own: thrown here, the host might catch it.
      this.#context.scheduler.schedule(
        this.#context.scheduler.nowMs,
        () => {
          throw fault;
        },
        null,
      );
    }
    this.failure = error;
    this.#context.scheduler.schedule(this.#context.scheduler.nowMs, () => process.kill(), process);
  }

  #ended(process: SimProcess): void {
    if (this.#process !== process) return;
    this.#process = null;
    this.#host = null;
  }
}

/** What an error came from in the end. */
function rootOf(error: QuorateError): unknown {
  let root: unknown = error;
  while (root instanceof QuorateError && root.cause !== undefined) root = root.cause;
  return root;
}
