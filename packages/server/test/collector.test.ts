import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { CollectorTuning, isCollectorSet } from '@quorate/server';

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

test('collector: this V8 knows the flag, under the name that users may have set it by', () => {
  assert.match(execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' }), /--heap-growing-percent /);
  assert.equal(isCollectorSet(['--heap_growing_percent=50']), true);
  assert.equal(isCollectorSet(['--heap-growing-percent', '50']), true);
  assert.equal(isCollectorSet(['--max-old-space-size=100']), false);
});
