import { QuorateError, fromUtf8, randomBetween, randomUnit, utf8 } from '@quorate/base';
import type { HistoryFields, HistoryValue } from '@quorate/checkers';
import type { Done, PendingCall, SessionState } from '@quorate/machine';
import {
  COUNTER,
  ELECTION,
  LOCK,
  LeaderObservers,
  MAP,
  type ResourceClient,
  claimLock,
  releaseLock,
  standForElection,
  stepDown,
} from '@quorate/resources';
import { CallPulse } from './call-pulse.js';
import type { CallTurns } from './call-turns.js';
import type { RecordedLane } from './history-recorder.js';
import { MapWatcher } from './map-watcher.js';
import { type KeyedEntry, entryOf, objectOf, tokenOf } from './history-values.js';
import { type Held, type Put, drawTtlMs, guardedBy } from './resource-calls.js';
import { type ResourceCallKind, drawCallKind } from './resource-plan.js';
import type { ResourceWorkloadInit } from './resource-workload-init.js';
import type { WorkloadClient } from './workload-client.js';

/** Lanes of a client that claim locks and leadership: who waits for one makes no other call meanwhile, and of all lanes most would wait. */
const CLAIMING_LANES = 4;
/** Three of four values are no longer, whatever the plan allows: what is long costs by its bytes in logs, snapshots, scans and watches. */
const SMALL_VALUE_BYTES = 60;
/** Longest time of a watch that another follows, in ms. Each of them is told what the map still knows of its past. */
const WATCH_MS_MAX = 10_000;

/** One client that uses maps, counters, locks and elections at random, in its session; everything it calls and sees is recorded. */
export class ResourceWorkload {
  readonly client: WorkloadClient;
  /** Sessions lost, and connections of a session that were made good. */
  sessionsLost = 0;
  sessionsResumed = 0;
  /** Commands of which the session no longer knew whether they were applied. */
  sessionsDoubted = 0;
  watchEvents = 0;
  /** What it holds and has not given up. */
  holds = 0;
  readonly #init: ResourceWorkloadInit;
  readonly #resources: ResourceClient;
  readonly #watchers = new Set<MapWatcher>();
  readonly #turns = new Map<RecordedLane, CallTurns>();
  /** Version of each entry as it was last seen, and the newest of each map. */
  readonly #seen = new Map<string, number>();
  readonly #newest = new Map<string, number>();
  readonly #claiming = new Set<RecordedLane>();
  #pulse: CallPulse | null = null;
  #state: SessionState = 'opening';
  #isWorking = false;
  #values = 0;
  #watchNumber = 0;

  constructor(init: ResourceWorkloadInit) {
    this.#init = init;
    this.client = init.client;
    this.#resources = init.client.face.resources.client;
    init.client.process.onKilled(() => {
      this.#isWorking = false;
      this.holds = 0;
      init.recorder.abandon(init.client.name);
    });
  }

  /** Watches that are to be told of every change. */
  get watchers(): ReadonlySet<MapWatcher> {
    return this.#watchers;
  }

  start(): void {
    const { plan, recorder, client, script, calls } = this.#init;
    this.#isWorking = true;
    this.#listenToSession();
    if (plan.burstMs > 0) this.#pulse = new CallPulse(client.process, plan.burstMs);
    const lane = (name: string): RecordedLane => {
      const recorded = recorder.lane(client.name);
      this.#turns.set(recorded, calls.turns(`${client.name}/${name}`, client.process, plan.pauseMsMax, this.#pulse));
      return recorded;
    };
    for (const number of script.lanes) {
      const recorded = lane(`${number}`);
      if (number < CLAIMING_LANES) this.#claiming.add(recorded);
      this.#pause(recorded);
    }
    for (const number of script.watches) this.#watch(lane(`watch-${number}`));
    for (const election of plan.elections) if (plan.weights.lead > 0) this.#observe(election);
  }

  /** No new calls; those open go on, and what is held is given up in its time. Watches that are open stay. */
  stop(): void {
    this.#isWorking = false;
  }

  #listenToSession(): void {
    const { recorder, client } = this.#init;
    const stateChanged = (state: SessionState): void => {
      if (state === 'open' && this.#state === 'suspended') this.sessionsResumed++;
      if (state === 'expired') recorder.session(client.name, `${client.name}, session ${this.sessionsLost++}`, 'lost');
      this.#state = state;
    };
    // From the first session on: a listener of one resource hears of none before the first call of that resource.
    const nothing = (): void => {};
    const sessionDoubted = (): void => void this.sessionsDoubted++;
    this.#resources.context.commands.listen(0, { event: nothing, sessionLost: nothing, sessionDoubted, stateChanged });
  }

  #pause(lane: RecordedLane): void {
    const turns = this.#turnsOf(lane);
    turns.next(() => {
      if (!this.#isWorking) return;
      const drawn = drawCallKind(turns.random, this.#init.plan);
      const kind = (drawn === 'lock' || drawn === 'lead') && !this.#claiming.has(lane) ? 'set' : drawn;
      if (turns.makes(kind)) this.#act(lane, kind);
      else this.#pause(lane);
    });
  }

  /** Everything about a call is drawn from its own name. */
  #turnsOf(lane: RecordedLane): CallTurns {
    const turns = this.#turns.get(lane);
    if (turns === undefined) throw new Error('a lane without turns');
    return turns;
  }

  #act(lane: RecordedLane, kind: ResourceCallKind): void {
    const { plan } = this.#init;
    const { random } = this.#turnsOf(lane);
    switch (kind) {
      case 'add':
        return this.#add(lane, this.#any(lane, plan.counters));
      case 'count':
        return this.#count(lane, this.#any(lane, plan.counters));
      case 'lock': {
        const name = this.#any(lane, plan.locks);
        return this.#lock(lane, name, randomBetween(random, 0, 3) === 0 ? 0 : ([50, 1000, null][randomBetween(random, 0, 2)] ?? null));
      }
      case 'lead':
        return this.#campaign(lane, this.#any(lane, plan.elections));
      case 'get':
      case 'size':
      case 'scan':
        return this.#read(lane, kind);
      default:
        return this.#write(lane, kind);
    }
  }

  #read(lane: RecordedLane, kind: 'get' | 'size' | 'scan'): void {
    const { plan } = this.#init;
    const { random } = this.#turnsOf(lane);
    const name = this.#any(lane, plan.maps);
    const handle = this.#resources.handle(MAP, name);
    const object = objectOf('map', name);
    const consistency = randomBetween(random, 0, 2) === 0 ? 'sequential' : 'linearizable';
    const time = { deadlineMs: plan.deadlineMs, consistency } as const;
    const next = (): void => this.#pause(lane);
    if (kind === 'get') {
      const key = this.#any(lane, plan.keys);
      lane.invoke({ object, op: 'get', args: { key }, consistency });
      handle.query(
        'get',
        { key: utf8(key) },
        time,
        this.#settle(lane, next, (entry) => (entry === null ? null : entryOf(entry))),
      );
    } else if (kind === 'size') {
      lane.invoke({ object, op: 'size', args: {}, consistency });
      const told = this.#settle(lane, next, ({ size, version }: { size: number; version: number }) => {
        this.#saw(name, version);
        return { size, version };
      });
      handle.query('size', {}, time, told);
    } else {
      lane.invoke({ object, op: 'scan', args: { limit: 100 }, consistency });
      const args = { from: null, to: null, prefix: null, limit: 100, isReverse: false, isKeysOnly: false };
      const told = this.#settle(lane, next, (page: { entries: readonly KeyedEntry[]; hasMore: boolean }) => ({
        entries: page.entries.map((entry) => ({ key: fromUtf8(entry.key), ...entryOf(entry) })),
        hasMore: page.hasMore,
      }));
      handle.query('scan', args, time, told);
    }
  }

  #write(lane: RecordedLane, kind: 'set' | 'setWithTtl' | 'setIfAbsent' | 'compareAndSet' | 'remove'): void {
    const { plan } = this.#init;
    const { random } = this.#turnsOf(lane);
    const name = this.#any(lane, plan.maps);
    const key = this.#any(lane, plan.keys);
    const next = (): void => this.#pause(lane);
    const seen = this.#seen.get(`${name}/${key}`) ?? 0;
    if (kind === 'remove') {
      const version = randomBetween(random, 0, 1) === 0 ? null : seen;
      lane.invoke({ object: objectOf('map', name), op: 'remove', args: version === null ? { key } : { key, version } });
      const args = { key: utf8(key), version, fence: null };
      const handle = this.#resources.handle(MAP, name);
      handle.command(
        'remove',
        args,
        { deadlineMs: plan.deadlineMs },
        this.#settle(lane, next, (was: boolean) => was),
      );
      return;
    }
    const op = kind === 'setWithTtl' ? 'set' : kind;
    const ttlMs = kind === 'setWithTtl' ? drawTtlMs(random) : null;
    this.#put(lane, { name, key, op, ttlMs, version: seen, fence: null }, next);
  }

  /** One write of a value that is written once. */
  #put(lane: RecordedLane, write: Put, done: () => void): void {
    const { plan } = this.#init;
    const { random } = this.#turnsOf(lane);
    const { name, key, op, ttlMs, version, fence } = write;
    const bytesMax = randomBetween(random, 0, 3) === 0 ? plan.valueBytesMax : Math.min(plan.valueBytesMax, SMALL_VALUE_BYTES);
    const value = `${this.client.name}:${this.#values++}:`.padEnd(randomBetween(random, 1, bytesMax), 'x');
    const args: Record<string, HistoryValue> = { key, value };
    if (op === 'compareAndSet') args['version'] = version;
    if (ttlMs !== null) args['ttlMs'] = ttlMs;
    if (fence !== null) args['fence'] = { lock: fence.object, token: tokenOf(fence.fence.token) };
    lane.invoke({ object: objectOf('map', name), op, args });
    const handle = this.#resources.handle(MAP, name);
    const written = { key: utf8(key), value: utf8(value), ttlMs, fence: fence?.fence ?? null };
    const time = { deadlineMs: plan.deadlineMs };
    const saw = (result: { readonly version: number }): HistoryFields => {
      this.#seen.set(`${name}/${key}`, result.version);
      this.#saw(name, result.version);
      return { ...result };
    };
    const settled = this.#settle(lane, done, saw);
    if (op === 'set') handle.command('set', written, time, settled);
    else if (op === 'setIfAbsent') handle.command('setIfAbsent', written, time, settled);
    else handle.command('compareAndSet', { ...written, version }, time, settled);
  }

  #saw(map: string, version: number): void {
    this.#newest.set(map, Math.max(version, this.#newest.get(map) ?? 0));
  }

  #add(lane: RecordedLane, name: string): void {
    const { plan } = this.#init;
    const { random } = this.#turnsOf(lane);
    const delta = randomBetween(random, 1, 3);
    lane.invoke({ object: objectOf('counter', name), op: 'add', args: { delta } });
    const settled = this.#counted(lane);
    this.#resources.handle(COUNTER, name).command('add', { delta, fence: null }, { deadlineMs: plan.deadlineMs }, settled);
  }

  #count(lane: RecordedLane, name: string): void {
    lane.invoke({ object: objectOf('counter', name), op: 'get', args: {} });
    const settled = this.#counted(lane);
    this.#resources.handle(COUNTER, name).query('get', {}, { deadlineMs: this.#init.plan.deadlineMs }, settled);
  }

  #counted(lane: RecordedLane): Done<number> {
    const next = (): void => this.#pause(lane);
    return this.#settle(lane, next, (value: number) => value);
  }

  #lock(lane: RecordedLane, name: string, waitMs: number | null): void {
    const object = objectOf('lock', name);
    lane.invoke({ object, op: waitMs === 0 ? 'tryAcquire' : 'acquire', args: {} });
    const handle = this.#resources.handle(LOCK, name);
    claimLock(handle, waitMs, { deadlineMs: this.#init.plan.deadlineMs }, (error, holding) => {
      if (error === null && holding === null && waitMs !== 0) throw new Error('a lock that was waited for was given as busy');
      this.#claimed(lane, error, holding === null ? null : { object, name, holding, end: 'release' });
    });
  }

  #campaign(lane: RecordedLane, name: string): void {
    const object = objectOf('election', name);
    lane.invoke({ object, op: 'campaign', args: {} });
    const handle = this.#resources.handle(ELECTION, name);
    const time = { deadlineMs: this.#init.plan.deadlineMs };
    standForElection(handle, utf8(this.client.name), time, (error, holding) =>
      this.#claimed(lane, error, holding === null ? null : { object, name, holding, end: 'resign' }),
    );
  }

  #claimed(lane: RecordedLane, error: QuorateError | null, held: Held | null): void {
    const { holders, recorder } = this.#init;
    // A claim that nobody waits for any more may still be granted for a moment, before it is taken back.
    if (error !== null) lane.failed(error.code === 'lockTimeout' ? error : new QuorateError('aborted', error.message));
    else lane.ok(held === null ? null : { token: tokenOf(held.holding.token) });
    if (error !== null || held === null) return this.#pause(lane);
    const { object, holding } = held;
    this.holds++;
    holders.granted(object, this.client, holding);
    holding.onLost(() => recorder.told(this.client.name, object, 'lost', { token: tokenOf(holding.token) }));
    this.#hold(lane, held, randomBetween(this.#turnsOf(lane).random, 0, 3));
  }

  /** Some writes under what is held, then it is given up. */
  #hold(lane: RecordedLane, held: Held, writes: number): void {
    const { client, plan } = this.#init;
    const { random } = this.#turnsOf(lane);
    const pauseMs = this.#isWorking ? (randomUnit(random) * plan.holdMsMax) / (writes + 1) : 0;
    const act = (): void => {
      // Others wait for it, and in the end all of them are to have had their turn.
      if (writes === 0 || !this.#isWorking) return this.#giveUp(lane, held);
      const fence = { object: held.object, fence: held.holding.fence };
      const next = (): void => this.#hold(lane, held, writes - 1);
      const { streams, append } = this.#init;
      if (append !== null && streams.length > 0 && randomBetween(random, 0, 2) === 0) {
        const fenceInHistory = { lock: fence.object, token: tokenOf(held.holding.token) };
        append(this.#any(lane, streams), { fence: fence.fence, fenceInHistory, deadlineMs: plan.deadlineMs }, next);
        return;
      }
      this.#put(lane, { name: guardedBy(held.name), key: 'k', op: 'set', ttlMs: null, version: 0, fence }, next);
    };
    if (this.#pulse === null || !this.#isWorking) client.process.timers.set(pauseMs, act);
    else this.#pulse.after(client.process.nowMs + pauseMs, act);
  }

  #giveUp(lane: RecordedLane, { object, name, holding, end }: Held): void {
    const time = { deadlineMs: this.#init.plan.deadlineMs };
    lane.invoke({ object, op: end, args: { token: tokenOf(holding.token) } });
    const sessionNow = (): number =>
      end === 'release' ? this.#resources.handle(LOCK, name).session : this.#resources.handle(ELECTION, name).session;
    const session = sessionNow();
    const settled: Done<undefined> = (error) => {
      // Another session does not hold it, that is all; the one that did may still be alive for the cluster.
      const isTelling = error?.code === 'notHeld' && sessionNow() === session;
      if (error === null) lane.ok(true);
      // It goes on after its deadline: whatever the error says of the attempt, the end of the claim may still come.
      else lane.failed(isTelling ? error : new QuorateError('aborted', error.message));
      this.holds--;
      this.#pause(lane);
    };
    const pending: PendingCall | null =
      end === 'release'
        ? releaseLock(this.#resources.handle(LOCK, name), holding, time, settled)
        : stepDown(this.#resources.handle(ELECTION, name), holding, time, settled);
    // The client has lost it and knows; for the cluster it may still be held, until that ends the session too.
    if (pending === null) settled(new QuorateError('aborted', 'it was lost before'), null);
  }

  #observe(name: string): void {
    const { recorder, plan } = this.#init;
    LeaderObservers.of(this.#resources.handle(ELECTION, name)).observe(
      {
        leader: (leader) => {
          const fields = { leader: leader === null ? null : { token: tokenOf(leader.token) } };
          recorder.told(this.client.name, objectOf('election', name), 'leaderChanged', fields);
        },
        ended: () => this.client.process.timers.set(100, () => this.#isWorking && this.#observe(name)),
      },
      { deadlineMs: plan.deadlineMs },
    );
  }

  /** Watches one after the other, each for a while; the one that is there at the end stays. */
  #watch(lane: RecordedLane): void {
    const { plan, recorder, client } = this.#init;
    const { random } = this.#turnsOf(lane);
    const map = randomBetween(random, 0, 4) === 0 ? guardedBy(this.#any(lane, plan.locks)) : this.#any(lane, plan.maps);
    const watcher = new MapWatcher(this.#resources.handle(MAP, map), {
      lane,
      recorder,
      object: objectOf('map', map),
      name: `${client.name}/${this.#watchNumber++}`,
      key: randomBetween(random, 0, 2) === 0 ? this.#any(lane, plan.keys) : null,
      afterVersion: randomBetween(random, 0, 1) === 0 ? 0 : (this.#newest.get(map) ?? 0),
      told: () => this.watchEvents++,
      ended: () => {
        this.#watchers.delete(watcher);
        this.#watchLater(lane, 100);
      },
    });
    this.#watchers.add(watcher);
    if (randomBetween(random, 0, 2) === 0) return;
    client.process.timers.set(randomUnit(random) * WATCH_MS_MAX, () => {
      if (!this.#isWorking || !this.#watchers.has(watcher)) return;
      watcher.stop();
      this.#watchers.delete(watcher);
      this.#watchLater(lane, 10);
    });
  }

  #watchLater(lane: RecordedLane, ms: number): void {
    this.client.process.timers.set(ms, () => {
      if (this.#isWorking) this.#watch(lane);
    });
  }

  #settle<T>(lane: RecordedLane, next: () => void, valueOf: (result: T) => HistoryValue): Done<T> {
    return (error, result) => {
      if (error !== null) lane.failed(error);
      else lane.ok(valueOf(result as T));
      next();
    };
  }

  #any(lane: RecordedLane, names: readonly string[]): string {
    return names[randomBetween(this.#turnsOf(lane).random, 0, names.length - 1)] as string;
  }
}
