import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzMachine } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);

const CASES = 300;

test('T80: fuzzed payloads and snapshots, fixed seed → refused or stopped as declared, replicas agree', () => {
  assert.deepEqual(fuzzMachine(1, CASES), { cases: CASES });
});
