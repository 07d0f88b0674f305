import { DEFAULT_GROUP, type QuorateError, fromUtf8, utf8 } from '@quorate/base';
import { COUNTER, MAP, ResourceClient } from '@quorate/resources';
import type { DiskImage } from './disk-state.js';
import type { DiskRule, InjectedRule } from './disk-rules.js';
import { SimCluster } from './sim-cluster.js';
import type { SimClient } from './sim-client.js';
import type { SimNode } from './sim-node.js';

const STREAM = 'script';
const MAP_NAME = 'entries';
const COUNTER_NAME = 'total';
/** Different keys of the map: each is set many times. */
const KEYS = 16;
const VALUE_BYTES = 400;
/** Files, checkpoints and snapshots of a node that does all of that within some two hundred operations. */
const SETTINGS = { journalFileBytes: 65_536, snapshotLogBytes: 16_384, syncMode: 'async' } as const;
/** Virtual time in which the script is to end, and a restarted node to serve again. */
const WITHIN_MS = 120_000;

/** What the script was told, and the one operation that may or may not have happened. */
export interface ScriptOutcome {
  readonly records: readonly string[];
  readonly entries: ReadonlyMap<string, string>;
  readonly total: number;
  /** Number of the operation without an answer; null: all have theirs. */
  readonly open: number | null;
}

/**
 * A fixed script of operations, one after the other, against a single node over a simulated disk: an append, a set of a map and an increment in
 * turn. With one node there is no other copy: all that was acknowledged must come from its disk.
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
  #open: number | null = null;
  #next = 0;

  constructor(seed: number, length: number) {
    this.#length = length;
    this.cluster = new SimCluster({ seed, nodes: 1, settings: SETTINGS });
    this.node = this.cluster.node(1);
    this.#client = this.cluster.client('script');
    this.#resources = resourcesOf(this.#client);
  }

  get outcome(): ScriptOutcome {
    return { records: [...this.#records], entries: new Map(this.#entries), total: this.#total, open: this.#open };
  }
  get isDone(): boolean {
    return this.#next === this.#length && this.#open === null;
  }

  /** Starts the node with a fault in wait, and the script; until the fault has ended the process, or the script is done. */
  run(rule: DiskRule): InjectedRule {
    const injected = this.node.disk.inject(rule);
    this.node.start();
    this.#client.createStream(STREAM, (error) => {
      if (error !== null) throw this.cluster.fault(`creating ${STREAM}: ${error.message}`);
      this.#step();
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

  #step(): void {
    if (this.#next === this.#length) return;
    const number = this.#next++;
    this.#open = number;
    const told = (apply: () => void) => (error: QuorateError | null) => {
      // Within a session, and by the numbers of a producer, the client finds out what happened by itself.
      if (error !== null) throw this.cluster.fault(`operation ${number}: ${error.code}: ${error.message}`);
      apply();
      this.#open = null;
      this.#step();
    };
    const resources = this.#resources;
    const value = valueOf(number);
    if (number % 3 === 0) {
      this.#client.core.append(
        STREAM,
        [utf8(value)],
        { deadlineMs: WITHIN_MS },
        told(() => this.#records.push(value)),
      );
    } else if (number % 3 === 1) {
      const key = keyOf(number);
      resources.handle(MAP, MAP_NAME).command(
        'set',
        { key: utf8(key), value: utf8(value), ttlMs: null, fence: null },
        {},
        told(() => this.#entries.set(key, value)),
      );
    } else {
      resources.handle(COUNTER, COUNTER_NAME).command(
        'add',
        { delta: 1, fence: null },
        {},
        told(() => this.#total++),
      );
    }
  }
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
    this.cluster = new SimCluster({ seed, nodes: 1, settings: SETTINGS });
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
  check({ records, entries, total, open }: ScriptOutcome): void {
    const { cluster, node } = this;
    if (!node.isUp) node.start();
    const client = cluster.client('reader');
    const resources = resourcesOf(client);
    const problems: string[] = [];
    const same = (what: string, found: string, told: string, alternative: string | null): void => {
      if (found !== told && found !== alternative) problems.push(`${what}: found ${short(found)}, acknowledged ${short(told)}`);
    };
    const openValue = open === null ? null : valueOf(open);
    const openKind = open === null ? null : open % 3;
    // The stream may not have been made yet when nothing was acknowledged.
    const found = cluster.await(`reading ${STREAM}`, WITHIN_MS, (done: (error: QuorateError | null, values: string[]) => void) =>
      client.readAll(STREAM, (error, values) => done(error?.code === 'streamNotFound' && records.length === 0 ? null : error, values)),
    );
    same('records', found.join(), records.join(), openKind === 0 ? [...records, openValue].join() : null);
    const entriesOf = resources.handle(MAP, MAP_NAME);
    for (let number = 0; number < KEYS; number++) {
      const key = keyOf(number);
      const value = cluster.await<string>(`reading ${key}`, WITHIN_MS, (done) =>
        entriesOf.query('get', { key: utf8(key) }, {}, (error, entry) => done(error, entry === null ? '' : fromUtf8(entry.value))),
      );
      const isOpen = openKind === 1 && open !== null && keyOf(open) === key;
      same(key, value, entries.get(key) ?? '', isOpen ? openValue : null);
    }
    const value = cluster.await<number>('reading the total', WITHIN_MS, (done) =>
      resources.handle(COUNTER, COUNTER_NAME).query('get', {}, {}, (error, read) => done(error, read ?? Number.NaN)),
    );
    same('total', String(value), String(total), openKind === 2 ? String(total + 1) : null);
    if (problems.length > 0) throw cluster.fault(`acknowledged and lost, or there and never asked for:\n  ${problems.join('\n  ')}`);
  }
}

function short(text: string): string {
  return text.length <= 60 ? `"${text}"` : `${text.length} characters ending in "${text.slice(-20).replace(/x+/g, '…')}"`;
}
