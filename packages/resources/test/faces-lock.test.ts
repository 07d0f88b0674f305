import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { FakeCluster, codeOf } from './faces-cluster.js';

function setUp() {
  const cluster = new FakeCluster();
  const { time } = cluster;
  const a = cluster.resources();
  const b = cluster.resources();
  return { cluster, time, a, b, lockA: a.resources.lock('lock'), lockB: b.resources.lock('lock') };
}

test('lock: acquired, asked for by another, released → the other gets it with a greater token, in order', async () => {
  const { time, lockA, lockB } = setUp();
  const first = await time.until(lockA.acquire());
  assert.ok(first.isHeld);
  assert.deepEqual((await time.until(lockB.holder()))?.token, first.token);
  const waiting = lockB.acquire();
  await time.runFor(60_000);
  assert.equal((await time.until(lockA.holder()))?.waiters, 1);
  await time.until(first.release());
  assert.ok(!first.isHeld && !first.lost.aborted);
  const second = await time.until(waiting);
  assert.ok(second.isHeld && second.token.index > first.token.index);
  assert.deepEqual(second.fence, { group: 1, resource: second.fence.resource, token: second.token });
  await time.until(second.release());
  await time.until(second.release());
  assert.equal(await time.until(lockA.holder()), null);
});

test('lock: held → another try gives null, a wait ends with lockTimeout (safe), and nothing is left behind', async () => {
  const { time, lockA, lockB, b } = setUp();
  const held = await time.until(lockA.acquire());
  assert.equal(await time.until(lockB.tryAcquire()), null);
  const refused = await time.until(
    lockB.acquire({ waitMs: 300 }).then(
      () => null,
      (error: unknown) => error,
    ),
  );
  assert.ok(refused instanceof QuorateError);
  assert.deepEqual([refused.code, refused.retry], ['lockTimeout', 'safe']);
  assert.equal(await time.until(codeOf(lockB.acquire({ waitMs: 0 }))), 'lockTimeout');
  assert.equal((await time.until(lockB.holder()))?.waiters, 0);
  assert.equal(b.commands.listenerCount, 0, 'nothing is listened for while nothing is claimed');
  await time.until(held.release());
  assert.ok((await time.until(lockB.tryAcquire()))?.isHeld);
});

test('lock: wait aborted → aborted with its reason, the claim is taken back', async () => {
  const { time, lockA, lockB } = setUp();
  const held = await time.until(lockA.acquire());
  const controller = new AbortController();
  const waiting = codeOf(lockB.acquire({ signal: controller.signal }));
  await time.runFor(50);
  controller.abort('enough');
  assert.equal(await time.until(waiting), 'aborted');
  await time.runFor(50);
  assert.equal((await time.until(lockA.holder()))?.waiters, 0);
  await time.until(held.release());
  assert.equal(await time.until(lockB.holder()), null);
});

test('lock: wait aborted while the grant is on its way → the lock is free again (rule 21)', async () => {
  for (const abortAfterMs of [0, 1, 2, 3, 4, 5, 6]) {
    const { time, cluster, lockA, lockB } = setUp();
    const held = await time.until(lockA.acquire());
    await time.until(lockB.holder());
    cluster.delayMs = () => 2;
    const controller = new AbortController();
    const waiting = lockB.acquire({ signal: controller.signal }).then(
      (lock) => lock.release().then(() => 'acquired'),
      (error: QuorateError) => error.code,
    );
    await time.runFor(20);
    void held.release();
    await time.runFor(abortAfterMs);
    controller.abort();
    await time.until(waiting);
    await time.runFor(20);
    assert.equal(await time.until(lockA.holder()), null, `aborted after ${abortAfterMs} ms`);
  }
});

test('lock: abort before the command is answered → its late grant is taken back', async () => {
  const { time, cluster, lockA, lockB } = setUp();
  await time.until(lockA.holder());
  cluster.delayMs = () => 10;
  const controller = new AbortController();
  const claim = codeOf(lockA.acquire({ signal: controller.signal }));
  await time.runFor(5);
  controller.abort();
  assert.equal(await time.until(claim), 'aborted');
  await time.runFor(100);
  assert.ok((await time.until(lockB.tryAcquire()))?.isHeld);
});

test('lock: the cluster does not answer in time → unavailable (safe), the late grant is taken back', async () => {
  const { time, a, lockA, lockB } = setUp();
  await time.until(lockA.holder());
  a.commands.cut(true);
  const started = time.nowMs();
  assert.equal(await time.until(codeOf(lockA.acquire({ deadlineMs: 300 }))), 'unavailable');
  assert.equal(time.nowMs() - started, 300);
  a.commands.cut(false);
  await time.runFor(50);
  assert.equal(await time.until(lockB.holder()), null);
});

test('lock: sent only after its deadline, as another resource was being opened, and not answered → still ends with unavailable', async () => {
  const { time, a, lockA } = setUp();
  await time.until(lockA.holder());
  a.commands.cut(true);
  const counted = a.resources.counter('new').add(1, { deadlineMs: 1000 });
  const claim = codeOf(lockA.acquire({ deadlineMs: 300 }));
  const startMs = time.nowMs();
  await time.runFor(350);
  a.commands.cut(false);
  await time.runFor(1);
  a.commands.cut(true);
  assert.equal(await time.until(claim), 'unavailable');
  assert.equal(time.nowMs() - startMs, 400);
  a.commands.cut(false);
  assert.equal(await time.until(counted), 1);
  await time.runFor(20);
  assert.equal(await time.until(lockA.holder()), null);
});

test('T57: session of the holder lost → lost aborts with the error, isHeld is false, the next holds with a greater token, a late release is notHeld', async () => {
  const { time, a, lockA, lockB } = setUp();
  const held = await time.until(lockA.acquire());
  let told = 0;
  held.lost.addEventListener('abort', () => told++);
  const waiting = lockB.acquire();
  await time.runFor(20);
  a.commands.lose(100);
  assert.ok(held.lost.aborted && !held.isHeld);
  assert.equal(told, 1);
  assert.equal((held.lost.reason as QuorateError).code, 'sessionExpired');
  const next = await time.until(waiting);
  assert.ok(next.token.index > held.token.index);
  assert.equal(await time.until(codeOf(held.release())), 'notHeld');
  assert.ok(next.isHeld);
  await time.until(held[Symbol.asyncDispose]());
  await time.until(lockA.holder());
  assert.ok(!held.isHeld, 'a new session does not hold what the old one held');
});

test('T57: a process that was stopped → isHeld is false by the clock, before anybody was told', async () => {
  const { time, a, lockA } = setUp();
  const held = await time.until(lockA.acquire());
  a.commands.stateByClock = 'suspended';
  assert.ok(held.isHeld);
  a.commands.isDoubted = true;
  assert.ok(!held.isHeld && !held.lost.aborted, 'for longer than the disconnect grace');
  a.commands.isDoubted = false;
  a.commands.stateByClock = 'expired';
  assert.ok(!held.isHeld && !held.lost.aborted);
});

test('T57: the session of the holder is doubted → lost aborts, and the lock is given back when the session goes on; claims that wait go on waiting', async () => {
  const { time, a, lockA, lockB } = setUp();
  const held = await time.until(lockA.acquire());
  const waiting = lockA.acquire();
  const other = lockB.acquire();
  await time.runFor(20);
  a.commands.cut(true);
  a.commands.doubt(true);
  assert.ok(held.lost.aborted && !held.isHeld);
  assert.equal((held.lost.reason as QuorateError).code, 'sessionExpired');
  await time.runFor(1000);
  a.commands.doubt(false);
  assert.ok(!held.isHeld, 'lost once is lost');
  a.commands.cut(false);
  const second = await time.until(waiting);
  assert.ok(second.isHeld && !second.lost.aborted);
  assert.equal(await time.until(codeOf(held.release())), 'notHeld');
  await time.until(second.release());
  assert.ok((await time.until(other)).isHeld);
});

test('lock: session lost while waiting → the wait ends with sessionExpired, and a new one goes on', async () => {
  const { time, b, lockA, lockB } = setUp();
  const held = await time.until(lockA.acquire());
  const waiting = codeOf(lockB.acquire());
  await time.runFor(20);
  b.commands.lose();
  assert.equal(await time.until(waiting), 'sessionExpired');
  const again = lockB.acquire();
  await time.runFor(20);
  await time.until(held.release());
  assert.ok((await time.until(again)).isHeld);
});

test('lock: acquired twice by one client → not re-entrant, the second waits for the first', async () => {
  const { time, lockA } = setUp();
  const first = await time.until(lockA.acquire());
  assert.equal(await time.until(codeOf(lockA.acquire({ waitMs: 100 }))), 'lockTimeout');
  const second = lockA.acquire();
  await time.until(first.release());
  assert.ok((await time.until(second)).isHeld);
});

test('lock: fenced write with the token of an earlier holder → fenced', async () => {
  const { time, a, b, lockA, lockB } = setUp();
  const held = await time.until(lockA.acquire());
  const mapA = a.resources.map<number>('map');
  await time.until(mapA.set('x', 1, { fence: held.fence }));
  a.commands.lose();
  const next = await time.until(lockB.acquire());
  assert.equal(await time.until(codeOf(mapA.set('x', 2, { fence: held.fence }))), 'fenced');
  assert.equal(await time.until(codeOf(a.resources.counter('counter').add(1, { fence: held.fence }))), 'fenced');
  await time.until(b.resources.map<number>('map').set('x', 3, { fence: next.fence }));
  assert.equal((await time.until(mapA.get('x')))?.value, 3);
});

test('lock: left by await using → free; deadline of the release passed → unavailable, and it is released all the same', async () => {
  const { time, a, lockA, lockB } = setUp();
  await time.until(
    (async () => {
      await using held = await lockA.acquire();
      assert.ok(held.isHeld);
    })(),
  );
  assert.equal(await time.until(lockB.holder()), null);
  const held = await time.until(lockA.acquire());
  a.commands.cut(true);
  assert.equal(await time.until(codeOf(held.release({ deadlineMs: 100 }))), 'unavailable');
  a.commands.cut(false);
  await time.runFor(10);
  assert.equal(await time.until(lockB.holder()), null);
});

test('lock: release with an aborted signal → nothing was sent, and the next release works', async () => {
  const { time, lockA } = setUp();
  const held = await time.until(lockA.acquire());
  assert.equal(await time.until(codeOf(held.release({ signal: AbortSignal.abort() }))), 'cancelled');
  assert.ok(held.isHeld);
  await time.until(held.release());
  assert.equal(await time.until(lockA.holder()), null);
});

test('lock: bad times → invalidArgument, nothing is claimed', async () => {
  const { time, lockA } = setUp();
  for (const waitMs of [-1, 1.5, Number.NaN, 2 ** 60, '5' as never]) {
    assert.equal(await time.until(codeOf(lockA.acquire({ waitMs }))), 'invalidArgument', String(waitMs));
  }
  for (const deadlineMs of [0, -1, Number.NaN, '5' as never]) {
    assert.equal(await time.until(codeOf(lockA.acquire({ deadlineMs }))), 'invalidArgument', String(deadlineMs));
  }
  assert.equal(await time.until(lockA.holder()), null);
});

test('lock: client closed → claims that wait end with closed, what is held is lost', async () => {
  const { time, a, b, lockA, lockB } = setUp();
  const held = await time.until(lockA.acquire());
  const waiting = codeOf(lockB.acquire());
  await time.runFor(10);
  b.commands.close();
  assert.equal(await time.until(waiting), 'closed');
  assert.equal(await time.until(codeOf(lockB.acquire())), 'closed');
  a.commands.close();
  assert.ok(held.lost.aborted);
});
