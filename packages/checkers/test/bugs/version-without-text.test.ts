import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { decodeHeader } from '@quorate/checkers';

// Found by fuzzing: the refusal was to name the version, and no text can be made of it: a TypeError.
test('T80: history: a version that is an object without a text → refused with invalidArgument', () => {
  const line = '{"format":"quorate-history","version":{"toString":1,"valueOf":1},"source":"","objects":[]}';
  assert.throws(
    () => decodeHeader(line),
    (error) => error instanceof QuorateError && error.code === 'invalidArgument',
  );
});
