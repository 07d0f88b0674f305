import {
  type Address,
  type Logger,
  type QuorateError,
  type Random,
  SeededRandom,
  SYSTEM_GROUP,
  formatAddress,
  nodeId,
} from '@quorate/base';
import type { HostSettings, LookedAtReplica } from '@quorate/host';
import type { AnyResourceType } from '@quorate/machine';
import { BUILTIN_TYPES } from '@quorate/resources';
import type { GroupStatus } from '@quorate/wire';
import { ClusterInvariants } from './cluster-invariants.js';
import { checkStreams } from './check-streams.js';
import type { SimulationFault } from './faults.js';
import { History } from './history.js';
import { randomByName } from './random-by-name.js';
import { RareBranches } from './rare-branches.js';
import type { RunRecord } from './run-record.js';
import { SimScheduler } from './scheduler.js';
import { SimClient, type SimClientOptions } from './sim-client.js';
import type { DiskLatency } from './sim-disk.js';
import type { LinkConditions } from './sim-link.js';
import { SimNetwork } from './sim-network.js';
import { SimNode } from './sim-node.js';

/** The shape of a simulated cluster. Everything but the seed has a default: three nodes on quick links and disks. */
export interface SimClusterOptions {
  /** Everything random in the run comes from it. */
  readonly seed: number;
  /** Default 3. */
  readonly nodes?: number;
  readonly settings?: Partial<HostSettings>;
  readonly link?: Partial<LinkConditions>;
  readonly diskLatency?: DiskLatency;
  readonly timerSlackMs?: number;
  readonly stepsMax?: number;
  /** Kinds of resources that each node has, by its name (`n1` …). Default: those that come with Quorate. */
  readonly resources?: (node: string) => readonly AnyResourceType[];
  /** False: states of nodes are not compared from outside. For tests of how the nodes find out by themselves. */
  readonly checkStates?: boolean;
  /** Told of lives of processes and of messages. */
  readonly record?: RunRecord;
  /** Of nodes and clients, by their names. */
  readonly logger?: (who: string) => Logger;
}

/** Journal files are small in simulations, so that rotation and recycling happen in seconds. */
const SIM_SETTINGS: Partial<HostSettings> = { journalFileBytes: 1_048_576 };

/**
 * Whole nodes and clients, the real code, over a simulated network, simulated disks and virtual time. The same seed and the same calls give
 * the same run, to the last event.
 */
export class SimCluster {
  readonly seed: number;
  readonly random: Random;
  readonly scheduler: SimScheduler;
  readonly network: SimNetwork;
  readonly nodes: readonly SimNode[];
  readonly history: History = new History();
  readonly invariants: ClusterInvariants;
  /** What seldom happens, as far as it happened. */
  readonly branches: RareBranches = new RareBranches();
  /** Leaderships that nodes logged. */
  leadershipsLogged = 0;
  /** How often nodes and clients logged each event. */
  readonly logged: Map<string, number> = new Map();
  readonly #clients: SimClient[] = [];
  readonly #loggerOf: ((who: string) => Logger) | undefined;

  constructor(options: SimClusterOptions) {
    this.seed = options.seed;
    this.#loggerOf = options.logger;
    this.invariants = new ClusterInvariants(options.checkStates ?? true);
    this.random = new SeededRandom(options.seed);
    const slack = options.timerSlackMs === undefined ? {} : { timerSlackMs: options.timerSlackMs, random: this.#fork() };
    const { record } = options;
    this.scheduler = new SimScheduler({
      label: `seed ${options.seed}`,
      ...slack,
      ...(options.stepsMax === undefined ? {} : { stepsMax: options.stepsMax }),
      ...(record === undefined ? {} : { lives: (who, what) => record.lives.add({ atMs: this.scheduler.nowMs, who, what }) }),
    });
    this.network = new SimNetwork({
      scheduler: this.scheduler,
      random: this.#fork(),
      ...(options.link === undefined ? {} : { link: options.link }),
      ...(record === undefined ? {} : { sent: (message) => record.messages.add(message) }),
    });
    const addresses = Array.from({ length: options.nodes ?? 3 }, (_, i): Address => ({ host: '127.0.0.1', port: 7400 + i }));
    const members = addresses.map((address, i) => ({ nodeId: nodeId(i + 1), address: formatAddress(address) }));
    const context = {
      scheduler: this.scheduler,
      network: this.network,
      members,
      settings: { ...SIM_SETTINGS, ...options.settings },
      resources: options.resources ?? ((): readonly AnyResourceType[] => BUILTIN_TYPES),
      logger: (node: string) => this.#logger(node, options.logger?.(node)),
      turned: (node: SimNode, replica: LookedAtReplica) => this.#turned(node, replica),
    };
    const latency = options.diskLatency === undefined ? {} : { latency: options.diskLatency };
    this.nodes = members.map(
      (member, i) => new SimNode(context, { member, address: addresses[i] as Address, random: this.#fork(), ...latency }),
    );
  }

  get clients(): readonly SimClient[] {
    return this.#clients;
  }

  /** The node of that id, 1 to the number of nodes. */
  node(id: number): SimNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw this.fault(`there is no node ${id}`);
    return node;
  }

  startAll(): void {
    for (const node of this.nodes) if (!node.isUp) node.start();
  }

  /** Power is lost in the whole building. */
  powerCutAll(): void {
    for (const node of this.nodes) node.powerCut(this.random);
  }

  /** A client in a process of its own, connected to all nodes. */
  client(name: string, options: SimClientOptions = {}): SimClient {
    const client = new SimClient({
      name,
      scheduler: this.scheduler,
      network: this.network,
      addresses: this.nodes.map((node) => node.address),
      random: randomByName(this.seed, `client ${name}`),
      history: this.history,
      options: { ...options, logger: this.#clientLogger(name, options.logger ?? this.#loggerOf?.(name)) },
    });
    this.#clients.push(client);
    return client;
  }

  /** What a node says of one of its groups. */
  groupOn(node: SimNode, group: number): GroupStatus | undefined {
    return node.status()?.groups.find((candidate) => candidate.group === group);
  }

  /** The node that leads a group in the highest term, of those that run. */
  leaderOf(group: number = SYSTEM_GROUP): SimNode | undefined {
    let leader: SimNode | undefined;
    let highest = -1;
    for (const node of this.nodes) {
      const status = this.groupOn(node, group);
      if (status?.role === 'leader' && status.term > highest) {
        leader = node;
        highest = status.term;
      }
    }
    return leader;
  }

  runFor(ms: number): void {
    this.scheduler.runFor(ms);
  }

  runUntil(condition: () => boolean, withinMs: number, what: string): void {
    this.scheduler.runUntil(condition, { withinMs, what });
  }

  /** Waits until a group has a leader; gives it. */
  awaitLeader(group: number = SYSTEM_GROUP, withinMs = 20_000): SimNode {
    let leader = this.leaderOf(group);
    let lookedMs = this.scheduler.nowMs;
    // Not after every event: it costs something to look.
    const isLed = (): boolean => {
      if (leader === undefined && this.scheduler.nowMs - lookedMs >= 1) {
        lookedMs = this.scheduler.nowMs;
        leader = this.leaderOf(group);
      }
      return leader !== undefined;
    };
    this.runUntil(isLed, withinMs, `a leader of group ${group}`);
    return leader as unknown as SimNode;
  }

  /** Waits for a call that is given a callback; its error is a fault of the run. */
  await<T>(what: string, withinMs: number, call: (done: (error: QuorateError | null, result: T | null) => void) => void): T {
    let outcome: { error: QuorateError | null; result: T | null } | null = null;
    call((error, result) => {
      outcome = { error, result };
    });
    this.runUntil(() => outcome !== null, withinMs, what);
    const { error, result } = outcome as unknown as { error: QuorateError | null; result: T | null };
    if (error !== null) throw this.fault(`${what}: ${error.code}: ${error.message}`);
    return result as T;
  }

  /** Mends all cables, resumes and starts every node. */
  healAll(): void {
    this.network.healAll();
    for (const node of this.nodes) {
      node.resume();
      if (!node.isUp) node.start();
    }
  }

  /**
   * After healing: waits until every call has settled, reads each stream through a new client and compares. Returns the records of each stream.
   * Any fault ends the run with a message that has the seed.
   */
  check(streams: readonly string[], withinMs = 60_000): Map<string, readonly string[]> {
    this.runUntil(() => this.history.open === 0, withinMs, `${this.history.open} open calls settle`);
    const reader = this.client(`checker${this.#clients.length}`);
    const final = new Map<string, readonly string[]>();
    for (const stream of streams)
      final.set(
        stream,
        this.await(`reading ${stream}`, withinMs, (done) => reader.readAll(stream, done)),
      );
    const faults = checkStreams(this.history, final);
    if (faults.length > 0) throw this.fault(`guarantees broken:\n  ${faults.join('\n  ')}\n`);
    return final;
  }

  /** A failure of this run; the message has the seed. */
  fault(message: string): SimulationFault {
    return this.scheduler.fault(message);
  }

  /** Leaderships shorter than the pause between two observations are known from what nodes log. */
  #logger(node: string, next: Logger | undefined): Logger {
    return {
      log: (level, event, fields = {}) => {
        next?.log(level, event, fields);
        this.#count(node, event, fields);
        if (event !== 'leadership' || fields['role'] !== 'leader') return;
        this.leadershipsLogged++;
        const fault = this.invariants.leads(Number(node.slice(1)), Number(fields['group']), Number(fields['term']));
        if (fault !== null) this.failLater(fault);
      },
    };
  }

  /** What a client logs as an error is a fault of the run: a callback that threw, for one. */
  #clientLogger(client: string, next: Logger | undefined): Logger {
    return {
      log: (level, event, fields = {}) => {
        next?.log(level, event, fields);
        this.#count(client, event, fields);
        if (level === 'error') this.failLater(`${client} logged ${event}: ${JSON.stringify(fields)}`);
      },
    };
  }

  #count(who: string, event: string, fields: object): void {
    this.branches.logged(event);
    this.logged.set(event, (this.logged.get(event) ?? 0) + 1);
    this.scheduler.trace.mixText(`${who} ${event} ${JSON.stringify(fields)}`);
  }

  /** Ends the run in an event of its own: thrown at once, somebody might catch it. */
  failLater(fault: string): void {
    const fail = (): never => {
      throw this.fault(`invariant broken:\n  ${fault}\n`);
    };
    this.scheduler.schedule(this.scheduler.nowMs, fail, null);
  }

  #turned(node: SimNode, replica: LookedAtReplica): void {
    this.branches.observed(node, replica);
    const fault = this.invariants.observe(node, replica);
    if (fault !== null) this.failLater(fault);
  }

  #fork(): Random {
    return new SeededRandom(this.random.nextUint32());
  }
}
