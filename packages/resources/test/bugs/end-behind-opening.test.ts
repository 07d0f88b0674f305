// Found by seed 1000007 of the simulation: a resignation that waited behind a resource that was being opened was dropped at its deadline, and so
// nobody else could lead for as long as the session lived.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type QuorateError, asQuorateError } from '@quorate/base';
import { FakeCluster, codeOf } from '../faces-cluster.js';

function setUp() {
  const cluster = new FakeCluster();
  const a = cluster.resources();
  const { resources: b } = cluster.resources();
  return { time: cluster.time, a: a.resources, commands: a.commands, b };
}

/** Nothing arrives any more, and all calls of this client wait until a counter is opened. */
function holdUp({ a, commands }: ReturnType<typeof setUp>, calls = 1): void {
  commands.cut(true);
  for (let i = 0; i < calls; i++) a.counter('new').add(1, { deadlineMs: 60_000 }).catch(ignored);
}

function ignored(error: QuorateError): void {
  assert.equal(asQuorateError(error).code, 'unavailable');
}

test('lock: the deadline of a release passes behind a resource that is being opened → it is released all the same', async () => {
  const rig = setUp();
  const { time, a, b, commands } = rig;
  const held = await time.until(a.lock('l').acquire());
  holdUp(rig);
  assert.equal(await time.until(codeOf(held.release({ deadlineMs: 100 }))), 'unavailable');
  // Longer than any call by itself waits.
  await time.runFor(10_000);
  commands.cut(false);
  await time.runFor(10);
  assert.equal(await time.until(b.lock('l').holder()), null);
});

test('election: a resignation is aborted behind a resource that is being opened → the next one leads all the same', async () => {
  const rig = setUp();
  const { time, a, b, commands } = rig;
  const leadership = await time.until(a.election('e').campaign());
  const next = b.election('e').campaign();
  await time.runFor(10);
  holdUp(rig);
  const controller = new AbortController();
  const resigned = codeOf(leadership.resign({ signal: controller.signal }));
  time.set(100, () => controller.abort());
  assert.equal(await time.until(resigned), 'aborted');
  commands.cut(false);
  assert.ok((await time.until(next)).isHeld);
});

test('lock: so much waits in the client that it takes no more calls → what is released or taken back then is, once there is room', async () => {
  const rig = setUp();
  const { time, a, b, commands } = rig;
  const held = await time.until(a.lock('l').acquire());
  const other = await time.until(b.lock('m').acquire());
  const controller = new AbortController();
  const waiting = codeOf(a.lock('m').acquire({ signal: controller.signal }));
  await time.runFor(10);
  holdUp(rig, 16_384);
  await time.runFor(1);
  assert.equal(await time.until(codeOf(a.counter('new').add(1))), 'overloaded');
  const released = codeOf(held.release({ deadlineMs: 100 }));
  controller.abort();
  assert.equal(await time.until(waiting), 'aborted');
  assert.equal(await time.until(released), 'unavailable');
  commands.cut(false);
  await time.runFor(1000);
  assert.equal(await time.until(b.lock('l').holder()), null);
  await time.until(other.release());
  await time.runFor(10);
  assert.equal(await time.until(b.lock('m').holder()), null);
});

test('lock: a release with a deadline that is none → invalidArgument, still held, and the next release works', async () => {
  const { time, a, b } = setUp();
  const held = await time.until(a.lock('l').acquire());
  for (const deadlineMs of [0, -1, Number.NaN, '5' as never]) {
    assert.equal(await time.until(codeOf(held.release({ deadlineMs }))), 'invalidArgument', String(deadlineMs));
  }
  assert.ok(held.isHeld);
  await time.until(held.release());
  assert.equal(await time.until(b.lock('l').holder()), null);
});

test('election: the last observer leaves while the client takes no calls, another one comes before that is told → it hears of every leader', async () => {
  const rig = setUp();
  const { time, a, b, commands } = rig;
  const leaders: unknown[] = [];
  const observe = (signal: AbortSignal) =>
    (async () => {
      for await (const leader of a.election('e').observe({ signal })) leaders.push(leader?.about ?? null);
    })().catch((error: unknown) => assert.equal(asQuorateError(error).code, 'cancelled'));
  const first = new AbortController();
  const left = observe(first.signal);
  await time.runFor(10);
  holdUp(rig, 16_384);
  await time.runFor(1);
  first.abort();
  await time.until(left);
  commands.cut(false);
  await time.runFor(50);
  const second = new AbortController();
  const watching = observe(second.signal);
  await time.runFor(1000);
  leaders.length = 0;
  const leadership = await time.until(b.election<string>('e').campaign('b'));
  await time.until(leadership.resign());
  await time.runFor(10);
  assert.deepEqual(leaders, ['b', null]);
  second.abort();
  await time.until(watching);
});
