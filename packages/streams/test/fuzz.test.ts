import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzStreams } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);

const CASES = 10_000;

test('T80: streams: fuzzed append payloads, machines and reads, fixed seed → only the errors that are allowed, bounded results', () => {
  assert.deepEqual(fuzzStreams(1, CASES), { cases: CASES });
});
