import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzHistoryFiles } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);

test('T80: fuzzed histories: files with bytes changed, cut and doubled → judged, or refused as bad input', () => {
  fuzzHistoryFiles(1, 3000);
});
