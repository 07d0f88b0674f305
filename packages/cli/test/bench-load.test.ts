import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { type Driver, GapProbe, Histogram, Load } from '@quorate/cli/bench';

const NOTHING = (): Promise<void> => Promise.resolve();

/** Answers operations when it is told to. */
class HeldDriver implements Driver {
  readonly held: ((errorCode: string | null) => void)[] = [];
  readonly turns: number[] = [];
  close: () => Promise<void> = NOTHING;
  call(turn: number, done: (errorCode: string | null) => void): void {
    this.turns.push(turn);
    this.held.push(done);
  }
  release(): void {
    for (const done of this.held.splice(0)) done(null);
  }
}

function histogramOf(counts: Histogram['counts']): Histogram {
  const histogram = new Histogram();
  histogram.merge(counts);
  return histogram;
}

test('load without a rate: operations in flight → as many as asked for, never more, and the next one begins when one ends', async () => {
  const driver = new HeldDriver();
  const load = new Load(driver, { inFlight: 3, rate: null });
  load.start();
  load.beginMeasure();
  assert.deepEqual(driver.turns, [0, 1, 2]);
  driver.release();
  assert.deepEqual(driver.turns, [0, 1, 2, 3, 4, 5]);
  const { operations, behind, errors } = load.endMeasure();
  assert.deepEqual([operations, behind, errors], [3, 0, {}]);
  const stopped = load.stop();
  driver.release();
  await stopped;
  assert.equal(driver.turns.length, 6);
});

test('load with a rate: servers stall → the latency counts from when each operation was due, not from when there was room for it', async () => {
  const driver = new HeldDriver();
  const load = new Load(driver, { inFlight: 1, rate: 1000 });
  load.start();
  load.beginMeasure();
  await delay(300);
  // All that became due meanwhile now goes through at once.
  driver.call = (_, done) => void setImmediate(done, null);
  driver.release();
  await delay(100);
  const { latency, operations } = load.endMeasure();
  await load.stop();
  const waited = histogramOf(latency)
    .rows()
    .filter(([upToMs]) => upToMs > 110);
  const waitedCount = waited.reduce((sum, [, count]) => sum + count, 0);
  // A load that only looks at what it sent would count one slow operation.
  assert.ok(waitedCount >= 150, `${waitedCount} of ${operations} waited long`);
});

test('load with a rate: more than the servers can do → what was due and did not begin is told, and its wait counts', async () => {
  const driver = new HeldDriver();
  const load = new Load(driver, { inFlight: 2, rate: 1000 });
  load.start();
  load.beginMeasure();
  await delay(200);
  const { latency, operations, behind } = load.endMeasure();
  assert.equal(operations, 0);
  assert.ok(behind >= 150, `${behind} behind`);
  assert.equal(histogramOf(latency).count, behind);
  assert.ok(histogramOf(latency).maxMs >= 150);
  const stopped = load.stop();
  driver.release();
  await stopped;
});

test('load: operations fail → counted by code, not among the latencies, and the load goes on after a rest', async () => {
  let calls = 0;
  let recovered = (): void => {};
  const goesOn = new Promise<void>((resolve) => (recovered = resolve));
  const driver: Driver = {
    call: (_, done) => {
      calls++;
      if (calls > 3) recovered();
      setImmediate(done, calls <= 3 ? 'unavailable' : null);
    },
    close: NOTHING,
  };
  const load = new Load(driver, { inFlight: 1, rate: null });
  load.start();
  load.beginMeasure();
  await goesOn;
  const stopped = load.stop();
  await stopped;
  const { errors, latency } = load.endMeasure();
  assert.deepEqual(errors, { unavailable: 3 });
  assert.equal(histogramOf(latency).count, calls - 3);
});

test('gap probe: nothing is acknowledged for a while → the gap, seen by an operation that began after it; hanging ones hold nothing up', async () => {
  const driver = new HeldDriver();
  driver.call = (_, done) => void setImmediate(done, null);
  const probe = new GapProbe(driver, 1);
  try {
    assert.notEqual(await probe.acknowledged(performance.now(), 30_000), null);
    probe.reset();
    driver.call = (_, done) => void driver.held.push(done);
    const fromMs = performance.now();
    assert.equal(await probe.acknowledged(fromMs, 200), null);
    driver.call = (_, done) => void setImmediate(done, null);
    const ackMs = await probe.acknowledged(fromMs, 30_000);
    // Timers of Node.js count in whole ms and may ring up to one early.
    assert.ok(ackMs !== null && ackMs - fromMs > 198, `${ackMs} after ${fromMs}`);
    assert.ok(probe.longestMs > 198, `${probe.longestMs}`);
    // What began before says nothing of those that take over.
    driver.call = (_, done) => void driver.held.push(done);
    const before = driver.held.length;
    while (driver.held.length === before) await delay(1);
    const after = probe.acknowledged(performance.now() + 0.001, 100);
    driver.call = () => {};
    driver.release();
    assert.equal(await after, null);
  } finally {
    probe.stop();
  }
});
