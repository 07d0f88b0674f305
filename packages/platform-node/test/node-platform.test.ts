import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { crc32c } from '@quorate/base';
import { DeferredCalls, isChecksumNative, loadChecksum, nodeChecksum, nodeClock, nodeRandom, nodeTimers } from '@quorate/platform-node';

test('checksum: the native package → loaded on this machine, and told so', () => {
  assert.equal(isChecksumNative, true);
});

test('checksum: any bytes at any offset and seed → equal to the JavaScript one', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), fc.nat({ max: 16 }), fc.nat({ max: 0xffff_ffff }), (bytes, offset, seed) => {
      const view = bytes.subarray(Math.min(offset, bytes.length));
      assert.equal(nodeChecksum(view, seed), crc32c(view, seed));
      assert.equal(nodeChecksum(view), crc32c(view));
    }),
    { numRuns: 500 },
  );
});

test('checksum: split anywhere and continued from the first part → equal to the whole, around the border of native and JavaScript', () => {
  const bytes = Uint8Array.from({ length: 600 }, (_, i) => (i * 97) & 0xff);
  const whole = nodeChecksum(bytes);
  for (let at = 0; at <= bytes.length; at++)
    assert.equal(nodeChecksum(bytes.subarray(at), nodeChecksum(bytes.subarray(0, at))), whole, `at ${at}`);
  assert.equal(nodeChecksum(new TextEncoder().encode('123456789')), 0xe306_9283);
});

test('checksum: package missing, or with other results → JavaScript, the same values', () => {
  const bytes = new Uint8Array(1000).fill(3);
  const loads = [
    () => {
      throw new Error('no binary for this platform');
    },
    () => ({}),
    () => ({ crc32c: () => 42 }),
    // Right for a start, wrong in what a seed means.
    () => ({ crc32c: (input: Uint8Array) => crc32c(input) }),
  ];
  for (const load of loads) {
    const { checksum, isNative } = loadChecksum(load);
    assert.equal(isNative, false);
    assert.equal(checksum(bytes, 7), crc32c(bytes, 7));
  }
});

test('timers: many delays set at all phases of a millisecond in a long turn → none early by the clock', async () => {
  const early: string[] = [];
  let left = 120;
  await new Promise<void>((resolve) => {
    for (let i = 0; i < 120; i++) {
      const set = nodeClock.nowMs();
      const delayMs = [0, 0.4, 30, 30.7][i % 4] as number;
      nodeTimers.set(delayMs, () => {
        const took = nodeClock.nowMs() - set;
        if (took < delayMs) early.push(`${delayMs} ms after ${took}`);
        if (--left === 0) resolve();
      });
      while (nodeClock.nowMs() - set < 0.13) {
        // Moves on by a fraction of a millisecond.
      }
    }
    // The timers alone would not keep the process alive.
    setTimeout(() => {}, 200);
  });
  assert.deepEqual(early, []);
});

test('timers: cleared, twice, and after it fired → no call, no error', async () => {
  let calls = 0;
  const cleared = nodeTimers.set(1, () => calls++);
  nodeTimers.clear(cleared);
  nodeTimers.clear(cleared);
  const fired = await new Promise<object>((resolve) => {
    const handle = nodeTimers.set(3, () => resolve(handle));
    setTimeout(() => {}, 100);
  });
  nodeTimers.clear(fired);
  assert.equal(calls, 0);
});

test('timers: a delay beyond what Node can wait → does not fire at once', async () => {
  let calls = 0;
  const handles = [nodeTimers.set(2 ** 40, () => calls++), nodeTimers.set(Number.POSITIVE_INFINITY, () => calls++)];
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(calls, 0);
  for (const handle of handles) nodeTimers.clear(handle);
  assert.throws(() => nodeTimers.set(Number.NaN, () => {}), { code: 'invariantBroken' });
});

test('timers: defer → in order, after the present turn', async () => {
  const order: number[] = [];
  await new Promise<void>((resolve) => {
    nodeTimers.defer(() => order.push(1));
    nodeTimers.defer(() => order.push(2));
    nodeTimers.defer(resolve);
    order.push(0);
  });
  assert.deepEqual(order, [0, 1, 2]);
});

test('timers: deferred by what was deferred → comes after another look at the sockets; what is soon comes before it, in order', async () => {
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    nodeTimers.soon(() => order.push('soon'));
    nodeTimers.defer(() => {
      setImmediate(() => order.push('next turn'));
      nodeTimers.defer(() => order.push('deferred again'));
      nodeTimers.defer(resolve);
      nodeTimers.soon(() => {
        order.push('soon again');
        nodeTimers.soon(() => order.push('and again'));
      });
      order.push('deferred');
    });
    nodeTimers.defer(() => order.push('deferred too'));
  });
  assert.deepEqual(order, ['deferred', 'deferred too', 'soon', 'soon again', 'and again', 'next turn', 'deferred again']);
});

test('timers: soon without end → other events come in between', async () => {
  let isOver = false;
  let calls = 0;
  const again = (): void => {
    calls++;
    if (!isOver) nodeTimers.soon(again);
  };
  again();
  await new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));
  isOver = true;
  assert.ok(calls > 2 && calls < 20, `${calls} calls`);
});

test('timers: one of what was deferred throws → the others come all the same, in order', () => {
  let run = (): void => {};
  const turns = new DeferredCalls((next) => (run = next));
  const order: number[] = [];
  turns.defer(() => order.push(1));
  turns.defer(() => {
    throw new Error('a mistake');
  });
  turns.defer(() => order.push(2));
  turns.soon(() => order.push(4));
  assert.throws(() => run(), /a mistake/);
  turns.defer(() => order.push(3));
  run();
  assert.deepEqual(order, [1, 2, 3, 4]);
});

test('clock: two looks → monotonic never back; wall near the date', () => {
  const first = nodeClock.nowMs();
  assert.ok(nodeClock.nowMs() >= first);
  assert.ok(Math.abs(nodeClock.wallMs() - Date.now()) < 1000);
});

test('random: many draws over several pools → 32-bit, spread over the range, not repeating', () => {
  const seen = new Set<number>();
  let sum = 0;
  for (let i = 0; i < 10_000; i++) {
    const value = nodeRandom.nextUint32();
    assert.ok(Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff);
    seen.add(value);
    sum += value / 0x1_0000_0000;
  }
  // Ten equal pairs among ten thousand of four billion, or a mean off by six deviations, do not happen by chance.
  assert.ok(seen.size > 9990);
  assert.ok(Math.abs(sum / 10_000 - 0.5) < 0.02);
});
