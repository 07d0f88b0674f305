import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzStorage } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);

const CASES = 250;

test('T80: storage: fuzzed data directories, fixed seed → only the errors that are allowed, bounded results', () => {
  assert.deepEqual(fuzzStorage(1, CASES), { cases: CASES });
});

test('T80: storage: fuzzed data directories, new seed each run → the same', (context) => {
  const seed = Date.now() >>> 0;
  context.diagnostic(`seed ${seed}`);
  assert.deepEqual(fuzzStorage(seed, CASES), { cases: CASES });
});
