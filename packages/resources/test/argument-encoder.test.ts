import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError } from '@quorate/base';
import { bytes, encodeFields, text } from '@quorate/machine';
import { ArgumentEncoder } from '../dist/client/argument-encoder.js';

const ARGUMENTS = { name: text({ max: 100 }), value: bytes({ max: 100_000 }) };

test('ArgumentEncoder: a value that is refused in the middle → the next call has only its own bytes', () => {
  const encoder = new ArgumentEncoder();
  const before = encoder.encode(ARGUMENTS, { name: 'a', value: Uint8Array.of(1) }, 'set');
  assert.throws(
    () => encoder.encode(ARGUMENTS, { name: 'half of it', value: 7 as never }, 'set'),
    (error: unknown) => error instanceof QuorateError && error.details['path'] === 'set.value',
  );
  const values = { name: 'b', value: new Uint8Array(70_000).fill(3) };
  assert.deepEqual(encoder.encode(ARGUMENTS, values, 'set'), encodeFields(ARGUMENTS, values, 'set'));
  assert.deepEqual(before, encodeFields(ARGUMENTS, { name: 'a', value: Uint8Array.of(1) }, 'set'));
});

test('ArgumentEncoder: a getter of the values that makes a call itself → both calls have their own bytes', () => {
  const encoder = new ArgumentEncoder();
  const inner = { name: 'inner', value: Uint8Array.of(1, 2, 3) };
  let within: Uint8Array | null = null;
  const outer = {
    name: 'outer',
    get value(): Uint8Array {
      within ??= encoder.encode(ARGUMENTS, inner, 'set');
      return Uint8Array.of(9);
    },
  };
  assert.deepEqual(encoder.encode(ARGUMENTS, outer, 'set'), encodeFields(ARGUMENTS, { name: 'outer', value: Uint8Array.of(9) }, 'set'));
  assert.deepEqual(within, encodeFields(ARGUMENTS, inner, 'set'));
});
