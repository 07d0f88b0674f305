import { test } from 'node:test';
import { fuzzHistoryFiles } from './fuzz-cases.js';

test('T80: fuzzed histories: files with bytes changed, cut and doubled → judged, or refused as bad input', () => {
  fuzzHistoryFiles(1, 3000);
});
