import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { CollectorTuning, FullCollections } from '@quorate/server';

const MIB = 1_048_576;

/** Full collections that are said to have been. */
function told(take: () => number): { take(): number; stop(): void } {
  return { take, stop() {} };
}

test('collector: the state grows large and small again → room between collections in proportion while it is large, V8 decides otherwise', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let bytes = 100 * MIB;
  const set: string[] = [];
  const tuning = new CollectorTuning({ bytes: () => bytes, collections: told(() => 0), flags: [], setFlag: (flag) => set.push(flag) });
  const setAt = (mib: number): string[] => {
    bytes = mib * MIB;
    t.mock.timers.tick(1000);
    return set.splice(0);
  };
  assert.deepEqual(setAt(100), []);
  assert.deepEqual(setAt(128), ['--heap-growing-percent=300']);
  assert.deepEqual(setAt(200), []);
  assert.deepEqual(setAt(1024), ['--heap-growing-percent=1422']);
  assert.deepEqual(setAt(1100), []);
  assert.deepEqual(setAt(10), ['--heap-growing-percent=0']);
  tuning.stop();
  assert.deepEqual(setAt(200), []);
});

test('collector: a small node collects all the time → the least room until it has hardly collected for half a minute, and the room of its state beside it', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let bytes = 10 * MIB;
  let collections = 0;
  const set: string[] = [];
  const tuning = new CollectorTuning({
    bytes: () => bytes,
    collections: told(() => collections),
    flags: [],
    setFlag: (flag) => set.push(flag),
  });
  const setIn = (ms: number, perLook: number): string[] => {
    collections = perLook;
    t.mock.timers.tick(ms);
    return set.splice(0);
  };
  // A few a second bring back as much as they cost.
  assert.deepEqual(setIn(500, 2.5), []);
  assert.deepEqual(setIn(500, 2), []);
  assert.deepEqual(setIn(1000, 3), ['--heap-growing-percent=300']);
  assert.deepEqual(setIn(60_000, 0.5), []);
  bytes = 1024 * MIB;
  assert.deepEqual(setIn(500, 0), ['--heap-growing-percent=1422']);
  bytes = 10 * MIB;
  assert.deepEqual(setIn(500, 0), ['--heap-growing-percent=300']);
  assert.deepEqual(setIn(24_000, 0), []);
  assert.deepEqual(setIn(5_000, 0), ['--heap-growing-percent=0']);
  assert.deepEqual(setIn(60_000, 1.5), []);
  tuning.stop();
});

test('full collections: some in this process → counted, each once', async (t) => {
  const counted = new FullCollections();
  t.after(() => counted.stop());
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) collect();
  const until = performance.now() + 10_000;
  let sum = 0;
  while (sum < 3 && performance.now() < until) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    sum += counted.take();
  }
  assert.equal(sum, 3);
  assert.equal(counted.take(), 0);
});

test('collector: users set its flag → it stays', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const set: string[] = [];
  let looks = 0;
  const tuning = new CollectorTuning({
    bytes: () => 500 * MIB,
    collections: told(() => ++looks),
    flags: ['--heap_growing_percent=50'],
    setFlag: (flag) => set.push(flag),
  });
  t.mock.timers.tick(5000);
  assert.deepEqual([set, looks], [[], 0], 'nothing is set, nor counted');
  tuning.stop();
});
