import { DEFAULT_GROUP, fromUtf8, randomUnit } from '@quorate/base';
import type { ObjectKind } from '@quorate/checkers';
import { COUNTER, ELECTION, LeaderObservers, MAP } from '@quorate/resources';
import type { CallScript } from './call-turns.js';
import type { HistoryRecorder } from './history-recorder.js';
import { HolderWatch } from './holder-watch.js';
import { MapWatcher } from './map-watcher.js';
import { randomByName } from './random-by-name.js';
import type { ResourcePlan } from './resource-plan.js';
import { objectOf } from './history-values.js';
import { guardedBy } from './resource-calls.js';
import { ResourceWorkload } from './resource-workload.js';
import type { SimClient } from './sim-client.js';
import type { SimCluster } from './sim-cluster.js';
import type { ResourceClientScript, SimScript } from './sim-script.js';

/** What the clients of resources saw, in numbers. */
export interface ResourceFigures {
  readonly resourceCalls: number;
  readonly resourceCallsAnswered: number;
  readonly unknownOutcomes: number;
  /** Noticed by clients: sessions that were lost, and sessions that were in contact again after they were not. */
  readonly sessionsLost: number;
  readonly sessionsResumed: number;
  readonly sessionsDoubted: number;
  readonly watchEvents: number;
  readonly grants: number;
}

/** Longer than any time to live that is drawn. */
const TTLS_OVER_MS = 1500;

/** What a map holds at the end, by linearizable reads after everything else. */
interface FinalMap {
  readonly version: number;
  readonly entries: readonly { readonly key: string; readonly value: string; readonly version: number }[];
}

/** The clients of resources in one run: starts them, replaces those that are killed, and reads in the end what is left. */
export class ResourceRun {
  readonly recorder: HistoryRecorder;
  readonly #cluster: SimCluster;
  readonly #calls: CallScript;
  readonly #plan: ResourcePlan;
  readonly #holders: HolderWatch;
  readonly #workloads: ResourceWorkload[] = [];
  readonly #audit: MapWatcher[] = [];
  readonly #streams: readonly string[];
  #isWorking = true;

  constructor(cluster: SimCluster, { plan, streams }: SimScript, calls: CallScript) {
    this.#streams = streams;
    this.#cluster = cluster;
    this.#plan = plan;
    this.#calls = calls;
    this.recorder = cluster.history.recorder;
    this.#holders = new HolderWatch((fault) => cluster.failLater(fault), {
      lateMs: () => cluster.sessionErrorMs,
      later: (ms, action) => cluster.scheduler.schedule(cluster.scheduler.nowMs + ms, action, null),
    });
    const declare = (kind: ObjectKind, names: readonly string[]): void => {
      for (const name of names) this.recorder.declare({ name: objectOf(kind, name), kind, group: DEFAULT_GROUP });
    };
    for (const name of streams) this.recorder.declare({ name: objectOf('stream', name), kind: 'stream' });
    declare('map', this.#maps);
    declare('counter', plan.counters);
    declare('lock', plan.locks);
    declare('election', plan.elections);
  }

  get #maps(): string[] {
    return [...this.#plan.maps, ...[...this.#plan.locks, ...this.#plan.elections].map(guardedBy)];
  }

  start(clients: readonly ResourceClientScript[]): void {
    this.#startAuditor();
    for (const client of clients) this.#startClient(client);
  }

  figures(): ResourceFigures {
    const sum = (of: (workload: ResourceWorkload) => number): number =>
      this.#workloads.reduce((total, workload) => total + of(workload), 0);
    return {
      resourceCalls: this.recorder.calls,
      resourceCallsAnswered: this.recorder.answered,
      unknownOutcomes: this.recorder.unknown,
      sessionsLost: sum((workload) => workload.sessionsLost),
      sessionsResumed: sum((workload) => workload.sessionsResumed),
      sessionsDoubted: sum((workload) => workload.sessionsDoubted),
      watchEvents: sum((workload) => workload.watchEvents),
      grants: this.#holders.grants,
    };
  }

  stop(): void {
    this.#isWorking = false;
    for (const workload of this.#workloads) workload.stop();
  }

  /** A majority is there: what is asked is answered in time. */
  demandProgress(client: SimClient, withinMs: number): void {
    const [name] = this.#plan.counters;
    if (name === undefined) return;
    const lane = this.recorder.freeLane(client.name);
    lane.invoke({ object: objectOf('counter', name), op: 'add', args: { delta: 1 } });
    const handle = client.face.resources.client.handle(COUNTER, name);
    lane.ok(
      this.#cluster.await<number>(`progress of ${name}`, withinMs, (done) =>
        handle.command('add', { delta: 1, fence: null }, { deadlineMs: withinMs }, done),
      ),
    );
  }

  /** After mending and `stop`: every call settles, everything is read, and every watch is told all; what was read and told is judged with the history. */
  settle(withinMs = 60_000): void {
    const cluster = this.#cluster;
    const giveUpAtMs = cluster.scheduler.nowMs + withinMs;
    const isSettled = (): boolean => this.recorder.open === 0 && this.#workloads.every(({ holds }) => holds === 0);
    cluster.runUntil(() => isSettled() || cluster.scheduler.nowMs >= giveUpAtMs, withinMs + 100, 'open calls of resources settle');
    if (!isSettled())
      throw cluster.fault(`T77: calls that were not settled within ${withinMs} ms: ${this.recorder.openCalls().join(', ')}`);
    cluster.runFor(TTLS_OVER_MS);
    const reader = cluster.client(`reader-${cluster.clients.length}`, { deadlineMs: withinMs });
    for (const name of this.#maps) this.#awaitWatches(name, this.#readMap(reader, name, withinMs), withinMs);
    for (const name of this.#plan.counters) {
      const handle = reader.face.resources.client.handle(COUNTER, name);
      const lane = this.recorder.freeLane(reader.name);
      lane.invoke({ object: objectOf('counter', name), op: 'get', args: {} });
      lane.ok(cluster.await<number>(`reading ${name}`, withinMs, (done) => handle.query('get', {}, {}, done)));
    }
  }

  #readMap(reader: SimClient, name: string, withinMs: number): FinalMap {
    const handle = reader.face.resources.client.handle(MAP, name);
    const args = { from: null, to: null, prefix: null, limit: 1000, isReverse: false, isKeysOnly: false };
    const lane = this.recorder.freeLane(reader.name);
    const object = objectOf('map', name);
    lane.invoke({ object, op: 'scan', args: { limit: 1000 } });
    const page = this.#cluster.await<{
      readonly entries: readonly { key: Uint8Array; value: Uint8Array; version: number }[];
      readonly hasMore: boolean;
    }>(`reading ${name}`, withinMs, (done) => handle.query('scan', args, {}, done));
    const entries = page.entries.map((entry) => ({ key: fromUtf8(entry.key), value: fromUtf8(entry.value), version: entry.version }));
    lane.ok({ entries, hasMore: page.hasMore });
    lane.invoke({ object, op: 'size', args: {} });
    const { size, version } = this.#cluster.await<{ readonly size: number; readonly version: number }>(
      `reading ${name}`,
      withinMs,
      (done) => handle.query('size', {}, {}, done),
    );
    lane.ok({ size, version });
    return { version, entries };
  }

  /** Every watch that is open is told of all that happened. */
  #awaitWatches(name: string, final: FinalMap, withinMs: number): void {
    const object = objectOf('map', name);
    const alive = this.#workloads.filter(({ client }) => client.process.isAlive).flatMap(({ watchers }) => [...watchers]);
    const watchers = [...this.#audit, ...alive].filter((watcher) => watcher.object === object && !watcher.isOver);
    const isTold = (watcher: MapWatcher): boolean => {
      const last = watcher.key === null ? final.version : (final.entries.find(({ key }) => key === watcher.key)?.version ?? 0);
      return watcher.isOver || watcher.lastVersion >= last;
    };
    const what = (): string =>
      watchers
        .filter((watcher) => !isTold(watcher))
        .map((watcher) => `${watcher.name} (${watcher.lastVersion})`)
        .join();
    try {
      this.#cluster.runUntil(() => watchers.every(isTold), withinMs, `watches of ${name}`);
    } catch (thrown) {
      throw this.#cluster.fault(`T66: watches of ${name} were not told of version ${final.version}: ${what()}; ${String(thrown)}`);
    }
  }

  /** A client that no fault is injected into watches everything from the beginning. */
  #startAuditor(): void {
    const client = this.#cluster.client('auditor');
    client.isSpared = true;
    const { recorder } = this;
    const watch = (map: string, afterVersion: number): void => {
      const watcher = new MapWatcher(client.face.resources.client.handle(MAP, map), {
        lane: recorder.lane(client.name),
        recorder,
        object: objectOf('map', map),
        name: `${client.name}/${this.#audit.length}`,
        key: null,
        afterVersion,
        told: () => {},
        ended: () => {},
      });
      this.#audit.push(watcher);
    };
    for (const map of this.#maps) watch(map, 0);
    for (const name of this.#plan.elections) {
      const observers = LeaderObservers.of(client.face.resources.client.handle(ELECTION, name));
      observers.observe({ leader: () => {}, ended: () => {} }, { deadlineMs: 60_000 });
    }
  }

  #startClient(script: ResourceClientScript): void {
    const { name, sessionTtlMs, disconnectGraceMs } = script;
    const client = this.#cluster.client(name, { sessionTtlMs, ...(disconnectGraceMs === undefined ? {} : { disconnectGraceMs }) });
    const calls = this.#calls;
    const workload = new ResourceWorkload({
      client,
      script,
      plan: this.#plan,
      calls,
      recorder: this.recorder,
      holders: this.#holders,
      streams: this.#streams,
      append: (stream, options, done) => client.append(stream, options, () => done()),
    });
    this.#workloads.push(workload);
    workload.start();
    client.process.onKilled(() => {
      const { scheduler } = this.#cluster;
      const next = { ...script, name: `${name}'` };
      const afterMs = randomUnit(randomByName(calls.seed, next.name)) * 500;
      scheduler.schedule(scheduler.nowMs + afterMs, () => this.#isWorking && this.#startClient(next), null);
    });
  }
}
