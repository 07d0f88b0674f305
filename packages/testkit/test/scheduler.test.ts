import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SeededRandom, randomBetween } from '@quorate/base';
import { SimScheduler, SimulatedCrash, SimulationFault } from '@quorate/testkit';

test('scheduler: random timers → run by time, equal times in order of setting', () => {
  const random = new SeededRandom(7);
  const scheduler = new SimScheduler();
  const { timers } = scheduler.forNode('a');
  const expected: { at: number; order: number }[] = [];
  const ran: number[] = [];
  for (let order = 0; order < 2000; order++) {
    const at = randomBetween(random, 0, 50);
    expected.push({ at, order });
    timers.set(at, () => {
      assert.equal(scheduler.nowMs, at);
      ran.push(order);
    });
  }
  while (scheduler.step());
  assert.deepEqual(
    ran,
    expected.sort((x, y) => x.at - y.at || x.order - y.order).map((e) => e.order),
  );
});

test('scheduler: cleared timers, thousands of them → never run, others keep their order', () => {
  const random = new SeededRandom(8);
  const scheduler = new SimScheduler();
  const { timers } = scheduler.forNode('a');
  const kept: number[] = [];
  const ran: number[] = [];
  for (let i = 0; i < 10_000; i++) {
    const handle = timers.set(i % 97, () => ran.push(i));
    if (randomBetween(random, 0, 3) > 0) {
      timers.clear(handle);
      timers.clear(handle);
    } else kept.push(i);
  }
  scheduler.runFor(1000);
  assert.deepEqual(
    ran,
    kept.sort((a, b) => (a % 97) - (b % 97) || a - b),
  );
  assert.equal(scheduler.nowMs, 1000);
});

test('scheduler: deferred calls → after the events that are due now, before later ones, in order', () => {
  const scheduler = new SimScheduler();
  const { timers } = scheduler.forNode('a');
  const ran: string[] = [];
  timers.set(1, () => {
    timers.defer(() => ran.push('deferred 1'));
    timers.set(0, () => ran.push('set during'));
    timers.defer(() => ran.push('deferred 2'));
    ran.push('first');
  });
  timers.set(1, () => ran.push('second'));
  timers.set(1.5, () => ran.push('later'));
  scheduler.runFor(10);
  assert.deepEqual(ran, ['first', 'second', 'deferred 1', 'set during', 'deferred 2', 'later']);
});

test('process: killed → none of its timers runs again, those of others do', () => {
  const scheduler = new SimScheduler();
  const a = scheduler.forNode('a');
  const b = scheduler.forNode('b');
  const ran: string[] = [];
  a.timers.set(5, () => ran.push('a'));
  b.timers.set(5, () => ran.push('b'));
  a.timers.defer(() => ran.push('a deferred'));
  a.onKilled(() => ran.push('killed'));
  a.kill();
  a.kill();
  scheduler.runFor(10);
  assert.deepEqual(ran, ['killed', 'b']);
});

test('process: paused and resumed → its due events wait and then run in order, before newer ones', () => {
  const scheduler = new SimScheduler();
  const a = scheduler.forNode('a');
  const ran: [string, number][] = [];
  const note = (what: string) => () => ran.push([what, scheduler.nowMs]);
  a.timers.set(1, note('one'));
  a.timers.set(2, note('two'));
  const cleared = a.timers.set(3, note('cleared'));
  a.timers.set(10, note('ten'));
  scheduler.forNode('b').timers.set(2, note('b'));
  a.pause();
  scheduler.runFor(10);
  a.timers.clear(cleared);
  a.timers.set(0, note('new'));
  a.resume();
  scheduler.runFor(1);
  assert.deepEqual(ran, [
    ['b', 2],
    ['one', 10],
    ['two', 10],
    ['ten', 10],
    ['new', 10],
  ]);
});

test('process: stalled by a slow call → its clock is past the stall at once, its other events come after it', () => {
  const scheduler = new SimScheduler();
  const a = scheduler.forNode('a');
  const ran: [string, number, number][] = [];
  const note = (what: string): void => void ran.push([what, scheduler.nowMs, a.clock.nowMs()]);
  a.timers.set(1, () => {
    a.stall(5);
    note('stalls');
    a.timers.defer(() => note('deferred'));
    a.timers.set(1, () => note('timer after'));
  });
  a.timers.set(2, () => note('held'));
  a.timers.set(6, () => note('at the end'));
  scheduler.runFor(20);
  assert.deepEqual(ran, [
    ['stalls', 1, 6],
    ['held', 6, 6],
    ['at the end', 6, 6],
    ['deferred', 6, 6],
    ['timer after', 7, 7],
  ]);
});

test('process: fast and slow clocks → timers run after the delay by their own clock', () => {
  const scheduler = new SimScheduler();
  for (const rate of [0.9, 1.001, 1.1]) {
    const process = scheduler.forNode('a', { rate, startMs: 500 });
    const before = process.clock.nowMs();
    assert.equal(before, 500);
    let seen = 0;
    process.timers.set(100, () => {
      seen = process.clock.nowMs();
    });
    scheduler.runFor(200);
    assert.ok(seen >= before + 100 && seen < before + 100.01, `rate ${rate}: ${seen}`);
  }
});

test('scheduler: an endless loop without time → fails loudly with its label', () => {
  const scheduler = new SimScheduler({ stepsMax: 1000, label: 'seed 42' });
  const { timers } = scheduler.forNode('a');
  const again = (): void => timers.defer(again);
  again();
  assert.throws(
    () => scheduler.runFor(1),
    (error: unknown) => error instanceof SimulationFault && /1000 steps.*seed 42/.test(error.message),
  );
});

test('scheduler: a condition that never holds → fails with what was awaited, after exactly the time allowed', () => {
  const scheduler = new SimScheduler();
  assert.throws(() => scheduler.runUntil(() => false, { withinMs: 50, what: 'a leader' }), /not within 50 virtual ms: a leader/);
  assert.equal(scheduler.nowMs, 50);
});

test('scheduler: SimulatedCrash leaves an event → the simulation goes on; any other error → it stops', () => {
  const scheduler = new SimScheduler();
  const { timers } = scheduler.forNode('a');
  let ran = false;
  timers.defer(() => {
    throw new SimulatedCrash('gone');
  });
  timers.set(1, () => {
    ran = true;
  });
  timers.set(2, () => {
    throw new Error('bug');
  });
  scheduler.runFor(1.5);
  assert.ok(ran);
  assert.throws(() => scheduler.runFor(1), /bug/);
});

test('trace: same events → same hash; one more or a later one → another', () => {
  const run = (delays: number[]): string => {
    const scheduler = new SimScheduler();
    const { timers } = scheduler.forNode('a');
    for (const delay of delays) timers.set(delay, () => {});
    scheduler.runFor(100);
    return scheduler.traceHash;
  };
  assert.equal(run([1, 2, 3]), run([1, 2, 3]));
  assert.notEqual(run([1, 2, 3]), run([1, 2, 3.5]));
  assert.notEqual(run([1, 2, 3]), run([1, 2, 3, 4]));
});
