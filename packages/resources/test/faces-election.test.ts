import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster, codeOf } from './faces-cluster.js';

function setUp() {
  const cluster = new FakeCluster();
  const { time } = cluster;
  const a = cluster.resources();
  const b = cluster.resources();
  const c = cluster.resources();
  const electionOf = ({ resources }: typeof a) => resources.election<{ host: string }>('election');
  return { cluster, time, a, b, c, electionA: electionOf(a), electionB: electionOf(b), electionC: electionOf(c) };
}

test('election: candidates → lead in order of coming, each with a greater token; what they say of themselves is told', async () => {
  const { time, electionA, electionB, electionC } = setUp();
  assert.equal(await time.until(electionC.leader()), null);
  const first = await time.until(electionA.campaign({ host: 'a' }));
  const waiting = electionB.campaign();
  await time.runFor(30_000);
  const leader = await time.until(electionC.leader());
  assert.deepEqual([leader?.about, leader?.token, leader?.isOwn, leader?.fence], [{ host: 'a' }, first.token, false, first.fence]);
  assert.equal((await time.until(electionA.leader()))?.isOwn, true);
  await time.until(first.resign());
  const second = await time.until(waiting);
  assert.ok(second.isHeld && second.token.index > first.token.index);
  assert.deepEqual((await time.until(electionC.leader()))?.about, undefined);
  assert.equal(await time.until(codeOf(electionA.campaign({ host: 'x'.repeat(5000) }))), 'valueTooLarge');
});

test('T65: session of the leader lost → lost aborts, the next leads, a write of the old one is fenced', async () => {
  const { time, a, electionA, electionB } = setUp();
  const first = await time.until(electionA.campaign());
  const waiting = electionB.campaign();
  await time.runFor(10);
  a.commands.lose(50);
  assert.ok(first.lost.aborted && !first.isHeld);
  const second = await time.until(waiting);
  assert.ok(second.isHeld);
  assert.equal(await time.until(codeOf(first.resign())), 'notHeld');
  assert.equal(await time.until(codeOf(a.resources.counter('n').add(1, { fence: first.fence }))), 'fenced');
  assert.equal(await time.until(a.resources.counter('n').add(1, { fence: second.fence })), 1);
});

test('election: campaign aborted → withdrawn, also if it was elected meanwhile', async () => {
  for (const abortAfterMs of [0, 1, 2, 3, 4, 5]) {
    const { time, cluster, electionA, electionB } = setUp();
    const first = await time.until(electionA.campaign());
    await time.until(electionB.leader());
    cluster.delayMs = () => 2;
    const controller = new AbortController();
    const waiting = electionB.campaign({ host: 'b' }, { signal: controller.signal }).then(
      (won) => won.resign(),
      () => {},
    );
    await time.runFor(20);
    void first.resign();
    await time.runFor(abortAfterMs);
    controller.abort();
    await time.until(waiting);
    await time.runFor(20);
    assert.equal(await time.until(electionA.leader()), null, `after ${abortAfterMs} ms`);
  }
});

test('observe: the present leader first, then each change, also over a lost session; then nothing is told any more', async () => {
  const { time, c, electionA, electionB, electionC } = setUp();
  const seen: (string | null)[] = [];
  const observed = electionC.observe();
  const watching = (async () => {
    for await (const leader of observed) {
      seen.push(leader?.about?.host ?? null);
      if (seen.length === 5) break;
    }
  })();
  await time.runFor(10);
  const first = await time.until(electionA.campaign({ host: 'a' }));
  const waiting = electionB.campaign({ host: 'b' });
  await time.runFor(10);
  await time.until(first.resign());
  const second = await time.until(waiting);
  await time.runFor(10);
  assert.deepEqual(seen, [null, 'a', 'b']);
  c.commands.lose();
  await time.runFor(10);
  assert.deepEqual(seen, [null, 'a', 'b'], 'the same leader is not told again');
  c.commands.lose();
  await time.until(second.resign());
  await time.until(electionA.campaign({ host: 'a2' }));
  await time.runFor(20);
  assert.equal(seen.at(-1), 'a2');
  // In between nobody may have led, which a lost session may hide.
  if (seen.length < 5) await time.until(electionB.leader());
  await time.until(observed.return());
  await time.until(watching);
  await time.runFor(10);
  assert.equal(c.commands.listenerCount, 0);
});

test('observe: several observers of one client, one leaves → the other is still told', async () => {
  const { time, c, electionA, electionC } = setUp();
  const one = electionC.observe();
  const two = c.resources.election<{ host: string }>('election').observe();
  assert.equal((await time.until(one.next())).value, null);
  assert.equal((await time.until(two.next())).value, null);
  await time.until(one.return());
  const first = await time.until(electionA.campaign({ host: 'a' }));
  assert.deepEqual((await time.until(two.next())).value?.about, { host: 'a' });
  await time.until(two.return());
  await time.runFor(10);
  assert.deepEqual(c.commands.submitted.filter((what) => what.endsWith('.4')).length, 1, 'ended once in the cluster');
  await time.until(first.resign());
  const three = electionC.observe();
  assert.equal((await time.until(three.next())).value, null);
});

test('observe: nothing answers in time → unavailable; client closed → closed; aborted → cancelled', async () => {
  const { time, c, electionC } = setUp();
  await time.until(electionC.leader());
  c.commands.cut(true);
  assert.equal(await time.until(codeOf(electionC.observe({ deadlineMs: 100 }).next())), 'unavailable');
  c.commands.cut(false);
  const controller = new AbortController();
  const observed = electionC.observe({ signal: controller.signal });
  await time.until(observed.next());
  const next = codeOf(observed.next());
  controller.abort();
  assert.equal(await time.until(next), 'cancelled');
  const last = electionC.observe();
  await time.until(last.next());
  const closing = codeOf(last.next());
  c.commands.close();
  assert.equal(await time.until(closing), 'closed');
});
