import { test } from 'node:test';
import { testDecoders } from '../../testkit/dist-test/fuzz/test-decoders.js';
import { fuzzCommandLine, fuzzLines } from './fuzz-cases.js';
import { DECODERS } from './fuzz-decoders.js';

testDecoders(DECODERS, import.meta.url);

test('T80: command line: any arguments and any input → an exit code of the table, words, and no stack trace', async () => {
  await fuzzCommandLine(1, 200);
});

test('T80: standard input: lines in any pieces → those of the whole, or the number of the one that is too long', async () => {
  await fuzzLines(1, 300);
});
