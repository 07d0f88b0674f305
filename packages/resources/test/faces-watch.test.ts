import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MapEvent } from '@quorate/resources';
import { codeOf } from './faces-cluster.js';
import { given, setUp } from './map-rig.js';

test('watch: one key, a prefix, everything → exactly the changes made after the call, in order', async () => {
  const { time, mapA, mapB } = setUp();
  await time.until(mapA.set('before', 1));
  const key = mapB.watch({ key: 'a/1' });
  const prefix = mapB.watch({ prefix: 'a/' });
  const whole = mapB.watch();
  // Made by the same client after the call: seen, although nobody asked for the first change yet.
  await time.until(mapB.set('a/1', 'x'));
  await time.until(mapA.set('a/2', 'y'));
  await time.until(mapA.remove('a/1'));
  await time.until(mapA.set('b', 'z'));
  assert.deepEqual(await given(time, key, 2), [
    { type: 'set', key: 'a/1', value: 'x', version: 2 },
    { type: 'removed', key: 'a/1', version: 4 },
  ]);
  assert.deepEqual(
    (await given(time, prefix, 3)).map(({ version }) => version),
    [2, 3, 4],
  );
  assert.deepEqual(
    (await given(time, whole, 4)).map(({ version }) => version),
    [2, 3, 4, 5],
  );
});

test('watch: afterVersion → first what came after it; too old → watchCompacted; in the future → invalidArgument', async () => {
  const { time, mapA, mapB } = setUp();
  for (let i = 1; i <= 1100; i++) void mapA.set(`k${i}`, i);
  await time.until(mapA.size());
  const watch = mapB.watch({ afterVersion: 1097 });
  void mapA.set('new', 1);
  assert.deepEqual(
    (await given(time, watch, 4)).map(({ version }) => version),
    [1098, 1099, 1100, 1101],
  );
  assert.equal(await time.until(codeOf(mapB.watch({ afterVersion: 5 }).next())), 'watchCompacted');
  assert.equal(await time.until(codeOf(mapB.watch({ afterVersion: 5000 }).next())), 'invalidArgument');
});

test('T66: watch over lost sessions → goes on without gap or repeat; unless told not to', async () => {
  const { time, b, mapA, mapB } = setUp();
  const watch = mapB.watch({ prefix: 'k' });
  const plain = mapB.watch({ prefix: 'k', resume: false });
  for (let i = 1; i <= 30; i++) {
    await time.until(mapA.set(`k${i}`, i));
    if (i % 10 === 0) b.commands.lose(i);
  }
  assert.deepEqual(
    (await given(time, watch, 30)).map(({ version }) => version),
    Array.from({ length: 30 }, (_, i) => i + 1),
  );
  const seen: MapEvent<unknown>[] = [];
  const code = await time.until(
    codeOf(
      (async () => {
        for await (const change of plain) seen.push(change);
      })(),
    ),
  );
  assert.deepEqual([code, seen.length], ['sessionExpired', 10]);
});

test('T66: a watch of quiet keys in a busy map, session lost after many changes → goes on; one query from time to time for all watches, none without', async () => {
  const { time, b, mapA, mapB } = setUp();
  const quiet = Array.from({ length: 1000 }, (_, i) => mapB.watch({ prefix: `quiet/${i}/` }));
  await time.until(mapB.size());
  const queriesOf = (): number => b.commands.submitted.filter((each) => each.startsWith('?')).length;
  const before = queriesOf();
  for (let i = 0; i < 60; i++) {
    for (let k = 0; k < 50; k++) void mapA.set('busy', k);
    await time.runFor(1000);
  }
  const asked = queriesOf() - before;
  assert.ok(asked >= 11 && asked <= 13, `${asked} queries in a minute`);
  b.commands.lose();
  await time.runFor(1000);
  await time.until(mapA.set('quiet/7/x', 'told'));
  assert.deepEqual(await given(time, quiet[7] as (typeof quiet)[0], 1), [{ type: 'set', key: 'quiet/7/x', value: 'told', version: 3001 }]);
  await time.until(Promise.all(quiet.map(async (watch) => watch.return())));
  const left = queriesOf();
  await time.runFor(60_000);
  assert.equal(queriesOf(), left);
});

test('T66: the map tells how far it is while events are on their way, or before a watch began that has begun since → those come all the same', async () => {
  const { time, b, cluster, mapA, mapB } = setUp();
  const first = mapB.watch({ prefix: 'a' });
  await time.until(mapB.size());
  for (let i = 1; i <= 10; i++) await time.until(mapA.set(`k${i}`, i));
  const asked = (): number => b.commands.submitted.filter((each) => each.startsWith('?')).length;
  const before = asked();
  b.commands.answersLateMs = 300;
  while (asked() === before) await time.runFor(10);
  const delays = [1, 1, 1000];
  cluster.delayMs = () => delays.shift() ?? 1;
  const late = mapB.watch({ prefix: 'k', afterVersion: 0 });
  assert.deepEqual(
    (await given(time, late, 10)).map(({ version }) => version),
    Array.from({ length: 10 }, (_, i) => i + 1),
  );
  b.commands.answersLateMs = 0;
  b.commands.isOvertaking = true;
  cluster.delayMs = () => 2000;
  for (let round = 0; round < 10; round++) {
    void mapA.set('a', round);
    await time.runFor(1000);
  }
  assert.deepEqual(
    (await given(time, first, 10)).map(({ version }) => version),
    Array.from({ length: 10 }, (_, i) => 11 + i),
  );
});

test('T66: watches that begin while the map is asked, of sessions lost meanwhile, with changes at any time → nothing is skipped or repeated', async () => {
  const { time, b, cluster, mapA, mapB } = setUp();
  let delay = 0;
  cluster.delayMs = () => 1 + ((delay += 7) % 40);
  const seen: number[][] = [];
  const made: number[][] = [];
  const ends: Promise<unknown>[] = [];
  for (let round = 0; round < 40; round++) {
    const versions: number[] = [];
    seen.push(versions);
    made.push([]);
    const watch = mapB.watch({ prefix: `k${round}/` });
    ends.push(
      (async () => {
        for await (const { version } of watch) versions.push(version);
      })().catch((error: unknown) => error),
    );
    await time.until(mapB.size());
    for (let i = 0; i < 10; i++) {
      const at = (round * 3 + i) % (round + 1);
      const { version } = await time.until(mapA.set(`k${at}/x`, i));
      made[at]?.push(version);
      await time.runFor(97);
      if ((round * 10 + i) % 33 === 0) b.commands.lose(5);
    }
  }
  await time.runFor(10_000);
  assert.deepEqual(seen, made);
  b.commands.close();
  await time.until(Promise.all(ends));
});

test('T66: too much changed between two sessions → watchCompacted after what was seen, never a silent gap', async () => {
  const { time, b, mapA, mapB } = setUp();
  const watch = mapB.watch();
  await time.until(mapA.set('a', 1));
  b.commands.cut(true);
  await time.runFor(10);
  b.commands.lose();
  for (let i = 0; i < 1100; i++) void mapA.set('a', i);
  await time.until(mapA.size());
  b.commands.cut(false);
  assert.deepEqual(
    (await given(time, watch, 1)).map(({ version }) => version),
    [1],
  );
  assert.equal(await time.until(codeOf(watch.next())), 'watchCompacted');
  assert.deepEqual(await time.until(watch.next()), { done: true, value: undefined });
});

test('T71: consumer that does not keep up → gets what was kept, then slowConsumer; it may go on from there', async () => {
  const { time, mapA, mapB, b } = setUp();
  const watch = mapB.watch();
  await time.until(mapB.size());
  for (let i = 0; i < 8300; i++) void mapA.set('a', i);
  time.rush(100);
  const seen = await given(time, watch, 8192);
  assert.equal(seen.at(-1)?.version, 8192);
  assert.equal(await time.until(codeOf(watch.next())), 'slowConsumer');
  assert.equal(b.commands.listenerCount, 0);
  const again = mapB.watch({ afterVersion: 8192 });
  assert.equal((await given(time, again, 108)).at(-1)?.version, 8300);
});

test('watch: left or aborted → the cluster is told, nothing is listened for; also if it was not established yet', async () => {
  const { time, b, mapA, mapB } = setUp();
  const controller = new AbortController();
  const watch = mapB.watch({ signal: controller.signal });
  await time.until(mapA.set('a', 1));
  await given(time, watch, 1);
  const waiting = codeOf(watch.next());
  controller.abort('enough');
  assert.equal(await time.until(waiting), 'cancelled');
  const early = mapB.watch();
  const earlyNext = early.next();
  await time.until(early.return());
  assert.deepEqual(await time.until(earlyNext), { done: true, value: undefined });
  await time.runFor(20);
  const ended = b.commands.submitted.filter((what) => what.endsWith('.21')).length;
  assert.equal(ended, 2, 'both watches are ended in the cluster');
  assert.equal(b.commands.listenerCount, 0);
  assert.equal(await time.until(codeOf(mapB.watch({ signal: AbortSignal.abort() }).next())), 'cancelled');
});

test('watch: client closed → ends with closed, whatever it is doing', async () => {
  const { time, b, mapA, mapB } = setUp();
  const watch = mapB.watch();
  await time.until(mapA.set('a', 1));
  b.commands.lose();
  b.commands.close();
  assert.deepEqual((await given(time, watch, 1)).length, 1);
  assert.equal(await time.until(codeOf(watch.next())), 'closed');
});
