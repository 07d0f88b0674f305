import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, SeededRandom, randomBetween } from '@quorate/base';
import { type HistoryEvent, type HistoryFields, checkHistory } from '@quorate/checkers';
import type { TestHistory } from './random-history.js';
import { randomWorld } from './random-world.js';

const SEEDS = 40;

/** Changes one event so that the history is certainly bad; false if this history has no place for it. */
type Mutation = (events: HistoryEvent[], random: SeededRandom) => boolean;

type Told = Extract<HistoryEvent, { readonly type: 'told' }>;
type Ok = Extract<HistoryEvent, { readonly type: 'ok' }>;
interface Answered {
  readonly invokeAt: number;
  readonly okAt: number;
  readonly op: string;
  readonly args: HistoryFields;
  readonly result: HistoryFields;
  readonly consistency: string;
}

function answered(events: readonly HistoryEvent[], ...ops: string[]): Answered[] {
  const open = new Map<number, number>();
  const found: Answered[] = [];
  for (const [okAt, event] of events.entries()) {
    if (event.type === 'invoke') open.set(event.process, okAt);
    if (event.type !== 'ok') continue;
    const invokeAt = open.get(event.process) as number;
    const call = events[invokeAt];
    if (call?.type !== 'invoke' || !ops.includes(call.op)) continue;
    found.push({
      invokeAt,
      okAt,
      op: call.op,
      args: call.args,
      result: event.result as HistoryFields,
      consistency: call.consistency ?? '',
    });
  }
  return found;
}

function pick<T>(items: readonly T[], random: SeededRandom): T | undefined {
  return items[randomBetween(random, 0, items.length - 1)];
}

function setResult(events: HistoryEvent[], at: number, result: HistoryFields | null): boolean {
  events[at] = { ...(events[at] as Ok), result };
  return true;
}

function changedAt(events: readonly HistoryEvent[]): number[] {
  return events.flatMap((event, at) => (event.type === 'told' && event.event === 'changed' ? [at] : []));
}

const MUTATIONS: Readonly<Record<string, Mutation>> = {
  'a told change is left out': (events, random) => {
    const at = pick(changedAt(events), random);
    return at !== undefined && events.splice(at, 1).length === 1;
  },
  'a told change comes twice': (events, random) => {
    const at = pick(changedAt(events), random);
    if (at === undefined) return false;
    events.splice(at, 0, events[at] as HistoryEvent);
    return true;
  },
  'two told changes of one watch change places': (events, random) => {
    const of = changedAt(events).filter((at) => (events[at] as Told).fields['watch'] === 'w0');
    const index = randomBetween(random, 0, of.length - 2);
    const [a, b] = [of[index], of[index + 1]];
    if (a === undefined || b === undefined) return false;
    const [first, second] = [events[a] as Told, events[b] as Told];
    events[a] = { ...first, fields: second.fields };
    events[b] = { ...second, fields: first.fields };
    return true;
  },
  'a told change has another value': (events, random) => {
    const at = pick(changedAt(events), random);
    if (at === undefined) return false;
    const event = events[at] as Told;
    events[at] = { ...event, fields: { ...event.fields, change: 'set', value: 'v-nobody' } };
    return true;
  },
  'a write is answered with a version that is too high': (events, random) => {
    const call = pick(answered(events, 'set'), random);
    return call !== undefined && setResult(events, call.okAt, { ...call.result, version: 100_000 });
  },
  'two writes are answered with one version': (events, random) => {
    const [a, b] = [pick(answered(events, 'set'), random), pick(answered(events, 'set'), random)];
    return (
      a !== undefined &&
      b !== undefined &&
      a.okAt !== b.okAt &&
      setResult(events, a.okAt, { ...a.result, version: b.result['version'] as number })
    );
  },
  'a linearizable read gets an older value of its key': (events, random) => {
    const reads = answered(events, 'get').filter(({ consistency, result }) => consistency === 'linearizable' && result !== null);
    for (let tries = 0; tries < 20; tries++) {
      const read = pick(reads, random);
      const older = answered(events, 'set').find(
        ({ args, result }) => args['key'] === read?.args['key'] && (result['version'] as number) < (read?.result['version'] as number),
      );
      const newer = answered(events, 'set').find(
        ({ args, result, okAt }) =>
          args['key'] === read?.args['key'] &&
          okAt < (read?.invokeAt ?? 0) &&
          (result['version'] as number) > ((older?.result['version'] as number) ?? 0),
      );
      if (read === undefined || older === undefined || newer === undefined) continue;
      return setResult(events, read.okAt, { value: older.args['value'] as string, version: older.result['version'] as number });
    }
    return false;
  },
  'a write that was seen is said to have failed': (events, random) => {
    const call = pick(answered(events, 'set'), random);
    if (call === undefined) return false;
    events[call.okAt] = {
      type: 'fail',
      timeMs: (events[call.okAt] as Ok).timeMs,
      process: (events[call.okAt] as Ok).process,
      error: 'notLeader',
    };
    return true;
  },
  'an entry of a page has another version': (events, random) => {
    const scans = answered(events, 'scan').filter(({ result }) => (result['entries'] as readonly HistoryFields[]).length > 0);
    const scan = pick(scans, random);
    if (scan === undefined) return false;
    const [first, ...others] = scan.result['entries'] as readonly HistoryFields[];
    return setResult(events, scan.okAt, {
      ...scan.result,
      entries: [{ ...first, version: (first?.['version'] as number) + 1 }, ...others],
    });
  },
  'a page that ends with the map lacks an entry that was never removed': (events, random) => {
    const removed = new Set(events.flatMap((event) => (event.type === 'invoke' && event.op === 'remove' ? [event.args['key']] : [])));
    const scans = answered(events, 'scan').filter(({ result }) =>
      (result['entries'] as readonly HistoryFields[]).some(({ key }) => !removed.has(key)),
    );
    const scan = pick(scans, random);
    if (scan === undefined) return false;
    const entries = scan.result['entries'] as readonly HistoryFields[];
    const gone = entries.find(
      ({ key, version }) =>
        !removed.has(key as string) &&
        answered(events, 'set', 'setIfAbsent').some(({ result, okAt }) => result['version'] === version && okAt < scan.invokeAt),
    );
    if (gone === undefined || scan.consistency !== 'linearizable') return false;
    return setResult(events, scan.okAt, { hasMore: false, entries: entries.filter((entry) => entry !== gone) });
  },
  'two appends exchange their offsets': (events, random) => {
    const [a, b] = [pick(answered(events, 'append'), random), pick(answered(events, 'append'), random)];
    if (a === undefined || b === undefined || a.okAt === b.okAt) return false;
    return setResult(events, a.okAt, b.result) && setResult(events, b.okAt, a.result);
  },
  'a record is missing at the end': (events) => {
    const last = answered(events, 'read').at(-1);
    if (last === undefined) return false;
    const values = last.result['values'] as readonly string[];
    const lost = answered(events, 'append').at(-1);
    if (lost === undefined) return false;
    const at = lost.result['offset'] as number;
    return setResult(events, last.okAt, {
      ...last.result,
      values: [...values.slice(0, at), ...values.slice(at + 1)],
      nextOffset: values.length - 1,
    });
  },
  'a record stands twice at the end': (events) => {
    const last = answered(events, 'read').at(-1);
    const values = last?.result['values'] as readonly string[] | undefined;
    if (last === undefined || values === undefined || values.length === 0) return false;
    return setResult(events, last.okAt, { ...last.result, values: [...values, values[0] as string], nextOffset: values.length + 1 });
  },
  'a record of a read is another': (events, random) => {
    const read = pick(
      answered(events, 'read').filter(({ result }) => (result['values'] as readonly string[]).length > 0),
      random,
    );
    if (read === undefined) return false;
    const values = [...(read.result['values'] as readonly string[])];
    values[randomBetween(random, 0, values.length - 1)] = 'v-nobody';
    return setResult(events, read.okAt, { ...read.result, values });
  },
  'a token is granted twice': (events, random) => {
    const grants = answered(events, 'tryAcquire').filter(({ result }) => result !== null);
    const [a, b] = [pick(grants, random), pick(grants, random)];
    return a !== undefined && b !== undefined && a.okAt !== b.okAt && setResult(events, a.okAt, b.result);
  },
  'losses of sessions are not told, and a lock changed hands by one': (events) => {
    const grants = answered(events, 'tryAcquire').filter(({ result }) => result !== null);
    const released = new Set(events.flatMap((event) => (event.type === 'invoke' && event.op === 'release' ? [event.args['token']] : [])));
    const isLost = grants.slice(0, -1).some(({ result }) => !released.has(result['token']));
    if (!isLost) return false;
    for (let at = events.length - 1; at >= 0; at--) if (events[at]?.type === 'session') events.splice(at, 1);
    return true;
  },
};

const CONTRADICTIONS: Readonly<Record<string, Mutation>> = {
  'an invocation is left out': (events, random) => {
    const call = pick(answered(events, 'set', 'get', 'append'), random);
    return call !== undefined && events.splice(call.invokeAt, 1).length === 1;
  },
  'an invocation comes twice': (events, random) => {
    const call = pick(answered(events, 'set', 'get', 'append'), random);
    if (call === undefined) return false;
    events.splice(call.invokeAt, 0, events[call.invokeAt] as HistoryEvent);
    return true;
  },
  'an answer comes twice': (events, random) => {
    const call = pick(answered(events, 'set', 'get', 'append'), random);
    if (call === undefined) return false;
    events.splice(call.okAt, 0, events[call.okAt] as HistoryEvent);
    return true;
  },
  'time goes back': (events, random) => {
    const at = randomBetween(random, 1, events.length - 1);
    const before = events[at - 1] as HistoryEvent;
    events[at] = { ...(events[at] as HistoryEvent), timeMs: before.timeMs - 1 };
    return true;
  },
  'an object is another': (events, random) => {
    const call = pick(answered(events, 'set', 'append'), random);
    if (call === undefined) return false;
    events[call.invokeAt] = { ...(events[call.invokeAt] as Extract<HistoryEvent, { readonly type: 'invoke' }>), object: 'l' };
    return true;
  },
};

test('worlds: random good histories with all kinds of objects → nothing is found, and every rule had something to judge', () => {
  const judged = new Map<string, number>();
  for (let seed = 0; seed < SEEDS; seed++) {
    const { header, events } = randomWorld(seed);
    const verdict = checkHistory(header, events);
    assert.deepEqual(
      verdict.problems.map(({ rule, text }) => `${rule}: ${text}`),
      [],
      `seed ${seed}`,
    );
    for (const [name, count] of Object.entries(verdict.stats)) judged.set(name, (judged.get(name) ?? 0) + count);
  }
  for (const name of [
    'fences.writes',
    'holders.grants',
    'linearizability.calls',
    'scans.pages',
    'sequentialReads.calls',
    'streams.reads',
    'versions.writes',
    'watches.changes',
  ]) {
    assert.ok((judged.get(name) ?? 0) >= SEEDS, `${name}: ${judged.get(name) ?? 0}`);
  }
});

function mutants(mutation: Mutation): { readonly seed: number; readonly history: TestHistory }[] {
  const found: { readonly seed: number; readonly history: TestHistory }[] = [];
  for (let seed = 0; seed < SEEDS; seed++) {
    const { header, events } = randomWorld(seed);
    if (mutation(events, new SeededRandom(seed))) found.push({ seed, history: { header, events } });
  }
  assert.ok(found.length >= SEEDS / 4, `it could be made in ${found.length} histories only`);
  return found;
}

for (const [name, mutation] of Object.entries(MUTATIONS)) {
  test(`one event changed: ${name} → found in every history`, () => {
    for (const { seed, history } of mutants(mutation)) assert.equal(checkHistory(history.header, history.events).ok, false, `seed ${seed}`);
  });
}

for (const [name, mutation] of Object.entries(CONTRADICTIONS)) {
  test(`one event changed: ${name} → refused as a contradiction`, () => {
    for (const { seed, history } of mutants(mutation)) {
      assert.throws(
        () => checkHistory(history.header, history.events),
        (error) => error instanceof QuorateError && error.code === 'invalidArgument' && typeof error.details['field'] === 'string',
        `seed ${seed}`,
      );
    }
  });
}
