import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SimScheduler } from '@quorate/testkit';

/** A process and the moments, in true time and by its own clock, at which its timers rang. */
function timed(rate: number, ...delaysMs: number[]) {
  const scheduler = new SimScheduler();
  const process = scheduler.forNode('a', { rate });
  const rang: { readonly delayMs: number; readonly atMs: number; readonly localMs: number }[] = [];
  const set = (delayMs: number): void => {
    const setMs = process.clock.nowMs();
    process.timers.set(delayMs, () => rang.push({ delayMs, atMs: scheduler.nowMs, localMs: process.clock.nowMs() - setMs }));
  };
  for (const delayMs of delaysMs) set(delayMs);
  return { scheduler, process, rang, set };
}

test('clock: it jumps ahead → timers that were due meanwhile ring at once, the others that much earlier, none before its time by the clock', () => {
  const { scheduler, process, rang } = timed(1, 50, 100, 1000);
  scheduler.runFor(10);
  process.jumpClock(200);
  assert.equal(process.clock.nowMs(), 210);
  scheduler.runFor(2000);
  assert.deepEqual(
    rang.map(({ delayMs, atMs }) => [delayMs, atMs]),
    [
      [50, 10],
      [100, 10],
      [1000, 800],
    ],
  );
  for (const { delayMs, localMs } of rang) assert.ok(localMs >= delayMs);
});

test('clock: it stands still → neither it nor its timers go on, what others send is heard; then both do, where they stood', () => {
  const { scheduler, process, rang, set } = timed(1, 50);
  scheduler.runFor(10);
  process.freezeClock(500);
  assert.ok(process.isClockFrozen);
  let heardMs = -1;
  scheduler.schedule(scheduler.nowMs + 100, () => (heardMs = process.clock.nowMs()), process);
  scheduler.runFor(300);
  set(20);
  assert.deepEqual([heardMs, process.clock.nowMs(), rang.length], [10, 10, 0]);
  scheduler.runFor(1000);
  assert.deepEqual(
    rang.map(({ delayMs, atMs, localMs }) => [delayMs, atMs, localMs]),
    [
      [20, 530, 20],
      [50, 550, 50],
    ],
  );
  assert.equal(process.clock.nowMs(), 810);
});

test('clock: it stands still and is let go earlier → it goes on from there', () => {
  const { scheduler, process, rang } = timed(1, 50);
  process.freezeClock(500);
  scheduler.runFor(100);
  process.thawClock();
  assert.ok(!process.isClockFrozen);
  scheduler.runFor(100);
  assert.deepEqual(rang, [{ delayMs: 50, atMs: 150, localMs: 50 }]);
  assert.equal(process.clock.nowMs(), 100);
});

test('clock: its rate changes → what it showed stays, timers ring by the new rate, never early by the clock', () => {
  for (const rate of [0.5, 0.996, 1.004, 2]) {
    const { scheduler, process, rang } = timed(1.001, 100, 1000);
    scheduler.runFor(500);
    const before = process.clock.nowMs();
    process.driftClock(rate);
    assert.equal(process.clock.nowMs(), before);
    scheduler.runFor(2000);
    assert.ok(Math.abs(process.clock.nowMs() - before - 2000 * rate) < 1e-6);
    for (const { delayMs, localMs } of rang) assert.ok(localMs >= delayMs && localMs < delayMs + 0.02, `${delayMs}: ${localMs} at ${rate}`);
    assert.equal(rang.length, 2);
  }
});

test('clock: the time of day is changed, either way → timers and the monotonic clock do not care', () => {
  const { scheduler, process, rang } = timed(1, 100);
  const wallMs = process.clock.wallMs();
  for (const ms of [3_600_000, -7_200_000]) process.jumpWall(ms);
  scheduler.runFor(100);
  assert.deepEqual([process.clock.wallMs() - wallMs, process.clock.nowMs(), rang[0]?.atMs], [-3_600_000 + 100, 100, 100]);
});
