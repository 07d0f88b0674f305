import { QuorateError } from '@quorate/base';

/** The error of a command that was not answered when its session ended. */
export function endError(state: 'expired' | 'closed', error: QuorateError, wasSent: boolean): QuorateError {
  if (!wasSent) return error;
  if (state === 'closed') return new QuorateError('aborted', `${error.message}; the command may have happened`, {}, { cause: error });
  if (error.code === 'sessionExpired') return error;
  return new QuorateError('sessionExpired', `${error.message}; the command may have happened`, {}, { cause: error });
}

/** The error of a command that its caller gave up. */
export function abortError(wasSent: boolean): QuorateError {
  if (wasSent) return new QuorateError('aborted', 'the command was aborted; it may have happened');
  return new QuorateError('cancelled', 'the command was aborted; it was not sent');
}
