// Found by seed 787573664 of the simulation: a process was stopped for longer than its session lived and was granted the lead meanwhile. When it went
// on it was first told that it leads, and then that it has lost it, while another led: for a moment there were two.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeCluster, codeOf } from '../faces-cluster.js';

function setUp() {
  const cluster = new FakeCluster();
  const a = cluster.resources();
  return { time: cluster.time, a: a.resources, commands: a.commands, b: cluster.resources().resources };
}

test('T57: a lock that waited is granted while the session is doubted → the wait ends with sessionExpired, and the lock is given back', async () => {
  const { time, a, commands, b } = setUp();
  const first = await time.until(b.lock('l').acquire());
  const waiting = codeOf(a.lock('l').acquire());
  await time.runFor(20);
  commands.doubt(true);
  await time.until(first.release());
  assert.equal(await time.until(waiting), 'sessionExpired');
  await time.runFor(20);
  assert.equal(await time.until(b.lock('l').holder()), null);
});

test('T57: a lock is granted at once while the session is doubted → sessionExpired, given back; once there is contact again it can be had', async () => {
  const { time, a, commands, b } = setUp();
  commands.doubt(true);
  for (const claim of ['acquire', 'tryAcquire'] as const) {
    assert.equal(await time.until(codeOf(a.lock('l')[claim]())), 'sessionExpired', claim);
    await time.runFor(20);
    assert.equal(await time.until(b.lock('l').holder()), null);
  }
  commands.doubt(false);
  assert.ok((await time.until(a.lock('l').acquire())).isHeld);
});

test('T57: elected after the session was over by the clock, before anybody was told → sessionExpired, and the next one leads', async () => {
  const { time, a, commands, b } = setUp();
  const first = await time.until(b.election('e').campaign());
  const waiting = codeOf(a.election('e').campaign());
  await time.runFor(20);
  const next = b.election('e').campaign();
  commands.stateByClock = 'expired';
  await time.until(first.resign());
  assert.equal(await time.until(waiting), 'sessionExpired');
  assert.ok((await time.until(next)).isHeld);
});
