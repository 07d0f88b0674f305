import assert from 'node:assert/strict';
import { type ErrorCode, QuorateError, type RetryClass } from 'quorate';

/** A check for `assert.rejects`: an error of this code and its retry class. */
export function coded(code: ErrorCode, retry: RetryClass, message = /./): (thrown: unknown) => boolean {
  return (thrown) => {
    assert.ok(thrown instanceof QuorateError, String(thrown));
    assert.deepEqual({ code: thrown.code, retry: thrown.retry }, { code, retry }, thrown.message);
    assert.match(thrown.message, message);
    return true;
  };
}
