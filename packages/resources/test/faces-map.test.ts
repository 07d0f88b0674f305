import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type QuorateError } from '@quorate/base';
import { bytes } from '@quorate/resources';
import { codeOf } from './faces-cluster.js';
import { given, setUp } from './map-rig.js';

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test('map: each operation → what it says', async () => {
  const { time, mapA } = setUp();
  const run = <T>(promise: PromiseLike<T>): Promise<T> => time.until(promise);
  assert.equal(await run(mapA.get('a')), undefined);
  assert.equal(await run(mapA.has('a')), false);
  assert.deepEqual(await run(mapA.set('a', { n: 1 })), { version: 1 });
  assert.deepEqual(await run(mapA.set('a', null)), { version: 2, previousVersion: 1 });
  assert.deepEqual(await run(mapA.get('a')), { value: null, version: 2 });
  assert.deepEqual(await run(mapA.get('a', { consistency: 'sequential' })), { value: null, version: 2 });
  assert.deepEqual(await run(mapA.setIfAbsent('a', 1)), { isSet: false, version: 2 });
  assert.deepEqual(await run(mapA.setIfAbsent('ab', 1)), { isSet: true, version: 3 });
  assert.deepEqual(await run(mapA.compareAndSet('a', 2, 'x')), { version: 4 });
  const mismatch = await run(
    mapA.compareAndSet('a', 2, 'y').then(
      () => null,
      (error: QuorateError) => error,
    ),
  );
  assert.deepEqual([mismatch?.code, mismatch?.details['found']], ['versionMismatch', 4]);
  assert.deepEqual(await run(mapA.compareAndSet('new', 0, 'z')), { version: 5 });
  assert.equal(await run(codeOf(mapA.remove('a', { version: 1 }))), 'versionMismatch');
  assert.equal(await run(mapA.remove('a', { version: 4 })), true);
  assert.equal(await run(mapA.remove('a')), false);
  assert.equal(await run(mapA.has('a')), false);
  assert.equal(await run(mapA.has('ab')), true);
  assert.equal(await run(mapA.size()), 2);
  assert.equal(await run(mapA.version()), 6);
});

test('map: bad keys and values → a code that says what, and nothing is sent', async () => {
  const { time, a, mapA } = setUp();
  const cases: [() => Promise<unknown>, string][] = [
    [() => mapA.set('', 1), 'invalidArgument'],
    [() => mapA.set(7 as never, 1), 'invalidArgument'],
    [() => mapA.set('a\ud800', 1), 'invalidArgument'],
    [() => mapA.set('x'.repeat(4097), 1), 'keyTooLarge'],
    [() => mapA.get('é'.repeat(2049)), 'keyTooLarge'],
    [() => mapA.set('a', undefined), 'valueInvalid'],
    [() => mapA.set('a', 'x'.repeat(1_048_575)), 'valueTooLarge'],
    [() => mapA.set('a', 1, { ttlMs: 0 }), 'invalidArgument'],
    [() => mapA.set('a', 1, { ttlMs: -5 }), 'invalidArgument'],
    [() => mapA.set('a', 1, { deadlineMs: -5 }), 'invalidArgument'],
    [() => mapA.set('a', 1, { fence: {} as never }), 'invalidArgument'],
    [() => mapA.compareAndSet('a', -1, 1), 'invalidArgument'],
    [() => mapA.entries({ limit: Number.NaN }).next(), 'invalidArgument'],
    [() => mapA.entries({ prefix: 1 as never }).next(), 'invalidArgument'],
    [() => mapA.watch({ key: 'a', prefix: 'b' }).next(), 'invalidArgument'],
    [() => mapA.watch({ key: '' }).next(), 'invalidArgument'],
    [() => mapA.watch({ afterVersion: -1 }).next(), 'invalidArgument'],
  ];
  for (const [run, code] of cases) assert.equal(await time.until(codeOf(run())), code);
  assert.deepEqual(a.commands.submitted, []);
  await time.until(mapA.set('x'.repeat(4096), 'y'.repeat(1_048_574)));
  assert.equal(await time.until(mapA.has('x'.repeat(4096))), true);
});

test('faces: what is no signal → invalidArgument, from calls and iterators, and nothing is sent', async () => {
  const { cluster, time, a, mapA } = setUp();
  const [lockA, electionA] = [a.resources.lock('lock'), a.resources.election('election')];
  const signal = 7 as unknown as AbortSignal;
  for (const call of [
    () => mapA.get('k', { signal }),
    () => mapA.set('k', 'v', { signal }),
    () => mapA.watch({ signal }).next(),
    () => mapA.keys({ signal }).next(),
    () => lockA.acquire({ signal }),
    () => electionA.campaign('me', { signal }),
    () => electionA.observe({ signal }).next(),
  ]) {
    assert.equal(await time.until(codeOf(call())), 'invalidArgument', String(call));
  }
  assert.equal(cluster.machine.appliedIndex, 0);
});

test('map: time to live → the entry goes by itself and watchers are told; a later set replaces it', async () => {
  const { time, mapA, mapB } = setUp();
  const watch = mapB.watch();
  await time.until(mapA.set('a', 1, { ttlMs: 100 }));
  await time.until(mapA.set('b', 1, { ttlMs: 100 }));
  await time.until(mapA.set('b', 2));
  await time.runFor(200);
  assert.deepEqual(await time.until(all(mapA.keys())), ['b']);
  assert.deepEqual(
    (await given(time, watch, 4)).map(({ type, key }) => `${type} ${key}`),
    ['set a', 'set b', 'set b', 'expired a'],
  );
});

test('map: entries and keys in ranges, both ways, over several pages → as a sorted list gives them', async () => {
  const { time, mapA } = setUp();
  const border = fc.option(fc.stringMatching(/^[a-c]{0,3}$/), { nil: undefined });
  const keys: string[] = [];
  for (let i = 0; i < 2500; i++) keys.push(`k${i}`);
  for (const first of ['a', 'b', 'c', 'ab', 'aa', 'ba', 'cc', 'abc', 'acb', 'é', '😀', '日']) keys.push(first);
  // The longest keys: the one after the last of a page has no room for another byte.
  for (const last of ['a', 'b', 'c']) keys.push('z'.repeat(4095) + last);
  for (const key of keys) void mapA.set(key, key.length);
  await time.until(mapA.size());
  const order = (x: string, y: string): number => Buffer.compare(Buffer.from(x), Buffer.from(y));
  const sorted = keys.toSorted(order);
  assert.deepEqual(await time.until(all(mapA.keys())), sorted);
  assert.deepEqual(await time.until(all(mapA.keys({ reverse: true }))), sorted.toReversed());
  assert.deepEqual(
    (await time.until(all(mapA.entries({ prefix: 'k1', limit: 1001 })))).map(({ key }) => key),
    sorted.filter((key) => key.startsWith('k1')).slice(0, 1001),
  );
  await fc.assert(
    fc.asyncProperty(
      border,
      border,
      border,
      fc.boolean(),
      fc.option(fc.nat(12), { nil: undefined }),
      async (from, to, prefix, reverse, limit) => {
        const options = {
          ...(from === undefined ? {} : { from }),
          ...(to === undefined ? {} : { to }),
          ...(prefix === undefined ? {} : { prefix }),
          reverse,
          ...(limit === undefined ? {} : { limit }),
        };
        let expected = sorted.filter(
          (key) =>
            (from === undefined || order(key, from) >= 0) && (to === undefined || order(key, to) < 0) && key.startsWith(prefix ?? ''),
        );
        if (reverse) expected = expected.toReversed();
        assert.deepEqual(await time.until(all(mapA.keys(options))), expected.slice(0, limit));
      },
    ),
    { numRuns: 25 },
  );
});

test('map: large values in pages, the longest keys at their borders → none is left out or repeated', async () => {
  const { time, a } = setUp();
  const map = a.resources.map('bytes', { codec: bytes() });
  const keys = ['a', 'b', 'c', 'd'].map((end) => 'x'.repeat(4095) + end);
  for (const key of keys) void map.set(key, new Uint8Array(700_000));
  const entries = await time.until(all(map.entries()));
  assert.deepEqual(
    entries.map(({ key, value }) => [key, value.length]),
    keys.map((key) => [key, 700_000]),
  );
  assert.deepEqual(
    (await time.until(all(map.entries({ reverse: true })))).map(({ key }) => key),
    keys.toReversed(),
  );
});

test('map: reader left or aborted while it waits for a page → it ends', async () => {
  const { time, a, mapA } = setUp();
  await time.until(mapA.set('a', 1));
  a.commands.cut(true);
  const entries = mapA.entries();
  const waiting = entries.next();
  await time.until(entries.return());
  assert.deepEqual(await time.until(waiting), { done: true, value: undefined });
  const controller = new AbortController();
  const aborted = codeOf(mapA.keys({ signal: controller.signal }).next());
  controller.abort();
  assert.equal(await time.until(aborted), 'cancelled');
});
