import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzRaft } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);

const CASES = 20_000;

test('T80: raft: fuzzed messages and configurations, fixed seed → only the errors that are allowed, bounded results', () => {
  assert.deepEqual(fuzzRaft(1, CASES), { cases: CASES });
});
