import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzWire } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);

const CASES = 15_000;

test('T80: fuzzed frames and streams, fixed seed → only QuorateErrors, bounded memory, equal round trips', () => {
  assert.deepEqual(fuzzWire(1, CASES), { cases: CASES });
});
