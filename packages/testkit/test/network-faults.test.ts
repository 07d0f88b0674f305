import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NetworkCrash } from '@quorate/testkit';
import { Wire, send } from './wire-of-two.js';

test('network: packets are lost → they come in order, and late by what TCP waits before it sends again', () => {
  let late = 0;
  for (let seed = 1; seed <= 20; seed++) {
    const wire = new Wire(seed);
    wire.network.setLink('a', 'b', { lossChance: 0.5 });
    const sentMs = wire.scheduler.nowMs;
    for (const letter of 'quorate') send(wire.dialed[0], letter);
    wire.scheduler.runFor(150);
    const early = wire.accepted[0]?.received.join('') ?? '';
    assert.ok('quorate'.startsWith(early));
    if (early !== 'quorate') late++;
    wire.network.resetLink('a', 'b');
    wire.scheduler.runFor(60_000);
    assert.equal(wire.accepted[0]?.received.join(''), 'quorate', `seed ${seed}, sent at ${sentMs}`);
  }
  assert.ok(late > 10, `${late} of 20 runs were late`);
});

test('network: a connection is half open → the end that knows is told, what was on its way is lost, the other hears nothing for its time', () => {
  for (const knowing of ['a', 'b'] as const) {
    const wire = new Wire(1);
    const [[near], [far]] = knowing === 'a' ? [wire.dialed, wire.accepted] : [wire.accepted, wire.dialed];
    send(near, 'lost');
    const startMs = wire.scheduler.nowMs;
    assert.equal(wire.network.halfOpen(knowing, knowing === 'a' ? 'b' : 'a', 300), 1);
    send(far, 'nobody reads it');
    wire.scheduler.runFor(299);
    assert.deepEqual([near?.closed, far?.closed, far?.received, near?.received], [[startMs], [], [], []]);
    wire.scheduler.runFor(2);
    assert.equal(far?.closed.length, 1);
  }
});

test('network: a connection is doubled → the dialer has a second one, at work before the other side is given what the first one sent', () => {
  const wire = new Wire(1);
  send(wire.dialed[0], 'first');
  assert.equal(wire.network.doubleConnections('b', 'a', 200), 1);
  wire.scheduler.runFor(5);
  assert.equal(wire.dialed[0]?.closed.length, 1);
  wire.dial();
  send(wire.dialed[1], 'second');
  wire.scheduler.runFor(50);
  const [first, second] = wire.accepted;
  assert.deepEqual([first?.received, first?.closed, second?.received], [[], [], ['second']], 'two connections of one dialer at once');
  wire.scheduler.runFor(200);
  assert.deepEqual([first?.received, first?.closed.length, second?.closed.length], [['first'], 1, 0]);
});

test('network: a process is to die in the call of a number → it dies there: nothing, a part or all of what it sent arrives', () => {
  const sent = 'x'.repeat(1000);
  const arrived = (seed: number, when: NetworkCrash): number => {
    const wire = new Wire(seed);
    const calls = wire.network.callsOf(wire.a);
    const before = calls.count;
    // Writing is the first call from now on, flushing the second.
    calls.crash(1, when);
    wire.scheduler.schedule(wire.scheduler.nowMs, () => send(wire.dialed[0], sent), wire.a);
    wire.scheduler.runFor(1);
    assert.deepEqual([wire.a.isAlive, calls.count], [false, before + 2]);
    wire.scheduler.runFor(1000);
    assert.equal(wire.accepted[0]?.closed.length, 1);
    return wire.accepted[0]?.received.join('').length ?? -1;
  };
  const seeds = Array.from({ length: 20 }, (_, seed) => seed);
  assert.deepEqual(new Set(seeds.map((seed) => arrived(seed, 'before'))), new Set([0]));
  assert.deepEqual(new Set(seeds.map((seed) => arrived(seed, 'after'))), new Set([1000]));
  assert.ok(seeds.some((seed) => arrived(seed, 'midway') % 1000 !== 0));
});

test('network: a process that was to die in a call is spared → it lives', () => {
  const wire = new Wire(1);
  const calls = wire.network.callsOf(wire.a);
  calls.crash(0, 'before');
  calls.spare();
  wire.scheduler.schedule(wire.scheduler.nowMs, () => send(wire.dialed[0], 'x'), wire.a);
  wire.scheduler.runFor(100);
  assert.deepEqual([wire.a.isAlive, wire.accepted[0]?.received], [true, ['x']]);
});
