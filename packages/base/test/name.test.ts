import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QuorateError, checkName } from '@quorate/base';

test('name: allowed names → no error', () => {
  for (const name of ['a', 'orders.eu-1', 'with space', 'ключ', '日本', '🙂', 'x'.repeat(255), 'é'.repeat(127)]) checkName('stream', name);
});

test('name: what is not allowed → nameInvalid that says what and where', () => {
  const cases: readonly [unknown, string, number | undefined, RegExp][] = [
    ['', 'empty', 0, /empty/],
    ['a\nb', 'controlCharacter', 1, /U\+000A at 1/],
    ['ab\u0000', 'controlCharacter', 2, /U\+0000 at 2/],
    ['\u0085a', 'controlCharacter', 0, /U\+0085/],
    ['a\u007f', 'controlCharacter', 1, /U\+007F/],
    ['a\u2028b', 'controlCharacter', 1, /U\+2028/],
    [' a', 'space', 0, /start/],
    ['a\u00a0', 'space', 1, /end .*1/],
    ['a\ud800b', 'loneSurrogate', 1, /U\+D800 at 1/],
    ['\udc00', 'loneSurrogate', 0, /U\+DC00 at 0/],
    ['x'.repeat(256), 'tooLong', undefined, /at most 255 bytes/],
    ['é'.repeat(128), 'tooLong', undefined, /this one 256/],
    ['x'.repeat(10_000_000), 'tooLong', undefined, /at least 10000000/],
    [5, 'type', undefined, /string, not number/],
    [null, 'type', undefined, /string/],
  ];
  for (const [name, what, at, pattern] of cases) {
    assert.throws(
      () => checkName('resource', name as string),
      (error) =>
        error instanceof QuorateError &&
        error.code === 'nameInvalid' &&
        error.details['what'] === what &&
        error.details['at'] === at &&
        pattern.test(error.message),
      `${what} ${String(name).slice(0, 20)}`,
    );
  }
});
