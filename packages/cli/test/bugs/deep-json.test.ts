import assert from 'node:assert/strict';
import { test } from 'node:test';
import { utf8 } from '@quorate/base';
import { readableLine } from '../../dist/dev/node-lines.js';
import { STORED_VALUES, valueJson, valueLine, valueOutput } from '../../dist/stored-value.js';

const DEEP = '['.repeat(100_000) + ']'.repeat(100_000);

test('T80: stored value: JSON nested far beyond what clients write → shown as the bytes it is, no "bug in Quorate"', () => {
  const stored = STORED_VALUES.decode(utf8(DEEP));
  assert.deepEqual(stored, { type: 'bytes', bytes: utf8(DEEP) });
  assert.deepEqual(valueOutput(stored), utf8(DEEP));
  assert.equal(valueLine(stored), DEEP);
  assert.deepEqual(valueJson(stored), { text: DEEP });
  assert.deepEqual(STORED_VALUES.decode(utf8('[[1],{"a":[]}]')), { type: 'json', value: [[1], { a: [] }] });
});

test('T80: log line of a node: objects without a text, lists nested too deep → shown as it came', () => {
  for (const line of ['{"level":{"toString":1,"valueOf":1},"msg":""}', `{"level":"info","msg":"","deep":${DEEP}}`]) {
    assert.equal(readableLine(line), line);
  }
});

test('T80: stored value: a number beyond what JavaScript has → shown as the bytes it is, not as null', () => {
  const stored = STORED_VALUES.decode(utf8('1e400'));
  assert.deepEqual(stored, { type: 'bytes', bytes: utf8('1e400') });
  assert.equal(valueLine(stored), '1e400');
});
