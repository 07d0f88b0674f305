import { type ErrorCode, QuorateError } from '@quorate/base';

/** Answers that refuse this copy for certain; what they leave open is whether an earlier copy was taken. */
export const IDENTITY_LOST: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['producerUnknown', 'producerFenced', 'appendForgotten']);
/** Answers by which the stream has refused the numbers of an append for good and counts them as taken. */
export const NUMBERS_TAKEN: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['fenced', 'tooManyFences']);

/** The error of an append that its caller gave up. */
export function abortedAppend(mayHaveHappened: boolean): QuorateError {
  if (mayHaveHappened) return new QuorateError('aborted', 'the append was aborted; it may have happened');
  return new QuorateError('cancelled', 'the append was aborted; nothing of it is stored');
}

/** The error of an append of which a copy may have been stored, whatever was said last. */
export function unknownOutcome(error: QuorateError): QuorateError {
  if (error.retry === 'unknown') return error;
  const code = error.code === 'closed' ? 'aborted' : 'connectionLost';
  return new QuorateError(
    code,
    `the append was sent and may have been stored; then: ${error.message}`,
    { ...error.details },
    { cause: error },
  );
}
