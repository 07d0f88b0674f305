import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CollectorTuning } from '@quorate/server';

const MIB = 1_048_576;

test('collector: the state grows large and small again → room between collections while it is large, V8 decides otherwise', (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  let bytes = 100 * MIB;
  const flags: string[] = [];
  const tuning = new CollectorTuning(
    () => bytes,
    (flag) => flags.push(flag),
  );
  t.mock.timers.tick(10_000);
  assert.deepEqual(flags, []);
  bytes = 128 * MIB;
  t.mock.timers.tick(10_000);
  assert.deepEqual(flags, ['--heap-growing-percent=300']);
  bytes = 10 * MIB;
  t.mock.timers.tick(2000);
  assert.deepEqual(flags, ['--heap-growing-percent=300', '--heap-growing-percent=0']);
  tuning.stop();
  bytes = 200 * MIB;
  t.mock.timers.tick(10_000);
  assert.equal(flags.length, 2);
});
