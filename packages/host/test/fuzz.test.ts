import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fuzzHost } from './fuzz-cases.js';

const CASES = 20_000;

test('T80: host: fuzzed catalogue commands, fixed seed → only the errors that are allowed, bounded results', () => {
  assert.deepEqual(fuzzHost(1, CASES), { cases: CASES });
});

test('T80: host: fuzzed catalogue commands, new seed each run → the same', (context) => {
  const seed = Date.now() >>> 0;
  context.diagnostic(`seed ${seed}`);
  assert.deepEqual(fuzzHost(seed, CASES), { cases: CASES });
});
