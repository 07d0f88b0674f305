import assert from 'node:assert/strict';
import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzHost } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';
import { fuzzConnections } from './hostile-fuzz-cases.js';

testDecoders(DECODERS, import.meta.url);

const CASES = 20_000;

test('T80: host: fuzzed catalogue commands, fixed seed → only the errors that are allowed, bounded results', () => {
  assert.deepEqual(fuzzHost(1, CASES), { cases: CASES });
});

test('T80: host: connections that send anything to a cluster that serves → no node stops, others are served, no connection stays', () => {
  fuzzConnections(1, 12);
});
