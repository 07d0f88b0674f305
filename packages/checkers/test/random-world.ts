import { type Random, SeededRandom, randomBetween, randomChance } from '@quorate/base';
import type { HistoryEvent, HistoryFields, HistoryValue, ReadConsistency } from '@quorate/checkers';
import type { TestHistory } from './random-history.js';

interface MapEntry {
  readonly key: string;
  readonly value: string;
  readonly version: number;
}
interface MapState {
  readonly version: number;
  readonly entries: ReadonlyMap<string, MapEntry>;
}
interface Change {
  readonly version: number;
  readonly key: string;
  readonly value: string | null;
}
interface Pending {
  readonly client: string;
  readonly op: string;
  readonly object: string;
  readonly args: HistoryFields;
  readonly consistency: ReadConsistency;
  readonly floor: number;
  result: HistoryValue | undefined;
  error: string;
}

const CLIENTS = 3;
const LANES = 2;

/**
 * A cluster that does everything right, in one object: a map with watches, scans and reads from replicas that lag, a stream, a lock whose
 * sessions are lost now and then, and writes fenced by it.
 */
export function randomWorld(seed: number, steps = 600): TestHistory {
  return new World(seed).run(steps);
}

class World {
  readonly #random: Random;
  readonly #events: HistoryEvent[] = [];
  readonly #open = new Map<number, Pending>();
  readonly #late: Pending[] = [];
  readonly #states: MapState[] = [{ version: 0, entries: new Map() }];
  readonly #changes: Change[] = [];
  readonly #told = [0, 0];
  readonly #floors = new Map<string, number>();
  readonly #stream: string[] = [];
  #holder: { readonly client: string; readonly token: number } | null = null;
  #tokens = 0;
  #session = 0;
  #values = 0;
  #timeMs = 0;
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = new SeededRandom(seed);
  }

  run(steps: number): TestHistory {
    for (const [at, args] of [{ prefix: '' }, { key: 'k1' }].entries())
      this.#call(90 + at, 'm', 'watch', { watch: `w${at}`, ...args }, { version: 0 });
    for (let step = 0; step < steps; step++) this.#step();
    for (const process of [...this.#open.keys()]) {
      this.#apply(process);
      this.#return(process);
    }
    while (this.#tell(0) || this.#tell(1));
    const { version } = this.#state;
    for (const watch of ['w0', 'w1'])
      this.#push({ type: 'told', client: `c9${watch.slice(1)}`, object: 'm', event: 'reached', fields: { watch, version } });
    this.#call(99, 's', 'read', { from: 0 }, { values: [...this.#stream], from: 0, nextOffset: this.#stream.length });
    const objects = [
      { name: 'm', kind: 'map', group: 1 },
      { name: 's', kind: 'stream' },
      { name: 'l', kind: 'lock', group: 1 },
    ] as const;
    return { header: { format: 'quorate-history', version: 1, source: `world ${this.#seed}`, objects }, events: this.#events };
  }

  get #state(): MapState {
    return this.#states.at(-1) as MapState;
  }

  #step(): void {
    const pick = randomBetween(this.#random, 0, 19);
    if (pick < 3) this.#tell(randomBetween(this.#random, 0, 1));
    else if (pick === 3 && randomChance(this.#random, 0.3)) this.#loseSession();
    else if (pick === 4 && this.#late.length > 0) this.#applyNow(this.#late.shift() as Pending);
    const process = randomBetween(this.#random, 0, CLIENTS * LANES - 1);
    const pending = this.#open.get(process);
    if (pending === undefined) this.#invoke(process);
    else if (pending.result === undefined && pending.error === '') {
      // Commands of one client happen in the order in which they were called.
      const earlier = [...this.#open].find(([, each]) => each.client === pending.client && each.result === undefined && each.error === '');
      if (earlier?.[0] === process) this.#apply(process);
    } else this.#return(process);
  }

  #invoke(process: number): void {
    const client = `c${Math.floor(process / LANES)}`;
    const { object, op, args, consistency } = this.#draw(client);
    const floor = this.#floors.get(client) ?? 0;
    this.#open.set(process, { client, object, op, args, consistency, floor, result: undefined, error: '' });
    this.#push({ type: 'invoke', process, client, object, op, args, consistency });
  }

  #draw(client: string): {
    readonly object: string;
    readonly op: string;
    readonly args: HistoryFields;
    readonly consistency: ReadConsistency;
  } {
    const pick = randomBetween(this.#random, 0, 19);
    const key = `k${randomBetween(this.#random, 0, 3)}`;
    const value = `v${this.#values++}`;
    // Who does not know yet that it holds the lock, or gives it up already, does not use it.
    const isHolder =
      this.#holder?.client === client && ![...this.#open.values()].some((each) => each.object === 'l' && each.client === client);
    const fence =
      isHolder && this.#holder !== null && randomChance(this.#random, 0.5) ? { fence: { lock: 'l', token: this.#holder.token } } : {};
    const linearizable = { consistency: 'linearizable' as const };
    if (pick < 4) return { object: 'm', op: 'set', args: { key, value, ...fence }, ...linearizable };
    // The last key is never removed: where it is missing, something is wrong.
    if (pick < 5) return { object: 'm', op: 'remove', args: { key: key === 'k3' ? 'k0' : key }, ...linearizable };
    if (pick < 6) return { object: 'm', op: 'setIfAbsent', args: { key, value }, ...linearizable };
    if (pick < 8) return { object: 'm', op: 'get', args: { key }, ...linearizable };
    if (pick < 10) return { object: 'm', op: 'get', args: { key }, consistency: 'sequential' };
    if (pick < 12)
      return { object: 'm', op: 'scan', args: { limit: 3 }, consistency: randomChance(this.#random, 0.5) ? 'linearizable' : 'sequential' };
    if (pick < 16) return { object: 's', op: 'append', args: { values: [value, `${value}b`] }, ...linearizable };
    if (pick < 17) return { object: 's', op: 'read', args: { from: 0 }, ...linearizable };
    if (isHolder && this.#holder !== null) return { object: 'l', op: 'release', args: { token: this.#holder.token }, ...linearizable };
    return { object: 'l', op: 'tryAcquire', args: {}, ...linearizable };
  }

  #apply(process: number): void {
    const pending = this.#open.get(process);
    if (pending === undefined || pending.result !== undefined || pending.error !== '') return;
    const isWrite = pending.object !== 'l' && pending.op !== 'get' && pending.op !== 'scan' && pending.op !== 'read';
    if (isWrite && randomChance(this.#random, 0.05)) {
      // It fails for certain, or nobody will know.
      pending.error = randomChance(this.#random, 0.5) ? 'notLeader' : 'connectionLost';
      if (pending.error === 'connectionLost' && randomChance(this.#random, 0.5)) this.#late.push(pending);
      return;
    }
    this.#applyNow(pending);
    if (isWrite && pending.error === '' && randomChance(this.#random, 0.03)) pending.error = 'connectionLost';
  }

  #applyNow(pending: Pending): void {
    const { object, op, args } = pending;
    if (object === 's') {
      if (op === 'append') {
        pending.result = { offset: this.#stream.length };
        this.#stream.push(...(args['values'] as string[]));
      } else pending.result = { values: [...this.#stream], from: 0, nextOffset: this.#stream.length };
    } else if (object === 'l') this.#applyLock(pending);
    else if (op === 'get' || op === 'scan') this.#read(pending);
    else this.#write(pending);
  }

  #applyLock(pending: Pending): void {
    if (pending.op === 'release') {
      if (this.#holder?.token !== pending.args['token']) pending.error = 'notHeld';
      else {
        this.#holder = null;
        pending.result = null;
      }
    } else if (this.#holder !== null) pending.result = null;
    else {
      this.#holder = { client: pending.client, token: ++this.#tokens };
      pending.result = { token: this.#tokens };
    }
  }

  #write(pending: Pending): void {
    const { op, args } = pending;
    const key = args['key'] as string;
    const { entries, version } = this.#state;
    const entry = entries.get(key);
    const fence = args['fence'] as { readonly token: number } | undefined;
    if (fence !== undefined && fence.token !== this.#holder?.token) {
      pending.error = 'fenced';
      return;
    }
    if (op === 'remove' && entry === undefined) pending.result = false;
    else if (op === 'setIfAbsent' && entry !== undefined) pending.result = { isSet: false, version: entry.version };
    else {
      const next = version + 1;
      const changed = new Map(entries);
      const value = op === 'remove' ? null : (args['value'] as string);
      if (value === null) changed.delete(key);
      else changed.set(key, { key, value, version: next });
      this.#states.push({ version: next, entries: changed });
      this.#changes.push({ version: next, key, value });
      if (op === 'remove') pending.result = true;
      else if (op === 'set') pending.result = { version: next, previousVersion: entry?.version ?? null };
      else pending.result = { isSet: true, version: next };
    }
  }

  #read(pending: Pending): void {
    const lag = pending.consistency === 'linearizable' ? 0 : randomBetween(this.#random, 0, 6);
    const floor = Math.max(pending.floor, this.#floors.get(pending.client) ?? 0);
    const { entries } = this.#states[Math.max(floor, this.#state.version - lag)] as MapState;
    if (pending.op === 'get') {
      const entry = entries.get(pending.args['key'] as string);
      pending.result = entry === undefined ? null : { value: entry.value, version: entry.version };
      return;
    }
    const all = [...entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    pending.result = { entries: all.slice(0, 3).map((entry) => ({ ...entry })), hasMore: all.length > 3 };
  }

  #return(process: number): void {
    const pending = this.#open.get(process) as Pending;
    this.#open.delete(process);
    if (pending.error === 'connectionLost') this.#push({ type: 'info', process, error: pending.error });
    else if (pending.error !== '') this.#push({ type: 'fail', process, error: pending.error });
    else {
      this.#push({ type: 'ok', process, result: pending.result ?? null });
      this.#saw(pending);
    }
  }

  #saw({ client, object, result }: Pending): void {
    if (object !== 'm' || typeof result !== 'object' || result === null) return;
    const { version, entries } = result as { readonly version?: number; readonly entries?: readonly MapEntry[] };
    for (const each of [version ?? 0, ...(entries ?? []).map((entry) => entry.version)]) {
      if (each > (this.#floors.get(client) ?? 0)) this.#floors.set(client, each);
    }
  }

  #tell(watch: number): boolean {
    const due = this.#changes.find(({ version, key }) => version > (this.#told[watch] as number) && (watch === 0 || key === 'k1'));
    if (due === undefined) return false;
    this.#told[watch] = due.version;
    const { version, key, value } = due;
    const fields = { watch: `w${watch}`, version, change: value === null ? 'removed' : 'set', key, value };
    this.#push({ type: 'told', client: `c9${watch}`, object: 'm', event: 'changed', fields });
    return true;
  }

  /** The holder of the lock loses its session; it learns of it before or after somebody else has the lock. */
  #loseSession(): void {
    if (this.#holder === null) return;
    const { client } = this.#holder;
    if ([...this.#open.values()].some((pending) => pending.client === client && pending.object === 'l')) return;
    this.#holder = null;
    this.#push({ type: 'session', client, session: `${client}/${this.#session++}`, state: 'lost' });
  }

  #call(process: number, object: string, op: string, args: HistoryFields, result: HistoryValue): void {
    this.#push({ type: 'invoke', process, client: `c${process}`, object, op, args, consistency: 'linearizable' });
    this.#push({ type: 'ok', process, result });
  }

  #push(event: HistoryEvent extends infer E ? (E extends HistoryEvent ? Omit<E, 'timeMs'> : never) : never): void {
    this.#timeMs += randomBetween(this.#random, 0, 2);
    this.#events.push({ timeMs: this.#timeMs, ...event });
  }
}
