import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskFault, ERROR_CODES, type ErrorCode, QuorateError, asQuorateError, invariant, isErrorCode, unreachable } from '@quorate/base';

test('QuorateError: every code → its own retry class, name, message, details and cause', () => {
  const cause = new Error('below');
  for (const code of Object.keys(ERROR_CODES) as ErrorCode[]) {
    const error = new QuorateError(code, 'text', { offset: 7 }, { cause });
    assert.equal(error.code, code);
    assert.equal(error.retry, ERROR_CODES[code]);
    assert.equal(error.name, 'QuorateError');
    assert.equal(error.message, 'text');
    assert.equal(error.cause, cause);
    assert.deepEqual(error.details, { offset: 7 });
    assert.ok(error instanceof Error);
    assert.ok(['never', 'safe', 'unknown'].includes(error.retry));
  }
});

test('error codes: what may have happened → never in the class that is safe to repeat', () => {
  for (const code of ['connectionLost', 'leadershipLost', 'deadlineExceeded', 'aborted', 'producerUnknown'] as const) {
    assert.equal(ERROR_CODES[code], 'unknown', code);
  }
});

test('isErrorCode: foreign names, also of Object.prototype → false', () => {
  assert.equal(isErrorCode('notLeader'), true);
  for (const name of ['', 'toString', '__proto__', 'constructor', 'NotLeader']) assert.equal(isErrorCode(name), false, name);
});

test('asQuorateError: its own → the same object; foreign → invariantBroken with the cause', () => {
  const own = new QuorateError('diskFull', 'no space');
  assert.equal(asQuorateError(own), own);
  const foreign = new TypeError('oops');
  const wrapped = asQuorateError(foreign);
  assert.equal(wrapped.code, 'invariantBroken');
  assert.equal(wrapped.cause, foreign);
  assert.match(wrapped.message, /oops/);
  assert.match(asQuorateError('just text').message, /just text/);
  assert.equal(asQuorateError(undefined).code, 'invariantBroken');
});

test('invariant: true → nothing; false → invariantBroken that names the formula', () => {
  invariant(true, 'holds');
  assert.throws(
    () => invariant(1 > Number.parseInt('2', 10), 'a > b', { a: 1 }),
    (error) =>
      error instanceof QuorateError && error.code === 'invariantBroken' && error.message.includes('a > b') && error.details['a'] === 1,
  );
});

test('unreachable: a value that a type forbids → invariantBroken that shows it', () => {
  assert.throws(() => unreachable('surprise' as never, 'message'), /unhandled message: "surprise"/);
});

test('DiskFault: kind, operation, path and cause → all in the message', () => {
  const fault = new DiskFault('io', 'sync', 'journal/1', { cause: new Error('EIO') });
  assert.equal(fault.message, 'sync journal/1: io (EIO)');
  assert.equal(new DiskFault('full', 'write', 'a').message, 'write a: full');
});
