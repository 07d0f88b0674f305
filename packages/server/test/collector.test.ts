import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectorTuning } from '@quorate/server';

const MIB = 1_048_576;

test('collector: the state grows large and small again → room between collections in proportion while it is large, V8 decides otherwise', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let bytes = 100 * MIB;
  const set: string[] = [];
  const tuning = new CollectorTuning({ bytes: () => bytes, flags: [], setFlag: (flag) => set.push(flag) });
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

test('collector: users set its flag → it stays', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const set: string[] = [];
  const tuning = new CollectorTuning({ bytes: () => 500 * MIB, flags: ['--heap_growing_percent=50'], setFlag: (flag) => set.push(flag) });
  t.mock.timers.tick(5000);
  assert.deepEqual(set, []);
  tuning.stop();
});
