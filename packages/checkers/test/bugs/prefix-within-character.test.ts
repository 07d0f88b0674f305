import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bytesText, textBytes } from '@quorate/checkers';
import { hasPrefix } from '../../dist/history/history-text.js';

// Found by the properties with a fresh seed: a scan whose prefix ends within a character seemed to give keys that it should not.
test('format: a prefix that ends within a character → the text begins with it', () => {
  const text = 'π and more';
  const half = bytesText(textBytes(text).subarray(0, 1));
  assert.ok(hasPrefix(text, half));
  assert.ok(!hasPrefix('a', half));
});
