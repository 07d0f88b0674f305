import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { QuorateError } from '@quorate/base';
import { COUNTER, LOCK, MAP, ResourceClient } from '@quorate/resources';
import { FakeCluster, GROUP, codeOf } from './faces-cluster.js';

function setUp() {
  const cluster = new FakeCluster();
  const { time } = cluster;
  const commands = cluster.client();
  const client = new ResourceClient(commands, { group: GROUP, clock: time, timers: time });
  return { cluster, time, commands, client };
}

function settled(log: string[], name: string) {
  return (error: QuorateError | null, result: unknown): void => {
    log.push(`${name} ${error === null ? JSON.stringify(result) : error.code}`);
  };
}

test('rule 23: calls to several resources that are not open yet → take effect in the order of calls, opened side by side', async () => {
  const { time, commands, client } = setUp();
  const log: string[] = [];
  const names = ['a', 'b', 'a', 'c', 'b', 'a'];
  for (const [at, name] of names.entries()) {
    client.handle(COUNTER, name).command('set', { value: at, fence: null }, {}, settled(log, `${name}${at}`));
    client.handle(COUNTER, 'a').query('get', {}, {}, settled(log, `get${at}`));
  }
  const startMs = time.nowMs();
  await time.runFor(20);
  assert.deepEqual(log, ['a0 0', 'get0 0', 'b1 0', 'get1 0', 'a2 0', 'get2 2', 'c3 0', 'get3 2', 'b4 1', 'get4 2', 'a5 2', 'get5 5']);
  assert.deepEqual(commands.submitted.slice(0, 3), ['openResource a', 'openResource b', 'openResource c']);
  assert.equal(commands.submitted.filter((what) => what.startsWith('openResource')).length, 3);
  assert.ok(time.nowMs() - startMs <= 20);
});

test('rule 23: a resource opened while another is in use → later calls of the open one wait behind it', async () => {
  const { time, client } = setUp();
  const log: string[] = [];
  const a = client.handle(COUNTER, 'a');
  a.command('add', { delta: 1, fence: null }, {}, settled(log, 'a1'));
  await time.runFor(10);
  client.handle(COUNTER, 'b').command('add', { delta: 1, fence: null }, {}, settled(log, 'b'));
  a.command('add', { delta: 1, fence: null }, {}, settled(log, 'a2'));
  await time.runFor(10);
  assert.deepEqual(log, ['a1 1', 'b 1', 'a2 2']);
});

test('handle: the same name → the same handle; with another type or version → kindMismatch, here and in the cluster', async () => {
  const { cluster, time, client } = setUp();
  assert.equal(client.handle(COUNTER, 'a'), client.handle(COUNTER, 'a'));
  assert.throws(
    () => client.handle(LOCK, 'a'),
    (error: QuorateError) => error.code === 'kindMismatch' && error.details['type'] === 'counter',
  );
  assert.throws(() => client.handle({ ...COUNTER, version: 2 }, 'a'), { code: 'kindMismatch' });
  assert.throws(() => client.handle(COUNTER, 7 as never), { code: 'invalidArgument' });
  const log: string[] = [];
  client.handle(COUNTER, 'a').query('get', {}, {}, settled(log, 'counter'));
  await time.runFor(10);
  const other = cluster.resources().resources;
  assert.equal(await time.until(codeOf(other.lock('a').holder())), 'kindMismatch');
  assert.equal(await time.until(codeOf(other.counter('').get())), 'nameInvalid');
  assert.equal(await time.until(codeOf(other.counter('a').get())), 'resolved: 0');
});

test('handle: opening refused → its own calls end with that, the others go on in order', async () => {
  const { cluster, time, client } = setUp();
  await time.until(cluster.resources().resources.counter('taken').get());
  const log: string[] = [];
  client.handle(MAP, 'taken').query('size', {}, {}, settled(log, 'map1'));
  client.handle(COUNTER, 'free').command('add', { delta: 5, fence: null }, {}, settled(log, 'counter'));
  client.handle(MAP, 'taken').query('size', {}, {}, settled(log, 'map2'));
  await time.runFor(20);
  assert.deepEqual(log.toSorted(), ['counter 5', 'map1 kindMismatch', 'map2 kindMismatch']);
});

test('handle: nothing reaches the cluster → each call ends at its own deadline with unavailable (safe), and the next ones work', async () => {
  const { time, commands, client } = setUp();
  commands.cut(true);
  const log: string[] = [];
  const startMs = time.nowMs();
  const told = (name: string) => (error: QuorateError | null) =>
    void log.push(`${name} ${error?.code} ${error?.retry} ${time.nowMs() - startMs}`);
  const counter = client.handle(COUNTER, 'a');
  counter.command('add', { delta: 1, fence: null }, { deadlineMs: 1000 }, told('long'));
  counter.command('add', { delta: 2, fence: null }, { deadlineMs: 300 }, told('short'));
  counter.command('add', { delta: 4, fence: null }, { deadlineMs: 2000 }, told('longer'));
  await time.runFor(10_000);
  assert.deepEqual(log, ['short unavailable safe 400', 'long unavailable safe 1000', 'longer unavailable safe 2000']);
  commands.cut(false);
  const later: string[] = [];
  counter.command('add', { delta: 8, fence: null }, {}, settled(later, 'later'));
  await time.runFor(20);
  assert.deepEqual(later, ['later 8']);
});

test('handle: session lost while a resource is opened → its calls go on in the next session', async () => {
  const { cluster, time, commands, client } = setUp();
  await time.until(cluster.resources().resources.counter('other').get());
  const log: string[] = [];
  client.handle(COUNTER, 'first').query('get', {}, {}, settled(log, 'first'));
  await time.runFor(20);
  cluster.delayMs = () => 10;
  client.handle(COUNTER, 'a').command('add', { delta: 1, fence: null }, {}, settled(log, 'add'));
  client.handle(COUNTER, 'first').command('add', { delta: 1, fence: null }, {}, settled(log, 'behind'));
  await time.runFor(5);
  commands.lose();
  await time.runFor(100);
  assert.deepEqual(log, ['first 0', 'add 1', 'behind 1']);
});

test('handle: given up while its resource is opened → cancelled, never sent; those behind go on', async () => {
  const { time, commands, client } = setUp();
  const log: string[] = [];
  const a = client.handle(COUNTER, 'a');
  client.handle(COUNTER, 'b').query('get', {}, {}, settled(log, 'b'));
  await time.runFor(20);
  const first = a.command('add', { delta: 1, fence: null }, {}, settled(log, 'first'));
  client.handle(COUNTER, 'b').command('add', { delta: 1, fence: null }, {}, settled(log, 'behind'));
  const asked = commands.submitted.length;
  first.cancel();
  first.cancel();
  assert.deepEqual(log, ['b 0', 'first cancelled']);
  assert.deepEqual(commands.submitted.slice(asked).length, 1, 'the one behind goes at once, as nobody waits for the opening');
  await time.runFor(20);
  a.query('get', {}, {}, settled(log, 'get'));
  await time.runFor(20);
  assert.deepEqual(log.slice(2), ['behind 1', 'get 0']);
});

test('T77: bad calls → told by done, once, later, with what is wrong; nothing is sent', async () => {
  const { time, commands, client } = setUp();
  const log: string[] = [];
  const counter = client.handle(COUNTER, 'a');
  const map = client.handle(MAP, 'm');
  counter.command('add', { delta: 0.5, fence: null }, {}, settled(log, 'half'));
  counter.command('add', null as never, {}, settled(log, 'null'));
  counter.command('get' as never, {} as never, {}, settled(log, 'kind'));
  counter.query('toString' as never, {} as never, {}, settled(log, 'name'));
  counter.query('get', {}, { deadlineMs: -1 }, settled(log, 'time'));
  counter.query('get', {}, { consistency: 'soon' as never }, settled(log, 'consistency'));
  map.query('get', { key: new Uint8Array(5000) }, {}, settled(log, 'key'));
  assert.deepEqual(log, []);
  await time.runFor(10);
  assert.deepEqual(
    log,
    ['half', 'null', 'kind', 'name', 'time', 'consistency', 'key'].map((name) => `${name} invalidArgument`),
  );
  assert.deepEqual(commands.submitted, []);
});

test('T71: too many calls wait for a resource → overloaded, and those that wait are told of in order', async () => {
  const { time, commands, client } = setUp();
  commands.cut(true);
  const counts = { overloaded: 0, done: 0 };
  const counter = client.handle(COUNTER, 'a');
  for (let i = 0; i < 17_000; i++) {
    counter.command('add', { delta: 1, fence: null }, {}, (error, result) => {
      if (error !== null) counts[error.code as 'overloaded']++;
      else assert.equal(result, ++counts.done);
    });
  }
  await time.runFor(0);
  assert.equal(counts.overloaded, 17_000 - 16_384);
  commands.cut(false);
  await drain(time, () => counts.done === 16_384);
});

async function drain(time: FakeCluster['time'], isDone: () => boolean): Promise<void> {
  for (let i = 0; i < 100 && !isDone(); i++) await time.runFor(10);
  assert.ok(isDone());
}

test('handle: a callback that throws → is logged, the others are told', async () => {
  const cluster = new FakeCluster();
  const { time } = cluster;
  const { resources, commands } = cluster.resources();
  const lock = resources.client.handle(LOCK, 'lock');
  const log: string[] = [];
  lock.listen({
    events: {
      acquired: () => {
        throw new Error('mine');
      },
    },
  });
  lock.listen({
    events: { acquired: ({ ticket }) => void log.push(`acquired ${ticket > 0}`) },
    sessionLost: ({ code }) => void log.push(code),
  });
  const held = await time.until(resources.lock('lock').acquire());
  const waiting = resources.lock('lock').acquire();
  await time.until(held.release());
  await time.until(waiting);
  commands.lose();
  assert.deepEqual(log, ['acquired true', 'sessionExpired']);
  assert.equal(cluster.thrown.length, 1);
  assert.match(cluster.thrown[0] ?? '', /callbackThrew.*mine/);
});

test('rule 25: fields of an event are only lent → what a listener keeps stays as it was', async () => {
  const { time, client } = setUp();
  const map = client.handle(MAP, 'map');
  const kept: Uint8Array[] = [];
  map.listen({ events: { changed: ({ key, value }) => void kept.push(key, value as Uint8Array) } });
  map.command('watch', { key: new Uint8Array(0), isPrefix: true, afterVersion: null }, {}, () => {});
  map.command('set', { key: Uint8Array.of(1, 2), value: Uint8Array.of(3), ttlMs: null, fence: null }, {}, () => {});
  await time.runFor(20);
  assert.deepEqual(
    kept.map((bytes) => [...bytes]),
    [[1, 2], [3]],
  );
});

test('handle: nobody waits for a resource any more → its opening is given up', async () => {
  const { time, commands, client } = setUp();
  commands.cut(true);
  const log: string[] = [];
  client.handle(COUNTER, 'a').query('get', {}, { deadlineMs: Number.POSITIVE_INFINITY }, settled(log, 'get')).cancel();
  await time.runFor(10);
  assert.deepEqual(log, ['get cancelled']);
  assert.equal(commands.openCalls, 0);
});
