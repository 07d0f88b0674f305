import { DEFAULT_GROUP, type QuorateError, fromUtf8, utf8 } from '@quorate/base';
import type { HostSettings } from '@quorate/host';
import { COUNTER, MAP, ResourceClient } from '@quorate/resources';
import type { DiskImage } from './disk-state.js';
import { CHANGING_OPERATIONS, type DiskRule, type InjectedRule } from './disk-rules.js';
import { SimCluster } from './sim-cluster.js';
import type { SimClient } from './sim-client.js';
import type { SimNode } from './sim-node.js';

const STREAM = 'script';
const MAP_NAME = 'entries';
const COUNTER_NAME = 'total';
const LATE_NAME = 'late';
/** Part of the script that appends: what a stream holds stays, and a journal file that holds some of it is never used again. */
const APPENDING = 1 / 10;
/** An operation of number n is of lane n modulo this: an append, a set, an increment. */
const LANES = 3;
/** Different keys of the map: each is set many times. */
const KEYS = 4;
const VALUE_BYTES = 1200;
/** Files, checkpoints and snapshots of a node that does all of that within some two hundred operations. */
const SETTINGS = { journalFileBytes: 12_288, snapshotLogBytes: 2048 } as const;
/** One after the other by the seed: each way of syncing has orders of calls of its own. A recovery may have another one than the script. */
const SYNC_MODES = ['async', 'sync', 'adaptive'] as const;
/** By the seed: nothing, the checkpoints, the files being made ready, or the snapshots get behind everything else, for long. */
const SLOW_PLACES = [null, /checkpoint/, /next$/, /^snapshots/] as const;
/** Slower than an answer to a client, which else would never be there before the sync that it should have waited for. */
const SLOW_DISK = { writeMs: [0.1, 2], syncMs: [3, 12] } as const;
/** Virtual time in which the script is to end, and a restarted node to serve again. */
const WITHIN_MS = 120_000;

/** What the script was told, and the operations, at most one of each lane, that may or may not have happened. */
export interface ScriptOutcome {
  readonly records: readonly string[];
  readonly entries: ReadonlyMap<string, string>;
  readonly total: number;
  /** The second counter. */
  readonly late: number;
  /** Numbers of the operations without an answer. */
  readonly open: readonly number[];
}

/**
 * A fixed script of operations against a single node over a simulated disk, in three lanes at the same time: appends and later increments, sets of
 * a map, increments of another counter; in each lane one after the other. With one node there is no other copy: all that was acknowledged must come from its disk.
 */
export class CrashScript {
  readonly cluster: SimCluster;
  readonly node: SimNode;
  readonly #length: number;
  readonly #client: SimClient;
  readonly #resources: ResourceClient;
  readonly #records: string[] = [];
  readonly #entries = new Map<string, string>();
  #total = 0;
  #late = 0;
  readonly #open = new Set<number>();
  /** Of each lane. */
  readonly #next = Array.from({ length: LANES }, (_, lane) => lane);

  constructor(seed: number, length: number) {
    this.#length = length;
    this.cluster = new SimCluster({ seed, nodes: 1, settings: settingsOf(seed), diskLatency: SLOW_DISK });
    this.node = this.cluster.node(1);
    this.#client = this.cluster.client('script');
    this.#resources = resourcesOf(this.#client);
  }

  get outcome(): ScriptOutcome {
    return { records: [...this.#records], entries: new Map(this.#entries), total: this.#total, late: this.#late, open: [...this.#open] };
  }
  get isDone(): boolean {
    return this.#open.size === 0 && this.#next.every((number) => number >= this.#length);
  }

  /** Starts the node with a fault in wait, and the script; until the fault has ended the process, or the script is done. */
  run(rule: DiskRule): InjectedRule {
    const injected = this.node.disk.inject(rule);
    const slow = SLOW_PLACES[this.cluster.seed % SLOW_PLACES.length] ?? null;
    if (slow !== null)
      this.node.disk.inject({
        path: slow,
        operations: CHANGING_OPERATIONS,
        times: Number.POSITIVE_INFINITY,
        effect: { type: 'slow', ms: 15 },
      });
    this.node.start();
    this.#client.createStream(STREAM, (error) => {
      if (error !== null) throw this.cluster.fault(`creating ${STREAM}: ${error.message}`);
      for (let lane = 0; lane < LANES; lane++) this.#step(lane);
    });
    this.cluster.runUntil(() => !this.node.isUp || this.isDone, WITHIN_MS, 'the script ends or the node does');
    return injected;
  }

  /** Goes on to the end, starting the node again whenever it ended. */
  finish(): void {
    this.cluster.runUntil(
      () => {
        if (!this.node.isUp) this.node.start();
        return this.isDone;
      },
      WITHIN_MS,
      'the script goes on to its end',
    );
  }

  /** A new node on the disk as it is now. */
  recovered(): CrashRecovery {
    return new CrashRecovery(this.cluster.seed, this.node.disk.image());
  }

  #step(lane: number): void {
    const number = this.#next[lane] as number;
    if (number >= this.#length) return;
    this.#next[lane] = number + LANES;
    this.#open.add(number);
    const told = (apply: () => void) => (error: QuorateError | null) => {
      // Within a session, and by the numbers of a producer, the client finds out what happened by itself.
      if (error !== null) throw this.cluster.fault(`operation ${number}: ${error.code}: ${error.message}`);
      apply();
      this.#open.delete(number);
      this.#step(lane);
    };
    const resources = this.#resources;
    const value = valueOf(number);
    if (lane === 0 && number < this.#length * APPENDING) {
      this.#client.core.append(
        STREAM,
        [utf8(value)],
        { deadlineMs: WITHIN_MS },
        told(() => this.#records.push(value)),
      );
    } else if (lane === 1) {
      const key = keyOf(number);
      resources.handle(MAP, MAP_NAME).command(
        'set',
        { key: utf8(key), value: utf8(value), ttlMs: null, fence: null },
        {},
        told(() => this.#entries.set(key, value)),
      );
    } else {
      resources.handle(COUNTER, lane === 0 ? LATE_NAME : COUNTER_NAME).command(
        'add',
        { delta: 1, fence: null },
        {},
        told(() => (lane === 0 ? this.#late++ : this.#total++)),
      );
    }
  }
}

function settingsOf(seed: number): Partial<HostSettings> {
  return { ...SETTINGS, syncMode: SYNC_MODES[(seed + SYNC_MODES.length - 1) % SYNC_MODES.length] ?? 'async' };
}
function valueOf(number: number): string {
  return `${number}:`.padEnd(VALUE_BYTES, 'x');
}
function keyOf(number: number): string {
  return `key-${number % KEYS}`;
}

function resourcesOf({ core, process }: SimClient): ResourceClient {
  const { clock, timers } = process;
  return new ResourceClient(core.sessions(DEFAULT_GROUP), { group: DEFAULT_GROUP, clock, timers, deadlineMs: WITHIN_MS });
}

/** Everything that a disk holds, as a new node on it tells a new client. */
export class CrashRecovery {
  readonly cluster: SimCluster;
  readonly node: SimNode;

  constructor(seed: number, image: DiskImage) {
    this.cluster = new SimCluster({ seed, nodes: 1, settings: settingsOf(seed) });
    this.node = this.cluster.node(1);
    this.node.restoreImage(image);
  }

  /** Starts the node with a fault in wait; until the fault has ended the process, or the node serves. */
  run(rule: DiskRule): InjectedRule {
    const injected = this.node.disk.inject(rule);
    this.node.start();
    this.cluster.runUntil(() => !this.node.isUp || this.#isServing, WITHIN_MS, 'the node serves or ends');
    return injected;
  }

  get #isServing(): boolean {
    const { cluster, node } = this;
    return cluster.groupOn(node, DEFAULT_GROUP)?.role === 'leader';
  }

  /** Throws if something that was acknowledged is not there, or something is there that was never asked for. */
  check({ records, entries, total, late, open }: ScriptOutcome): void {
    const { cluster, node } = this;
    if (!node.isUp) node.start();
    const client = cluster.client('reader');
    const resources = resourcesOf(client);
    const problems: string[] = [];
    const same = (what: string, found: string, told: string, alternative: string | null): void => {
      if (found !== told && found !== alternative) problems.push(`${what}: found ${short(found)}, acknowledged ${short(told)}`);
    };
    const openOf = (lane: number): number | undefined => open.find((number) => number % LANES === lane);
    const [first, set, add] = [openOf(0), openOf(1), openOf(2)];
    // The stream may not have been made yet when nothing was acknowledged.
    const found = cluster.await(`reading ${STREAM}`, WITHIN_MS, (done: (error: QuorateError | null, values: string[]) => void) =>
      client.readAll(STREAM, (error, values) => done(error?.code === 'streamNotFound' && records.length === 0 ? null : error, values)),
    );
    same('records', found.join(), records.join(), first === undefined ? null : [...records, valueOf(first)].join());
    const entriesOf = resources.handle(MAP, MAP_NAME);
    for (let number = 0; number < KEYS; number++) {
      const key = keyOf(number);
      const value = cluster.await<string>(`reading ${key}`, WITHIN_MS, (done) =>
        entriesOf.query('get', { key: utf8(key) }, {}, (error, entry) => done(error, entry === null ? '' : fromUtf8(entry.value))),
      );
      same(key, value, entries.get(key) ?? '', set !== undefined && keyOf(set) === key ? valueOf(set) : null);
    }
    const counted = (name: string): string =>
      String(
        cluster.await<number>(`reading ${name}`, WITHIN_MS, (done) =>
          resources.handle(COUNTER, name).query('get', {}, {}, (error, read) => done(error, read ?? Number.NaN)),
        ),
      );
    same('total', counted(COUNTER_NAME), String(total), add === undefined ? null : String(total + 1));
    same('late', counted(LATE_NAME), String(late), first === undefined ? null : String(late + 1));
    if (problems.length > 0) throw cluster.fault(`acknowledged and lost, or there and never asked for:\n  ${problems.join('\n  ')}`);
  }
}

function short(text: string): string {
  return text.length <= 60 ? `"${text}"` : `${text.length} characters ending in "${text.slice(-20).replace(/x+/g, '…')}"`;
}
