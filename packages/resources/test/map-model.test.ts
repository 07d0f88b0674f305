import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ResourceId, SessionId } from '@quorate/machine';
import { MAP, RESOURCE_LIMITS } from '@quorate/resources';
import { type Driver, request } from './driver.js';
import { type ModelCommand, type ModelEvents, ModelRun, type ModelStep, Refusal, type ResourceModel } from './model-run.js';

const KEYS: readonly Uint8Array[] = ['', '00', '0000', '61', '6100', '6162', '61ff', 'fe', 'ff', 'ff00', 'ffff', 'ffffff'].map((hex) =>
  Uint8Array.from(Buffer.from(hex, 'hex')),
);
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

interface Entry {
  readonly version: number;
  readonly value: Uint8Array;
  readonly expiresMs: number;
}
interface Change {
  readonly version: number;
  readonly change: string;
  readonly key: Uint8Array;
  readonly value: Uint8Array | null;
}
interface Watch {
  readonly watch: number;
  readonly session: SessionId;
  readonly prefix: string;
  readonly isPrefix: boolean;
}
type Range = Parameters<Driver['query']>[3] & {
  from: Uint8Array | null;
  to: Uint8Array | null;
  prefix: Uint8Array | null;
  limit: number;
  isReverse: boolean;
  isKeysOnly: boolean;
};

class MapModel implements ResourceModel {
  entries = new Map<string, Entry>();
  changes: Change[] = [];
  watches: Watch[] = [];
  ranges: readonly Range[] = [];
  readonly #events: ModelEvents;

  constructor(events: ModelEvents) {
    this.#events = events;
  }

  get version(): number {
    return this.changes.length;
  }

  change(index: number, change: string, key: Uint8Array, entry: Omit<Entry, 'version'> | null): void {
    const version = this.version + 1;
    const value = entry === null ? null : entry.value;
    this.changes.push({ version, change, key, value });
    if (entry === null) this.entries.delete(hex(key));
    else this.entries.set(hex(key), { ...entry, version });
    for (const { watch, session, prefix, isPrefix } of this.watches) {
      if (isPrefix ? hex(key).startsWith(prefix) : hex(key) === prefix) {
        this.#events.tell(session, { index, event: 'changed', fields: { watch, version, change, key, value } });
      }
    }
  }

  watch(
    session: SessionId,
    index: number,
    { key, isPrefix, afterVersion }: { key: Uint8Array; isPrefix: boolean; afterVersion: number | null },
  ) {
    if (!isPrefix && key.length === 0) throw new Refusal('invalidArgument');
    if (afterVersion !== null && afterVersion > this.version) throw new Refusal('invalidArgument');
    if (afterVersion !== null && this.version - afterVersion > RESOURCE_LIMITS.changesKept) throw new Refusal('watchCompacted');
    const before = this.watches;
    const mine = { watch: index, session, prefix: hex(key), isPrefix };
    for (const { version, change, key: at, value } of this.changes.slice(afterVersion ?? this.version)) {
      if (isPrefix ? hex(at).startsWith(mine.prefix) : hex(at) === mine.prefix) {
        this.#events.tell(session, { index, event: 'changed', fields: { watch: index, version, change, key: at, value } });
      }
    }
    this.watches = [...before, mine];
    return { watch: index, version: this.version };
  }

  passTime(timeMs: number, index: number): void {
    const due = [...this.entries].filter(([, { expiresMs }]) => expiresMs !== 0 && expiresMs <= timeMs);
    due.sort(([a, x], [b, y]) => x.expiresMs - y.expiresMs || (a < b ? -1 : 1));
    for (const [key] of due) this.change(index, 'expired', Uint8Array.from(Buffer.from(key, 'hex')), null);
  }

  sessionEnded(session: SessionId): void {
    this.watches = this.watches.filter((each) => each.session !== session);
  }

  check(driver: Driver, resource: ResourceId): void {
    assert.deepEqual(driver.query(MAP, resource, 'size', {}), { size: this.entries.size, version: this.version });
    for (const key of KEYS.slice(1)) {
      const entry = this.entries.get(hex(key));
      const expected = entry === undefined ? null : { value: entry.value, version: entry.version };
      assert.deepEqual(driver.query(MAP, resource, 'get', { key }), expected);
    }
    for (const range of this.ranges) assert.deepEqual(driver.query(MAP, resource, 'scan', range), this.scan(range));
  }

  scan({ from, to, prefix, limit, isReverse, isKeysOnly }: Range) {
    // The order of such hexadecimal texts is that of their bytes.
    const keys = [...this.entries.keys()]
      .filter((key) => from === null || key >= hex(from))
      .filter((key) => to === null || key < hex(to))
      .filter((key) => prefix === null || key.startsWith(hex(prefix)))
      .sort();
    if (isReverse) keys.reverse();
    const entries = keys.slice(0, limit).map((key) => {
      const { value, version } = this.entries.get(key) as Entry;
      return { key: Uint8Array.from(Buffer.from(key, 'hex')), value: isKeysOnly ? new Uint8Array(0) : value, version };
    });
    return { entries, hasMore: keys.length > limit };
  }
}

const key = fc.nat({ max: KEYS.length - 1 }).map((i) => KEYS[i] as Uint8Array);
const realKey = fc.integer({ min: 1, max: KEYS.length - 1 }).map((i) => KEYS[i] as Uint8Array);
const write = {
  key: realKey,
  value: fc.uint8Array({ maxLength: 3 }),
  ttlMs: fc.option(fc.integer({ min: 1, max: 20 })),
};
const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ type: fc.constantFrom('set' as const, 'setIfAbsent' as const), ...write }) },
  // The version of the entry, plus this.
  { weight: 3, arbitrary: fc.record({ type: fc.constant('compareAndSet' as const), ...write, off: fc.constantFrom(0, 0, 0, -1, 1) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('remove' as const), key: realKey, off: fc.option(fc.constantFrom(0, 0, 1)) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('watch' as const),
      key,
      isPrefix: fc.boolean(),
      back: fc.option(fc.integer({ min: -1, max: 6 })),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('unwatch' as const), pick: fc.nat({ max: 5 }) }) },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

const step: fc.Arbitrary<ModelStep<Action>> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      type: fc.constant('commands' as const),
      pick: fc.nat({ max: 9 }),
      afterMs: fc.nat({ max: 6 }),
      actions: fc.array(action, { minLength: 1, maxLength: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('end' as const), pick: fc.nat({ max: 9 }), isExpired: fc.boolean() }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('tick' as const), afterMs: fc.nat({ max: 15 }) }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom('leader' as const, 'reload' as const, 'open' as const) }) },
);
const border = fc.option(key);
const range: fc.Arbitrary<Range> = fc.record({
  from: border,
  to: border,
  prefix: border,
  limit: fc.integer({ min: 1, max: 5 }),
  isReverse: fc.boolean(),
  isKeysOnly: fc.boolean(),
});

/** All the commands of a batch are made before the first is applied, so versions are guesses: those of the state before the batch. */
function commandOf(action: Action, run: ModelRun<MapModel>): ModelCommand<MapModel> {
  const { model, resource } = run;
  const fence = null;
  const versionOf = (at: Uint8Array, of: MapModel): number => of.entries.get(hex(at))?.version ?? 0;
  const set = (
    of: MapModel,
    index: number,
    timeMs: number,
    { key: at, value, ttlMs }: { key: Uint8Array; value: Uint8Array; ttlMs: number | null },
  ) => of.change(index, 'set', at, { value, expiresMs: ttlMs === null ? 0 : timeMs + ttlMs });
  switch (action.type) {
    case 'set':
      return {
        name: 'set',
        request: request(MAP, resource, 'set', { ...action, fence }),
        apply: (of, _, index, timeMs) => {
          const before = versionOf(action.key, of);
          set(of, index, timeMs, action);
          return { version: of.version, previousVersion: before === 0 ? null : before };
        },
      };
    case 'setIfAbsent':
      return {
        name: 'setIfAbsent',
        request: request(MAP, resource, 'setIfAbsent', { ...action, fence }),
        apply: (of, _, index, timeMs) => {
          const before = versionOf(action.key, of);
          if (before !== 0) return { isSet: false, version: before };
          set(of, index, timeMs, action);
          return { isSet: true, version: of.version };
        },
      };
    case 'compareAndSet': {
      const version = Math.max(0, versionOf(action.key, model) + action.off);
      return {
        name: 'compareAndSet',
        request: request(MAP, resource, 'compareAndSet', { ...action, version, fence }),
        apply: (of, _, index, timeMs) => {
          if (versionOf(action.key, of) !== version) throw new Refusal('versionMismatch');
          set(of, index, timeMs, action);
          return { version: of.version };
        },
      };
    }
    case 'remove': {
      const version = action.off === null ? null : versionOf(action.key, model) + action.off;
      return {
        name: 'remove',
        request: request(MAP, resource, 'remove', { key: action.key, version, fence }),
        apply: (of, _, index) => {
          const before = versionOf(action.key, of);
          if (version !== null && before !== version) throw new Refusal('versionMismatch');
          if (before !== 0) of.change(index, 'removed', action.key, null);
          return before !== 0;
        },
      };
    }
    case 'watch': {
      // Far back means around the oldest change that is remembered.
      const { back } = action;
      const version = back === null ? null : back > 3 ? model.version - RESOURCE_LIMITS.changesKept + back - 5 : model.version - back;
      const args = { key: action.key, isPrefix: action.isPrefix, afterVersion: version === null ? null : Math.max(0, version) };
      return {
        name: 'watch',
        request: request(MAP, resource, 'watch', args),
        apply: (of, session, index) => of.watch(session, index, args),
      };
    }
    case 'unwatch': {
      const watch = model.watches[action.pick]?.watch ?? 3;
      return {
        name: 'unwatch',
        request: request(MAP, resource, 'unwatch', { watch }),
        apply: (of, session) => {
          const left = of.watches.filter((each) => each.watch !== watch || each.session !== session);
          if (left.length === of.watches.length) throw new Refusal('notHeld');
          of.watches = left;
          return undefined;
        },
      };
    }
  }
}

function runMap(steps: readonly ModelStep<Action>[], ranges: readonly Range[], changesBefore: number): void {
  const run = new ModelRun(MAP, (events) => new MapModel(events));
  run.model.ranges = ranges;
  if (changesBefore > 0) {
    const actions = Array.from(
      { length: changesBefore },
      (): Action => ({ type: 'set', key: KEYS[1] as Uint8Array, value: new Uint8Array(0), ttlMs: null }),
    );
    run.step({ type: 'commands', pick: 0, afterMs: 0, actions }, commandOf);
  }
  for (const each of steps) run.step(each, commandOf);
  run.finish();
}

test('map: any commands, ends of sessions, times, leaders and snapshots → as the model says, on every replica', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40, size: 'max' }), fc.array(range, { maxLength: 3 }), (steps, ranges) =>
      runMap(steps, ranges, 0),
    ),
    { numRuns: 80 },
  );
});

test('T66, T69: the same around the oldest change that is remembered → as the model says', () => {
  const { changesKept } = RESOURCE_LIMITS;
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 20, size: 'max' }),
      fc.integer({ min: changesKept - 10, max: changesKept + 3 }),
      (steps, before) => runMap(steps, [], before),
    ),
    { numRuns: 15 },
  );
});
