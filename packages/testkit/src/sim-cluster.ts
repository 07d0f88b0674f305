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
import type { HistoryEvent, HistoryHeader } from '@quorate/checkers';
import type { HostSettings, LookedAtReplica } from '@quorate/host';
import type { AnyResourceType } from '@quorate/machine';
import { BUILTIN_TYPES } from '@quorate/resources';
import type { GroupStatus } from '@quorate/wire';
import { ClusterInvariants } from './cluster-invariants.js';
import { type SimulationFault, SimulatorError } from './faults.js';
import { HistoryRecorder } from './history-recorder.js';
import { History } from './history.js';
import { LiveCheck } from './live-check.js';
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
  /** False: of what is judged while it happens nothing is kept. Default true. */
  readonly keepsEvents?: boolean;
  /** Told of lives of processes and of messages. */
  readonly record?: RunRecord;
  /** Of nodes and clients, by their names. */
  readonly logger?: (who: string) => Logger;
}

/** Journal files are small in simulations, so that rotation and recycling happen in seconds. */
const SIM_SETTINGS: Partial<HostSettings> = { journalFileBytes: 1_048_576 };
/** Longest life of a session without contact, of those that are drawn, with time to spare. */
const SESSION_MS_MAX = 15_000;
/** What a node counts at most of a time in which it did not tick (`AwakeClock`). */
const AWAKE_MS = 60;
/** What a node logs when its disk becomes full for it, and when it is no longer. */
const FULLNESS: Readonly<Record<string, boolean>> = {
  'no space on the disk: writes are refused': true,
  'space on the disk again': false,
};
/** A file of the journal that is in use. */
const JOURNAL_FILE = /^journal\/\d+\.q$/;

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
  /** What clients called and saw, in the common form, from the first call on. */
  readonly events: HistoryEvent[] = [];
  readonly history: History = new History(
    new HistoryRecorder(
      () => this.scheduler.nowMs,
      (event) => this.#recorded(event),
    ),
  );
  readonly invariants: ClusterInvariants;
  /** What seldom happens, as far as it happened. */
  readonly branches: RareBranches = new RareBranches();
  /** Leaderships that nodes logged. */
  leadershipsLogged = 0;
  /** How often nodes and clients logged each event. */
  readonly logged: Map<string, number> = new Map();
  /** When monotonic clocks of nodes were made to jump ahead. */
  readonly #clockJumps: number[] = [];
  readonly #keepsEvents: boolean;
  readonly #clients: SimClient[] = [];
  #live: LiveCheck | null = null;
  #judged: Readonly<Record<string, number>> = {};
  readonly #loggerOf: ((who: string) => Logger) | undefined;

  constructor(options: SimClusterOptions) {
    this.seed = options.seed;
    this.#keepsEvents = options.keepsEvents ?? true;
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
      starting: (node: SimNode) => {
        this.branches.fullness(node.name, false);
        this.branches.started(
          node.name,
          node.disk.tornWrites.some((path) => JOURNAL_FILE.test(path)),
        );
      },
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
    if (node === undefined) throw new SimulatorError(`there is no node ${id}`);
    return node;
  }

  startAll(): void {
    for (const node of this.nodes) if (!node.isUp) node.start();
  }

  /** The monotonic clock of a node jumps ahead now. */
  clockJumped(node: string): void {
    this.#clockJumps.push(this.scheduler.nowMs);
    this.history.recorder.fault('clockJump', node);
  }

  /**
   * By how much sessions may end too early by the clocks of their clients, in ms. No clock of a client knows that one of a node jumped; but of any
   * time that a node missed it counts `AWAKE_MS` at most.
   */
  get sessionErrorMs(): number {
    const { nowMs } = this.scheduler;
    return this.#clockJumps.filter((atMs) => nowMs - atMs < SESSION_MS_MAX).length * AWAKE_MS;
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

  /** The first line of the history. */
  get header(): HistoryHeader {
    return this.history.recorder.header(`sim seed ${this.seed}`);
  }

  /** The history is judged while it is made: the run ends where the first problem shows. All objects must have been declared. */
  judge(): void {
    this.#live = this.#check();
  }

  /** How much each rule judged; empty before `check`. */
  get judged(): Readonly<Record<string, number>> {
    return this.#judged;
  }

  /**
   * After healing: waits until every call has settled, reads each stream through a new client and judges the whole history. Returns the records of
   * each stream. Any fault ends the run with a message that has the seed.
   */
  check(streams: readonly string[], withinMs = 60_000): Map<string, readonly string[]> {
    this.runUntil(() => this.history.open === 0, withinMs, `T77: ${this.history.open} open calls settle`);
    const reader = this.client(`checker${this.#clients.length}`);
    const final = new Map<string, readonly string[]>();
    for (const stream of streams)
      final.set(
        stream,
        this.await(`reading ${stream}`, withinMs, (done) => reader.readAll(stream, done)),
      );
    const { faults, judged } = (this.#live ?? this.#check()).finish();
    this.#live = null;
    this.#judged = judged;
    const all = [...this.history.settledTwice, ...faults];
    if (all.length > 0) throw this.fault(`guarantees broken:\n  ${all.join('\n  ')}\n`);
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
        if (event in FULLNESS) this.branches.fullness(node, FULLNESS[event] === true);
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

  #recorded(event: HistoryEvent): void {
    if (this.#live === null || this.#keepsEvents) this.events.push(event);
    this.branches.seen(event);
    this.#live?.take(event);
  }

  /** A check that has been told of all events so far. */
  #check(): LiveCheck {
    const check = new LiveCheck(this.header, (fault) => this.failLater(fault));
    for (const event of this.events) check.take(event);
    return check;
  }

  #count(who: string, event: string, fields: Readonly<Record<string, unknown>>): void {
    this.branches.logged(who, event, fields);
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
    const { group, raft, log, stopError } = replica;
    const { isLearner } = raft;
    this.branches.observed(node.name, node.starts, {
      group,
      role: stopError === null ? raft.role : 'stopped',
      isLearner,
      lastIndex: log.lastIndex,
    });
    const fault = this.invariants.observe(node, replica);
    if (fault !== null) this.failLater(fault);
  }

  #fork(): Random {
    return new SeededRandom(this.random.nextUint32());
  }
}
