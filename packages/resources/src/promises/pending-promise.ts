import { type ErrorCode, QuorateError } from '@quorate/base';
import type { Done, PendingCall } from '@quorate/machine';

/** An operation with a callback as a promise; an abort of `signal` ends it with `aborted`, or with `cancelled` if it did not happen, and the reason of the signal as the cause. */
export function promiseOf<T>(signal: AbortSignal | undefined, start: (done: Done<T>) => PendingCall): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    throwIfAborted(signal);
    const onAbort = (): void => pending.cancel();
    const pending = start((error, result) => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(result as T);
      else if (signal?.aborted === true && ENDED.has(error.code))
        reject(new QuorateError(error.code, error.message, error.details, { cause: signal.reason }));
      else reject(error);
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** What a call ends with that was given up. */
const ENDED: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['aborted', 'cancelled']);

/** Throws `cancelled` if the signal already is, `invalidArgument` if it is none. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  const fault = signalFault(signal);
  if (fault !== null) throw fault;
  if (signal?.aborted === true) throw abortedBefore(signal);
}

/** `invalidArgument` for what is no signal; to be asked before anything has begun. */
export function signalFault(signal: AbortSignal | null | undefined): QuorateError | null {
  if (signal === undefined || signal === null || (typeof signal === 'object' && typeof signal.addEventListener === 'function')) return null;
  return new QuorateError('invalidArgument', `signal must be an AbortSignal, not ${typeof signal}`, { path: 'signal' });
}

/** The error of something that a signal ended before it began. */
export function abortedBefore(signal: AbortSignal): QuorateError {
  return new QuorateError('cancelled', 'aborted before it began; nothing was sent', {}, { cause: signal.reason });
}
