import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { decodeEvent } from '@quorate/checkers';

// Found by fuzzing: it was read, and could not be written again.
test('T80: history: a time beyond 2^53 ms → refused with invalidArgument', () => {
  const line = '{"type":"ok","timeMs":1e21,"process":0,"result":null}';
  assert.throws(
    () => decodeEvent(line),
    (error) => error instanceof QuorateError && error.code === 'invalidArgument',
  );
  assert.equal(decodeEvent(line.replace('1e21', '1e15')).type, 'ok');
});
