import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { loadConfig } from '@quorate/server';

// Found by fuzzing: the refusal was to name the address, and no text can be made of it: a TypeError.
test('T80: configuration: an address of a member that is an object without a text → refused with invalidArgument', () => {
  const file = '{"node":1,"data":"d","members":{"1":{"toString":1,"valueOf":1}}}';
  assert.throws(
    () => loadConfig({ flags: { config: 'quorate.json' }, environment: {}, readFile: () => file }),
    (error) => error instanceof QuorateError && error.code === 'invalidArgument',
  );
});
