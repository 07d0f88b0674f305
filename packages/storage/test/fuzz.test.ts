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
